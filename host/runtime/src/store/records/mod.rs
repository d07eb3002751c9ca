//! Everything that is written into a run's folder and read back, in one room under one number.
//!
//! | file | type |
//! |---|---|
//! | `run.json` | [`Recorded`] |
//! | `plan.json` | [`Plan`](callboard_plan::Plan) |
//! | `columns.json` | [`Declarations`] |
//! | `journal` | [`Record`], a line each |
//! | `work/STEP/key.json` | [`Header`] |
//! | `work/STEP/NNN.log` | [`Frame`]s, each with a [`Deed`] and the columns that were written |
//! | `spill/FEED/NNNNN.segment` | [`Frame`]s of rows; of rows that lie elsewhere, a [`Reference`] |
//! | `sorting/STEP.gathered/done` | [`Frame`]s, each with a [`Gathered`]; beside it, rows that are brought together |
//! | `sorting/STEP/scattered` | a [`Frame`] of a [`Windowed`]; beside it, rows that are put in order |
//! | `work.json` | [`Sliced`] |
//! | `kept.json` | the folders of attempts, a list of texts |
//! | `tasks/ID/manifest.json`, `tasks/ID/failed.json` | [`Manifest`], [`TaskFailure`] |
//! | `seen/INPUT`, `positions/OUTPUT`, `lengths/NODE` | [`Frame`]s |
//!
//! `report.json`, `report.html` and `rejects.jsonl` are for people and programs: no run reads them, and they have no place here.

mod begun;
mod counts;
mod declared;
mod deed;
mod frame;
mod gathered;
#[cfg(test)]
mod golden;
mod journal;
mod key;
pub(crate) mod paths;
mod reference;
mod replies;
mod spilled;
mod stats;
mod tasks;

pub(crate) use begun::{Digested, Recorded, RecordedInput, format_of};
pub(crate) use counts::{Joined, Routed, StageCost, StepCounts, Tally};
pub use counts::{Moment, Status};
pub(crate) use declared::{Declarations, Together};
pub(crate) use deed::{CallLimits, Deed, Outcome, Removed, limits_of};
pub(crate) use frame::{Frame, HEADER};
pub(crate) use gathered::{Called, Cut, Gathered, Laid, Windowed};
pub(crate) use journal::{Intake, Record, StageEnded};
pub use key::Change;
pub(crate) use key::{Header, StepKey};
pub(crate) use reference::{Chosen, Column, InLog, Pick, Reference};
pub(crate) use replies::{BatchForm, BatchRecord, MAC, ReplyFile, ReplyHead};
pub(crate) use spilled::{Base, BaseLog, Sealed};
pub use stats::{
    Bin, ColumnStats, FrequentValue, GroupStats, Measure, Quantile, Spread, Stats, Threshold, ThresholdStats,
};
pub(crate) use tasks::{Held, Manifest, Sliced, TaskFailure};

/// The number of the format of a run's folder. Whatever changes what one of these types looks like on the disk gives it the next
/// number: a folder of another number is refused, and its work is not taken over.
pub(crate) const FORMAT: u8 = 13;
