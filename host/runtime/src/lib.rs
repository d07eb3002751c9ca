//! Runs a plan: components in stages, rows between them, and what it all cost.
//!
//! The journey of a pipeline:
//! 1. [`Components::of`] finds and scans the components that a [`Pipeline`](callboard_plan::Pipeline) uses; with their
//!    catalog it becomes a [`Plan`](callboard_plan::Plan).
//! 2. [`Run::prepare`] checks the plan against the world: files, outputs' places, components compiled (in a child process,
//!    by a [`CompileCommand`], into a cache), schemas followed through every step. Nothing is overwritten yet.
//! 3. [`Run::execute`] carries it out, a stage at a time: what a stage needs is loaded when it begins and gone when it ends.
//!    Progress is told as [`Event`]s to an [`Observer`].
//! 4. What is done is written down in the run's folder: [`Run::resume`] goes on where a run stopped, and later runs take over
//!    what was done on the same rows in the same way ([`Run::reuse`] says what). [`RunSummary`] tells of the runs that are there.
//! 5. The [`Report`] says what happened, in figures; when it is [`Status::Finished`] every output is in its place, and
//!    otherwise none has been touched.
//!
//! What an instance of each step held is kept in the cache ([`measured_needs`]), for the next [`Plan`](callboard_plan::Plan) to be made with.
//! A plan with a budget is held to it: steps get what it leaves beside rows in flight, and readers wait rather than exceed it.
//!
//! A [`Probe`] is one step alone, for who tries it out: asked, opened and called on any rows, with a run's sandbox, limits and checks.
//!
//! The library prints nothing and never ends the process.

mod artefact;
mod bindings;
mod bound;
mod boundary;
mod budget;
mod cache;
mod check;
mod columns;
mod compile;
mod components;
mod confine;
mod disk;
mod engine;
mod error;
mod events;
mod flight;
mod guard;
mod guest;
mod kept;
mod memory;
mod meter;
mod needs;
mod places;
mod ports;
mod private;
mod probe;
mod refused;
mod removed;
mod report;
mod resume;
mod rows;
mod run;
mod runs;
mod settings;
mod stage;
mod watch;
mod why;

pub use bound::columns_of;
pub use columns::display as display_type;
#[doc(hidden)]
pub use columns::fuzz_columns;
pub use compile::{CompileCommand, compile_file};
pub use components::{Bundled, ComponentUnread, Components, read_component};
pub use disk::key::Change;
#[doc(hidden)]
pub use disk::{fuzz_disk, fuzz_folder};
pub use error::{Class, LimitExceeded, Place, RunError};
pub use events::{Event, Level, Observer};
pub use needs::measured_needs;
pub use probe::{CallError, CallTimes, Declaration, Described, Failed, Life, Opened, Page, Probe, PutOut, RemovedRow};
pub use report::{
    ErrorReport, InputReport, OutputReport, ProfileReport, RejectsReport, Report, StageReport, Status, StepReport,
};
pub use resume::Allowed;
pub use run::Run;
pub use runs::{RemovedRun, RunState, RunSummary, remove_run, run_folders, run_report};
pub use settings::{AlsoWritten, Profile, Settings};
pub use tokio_util::sync::CancellationToken;
pub use why::{StepReuse, Verdict};
