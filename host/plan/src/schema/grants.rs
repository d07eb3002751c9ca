//! What a step may reach, as the schema has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::OrParam;

/// What a step may reach outside of its sandbox.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    /// Files and folders, by their paths, relative to this file's folder and below it.
    #[serde(default)]
    files: Vec<FileGrant>,
    /// Requests that it may send: "POST https://api.example.org/v1/" is any POST whose URL begins so; GET without a method.
    #[serde(default)]
    http: Vec<String>,
    /// Variables of the environment that it may read.
    #[serde(default)]
    env: Vec<String>,
    /// By host: what is added to the step's requests to it. The step never sees it.
    #[serde(default)]
    secret: BTreeMap<String, Secret>,
    /// Whether its clocks go; otherwise they stand still.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    clock: Option<bool>,
}

/// A file or a folder.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum FileGrant {
    /// To read.
    Path(String),
    /// To read, and to write.
    Table(File),
}

/// A file or a folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Relative to this file's folder, and below it.
    path: String,
    /// Whether the step may write there too; false by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    write: Option<bool>,
}

/// A header of requests.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Secret {
    /// Its name, such as "Authorization".
    header: String,
    /// Its value, such as "Bearer ${env.API_KEY}": it names a variable of the environment at least.
    #[schemars(regex(pattern = r"\$\{env\.[A-Za-z_][A-Za-z0-9_]*\}"))]
    value: String,
}
