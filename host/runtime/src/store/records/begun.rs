//! How a run was begun: `run.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::paths;
use crate::settings::Submitted;

/// How a run was begun: what resuming it needs beside the plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// [`FORMAT`](super::FORMAT), as it was then.
    pub(crate) format: u8,
    /// The pipeline file, where there was one.
    #[serde(default, with = "paths::optional")]
    pub(crate) pipeline: Option<PathBuf>,
    /// The folder that its paths start from, absolute.
    #[serde(with = "paths")]
    pub(crate) base: PathBuf,
    pub(crate) overwrite: bool,
    pub(crate) limit: Option<u64>,
    pub(crate) max_spill: Option<u64>,
    pub(crate) inputs: BTreeMap<String, RecordedInput>,
    /// The seed of the digests of rows. Nobody can guess it, so nobody can make rows that pass for others.
    #[serde(default)]
    pub(crate) digest_seed: Option<u64>,
    /// What its tasks were submitted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) submitted: Option<SubmittedTo>,
}

/// An input as it was when the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedInput {
    #[serde(with = "paths::list")]
    pub(crate) files: Vec<PathBuf>,
    /// For each file, what changes when its bytes do, if its place says so; empty if all are on the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) versions: Vec<Option<String>>,
    pub(crate) bytes: u64,
    /// Arrow's own bytes, in hexadecimal digits.
    pub(crate) schema: String,
}

/// A file and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digested {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Hexadecimal.
    pub(crate) digest: String,
}

/// The format of a folder, as its `run.json` has it; 0 of a run that was begun before there was a number.
pub(crate) fn format_of(run: &str) -> serde_json::Result<u8> {
    #[derive(Deserialize)]
    struct Formatted {
        #[serde(default)]
        format: u8,
    }
    serde_json::from_str(run).map(|Formatted { format }| format)
}

/// [`Submitted`], on the disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SubmittedTo {
    on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
}

impl From<Submitted> for SubmittedTo {
    fn from(Submitted { on, program }: Submitted) -> SubmittedTo {
        SubmittedTo { on, program }
    }
}

impl From<SubmittedTo> for Submitted {
    fn from(SubmittedTo { on, program }: SubmittedTo) -> Submitted {
        Submitted { on, program }
    }
}
