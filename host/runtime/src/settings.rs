//! How a plan is carried out, beside what the plan says.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callboard_io::FilePlace;
use callboard_sandbox::{Calls, CompileCommand};
use tokio_util::sync::CancellationToken;

use crate::events::Observer;

/// How a plan is carried out, beside what the plan says: [`Settings::new`], and what differs from its defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The folder that the pipeline's paths start from.
    pub base: PathBuf,
    /// The pipeline file, which `run.json` records.
    pub pipeline: Option<PathBuf>,
    /// What its tasks are submitted to, which `run.json` records.
    pub submitted: Option<Submitted>,
    /// The run's own folder: created, or empty.
    pub run_folder: PathBuf,
    /// Where compiled components are kept; private to the user.
    pub cache_folder: PathBuf,
    /// The process that compiles.
    pub compile: CompileCommand,
    /// Whether outputs that exist are replaced.
    pub overwrite: bool,
    /// At most this many rows of each input, and of each source.
    pub limit: Option<u64>,
    /// Where a run is tried (`Run::try_out`), with a `limit`: rows spread over all files of an input, chosen by this seed, instead of the first.
    pub spread: Option<u64>,
    /// Whether the run can be resumed, and its work taken over by later runs: whether it is written down.
    pub resumable: bool,
    /// Folders of earlier runs, the latest first: work that they did on the same rows in the same way is not done again.
    pub earlier: Vec<PathBuf>,
    /// The requests of a step that is tried; a run has its own.
    pub calls: Option<Calls>,
    /// Whether servers are asked again for replies that earlier runs keep.
    pub fresh_replies: bool,
    /// Whether offline batches that were submitted before are waited for.
    pub wait: bool,
    /// How long a batch needs to appear at its server: one that a killed process was about to submit is not submitted again sooner.
    pub batch_grace: Duration,
    /// The most that rows between stages may take of the disk, bytes.
    pub max_spill: Option<u64>,
    /// A step to be profiled: all its work is redone, in instances that are asked every millisecond where they are.
    pub profile: Option<Profile>,
    /// Files that are written when the run has ended, beside its own: no step may write where one lies, and none replaces what the run
    /// reads.
    pub also_written: Vec<AlsoWritten>,
    /// Where an output goes whose path is `-`; without it, such an output is refused.
    pub standard_output: Option<Arc<File>>,
    /// Whether Landlock is to keep the calling thread, and all that it starts, for good, to what the run writes: from when the places of
    /// all that is known, before a component is compiled or asked anything.
    pub confined: bool,
    /// The observer of progress.
    pub observer: Observer,
    /// Cancelled to interrupt the run: what is being done is finished, if it takes no longer than a few seconds.
    pub cancel: CancellationToken,
}

impl Settings {
    /// A run of a pipeline whose paths start from `base`, in `run_folder`, which is created or empty. Compiled components are kept in
    /// `cache_folder`, and compiled by `compile`. The run can be resumed; it replaces no file, takes nothing over from earlier runs,
    /// has no limits, and reports progress to nobody.
    pub fn new(
        base: impl Into<PathBuf>,
        run_folder: impl Into<PathBuf>,
        cache_folder: impl Into<PathBuf>,
        compile: CompileCommand,
    ) -> Self {
        Self {
            base: base.into(),
            pipeline: None,
            submitted: None,
            run_folder: run_folder.into(),
            cache_folder: cache_folder.into(),
            compile,
            overwrite: false,
            limit: None,
            spread: None,
            resumable: true,
            earlier: Vec::new(),
            calls: None,
            fresh_replies: false,
            wait: false,
            batch_grace: Duration::from_secs(30),
            max_spill: None,
            profile: None,
            also_written: Vec::new(),
            standard_output: None,
            confined: false,
            observer: Observer::nobody(),
            cancel: CancellationToken::new(),
        }
    }

    /// These settings with another `base`.
    pub fn base(self, base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), ..self }
    }

    /// These settings with another `pipeline`.
    pub fn pipeline(self, pipeline: Option<PathBuf>) -> Self {
        Self { pipeline, ..self }
    }

    /// These settings with another `submitted`.
    pub fn submitted(self, submitted: Option<Submitted>) -> Self {
        Self { submitted, ..self }
    }

    /// These settings with another `overwrite`.
    pub fn overwrite(self, overwrite: bool) -> Self {
        Self { overwrite, ..self }
    }

    /// These settings with another `limit`.
    pub fn limit(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }

    /// These settings with another `spread`.
    pub fn spread(self, spread: Option<u64>) -> Self {
        Self { spread, ..self }
    }

    /// These settings with another `resumable`.
    pub fn resumable(self, resumable: bool) -> Self {
        Self { resumable, ..self }
    }

    /// These settings with another `earlier`.
    pub fn earlier(self, earlier: Vec<PathBuf>) -> Self {
        Self { earlier, ..self }
    }

    /// These settings with other `calls`.
    pub fn calls(self, calls: Option<Calls>) -> Self {
        Self { calls, ..self }
    }

    /// These settings with another `fresh_replies`.
    pub fn fresh_replies(self, fresh_replies: bool) -> Self {
        Self { fresh_replies, ..self }
    }

    /// These settings with another `wait`.
    pub fn wait(self, wait: bool) -> Self {
        Self { wait, ..self }
    }

    /// These settings with another `batch_grace`.
    pub fn batch_grace(self, batch_grace: Duration) -> Self {
        Self { batch_grace, ..self }
    }

    /// These settings with another `max_spill`.
    pub fn max_spill(self, max_spill: Option<u64>) -> Self {
        Self { max_spill, ..self }
    }

    /// These settings with another `profile`.
    pub fn profile(self, profile: Option<Profile>) -> Self {
        Self { profile, ..self }
    }

    /// These settings with another `standard_output`.
    pub fn standard_output(self, standard_output: Option<Arc<File>>) -> Self {
        Self { standard_output, ..self }
    }

    /// These settings with another `also_written`.
    pub fn also_written(self, also_written: Vec<AlsoWritten>) -> Self {
        Self { also_written, ..self }
    }

    /// These settings with another `confined`.
    pub fn confined(self, confined: bool) -> Self {
        Self { confined, ..self }
    }

    /// These settings with another `observer`.
    pub fn observer(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// These settings with another `cancel`.
    pub fn cancel(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }
}

/// What the tasks of a run were submitted to, for whoever resumes it. It has no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The engine, as a command line names it.
    pub on: String,
    /// The command on the engine's machines, if one was named.
    pub program: Option<String>,
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

/// Where the command keeps compiled components: `$CALLBOARD_CACHE`, or `callboard` in the user's cache folder.
pub fn default_cache_folder() -> PathBuf {
    let of = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    of("CALLBOARD_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|folder| folder.join("callboard")))
        .or_else(|| of("HOME").map(|folder| folder.join(".cache/callboard")))
        .unwrap_or_else(|| PathBuf::from(".callboard/cache"))
}
