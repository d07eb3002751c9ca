//! Tells from a component's bytes which kind of step it is and what it imports; nothing is compiled or run.

use serde::{Deserialize, Serialize};

/// The kind of a step: which interface of the contract its component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Makes rows from its configuration.
    Source,
    /// Works on one batch at a time.
    Transform,
    /// Needs every row before it puts out the first.
    Global,
}

/// What a component says of itself in its top-level imports and exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentFacts {
    /// Which of the three interfaces it exports.
    pub kind: Kind,
    /// The contract's version that it was built for, such as `0.1.0`.
    pub contract: String,
    /// Names of all imports, in the component's order.
    pub imports: Vec<String>,
    /// Size in bytes.
    pub size: u64,
}

/// Why these bytes are no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// TODO
    #[error("todo")]
    Todo,
}

/// Reads the top-level imports and exports of a component.
pub fn scan(bytes: &[u8]) -> Result<ComponentFacts, ScanError> {
    let _ = bytes;
    Err(ScanError::Todo)
}
