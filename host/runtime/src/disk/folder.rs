//! A run's own folder.
//!
//! | | |
//! |---|---|
//! | `run.json`, `plan.json` | how it was begun, what it does |
//! | `components/` | the components that were files |
//! | `journal` | what is complete |
//! | `spill/NODE/` | rows between stages |
//! | `seen/`, `positions/` | how far inputs were read and outputs written |
//! | `sorting/STEP/` | rows that a global step puts out in another order, on their way |
//! | `work/STEP/` | what calls came to |
//! | `outputs/` | outputs, until all of them are complete |
//! | `rejects.jsonl`, `report.json` | for people |
//! | `lock` | held by the process that works in it |

use std::collections::BTreeMap;
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use callboard_io::{Finished, file_digest};
use callboard_plan::Plan;
use serde::{Deserialize, Serialize};

use super::frames::named;
use crate::error::{Class, RunError};

/// How a run was begun: what resuming it needs beside the plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// The pipeline file, where there was one.
    pub(crate) pipeline: Option<PathBuf>,
    /// The folder that its paths start from, absolute.
    pub(crate) base: PathBuf,
    pub(crate) overwrite: bool,
    pub(crate) limit: Option<u64>,
    pub(crate) max_spill: Option<u64>,
    pub(crate) inputs: BTreeMap<String, RecordedInput>,
    /// Of the digests of rows. It is nobody's to guess, so nobody can make rows that pass for others.
    #[serde(default)]
    pub(crate) digest_seed: Option<u64>,
}

/// An input as it was when the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedInput {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) bytes: u64,
    /// Arrow's own bytes, in hexadecimal digits.
    pub(crate) schema: String,
}

/// A file and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digested {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Hexadecimal.
    pub(crate) digest: String,
}

impl From<&Finished> for Digested {
    fn from(file: &Finished) -> Digested {
        Digested { rows: file.rows, bytes: file.bytes, digest: format!("{:032x}", file.digest) }
    }
}

impl Digested {
    /// A file as it is now.
    pub(crate) fn of(path: &Path, rows: u64) -> io::Result<Digested> {
        let read = File::open(path).and_then(|file| file_digest(&file));
        let (digest, bytes) = read.map_err(|error| named(path, &error))?;
        Ok(Digested { rows, bytes, digest: format!("{digest:032x}") })
    }

    /// Whether a file is what it was.
    pub(crate) fn is(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|file| file.len() == self.bytes)
            && Digested::of(path, self.rows).is_ok_and(|now| now == *self)
    }
}

/// A run's folder, locked: nobody else works in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, or takes one that is empty.
    pub(crate) fn create(path: &Path) -> Result<Folder, RunError> {
        let unwritable = |error: &io::Error| {
            RunError::system("write to the run's folder", path, error).help("name another: --run-dir DIR")
        };
        std::fs::create_dir_all(path).map_err(|error| unwritable(&error))?;
        let mut entries = std::fs::read_dir(path).map_err(|error| unwritable(&error))?;
        if entries.next().is_some() {
            let message = format!("the run's folder `{}` is not empty", path.display());
            return Err(RunError::new(Class::Pipeline, message).help("name a new one: --run-dir DIR"));
        }
        Folder::lock(path)
    }

    /// Takes the folder of a run that was begun.
    pub(crate) fn lock(path: &Path) -> Result<Folder, RunError> {
        let lock = path.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let mut file = file.map_err(|error| RunError::system("open", &lock, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&lock).unwrap_or_default();
                let message = format!("the run in `{}` is going on, in process {}", path.display(), holder.trim());
                return Err(RunError::new(Class::Pipeline, message).help("wait for it, or stop it first"));
            }
            Err(TryLockError::Error(error)) => return Err(RunError::system("lock", &lock, &error)),
        }
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Folder { path: path.to_owned(), _lock: file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes down how the run begins: with this, it can be resumed.
    pub(crate) fn record(&self, plan: &Plan, recorded: &Recorded) -> io::Result<()> {
        write_whole(&self.join("plan.json"), &serde_json::to_vec_pretty(plan).expect("a plan is JSON"))?;
        write_whole(&self.join("run.json"), &serde_json::to_vec_pretty(recorded).expect("it is JSON"))
    }
}

/// Refuses what is no run's folder: `run.json` is written last of what a run needs.
pub(crate) fn is_run(path: &Path) -> Result<(), RunError> {
    if path.join("run.json").is_file() {
        return Ok(());
    }
    let message = format!("`{}` is no run's folder", path.display());
    Err(RunError::new(Class::Pipeline, message).help("`callboard runs list` shows those that are here"))
}

/// The plan of a run's folder, and how it was begun.
pub(crate) fn recorded(path: &Path) -> Result<(Plan, Recorded), RunError> {
    is_run(path)?;
    let read = |name: &str| {
        let file = path.join(name);
        std::fs::read_to_string(&file).map_err(|error| RunError::system("read", &file, &error))
    };
    let damaged = |name: &str, why: String| {
        RunError::new(Class::System, format!("`{}` is damaged: {why}", path.join(name).display()))
            .help("run the pipeline again: work that is intact in this folder is not done twice")
    };
    let plan = Plan::from_json(&read("plan.json")?).map_err(|error| damaged("plan.json", error.to_string()))?;
    let recorded = serde_json::from_str(&read("run.json")?);
    Ok((plan, recorded.map_err(|error| damaged("run.json", error.to_string()))?))
}

/// Writes a file beside its place, synced, and renames it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().expect("a file lies in a folder");
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix(".writing-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| named(path, &error))
}
