//! What happened in a run, in figures: the JSON that programs read, and what the command's table is made of.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use callboard_plan::{Kind, Load};
use callboard_sandbox::Profile;
use serde::{Deserialize, Serialize};

use super::accounts::ms;
pub use super::calls::{BatchesReport, CallsReport, StepCallsReport};
use crate::curves::{Moved, Outlook, Unfinished};
use crate::error::RunError;
use crate::store::records::Stats;
pub use crate::store::records::{Moment, Status};

/// The report of a run.
#[derive(Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// The pipeline's name.
    pub name: String,
    /// When components were in memory.
    pub load: Load,
    /// The plan's fingerprint.
    pub plan: String,
    /// The run's folder.
    pub run_folder: String,
    /// When the first stage began, seconds since 1970.
    pub began_at: f64,
    /// From then to the first call of a transform with rows, milliseconds; `None` if there was no such call.
    pub first_batch_ms: Option<f64>,
    /// From the first stage's beginning to the last output's place, milliseconds; checking is before that.
    pub wall_ms: f64,
    /// The most that a stage was to take, bytes, if there was such a number.
    #[serde(default)]
    pub budget_bytes: Option<u64>,
    /// The most linear memory that was alive at one moment, bytes.
    pub peak_linear_memory_bytes: u64,
    /// The most memory of the process that was resident at one moment, as the system says, bytes.
    pub peak_resident_bytes: u64,
    /// The part of it that no file backs: sampled every 20 ms, bytes.
    pub peak_anonymous_bytes: u64,
    /// By name.
    pub inputs: BTreeMap<String, InputReport>,
    /// By name.
    pub outputs: BTreeMap<String, OutputReport>,
    /// Rows that inputs could not read, and steps could not handle.
    pub rejects: RejectsReport,
    /// The requests to each server in this process, in figures.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, CallsReport>,
    /// The stages that ended, in order.
    pub stages: Vec<StageReport>,
    /// The stage that was being carried out when the run failed or was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedReport>,
    /// The profile of a step, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileReport>,
    /// How many processes worked on it before this one.
    pub resumed: u32,
    /// Whether it can be taken up where it stopped.
    pub resumable: bool,
    /// What whoever ran it should know about: damage that was found and repaired, work that was done again. Sentences.
    pub notes: Vec<String>,
    /// Why it ended badly.
    pub error: Option<ErrorReport>,
    /// The same, until [`RunFailed`] has it.
    #[serde(skip)]
    pub(crate) failure: Option<RunError>,
}

/// A run that failed or was interrupted: nothing is where the outputs belong.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct RunFailed {
    /// Why.
    #[source]
    pub error: RunError,
    /// What it did until then.
    pub report: Report,
}

/// What was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputReport {
    /// Rows read.
    pub rows: u64,
    /// Rows that could not be read, and were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_rejected: u64,
    /// How many of these, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<String, u64>,
    /// Bytes of the files on the disk.
    pub bytes: u64,
    /// What is in its columns, if the pipeline sets `stats`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputReport {
    /// Rows written.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Where it is.
    pub path: String,
    /// How many files there are, if it is made of several; `path` is that of their manifest then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// What is in its columns, if the pipeline sets `stats`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
}

/// Rejected rows, over all inputs and steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RejectsReport {
    /// How many.
    pub rows: u64,
    /// The file that keeps them.
    pub path: String,
}

/// What a stage cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StageReport {
    /// From 1.
    pub index: usize,
    /// Reading inputs that a global step of this stage needs whole, before anything is loaded, milliseconds.
    pub intake_ms: f64,
    /// Mapping components, making and opening instances, milliseconds.
    pub load_ms: f64,
    /// It had ended before this process took the run up; its figures are those of then.
    pub before: bool,
    /// From the first batch to the last, milliseconds.
    pub run_ms: f64,
    /// Dropping instances, code and spills that are no longer read, milliseconds.
    pub unload_ms: f64,
    /// The most linear memory that was alive at one moment of the stage, bytes.
    pub peak_linear_memory_bytes: u64,
    /// What the plan predicted the stage to take at its peak: steps, rows in flight and the process, bytes.
    #[serde(default)]
    pub predicted_peak_bytes: u64,
    /// The same as counted: linear memory and rows in flight at one moment, and what is reckoned for the process, bytes.
    #[serde(default)]
    pub counted_peak_bytes: u64,
    /// The most bytes of rows that were in flight at one moment.
    #[serde(default)]
    pub peak_rows_bytes: u64,
    /// How often a reader waited until rows in flight had gone on, because the budget left no room for more.
    #[serde(default)]
    pub reader_waits: u64,
    /// Written to the run's folder for later stages, bytes.
    pub spilled_bytes: u64,
    /// Memory and rows over time; at most 600 moments of all stages together, or eight of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<Moment>,
    /// In the order in which rows reach them.
    pub steps: Vec<StepReport>,
}

/// What a stage did that has not ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnfinishedReport {
    /// From 1.
    pub stage: usize,
    /// Since it began, milliseconds.
    pub took_ms: f64,
    /// For each of its steps that was reached, by name, the rows that went through it. No accounts: rows may have been on their way.
    pub steps: BTreeMap<String, MovedReport>,
    /// Memory and rows over time.
    pub curve: Vec<Moment>,
    /// While the run goes on, the part of the stage that is done, from 0 to 1, if that can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<f64>,
    /// While the run goes on, how long the rest of the stage takes, milliseconds, if that can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<f64>,
    /// While the run goes on, how long the rest of the run takes, milliseconds, if that can be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_left_ms: Option<f64>,
}

/// Rows that went through a step until a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MovedReport {
    /// Rows that it was given.
    pub rows_in: u64,
    /// Rows that it put out.
    pub rows_out: u64,
    /// Rows that it left out; those of a global step are known when its stage has ended.
    #[serde(default)]
    pub rows_dropped: u64,
    /// Rows that it could not handle; as above.
    #[serde(default)]
    pub rows_rejected: u64,
    /// Batches of a transform.
    #[serde(default)]
    pub batches: u64,
}

impl UnfinishedReport {
    /// The report while the run goes on.
    pub(crate) fn going_on(unfinished: Unfinished) -> UnfinishedReport {
        let Outlook { part, left, run_left } = unfinished.outlook;
        UnfinishedReport { part, left_ms: left.map(ms), run_left_ms: run_left.map(ms), ..Self::of(unfinished) }
    }

    /// The report when the run has ended.
    pub(crate) fn of(unfinished: Unfinished) -> UnfinishedReport {
        let Unfinished { stage, took, steps, curve, outlook: _ } = unfinished;
        let moved = |(step, moved): (Arc<str>, Moved)| {
            let Moved { rows_in, rows_out, dropped: rows_dropped, rejected: rows_rejected, batches } = moved;
            (step.to_string(), MovedReport { rows_in, rows_out, rows_dropped, rows_rejected, batches })
        };
        let steps = steps.into_iter().map(moved).collect();
        UnfinishedReport { stage, took_ms: ms(took), steps, curve, part: None, left_ms: None, run_left_ms: None }
    }
}

/// What a step did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepReport {
    /// Its name.
    pub name: String,
    /// What the pipeline uses for it.
    #[serde(rename = "use")]
    pub uses: String,
    /// Its kind.
    pub kind: Kind,
    /// Instances side by side.
    pub instances: u32,
    /// Rows of its first input.
    pub rows_in: u64,
    /// Rows it put out.
    pub rows_out: u64,
    /// Rows of its first input that it left out, as it is meant to.
    pub rows_dropped: u64,
    /// Rows of its first input that it could not handle.
    pub rows_rejected: u64,
    /// Rows of what it reads that a route of its `from` left to others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_elsewhere: u64,
    /// For each branch of a zip that it reads, by the branch's name, what was joined.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zipped: BTreeMap<String, ZippedReport>,
    /// Rows put out again, beyond the first time.
    pub rows_repeated: u64,
    /// Rows put out that came from no row of the input.
    pub rows_created: u64,
    /// The rows of its first input (for a source: its own rows) whose work had been done before, by an earlier run or before an
    /// interruption, and was taken over.
    pub rows_reused: u64,
    /// The rows of its first input whose work was begun before an interruption, lost, and done again.
    pub rows_again: u64,
    /// Batches, or pages of a source.
    pub batches: u64,
    /// Time in calls, crossing included, summed over instances, milliseconds.
    pub guest_ms: f64,
    /// The most linear memory that its instances had at one moment, bytes.
    pub peak_linear_memory_bytes: u64,
    /// The limit on each instance, bytes.
    pub memory_limit_bytes: u64,
    /// Numbers that the step added up.
    pub counters: BTreeMap<String, i64>,
    /// Reason to rows; an empty reason is none given.
    pub dropped: BTreeMap<String, u64>,
    /// Reason to rows.
    pub rejected: BTreeMap<String, u64>,
    /// Whether rows in = what its feeds put out = rows put out at least once + dropped + rejected, and rows out = those
    /// put out at least once + repeated + created.
    pub adds_up: bool,
    /// What is in the columns that it puts out, if the pipeline sets `stats`; with what other thresholds would drop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
}

/// What was joined of a branch of a zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ZippedReport {
    /// Rows of the branch.
    pub rows: u64,
    /// Zipped rows that have none of it.
    pub absent: u64,
}

/// A profile that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProfileReport {
    /// The step that was profiled.
    pub step: String,
    /// The file, which Firefox's profiler opens.
    pub path: String,
    /// Instances of the step: threads of the profile.
    pub instances: usize,
    /// How often it was seen what an instance was doing.
    pub samples: usize,
    /// Time from one sample of an instance to the next, milliseconds.
    pub interval_ms: f64,
}

/// Why a run ended badly.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The place and what happened.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ProfileReport {
    pub(crate) fn of(step: &str, taken: &Profile, path: &Path) -> ProfileReport {
        ProfileReport {
            step: step.to_owned(),
            path: path.display().to_string(),
            instances: taken.instances,
            samples: taken.samples,
            interval_ms: ms(taken.interval),
        }
    }
}

fn is_zero(rows: &u64) -> bool {
    *rows == 0
}
