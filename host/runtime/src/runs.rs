//! The runs that are in a folder: what became of each, and what it takes of the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::disk::journal::{self, Record};
use crate::disk::{Folder, folder};
use crate::error::RunError;
use crate::report::Status;

/// What became of a run.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    /// Its folder.
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
    /// Of so many.
    pub stages: usize,
    /// What its folder takes of the disk, bytes. Work that it took over from an earlier run lies there only once, and is counted in both.
    pub bytes: u64,
    /// Why it ended badly.
    pub error: Option<String>,
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
    /// Its process ended without a word: it was killed, or the machine was.
    Killed,
}

impl RunState {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Failed => "failed",
            RunState::Interrupted => "interrupted",
            RunState::Killed => "killed",
        }
    }
}

impl RunSummary {
    /// Reads what the folder of a run says.
    ///
    /// # Errors
    ///
    /// It is no run's folder, or one that is damaged.
    pub fn of(path: &Path) -> Result<RunSummary, RunError> {
        let (plan, _) = folder::recorded(path)?;
        let unread = |error: io::Error| RunError::system("read", path, &error);
        let records = journal::read(&path.join("journal")).map_err(unread)?.records;
        let mut summary = RunSummary {
            folder: path.to_owned(),
            name: plan.name.clone(),
            state: RunState::Killed,
            began: 0,
            processes: 0,
            stages_done: 0,
            stages: plan.stages.len(),
            bytes: size(path).map_err(unread)?,
            error: None,
        };
        let mut done = std::collections::BTreeSet::new();
        for record in records {
            match record {
                Record::Begun { at, .. } => {
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
                    };
                }
                Record::Intake { .. } | Record::Committing => {}
            }
        }
        summary.stages_done = done.len();
        if summary.processes == 0 {
            // It was not written down, but for its report.
            let report: Option<crate::Report> =
                std::fs::read(path.join("report.json")).ok().and_then(|json| serde_json::from_slice(&json).ok());
            summary.state = match report.map(|report| report.status) {
                Some(Status::Finished) => RunState::Finished,
                Some(Status::Interrupted) => RunState::Interrupted,
                Some(Status::Failed) => RunState::Failed,
                None => RunState::Killed,
            };
            let made = path.join("run.json").metadata().and_then(|file| file.modified()).map_err(unread)?;
            summary.began = made.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        }
        if Folder::lock(path).is_err() {
            summary.state = RunState::Running;
        }
        Ok(summary)
    }

    /// The runs whose folders lie in `parent`, the latest first. What is no run's folder is passed over; a `parent` that is not there has none.
    ///
    /// # Errors
    ///
    /// `parent` cannot be read.
    pub fn all(parent: &Path) -> io::Result<Vec<RunSummary>> {
        let mut runs: Vec<RunSummary> =
            run_folders(parent)?.into_iter().filter_map(|folder| RunSummary::of(&folder).ok()).collect();
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
    let entries = match std::fs::read_dir(parent) {
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // `run.json` is written anew by every process that works on the run.
        if let Ok(began) = path.join("run.json").metadata().and_then(|file| file.modified()) {
            folders.push((began, path));
        }
    }
    folders.sort_by(|a, b| b.cmp(a));
    Ok(folders.into_iter().map(|(_, path)| path).collect())
}

/// Removes the folder of a run that nobody works on; gives the bytes that it took.
///
/// # Errors
///
/// It is no run's folder, somebody works on the run, or the system refuses.
pub fn remove_run(path: &Path) -> Result<u64, RunError> {
    folder::is_run(path)?;
    let _lock = Folder::lock(path)?;
    let bytes = size(path).unwrap_or(0);
    std::fs::remove_dir_all(path).map_err(|error| RunError::system("remove", path, &error))?;
    Ok(bytes)
}

fn size(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
