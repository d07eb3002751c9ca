//! What the journal records about rows between stages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use callboard_plan::Feed;
use serde::{Deserialize, Serialize};

/// What a spill holds, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) segments: u32,
    pub(crate) frames: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// XXH3-64 over the checksums of all frames, hexadecimal.
    pub(crate) checksum: String,
    /// A digest of its columns, which depend on what reads them: hexadecimal.
    pub(crate) columns: String,
    /// The digest of each column's values, by seed: those under which global steps look for their work. All hexadecimal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) digests: BTreeMap<String, Vec<String>>,
    /// The spills that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bases: Vec<Base>,
    /// The logs that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) logs: Vec<BaseLog>,
}

/// A log of a step's work that columns of a spill lie in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BaseLog {
    /// From the run's folder.
    pub(in crate::store) path: PathBuf,
    /// The schema of the log's columns.
    pub(in crate::store) schema: String,
}

/// A spill that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    /// Whose rows they are.
    pub(crate) feed: Feed,
    /// [`Sealed::checksum`], as it was then.
    pub(crate) checksum: String,
}
