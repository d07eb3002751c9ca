//! What a step's folder says of it: the parts of `step.toml` that trying it needs.

use std::collections::BTreeMap;
use std::path::Path;

use callboard_runtime::Class;
use serde::Deserialize;
use serde_json::Value;

use crate::{Result, error, unread};

/// `step.toml`, as far as it is needed here; who builds the step reads the rest, and judges keys that nobody knows.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Project {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// What the step is given.
    #[serde(default)]
    pub(crate) config: Option<Value>,
    /// As a pipeline's `limits`.
    #[serde(default)]
    pub(crate) limits: Option<Value>,
    /// As a pipeline's `grant`.
    #[serde(default)]
    pub(crate) grant: Option<Value>,
    /// Types of columns that the rows do not say, as an input's `types`.
    #[serde(default)]
    pub(crate) types: BTreeMap<String, String>,
}

impl Project {
    /// That of a folder, if it has one.
    pub(crate) fn of(folder: &Path) -> Result<Option<Project>> {
        let path = folder.join("step.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unread("read", &path, &error)),
        };
        let read = toml::from_str(&text);
        read.map(Some).map_err(|wrong| {
            let line = wrong.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            error(Class::Pipeline, format!("{}:{line}: {}", path.display(), wrong.message().trim()), None)
        })
    }
}
