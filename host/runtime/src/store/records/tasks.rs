//! What the tasks of a run share: `work.json`, and what each leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use callboard_io::Mark;
use callboard_plan::InputFile;
use serde::{Deserialize, Serialize};

use super::{Header, StageEnded, paths};

/// How a run is cut into tasks: with the plan, that decides all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sliced {
    /// The version of Callboard, which every task must have.
    pub(crate) version: String,
    /// The most slices of a group.
    pub(crate) slices: u32,
    /// Each input's files.
    pub(crate) files: BTreeMap<String, Vec<InputFile>>,
    /// Where the slices of each input begin that is cut, but for the first.
    pub(crate) marks: BTreeMap<String, Vec<Mark>>,
    /// The global steps whose rows are brought together by key, and the seed of the keys' digests.
    pub(crate) keyed: BTreeSet<String>,
    pub(crate) seed: u64,
    /// The format of each input's files, and the folder that the names start from which are no addresses and not absolute.
    pub(crate) formats: BTreeMap<String, String>,
    #[serde(with = "paths")]
    pub(crate) from: PathBuf,
    /// What the work of each step depends on.
    pub(crate) work: BTreeMap<String, Header>,
}

/// What a task left: `tasks/ID/manifest.json`, which is there when everything else is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The folder in which it lies, beside the manifest.
    pub(crate) attempt: String,
    /// When the machine was started on which it lies, by the number that the system gives that, if it need not be on the disk yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// Its part of the stage.
    pub(crate) ended: StageEnded,
}

/// Why an attempt at a task failed: `tasks/ID/failed.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskFailure {
    /// Whether another attempt may succeed.
    pub(crate) passing: bool,
    /// Who has to act, as the exit code of the command says it.
    pub(crate) class: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// What a driver says about itself in a work place in a store, again and again: `drivers/N.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// A number of its own, hexadecimal.
    pub(crate) driver: String,
    /// The machine that it is on.
    pub(crate) host: String,
    /// How often it has said so.
    pub(crate) beat: u64,
    /// Whether it may have begun to put outputs in their places.
    pub(crate) committing: bool,
    /// Whether it has ended.
    pub(crate) ended: bool,
}
