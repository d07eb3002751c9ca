//! What the caller knows of components, as data: planning opens no file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scan::{ComponentFacts, ScanError};

/// For each `use` of a pipeline: the component, or why there is none.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Names of the bundled steps, to tell the nearest of them where a name is wrong.
    pub bundled: Vec<String>,
    /// Names of formats that can be read and written; when empty, `format` is not checked here.
    pub formats: Vec<String>,
    /// By `use`, as it is written in the pipeline. A `use` that is not here is unknown.
    pub components: BTreeMap<String, Result<Component, Missing>>,
}

/// A component that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What its imports and exports say.
    pub facts: ComponentFacts,
    /// Lower-case hex digest of its bytes; the same digest is the same component.
    pub digest: String,
    /// Where it is from.
    pub origin: Origin,
}

/// Where a component is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The binary carries it.
    Bundled,
    /// A file, as the caller opens it.
    Path(String),
}

/// Why there is no component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No bundled step has this name.
    Unknown,
    /// The file is not there or cannot be read: the system's words.
    Unreadable {
        /// What was opened.
        path: String,
        /// What the system said, such as `No such file or directory`.
        error: String,
    },
    /// The file is not a step.
    Unfit {
        /// What was opened.
        path: String,
        /// What it is instead.
        error: ScanError,
    },
    /// This build carries no bundled steps; the text says what to run.
    NotBuilt(String),
}

/// Whether `use` names a file (`./label.wasm`, `steps/label`) rather than a bundled step.
pub fn is_path(uses: &str) -> bool {
    uses.contains(['/', '\\']) || uses.ends_with(".wasm")
}
