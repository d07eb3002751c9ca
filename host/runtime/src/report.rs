//! What happened in a run, in figures: the JSON that programs read, and what the command's table is made of.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use callboard_io::Committed;
use callboard_plan::{Kind, Load, Stage};
use serde::{Deserialize, Serialize};

use crate::error::{Class, RunError};
use crate::meter::Residence;
use crate::run::Run;
use crate::stage::{StageCost, StepCounts};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All stages ended, and every output is in its place.
    Finished,
    /// Something failed; no output was touched.
    Failed,
    /// It was asked to stop; no output was touched.
    Interrupted,
}

/// The report of a run.
#[derive(Debug, Serialize, Deserialize)]
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
    /// From then to the first call of a transform with rows, milliseconds; none where there was no such call.
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
    /// Of that, memory that no file backs: sampled every 20 ms, bytes.
    pub peak_anonymous_bytes: u64,
    /// By name.
    pub inputs: BTreeMap<String, InputReport>,
    /// By name.
    pub outputs: BTreeMap<String, OutputReport>,
    /// Rows that steps could not handle.
    pub rejects: RejectsReport,
    /// The stages that ended, in order.
    pub stages: Vec<StageReport>,
    /// The profile of a step, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileReport>,
    /// How many processes worked on it before this one.
    pub resumed: u32,
    /// Whether it can be taken up where it stopped.
    pub resumable: bool,
    /// What whoever ran it should know of: damage that was found and mended, work that was done again. Sentences.
    pub notes: Vec<String>,
    /// Why it ended badly.
    pub error: Option<ErrorReport>,
    /// The same, for who holds the report of a run of this process.
    #[serde(skip)]
    pub failure: Option<RunError>,
}

/// What was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputReport {
    /// Rows read.
    pub rows: u64,
    /// Bytes of the files on the disk.
    pub bytes: u64,
}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputReport {
    /// Rows written.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Where it is.
    pub path: String,
}

/// Rejected rows, over all steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RejectsReport {
    /// How many.
    pub rows: u64,
    /// The file that keeps them.
    pub path: String,
}

/// What a stage cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// In the order in which rows reach them.
    pub steps: Vec<StepReport>,
}

/// What a step did.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Rows put out again, beyond the first time.
    pub rows_repeated: u64,
    /// Rows put out that came from no row of the input.
    pub rows_created: u64,
    /// Of the rows of its first input (of a source: of its own), those whose work had been done before, by an earlier run or before an
    /// interruption, and was taken over.
    pub rows_reused: u64,
    /// Of the rows of its first input, those whose work was begun before an interruption, lost, and done again.
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
}

/// A profile that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// Of which step.
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
pub struct ErrorReport {
    /// The place and what happened.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Report {
    pub(crate) fn of(
        run: &Run,
        costs: &[(Stage, StageCost)],
        outcome: Result<BTreeMap<String, Committed>, RunError>,
        began: Instant,
        residence: &Residence,
    ) -> Report {
        let wall = began.elapsed();
        let began_at = (SystemTime::now() - wall).duration_since(SystemTime::UNIX_EPOCH);
        let read = |name: &str| costs.iter().find_map(|(_, cost)| cost.rows_read.get(name)).copied().unwrap_or(0);
        let inputs = run.plan.inputs().iter().map(|input| {
            (input.name.clone(), InputReport { rows: read(&input.name), bytes: run.input(&input.name).bytes })
        });
        let stages = accounted(run, costs);
        let rejected = stages.iter().flat_map(|stage| &stage.steps).map(|step| step.rows_rejected).sum();
        let (outputs, failure) = match outcome {
            Ok(outputs) => (outputs, None),
            Err(failure) => (BTreeMap::new(), Some(failure)),
        };
        let outputs = outputs.into_iter().map(|(name, Committed { rows, bytes, path })| {
            (name, OutputReport { rows, bytes, path: path.display().to_string() })
        });
        Report {
            status: match &failure {
                None => Status::Finished,
                Some(error) if error.class == Class::Interrupted => Status::Interrupted,
                Some(_) => Status::Failed,
            },
            name: run.plan.name().to_owned(),
            load: run.plan.load(),
            plan: run.plan.fingerprint().to_owned(),
            run_folder: run.folder.display().to_string(),
            began_at: began_at.unwrap_or_default().as_secs_f64(),
            first_batch_ms: run.first_call.get().map(|first| ms(first.saturating_duration_since(began))),
            wall_ms: ms(wall),
            budget_bytes: run.plan.budget(),
            peak_linear_memory_bytes: run.memory.run.peak(),
            peak_resident_bytes: residence.peak(),
            peak_anonymous_bytes: residence.anonymous_peak(),
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            rejects: RejectsReport { rows: rejected, path: run.folder.join("rejects.jsonl").display().to_string() },
            stages,
            profile: None,
            resumed: run.past.attempts,
            resumable: false,
            notes: run.past.notes.clone(),
            error: failure.as_ref().map(|e| ErrorReport { message: e.to_string(), help: e.help.clone() }),
            failure,
        }
    }
}

fn stage_report(run: &Run, stage: &Stage, cost: &StageCost) -> StageReport {
    let StageCost { intake, load, run: ran, unload, spilled, peak, held, rows, waits, steps, rows_read: _ } = cost;
    StageReport {
        index: stage.index,
        before: run.past.stages.contains_key(&stage.index),
        intake_ms: ms(*intake),
        load_ms: ms(*load),
        run_ms: ms(*ran),
        unload_ms: ms(*unload),
        peak_linear_memory_bytes: *peak,
        predicted_peak_bytes: stage.predicted.total_bytes(),
        counted_peak_bytes: held + stage.predicted.host_bytes,
        peak_rows_bytes: *rows,
        reader_waits: *waits,
        spilled_bytes: *spilled,
        steps: stage.steps.iter().map(|name| step_report(run, name, &steps[name])).collect(),
    }
}

fn step_report(run: &Run, name: &str, counts: &StepCounts) -> StepReport {
    let step = run.step(name);
    let StepCounts {
        rows_in,
        rows_out,
        kept_once,
        repeated,
        created,
        batches,
        tally,
        busy,
        counters,
        reused,
        again,
        peak,
    } = counts;
    let (dropped, rejected) = (tally.dropped(), tally.rejected());
    StepReport {
        name: name.to_owned(),
        uses: step.uses.clone(),
        kind: step.kind,
        instances: step.replicas,
        rows_in: *rows_in,
        rows_out: *rows_out,
        rows_dropped: dropped,
        rows_rejected: rejected,
        rows_repeated: *repeated,
        rows_created: *created,
        batches: *batches,
        guest_ms: ms(*busy),
        rows_reused: *reused,
        rows_again: *again,
        peak_linear_memory_bytes: *peak,
        memory_limit_bytes: step.limits.memory_bytes,
        counters: counters.clone(),
        dropped: tally.dropped.clone(),
        rejected: tally.rejected.clone(),
        adds_up: *rows_in == kept_once + dropped + rejected && *rows_out == kept_once + repeated + created,
    }
}

/// Holds the accounts of every step against each other.
///
/// # Errors
///
/// The first step whose accounts do not add up: a fault of ours, and no output is put in its place.
pub(crate) fn check_accounts(run: &Run, costs: &[(Stage, StageCost)]) -> Result<(), RunError> {
    match accounted(run, costs).iter().flat_map(|stage| &stage.steps).find(|step| !step.adds_up) {
        None => Ok(()),
        Some(step) => {
            let StepReport { name, rows_in, rows_out, rows_dropped, rows_rejected, .. } = step;
            let message = format!(
                "the accounts of the step do not add up: {rows_in} rows in, {rows_out} out, {rows_dropped} dropped, \
                 {rows_rejected} rejected"
            );
            Err(RunError::new(Class::Bug, message).in_step(name))
        }
    }
}

/// The stages that ended, their accounts settled.
fn accounted(run: &Run, costs: &[(Stage, StageCost)]) -> Vec<StageReport> {
    let read = |name: &str| costs.iter().find_map(|(_, cost)| cost.rows_read.get(name)).copied().unwrap_or(0);
    let mut stages: Vec<StageReport> = costs.iter().map(|(stage, cost)| stage_report(run, stage, cost)).collect();
    settle_accounts(run, &mut stages, read);
    stages
}

/// Holds what each step was given against what the nodes before it put out, which were counted apart.
fn settle_accounts(run: &Run, stages: &mut [StageReport], read: impl Fn(&str) -> u64) {
    let mut put_out: BTreeMap<String, u64> = BTreeMap::new();
    for StepReport { name, rows_out, rows_dropped, rows_rejected, .. } in stages.iter().flat_map(|stage| &stage.steps) {
        put_out.insert(name.clone(), *rows_out);
        put_out.insert(format!("{name}.dropped"), *rows_dropped);
        put_out.insert(format!("{name}.rejected"), *rows_rejected);
    }
    for step in stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        let feeds = run.step(&step.name).ports.first().map(|port| port.feeds.as_slice()).unwrap_or_default();
        let given: u64 = feeds.iter().map(|feed| put_out.get(feed).copied().unwrap_or_else(|| read(feed))).sum();
        step.adds_up &= step.rows_in == given;
    }
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
