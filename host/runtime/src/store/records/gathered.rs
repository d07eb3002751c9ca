//! How far a step has come whose rows are brought together or put in order, as a file beside those rows has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Frame;

/// Something that is done, and is not done again by a process that resumes the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Gathered {
    /// All rows are cut into parts.
    Cut(Cut),
    /// A call with rows of a part ended well.
    Called(Called),
    /// All calls with rows of this part ended well.
    Ended { part: u32 },
}

/// The parts that rows were cut into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// What the rows are, how they were cut, and with which sizes.
    pub(crate) tag: u128,
    /// The bytes that a part should have.
    pub(crate) size: u64,
    /// For each part, and each input, where its rows lie.
    pub(crate) parts: Vec<Vec<Laid>>,
}

/// Rows of an input that are in one part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Laid {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) frames: Vec<Frame>,
    /// The same rows in ranges of their order, where they were cut into these.
    pub(crate) ranges: Vec<Laid>,
}

/// The result of a call. Rows are named by their places in the input: the first, and of each other how far it is from the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Called {
    pub(crate) part: u32,
    /// Rows of the first input that it was given.
    pub(crate) rows: u64,
    pub(crate) counters: BTreeMap<String, i64>,
    /// Whether a row was rejected.
    pub(crate) rejects: bool,
    /// Rows that are not kept and not among those below, if it is by them that kept rows are known.
    pub(crate) gone: Vec<u64>,
    /// How many rows were neither kept nor removed.
    pub(crate) unlisted: u64,
    /// Rows removed, whether they were rejected, and why.
    pub(crate) removed: Vec<(bool, String, Vec<u64>)>,
    /// Rows that were put out: what orders them among those of other calls, and where they lie.
    pub(crate) put_out: Vec<((u64, u32), u64, Vec<Frame>)>,
    /// Rows that were removed for one of many reasons: where they lie.
    pub(crate) removed_runs: Vec<Vec<Frame>>,
}

/// All rows are in windows, each of which is then put in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Windowed {
    /// What the rows are.
    pub(crate) tag: u128,
    /// How many there are.
    pub(crate) rows: u64,
    /// For each window the place of its first row, and the size of its file, bytes.
    pub(crate) windows: Vec<(u64, u64)>,
}
