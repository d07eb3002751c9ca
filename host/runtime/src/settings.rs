//! How a plan is carried out, beside what the plan says.

use std::path::PathBuf;

use callboard_io::FilePlace;
use tokio_util::sync::CancellationToken;

use crate::events::Observer;
use callboard_sandbox::CompileCommand;

/// How a plan is carried out, beside what the plan says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that the pipeline's paths start from.
    pub base: PathBuf,
    /// The pipeline file, for who asks later what a run was of.
    pub pipeline: Option<PathBuf>,
    /// The run's own folder: made anew, or empty.
    pub run_folder: PathBuf,
    /// Where compiled components are kept; private to the user.
    pub cache_folder: PathBuf,
    /// The process that compiles.
    pub compile: CompileCommand,
    /// Whether outputs that exist are replaced.
    pub overwrite: bool,
    /// At most so many rows of each input, and of each source.
    pub limit: Option<u64>,
    /// Whether the run can be resumed, and its work taken over by later runs: whether it is written down.
    pub resumable: bool,
    /// Folders of earlier runs, the latest first: work that they did on the same rows in the same way is not done again.
    pub earlier: Vec<PathBuf>,
    /// The most that rows between stages may take of the disk, bytes.
    pub max_spill: Option<u64>,
    /// A step to be profiled: all that it does is done anew, in instances that are asked every millisecond where they are.
    pub profile: Option<Profile>,
    /// Files that are written when the run has ended, beside its own: no step may write where one lies, and none replaces what the run
    /// reads.
    pub also_written: Vec<AlsoWritten>,
    /// Whether Landlock is to keep the calling thread, and all that it starts, for good, to what the run writes: from when the places of
    /// all that is known, before a component is compiled or asked anything.
    pub confined: bool,
    /// Who is told of progress.
    pub observer: Observer,
    /// Cancelled to interrupt the run: what is being done is finished, if it takes no longer than a few seconds.
    pub cancel: CancellationToken,
}

/// A file that the caller writes when a run has ended.
#[derive(Clone, Debug)]
pub struct AlsoWritten {
    /// What it is, and what named it: "the report (`--report`)".
    pub what: String,
    /// Where it goes.
    pub place: FilePlace,
}

/// A profile to be taken: which functions of a step take the time, in JSON that Firefox's profiler (profiler.firefox.com) opens.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The step's name.
    pub step: String,
    /// The file that is written when the run ends, however that may be; `None`: `profile-STEP.json` in the run's folder.
    pub path: Option<PathBuf>,
}
