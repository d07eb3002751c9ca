//! What a step may reach outside of its sandbox.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a step may reach outside of its sandbox: nothing, unless the pipeline file grants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Files and folders.
    pub files: Vec<FileGrant>,
    /// Requests that it may send.
    pub http: Vec<HttpGrant>,
    /// Names of environment variables that it may read.
    pub env: Vec<String>,
    /// By host: what the host adds to the step's requests to it. The step never sees it.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// Whether its clocks go; otherwise they stand still.
    pub clock: bool,
}

/// A file or a folder that a step may open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileGrant {
    /// Relative to the pipeline file's folder; the step opens it under this same name.
    pub path: String,
    /// Whether the step may write there too.
    pub write: bool,
}

/// Requests that a step may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// `GET`, `POST` …
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The host, in lower case, without a port.
    pub host: String,
    /// The port; otherwise the scheme's own.
    pub port: Option<u16>,
    /// What the path of a request begins with, `/` at least.
    pub path: String,
}

/// A header that the host adds to requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// The header's name.
    pub header: String,
    /// Its value, with `${env.NAME}` where a variable of the environment goes: a plan holds no secret.
    pub value: String,
}
