//! Runs a plan: components in stages, rows between them, and what it all cost.
//!
//! The journey of a pipeline:
//! 1. [`compose`] replaces steps that are pipelines by theirs, [`Components::of`] finds and scans the components that a [`Pipeline`](callboard_plan::Pipeline) uses; with their
//!    catalog it becomes a [`Plan`](callboard_plan::Plan).
//! 2. [`Run::prepare`] checks the plan against the world: files, outputs' places, components compiled (in a child process,
//!    by a [`CompileCommand`], into a cache), schemas followed through every step. Nothing is overwritten yet.
//! 3. [`Run::execute`] carries it out, a stage at a time: what a stage needs is loaded when it begins and gone when it ends.
//!    Progress is reported as [`Event`]s to an [`Observer`]; through a [`Window`] other threads see the report so far.
//! 4. What is done is written down in the run's folder: [`Run::resume`] goes on where a run stopped, and later runs take over
//!    what was done on the same rows in the same way ([`Run::reuse`] says what). [`RunSummary`] describes the runs that are there.
//! 5. The [`Report`] says what happened, in figures; when it is [`Status::Finished`] every output is in its place, and
//!    otherwise none has been touched.
//!
//! What an instance of each step held is kept in the cache ([`measured_needs`]), for the next [`Plan`](callboard_plan::Plan) to be made with.
//! A plan with a budget is held to it: steps get what it leaves beside rows in flight, and readers wait rather than exceed it.
//!
//! [`peek_run`] shows rows of a run that is there, from what it kept, and [`stats_run`] what is in their columns. [`Run::try_out`] carries a plan out without its outputs, and gives
//! examples of what each step did.
//!
//! [`Run::place`] cuts a run into tasks that other processes carry out, on any machine that has the run's folder: [`carry_out`], [`drive`].
//!
//! A [`Probe`] is one step alone, to try it out: asked, opened and called on any rows, with a run's sandbox, limits and checks.
//!
//! The library prints nothing and never ends the process.
//!
//! ```no_run
//! use callboard_plan::{Load, Pipeline, Plan, Source};
//! use callboard_runtime::{CompileCommand, Components, Report, Run, Settings};
//! use std::path::Path;
//!
//! /// Runs a pipeline whose paths are relative to `folder`; components are compiled by the command `callboard`.
//! fn run(toml: &str, folder: &Path, callboard: &Path) -> Result<Report, Box<dyn std::error::Error>> {
//!     let pipeline = Pipeline::parse(Source::new("inline.toml", toml), &[])?;
//!     let components = Components::of(&pipeline, &[], folder);
//!     let plan = Plan::new(&pipeline, &components.catalog, Load::Staged)?;
//!     let compile = CompileCommand { program: callboard.into(), arguments: vec!["compile".into()] };
//!     let settings = Settings::new(folder, folder.join("runs/1"), folder.join("cache"), compile);
//!     Ok(Run::prepare(plan, components, settings)?.execute()?)
//! }
//! ```

#![forbid(unsafe_code)]

mod cluster;
mod course;
mod curves;
mod error;
mod events;
mod fates;
mod figures;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod global;
mod ports;
mod prepare;
mod probe;
mod rejects;
mod residence;
mod rows;
mod run;
mod see;
mod settings;
mod stage;
mod store;
mod tell;

#[cfg(feature = "fuzzing")]
pub use callboard_sandbox::fuzz_columns;
pub use callboard_sandbox::{
    CallKey, Calls, CompileCommand, Journal, Look, Question, Reply, columns_of, compile_file, display as display_type,
};
pub use cluster::{
    Attempt, Driving, End, Engine, Following, Lasts, Local, Looked, Slices, TaskDone, WorkPlace, carry_out, drive,
    submitted_to, tasks_of,
};
pub use error::{Class, LimitExceeded, Place, RunError};
pub use events::{CallsNow, Event, Level, Observer};
pub use figures::StatsWanted;
#[cfg(feature = "fuzzing")]
pub use fuzz::{fuzz_disk, fuzz_folder};
pub use prepare::components::{Bundled, BundledPipeline, ComponentUnread, Components, compose, read_component};
pub use prepare::confine::has_landlock;
pub use prepare::needs::measured_needs;
pub use probe::{CallError, CallTimes, Declaration, Described, Failed, Life, Opened, Page, Probe, PutOut, RemovedRow};
pub use run::{Allowed, Run, StepReuse, Verdict, Window, end_uploads};
pub use see::{
    Changed, Followed, Gone, Looking, RowsWanted, Shown, Traced, TracedFate, TracedStep, TriedStep, diff_runs,
    peek_files, peek_run, stats_files, stats_run, trace_run,
};
pub use settings::{AlsoWritten, Profile, Settings, Submitted, default_cache_folder};
pub use store::records::Change;
pub use store::records::{
    Bin, ColumnStats, FrequentValue, GroupStats, Measure, Quantile, Spread, Stats, Threshold, ThresholdStats,
};
pub use store::replies::{Forgotten, forget_replies, replies_size};
pub use tell::diff::{
    ChangedRow, ChangedValue, MovedRows, OneRow, OutputDiff, PlanChange, RunsDiff, SettingChange, StepDiff,
};
pub use tell::report::{
    BatchesReport, CallsReport, ErrorReport, InputReport, Moment, MovedReport, OutputReport, ProfileReport,
    RejectsReport, Report, RunFailed, StageReport, Status, StepCallsReport, StepReport, UnfinishedReport, ZippedReport,
};
pub use tell::runs::{RemovedRun, RunState, RunSummary, remove_run, run_folders, run_plan, run_report};
pub use tell::tasks::{GroupReport, TasksReport, appended_outputs, keyed_steps};
pub use tokio_util::sync::CancellationToken;
