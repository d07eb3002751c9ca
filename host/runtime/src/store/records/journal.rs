//! What is complete of a run: the lines of its journal.

use std::collections::BTreeMap;

use callboard_plan::Feed;
use serde::{Deserialize, Serialize};

use super::{Digested, Routed, Sealed, StageCost, Stats, Status, Tally};

/// Something that is complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Record {
    /// Somebody began to work, for the first time or after an interruption.
    Begun {
        /// Seconds since 1970.
        at: u64,
        /// The version of callboard.
        version: String,
    },
    /// An input was read into spills, one of all rows and one for each route that is spilled, before its stage was loaded.
    Intake { input: String, taken: Intake },
    /// A stage ended.
    Stage { stage: usize, ended: Box<StageEnded> },
    /// A step of this stage has a different component than before: the results of this and later stages no longer count.
    Changed { stage: usize },
    /// The outputs are complete, and are being put in their places.
    Committing,
    /// The run ended, well or badly.
    Ended { status: Status, message: Option<String>, wall_ms: f64 },
}

/// An input that was read before its stage was loaded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Intake {
    pub(crate) rows: u64,
    pub(crate) spills: BTreeMap<Feed, Sealed>,
    pub(crate) routed: BTreeMap<Feed, Routed>,
    /// The rows that could not be read.
    pub(crate) unread: Tally,
    /// Where these are kept, if there are any.
    pub(crate) rejects: Option<Digested>,
    /// The figures of its columns, where the plan asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<Stats>,
}

/// What a stage left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StageEnded {
    pub(crate) cost: StageCost,
    /// Rows for later stages.
    pub(crate) spills: BTreeMap<Feed, Sealed>,
    /// Complete outputs, still in the run's folder.
    pub(crate) outputs: BTreeMap<String, Digested>,
    /// By step or input: the rows that it rejected. Those of an input that was read before are in its [`Intake`].
    pub(crate) rejects: BTreeMap<String, Digested>,
}
