//! The runs that are in a folder: how each ended, and the disk space that it takes.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use callboard_io::beneath::Dir;
use callboard_plan::Plan;
use serde::Serialize;

use crate::error::{Class, RunError};
use crate::store::journal;
use crate::store::records::Record;
use crate::store::{Contents, Folder, State, folder, is_held};
use crate::tell::report::{Report, Status};

/// The last second of the year 9999: nothing later is shown as a date.
const LATEST: u64 = 253_402_300_799;
/// A report and a plan are no longer than this, bytes.
const REPORT: u64 = 64 << 20;
const PLAN: u64 = 64 << 20;

/// What happened to a run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// Its folder; in JSON its bytes, as a list of numbers, where it is not UTF-8.
    #[serde(serialize_with = "crate::store::records::paths::serialize")]
    pub folder: PathBuf,
    /// The pipeline's name.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// When its first process began, seconds since 1970; of a run that cannot be resumed, when its folder was made.
    pub began: u64,
    /// How many processes have worked on it.
    pub processes: u32,
    /// Stages that ended.
    pub stages_done: usize,
    /// The number of stages in the plan.
    pub stages: usize,
    /// What its folder takes of the disk, bytes. Work that it took over from an earlier run lies there only once, and is counted in both.
    pub bytes: u64,
    /// Why it ended badly.
    pub error: Option<String>,
    /// What [`Allowed::trusted`](crate::Allowed::trusted) takes where nothing proves who began it, in 32 hexadecimal digits.
    pub trust: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// A process works on it.
    Running,
    /// All outputs are in their places.
    Finished,
    /// Something failed.
    Failed,
    /// It was asked to stop.
    Interrupted,
    /// It waits for offline batches.
    Waiting,
    /// Its process ended without a word: it was killed, or the machine was.
    Killed,
    /// Its process ended before its plan was written: nothing is done, and the pipeline is to be run again.
    Begun,
    /// Whoever removed it was stopped.
    Removing,
    /// Its plan, or how it was begun, cannot be read.
    Damaged,
}

impl RunState {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Failed => "failed",
            RunState::Interrupted => "interrupted",
            RunState::Waiting => "waiting",
            RunState::Killed => "killed",
            RunState::Begun => "begun",
            RunState::Removing => "removing",
            RunState::Damaged => "damaged",
        }
    }
}

impl RunSummary {
    /// Reads what the folder of a run says.
    ///
    /// # Errors
    ///
    /// It is not a run's folder, or one that is damaged.
    pub fn of(path: &Path) -> Result<RunSummary, RunError> {
        let unread = |error: io::Error| RunError::system("read", path, &error);
        let (dir, state) = match Dir::open(path).and_then(|dir| Ok((State::of(&dir)?, dir))) {
            Ok((State::Begun, dir)) => (dir, RunState::Begun),
            Ok((State::Removing, dir)) => (dir, RunState::Removing),
            // Opened again, for its error if it is not a run's.
            _ => (folder::open(path)?, RunState::Killed),
        };
        let mut summary = RunSummary::empty(path, &dir, state).map_err(unread)?;
        if state != RunState::Killed {
            return Ok(summary);
        }
        let (begun, plan, _) = folder::recorded(&dir)?;
        let records = journal::read(&dir).map_err(unread)?.records;
        summary.name = plan.name().to_owned();
        summary.stages = plan.stages().len();
        summary.trust = Some(format!("{:032x}", begun.digest()));
        let mut done = std::collections::BTreeSet::new();
        for record in records {
            match record {
                Record::Begun { at, .. } => {
                    let at = at.min(LATEST);
                    summary.processes += 1;
                    summary.began = if summary.began == 0 { at } else { summary.began };
                    (summary.state, summary.error) = (RunState::Killed, None);
                }
                Record::Stage { stage, .. } => drop(done.insert(stage)),
                Record::Changed { stage } => done.retain(|ended| *ended < stage),
                Record::Ended { status, message, .. } => {
                    summary.error = message;
                    summary.state = match status {
                        Status::Finished => RunState::Finished,
                        Status::Failed => RunState::Failed,
                        Status::Interrupted => RunState::Interrupted,
                        Status::Waiting => RunState::Waiting,
                    };
                }
                Record::Intake { .. } | Record::Committing => {}
            }
        }
        summary.stages_done = done.len().min(summary.stages);
        if summary.processes == 0 {
            // It was not written down, but for its report.
            summary.state = match report(&dir).map(|report| report.status) {
                Some(Status::Finished) => {
                    summary.stages_done = summary.stages;
                    RunState::Finished
                }
                Some(Status::Interrupted) => RunState::Interrupted,
                Some(Status::Waiting) => RunState::Waiting,
                Some(Status::Failed) => RunState::Failed,
                None => RunState::Killed,
            };
            summary.began = modified(&dir, "run.json").map_err(unread)?;
        }
        if is_held(&dir) {
            summary.state = RunState::Running;
        }
        Ok(summary)
    }

    /// For a run of which nothing is known yet.
    fn empty(path: &Path, dir: &Dir, state: RunState) -> io::Result<RunSummary> {
        Ok(RunSummary {
            folder: path.to_owned(),
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            state: if state != RunState::Killed && is_held(dir) { RunState::Running } else { state },
            began: if state == RunState::Killed { 0 } else { modified(dir, "lock")? },
            processes: 0,
            stages_done: 0,
            stages: 0,
            bytes: Contents::of(dir)?.bytes,
            error: None,
            trust: None,
        })
    }

    /// One that is known to be a run, and cannot be read.
    fn damaged(path: &Path, error: &RunError) -> io::Result<RunSummary> {
        let dir = Dir::open(path)?;
        let damaged = RunSummary::empty(path, &dir, RunState::Damaged)?;
        Ok(RunSummary { error: Some(error.to_string()), ..damaged })
    }

    /// The runs whose folders lie in `parent`, the latest first. What is not a run's folder is passed over; a `parent` that is not there has none.
    ///
    /// # Errors
    ///
    /// `parent` cannot be read.
    pub fn all(parent: &Path) -> io::Result<Vec<RunSummary>> {
        let mut runs = Vec::new();
        for folder in folders(parent, "lock")?.into_iter().map(|(_, folder)| folder) {
            match RunSummary::of(&folder) {
                Ok(run) => runs.push(run),
                Err(error) => {
                    let is_run =
                        Dir::open(&folder).and_then(|dir| State::of(&dir)).is_ok_and(|state| state == State::Run);
                    runs.extend(is_run.then(|| RunSummary::damaged(&folder, &error).ok()).flatten());
                }
            }
        }
        runs.sort_by_key(|run| std::cmp::Reverse((run.began, run.folder.clone())));
        Ok(runs)
    }
}

/// The folders of runs in `parent`, the latest first, by when each began: what [`Settings::earlier`](crate::Settings::earlier) wants.
///
/// # Errors
///
/// `parent` cannot be read; one that is not there has none.
pub fn run_folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    // `run.json` is rewritten by every process that works on the run.
    let mut folders = folders(parent, "run.json")?;
    folders.retain(|(_, path)| Dir::open(path).and_then(|dir| State::of(&dir)).is_ok_and(|state| state == State::Run));
    folders.sort_by(|a, b| b.cmp(a));
    Ok(folders.into_iter().map(|(_, path)| path).collect())
}

/// The folders in `parent` that have a file of this name, and when that was written. No link is followed.
fn folders(parent: &Path, with: &str) -> io::Result<Vec<(SystemTime, PathBuf)>> {
    let entries = match std::fs::read_dir(parent) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let file = entry.path().join(with).symlink_metadata().ok().filter(Metadata::is_file);
            folders.extend(file.and_then(|file| Some((file.modified().ok()?, entry.path()))));
        }
    }
    Ok(folders)
}

/// The result of removing a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovedRun {
    /// The bytes that it freed. Work that another run has taken over is not freed by removing one of them.
    pub freed: u64,
    /// What lay in the folder and no run makes: it is still there, and so is the folder.
    pub left: Vec<PathBuf>,
}

/// Removes a run that nobody works on, and its folder, if nothing else is in it.
///
/// # Errors
///
/// It is not a run's folder, or a link to one; it holds the current folder; somebody works on the run, or the system refuses.
pub fn remove_run(path: &Path) -> Result<RemovedRun, RunError> {
    let refused = |message: String, help: String| Err(RunError::new(Class::Pipeline, message).help(help));
    let unopened = |error: io::Error| RunError::system("open", path, &error);
    // Without `/` and `/.` at its end, behind which a link is followed.
    let path: &Path = &path.components().collect::<PathBuf>();
    let shown = path.display();
    if let Ok(to) = std::fs::read_link(path) {
        let to = path.parent().unwrap_or(Path::new("")).join(to);
        let help = format!("remove the run itself: callboard runs remove {}", to.display());
        return refused(format!("`{shown}` is a link, and no run's folder"), help);
    }
    let name = match path.components().next_back() {
        Some(Component::Normal(name)) => name,
        _ => {
            let help = "name its folder, from another one: callboard runs remove RUN-DIR".to_owned();
            return refused(format!("`{shown}` is not the name of a run's folder"), help);
        }
    };
    let dir = match Dir::open(path).and_then(|dir| Ok((State::of(&dir)?, dir))) {
        Ok((State::Begun | State::Removing, dir)) => dir,
        _ => folder::open(path)?,
    };
    let real = path.canonicalize().map_err(unopened)?;
    if std::env::current_dir().is_ok_and(|current| current.starts_with(&real)) {
        let help = "go to another folder first: cd ..".to_owned();
        return refused(format!("the current folder is inside `{shown}`"), help);
    }
    let parent = Dir::open(path.parent().unwrap_or(Path::new(""))).map_err(unopened)?;
    let removed = Folder::of(path, dir)?.remove(&parent, name);
    let removed = removed.map_err(|error| RunError::system("remove", path, &error))?;
    Ok(RemovedRun { freed: removed.only_here, left: removed.strange })
}

/// The report of a run that has ended, if one can be read.
pub fn run_report(path: &Path) -> Option<Report> {
    report(&folder::open(path).ok()?)
}

/// The plan of a run, if one can be read.
pub fn run_plan(path: &Path) -> Option<Plan> {
    let mut json = String::new();
    folder::open(path).ok()?.file("plan.json").ok()?.take(PLAN).read_to_string(&mut json).ok()?;
    Plan::from_json(&json).ok()
}

fn report(dir: &Dir) -> Option<Report> {
    let mut json = Vec::new();
    dir.file("report.json").ok()?.take(REPORT).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// When a file was last written, seconds since 1970.
fn modified(dir: &Dir, name: &str) -> io::Result<u64> {
    let file = dir.metadata(name)?.ok_or(ErrorKind::NotFound)?;
    Ok(file.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().min(LATEST))
}
