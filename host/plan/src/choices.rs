//! What a pipeline or a plan chooses from, and limits that hold where nothing is chosen.

use std::fmt;

use serde::{Deserialize, Serialize};

/// When components are in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// One stage at a time.
    #[default]
    Staged,
    /// All of them from the first moment to the last; planned as [`Load::Staged`].
    Eager,
    /// One step at a time: each step is a stage of its own.
    Step,
}

/// The most instances that the steps of a stage, or of all stages with [`Load::Eager`], have together, unless `[run] instances` says it.
pub const STAGE_INSTANCES: u64 = 1024;
/// Spare instances of a step that waits for servers, at most.
pub(crate) const MOST_SPARE: u32 = 127;
/// The most that it can say: each instance has address space of its own, of which there are 2^47 bytes.
pub(crate) const MOST_STAGE_INSTANCES: u64 = 16_384;

/// The limit of a step that has none of its own.
pub(crate) const MEMORY_LIMIT: u64 = 1 << 30;

/// How many rows may be rejected before the run stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaxRejects {
    /// At most this many.
    Rows(u64),
    /// At most this share, in percent: of a step's first input, or of what the whole run reads.
    Percent(f64),
}

/// As the pipeline file has it: `100`, `0.5%`.
impl fmt::Display for MaxRejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Why a stage begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Boundary {
    /// It is the first.
    Start,
    /// A global step needs every row before it begins, and puts out at its end: these edges cannot lie within a stage.
    Global {
        /// Those from the stage before into this one.
        edges: Vec<GlobalEdge>,
    },
    /// `load_groups` wants these steps loaded together, apart from the rest.
    LoadGroup {
        /// Which of the groups, from 1.
        group: usize,
    },
    /// The stage before is a load group, and a load group is alone.
    AfterLoadGroup {
        /// Which of the groups, from 1.
        group: usize,
    },
    /// Each step is a stage of its own, by `load_groups = "step"` or `--load step`.
    OneStep,
    /// Together with the stage before it would take more than the budget.
    Budget {
        /// What the two would take at least, one instance of each transform where the file does not say how many, in bytes.
        together_bytes: u64,
        /// The budget, in bytes.
        budget_bytes: u64,
    },
}

/// An edge that parts two stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalEdge {
    /// The step that puts rows out.
    pub from: String,
    /// The step that reads them.
    pub to: String,
}

/// How rows travel along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// A bounded queue in memory, within a stage.
    Channel,
    /// A file, written whole before it is read.
    Spill,
}
