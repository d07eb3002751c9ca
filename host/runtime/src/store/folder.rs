//! A run's own folder.
//!
//! | | |
//! |---|---|
//! | `run.json`, `plan.json` | how it was begun, what it does |
//! | `columns.json` | what steps declared of their columns |
//! | `components/` | the components that were files |
//! | `journal` | what is complete |
//! | `spill/NODE/` | rows between stages |
//! | `seen/`, `positions/` | how far inputs were read and outputs written |
//! | `lengths/` | how many rows each batch of an input or a step had |
//! | `sorting/STEP/` | rows that a global step puts out in another order, on their way |
//! | `sorting/STEP.gathered/` | rows that are brought together for a global step |
//! | `work/STEP/` | the results of calls |
//! | `outputs/` | outputs, until all of them are complete |
//! | `uploads/` | what has been sent of those that go to a store |
//! | `work.json`, `tasks/ID/` | how it is cut into tasks, and what each of them left |
//! | `kept.json` | in the copy of a work place, the attempts whose logs a store keeps |
//! | `rejects.jsonl`, `report.json`, `report.html` | for people |
//! | `lock` | held by the process that works in it |
//! | `seal` | proves who began it |
//!
//! At every moment it is known what the folder is ([`State`]): `lock` is there first, then `seal`, `plan.json` and `run.json`, which is
//! the last that a run needs to be resumed, and then all the rest.

use callboard_words::{Help, Setting};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use callboard_io::beneath::Dir;
use callboard_io::{Finished, OutputPlace, Stop, file_digest};
use callboard_plan::Plan;

use super::frames::named;
use super::lock::{Lock, NotTaken};
use super::records::{Declarations, Digested, FORMAT, Recorded, format_of};
use super::seal::{Begun, Key, SEAL};
use super::state::{Contents, REMOVING, State, WRITING};
use crate::error::{Class, RunError};

/// `plan.json`, `run.json` and `columns.json` are no longer than this, bytes.
pub(crate) const LONGEST: u64 = 64 << 20;
/// What steps declared of their columns.
pub(crate) const COLUMNS: &str = "columns.json";

impl From<&Finished> for Digested {
    fn from(file: &Finished) -> Digested {
        Digested { rows: file.rows, bytes: file.bytes, digest: format!("{:032x}", file.digest) }
    }
}

impl Digested {
    /// A file as it is now.
    pub(crate) fn of(path: &Path, rows: u64) -> io::Result<Digested> {
        File::open(path).and_then(|file| Digested::of_file(&file, rows)).map_err(|error| named(path, &error))
    }

    fn of_file(file: &File, rows: u64) -> io::Result<Digested> {
        let (digest, bytes) = file_digest(file)?;
        Ok(Digested { rows, bytes, digest: format!("{digest:032x}") })
    }

    /// The digest as a number.
    pub(crate) fn number(&self) -> Option<u128> {
        u128::from_str_radix(&self.digest, 16).ok()
    }

    /// Whether it is what is in the place of an output.
    pub(crate) fn is_in(&self, place: &OutputPlace, stop: &Stop) -> bool {
        self.number().is_some_and(|digest| place.holds(self.bytes, digest, stop).unwrap_or(false))
    }

    /// Whether a file is what it was.
    pub(crate) fn is(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|file| file.is_file() && file.len() == self.bytes)
            && Digested::of(path, self.rows).is_ok_and(|now| now == *self)
    }
}

/// Refuses a file that is to be written and has a second name, which may be anybody's.
pub(crate) fn alone(file: File) -> io::Result<File> {
    match file.metadata()?.nlink() {
        0 | 1 => Ok(file),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "the file has a second name elsewhere")),
    }
}

/// A run's folder, locked: nobody else works in it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    dir: Dir,
    _lock: Lock,
}

impl Folder {
    /// Makes the folder, or takes one that is empty, or in which a run was only begun.
    pub(crate) fn create(path: &Path) -> Result<Folder, RunError> {
        let unwritable = |error: io::Error| RunError::in_run_folder(path, &error);
        let dir = match Dir::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                match Folder::begin(path) {
                    Some(folder) => return Ok(folder),
                    None => Dir::make(path, 0o700).map_err(unwritable)?,
                }
            }
            dir => dir.map_err(unwritable)?,
        };
        let taken = || {
            let message = format!("the run's folder `{}` is not empty", path.display());
            RunError::new(Class::Pipeline, message).help(Help::from("name a new one: ").set(Setting::RunFolder))
        };
        let usable = |state| [State::Empty, State::Begun, State::Removing].contains(&state);
        if !usable(State::of(&dir).map_err(unwritable)?) {
            return Err(taken());
        }
        let folder = Folder::locked(path, dir, true)?;
        // Asked again: until it was locked, another process may have gone further.
        if !usable(State::of(&folder.dir).map_err(unwritable)?) {
            return Err(taken());
        }
        let left = Contents::remove(&folder.dir, &["lock", REMOVING]);
        let left = left.and_then(|left| folder.dir.remove_file(REMOVING).map(|()| left)).map_err(unwritable)?;
        match left.strange.first() {
            None => Ok(folder),
            Some(strange) => {
                let help = Help::from(format!("`{}` is not a run's; name a new folder: ", strange.display()));
                Err(taken().help(help.set(Setting::RunFolder)))
            }
        }
    }

    /// Makes a folder that has its lock from the first moment: beside its place, renamed. `None` if that cannot be done.
    fn begin(path: &Path) -> Option<Folder> {
        let name = path.file_name()?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let parent = Dir::make(parent, 0o700).ok()?;
        let beside = beside(name);
        let dir = parent.make_dir(&beside, 0o700).ok()?;
        let about = dir.own_metadata().ok()?;
        if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & 0o022 != 0 {
            return None;
        }
        let lock = Lock::take(&dir, true).ok()?;
        let begun = State::of(&dir).is_ok_and(|state| state == State::Begun);
        let renamed = begun && parent.rename(&beside, &parent, name).is_ok();
        if !renamed {
            let _ = Contents::remove(&dir, &[]).and_then(|_| parent.remove_dir(&beside));
            return None;
        }
        Some(Folder { path: path.to_owned(), dir, _lock: lock })
    }

    /// Takes the folder of a run that was begun.
    pub(crate) fn lock(path: &Path) -> Result<Folder, RunError> {
        Folder::of(path, open(path)?)
    }

    /// Takes a folder that is open, and was a run's.
    pub(crate) fn of(path: &Path, dir: Dir) -> Result<Folder, RunError> {
        Folder::locked(path, dir, false)
    }

    fn locked(path: &Path, dir: Dir, make: bool) -> Result<Folder, RunError> {
        match Lock::take(&dir, make) {
            Ok(lock) => Ok(Folder { path: path.to_owned(), dir, _lock: lock }),
            Err(NotTaken::Held(by)) => {
                let message = format!("the run in `{}` is going on, in process {by}", path.display());
                Err(RunError::new(Class::Pipeline, message).help("wait for it, or stop it first"))
            }
            Err(NotTaken::System(error)) => Err(RunError::system("lock", &path.join("lock"), &error)),
        }
    }

    /// Refuses a folder in which what a run would write, or read, is something else than a file of the run's.
    pub(crate) fn no_traps(&self) -> Result<(), RunError> {
        let contents = Contents::of(&self.dir).map_err(|error| RunError::system("read", &self.path, &error))?;
        let Some((trap, what)) = contents.traps.first() else { return Ok(()) };
        let trap = self.path.join(trap);
        let message = format!("`{}` is {what}: no run makes one in its folder", trap.display());
        Err(RunError::new(Class::System, message).help(format!("remove it: rm {}", trap.display())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself, open.
    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file whole, in place of what is there. Nothing waits for the disk.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let dir = if folder.is_empty() { self.dir.clone() } else { self.dir.make_dir(folder, 0o700)? };
        let beside = format!("{WRITING}{last}");
        let written = dir.create(&beside, 0o600).and_then(|mut file| file.write_all(bytes));
        written.and_then(|()| dir.rename(&beside, &dir, last)).map_err(|error| named(&self.join(name), &error))
    }

    /// Writes down how the run begins: with this, it can be resumed. `before` is how it was begun as it stands there, if it is a run
    /// already, proven or confirmed. A process that ends in the middle of this leaves a pair that is sealed.
    pub(crate) fn record(
        &self,
        plan: &Plan,
        recorded: &Recorded,
        before: Option<&Begun>,
        key: &Key,
    ) -> io::Result<Begun> {
        let json = "a plan, and how it was begun, are JSON";
        let now = Begun {
            plan: serde_json::to_vec_pretty(plan).expect(json),
            run: serde_json::to_vec_pretty(recorded).expect(json),
        };
        if now.plan.len() as u64 > LONGEST {
            let words = format!("the plan has more than {} MiB: use long params less often", LONGEST >> 20);
            return Err(named(&self.join("plan.json"), &io::Error::new(io::ErrorKind::FileTooLarge, words)));
        }
        let half = before.map(|before| Begun { plan: now.plan.clone(), run: before.run.clone() });
        let pairs = before.into_iter().chain(&half).chain([&now]);
        let seal: String = pairs.map(|pair| key.seal(pair) + "\n").collect();
        let files = [(SEAL, seal.as_bytes()), ("plan.json", &now.plan), ("run.json", &now.run)];
        let write = |(name, bytes): &(&str, &[u8])| -> io::Result<()> {
            let mut file = self.dir.create(format!("{WRITING}{name}"), 0o600)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        let named = |name: &str, error: &io::Error| named(&self.join(name), error);
        files.iter().try_for_each(|file| write(file).map_err(|error| named(file.0, &error)))?;
        for (name, _) in files {
            let renamed = self.dir.rename(format!("{WRITING}{name}"), &self.dir, name);
            renamed.map_err(|error| named(name, &error))?;
        }
        self.dir.sync().map_err(|error| named("", &error))?;
        Ok(now)
    }

    /// Removes what the run made, and the folder, which has this name in `parent`, if nothing else is in it; gives what was there.
    pub(crate) fn remove(self, parent: &Dir, name: &OsStr) -> io::Result<Contents> {
        // Before anything else, so that what is left after a kill is not taken for a run.
        drop(self.dir.create(REMOVING, 0o600)?);
        let removed = Contents::remove(&self.dir, &[REMOVING, "lock"])?;
        self.dir.remove_file(REMOVING)?;
        let beside = beside(name);
        // Aside first: a folder without a lock is nobody's, and would stay if this process ended now.
        let aside = removed.strange.is_empty() && parent.rename(name, parent, &beside).is_ok();
        self.dir.remove_file("lock")?;
        match parent.remove_dir(if aside { beside.as_ref() } else { name }) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            emptied => emptied?,
        }
        Ok(removed)
    }
}

/// What a folder is called until it has its lock: always the same, so that what a kill leaves is used the next time.
fn beside(name: &OsStr) -> String {
    format!(".{}.begun", name.to_string_lossy())
}

/// Why others may alter a folder while a run goes on in it, if they can.
pub(crate) fn shared(dir: &Dir) -> io::Result<Option<String>> {
    let about = dir.own_metadata()?;
    let chmod = || format!("its folder can be written by others; to change that: chmod go-w {}", dir.path().display());
    Ok(match ([rustix::process::geteuid().as_raw(), 0].contains(&about.uid()), about.mode() & 0o022) {
        (false, _) => Some(format!("its folder belongs to another user, {}", about.uid())),
        (true, 0) => None,
        (true, _) => Some(chmod()),
    })
}

/// Opens the folder of a run that was begun.
pub(crate) fn open(path: &Path) -> Result<Dir, RunError> {
    let not_a_run = |help: Help| {
        let message = format!("`{}` is not a run's folder", path.display());
        RunError::new(Class::Pipeline, message).help(help)
    };
    let listed = || Help::from("`callboard runs list` shows those that are here");
    let dir = match Dir::open(path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Err(not_a_run(listed()));
        }
        dir => dir.map_err(|error| RunError::system("open", path, &error))?,
    };
    let again = |text: &str| Help::from(text).and("run the pipeline again: ").set(Setting::RunAgain(path.to_owned()));
    match State::of(&dir).map_err(|error| RunError::system("read", path, &error))? {
        State::Run => Ok(dir),
        State::Begun => {
            let message =
                format!("the run in `{}` was stopped before its plan was written: nothing is done", path.display());
            Err(RunError::new(Class::Pipeline, message).help(again("")))
        }
        State::Removing => {
            let message = format!("the run in `{}` is being removed", path.display());
            let help = again(&format!("remove the rest: callboard runs remove {}\nor ", path.display()));
            Err(RunError::new(Class::Pipeline, message).help(help))
        }
        State::Empty => Err(not_a_run(again(""))),
        State::Foreign => Err(not_a_run(listed())),
    }
}

/// How the run of a folder was begun: the bytes, and what they say. Nothing proves it yet.
pub(crate) fn recorded(dir: &Dir) -> Result<(Begun, Plan, Recorded), RunError> {
    let begun = begun(dir)?;
    let (plan, recorded) = parsed(&begun, dir.path())?;
    Ok((begun, plan, recorded))
}

/// The bytes alone.
pub(crate) fn begun(dir: &Dir) -> Result<Begun, RunError> {
    let read = |name: &str| -> Result<Vec<u8>, RunError> {
        let path = dir.path().join(name);
        let mut bytes = Vec::new();
        let read = dir.file(name).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        read.map_err(|error| RunError::system("read", &path, &error))?;
        Ok(bytes)
    };
    Ok(Begun { plan: read("plan.json")?, run: read("run.json")? })
}

/// What the steps of a run declared, if it is written down.
pub(crate) fn declarations(dir: &Dir) -> Result<Option<Declarations>, RunError> {
    let path = dir.path().join(COLUMNS);
    let mut json = Vec::new();
    let read = dir.file(COLUMNS).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut json));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| RunError::system("read", &path, &error))?,
    };
    let damaged = |why: String| {
        RunError::new(Class::System, format!("`{}` is damaged: {why}", path.display())).help("run the pipeline again")
    };
    if json.len() as u64 > LONGEST {
        return Err(damaged(format!("it has more than {} MiB", LONGEST >> 20)));
    }
    let read: Declarations = serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(read).filter(|read| read.format == FORMAT))
}

/// How a run was begun, from the bytes of its file; `path` is for the error.
pub(crate) fn parsed(begun: &Begun, path: &Path) -> Result<(Plan, Recorded), RunError> {
    let damaged = |name: &str, why: String| {
        RunError::new(Class::System, format!("`{}` is damaged: {why}", path.join(name).display()))
            .help("run the pipeline again")
    };
    for (name, bytes) in [("plan.json", &begun.plan), ("run.json", &begun.run)] {
        if bytes.len() as u64 > LONGEST {
            return Err(damaged(name, format!("it has more than {} MiB", LONGEST >> 20)));
        }
    }
    let text = |name, bytes| std::str::from_utf8(bytes).map_err(|error| damaged(name, error.to_string()));
    let run = text("run.json", &begun.run)?;
    let format = format_of(run).map_err(|error| damaged("run.json", error.to_string()))?;
    if format != FORMAT {
        let message = format!(
            "the run in `{}` was begun by another version of Callboard: its folder has format {format}, and this one reads {FORMAT}",
            path.display()
        );
        let help = "resume it with the version that began it, or run the pipeline again";
        return Err(RunError::new(Class::System, message).help(help));
    }
    let plan = Plan::from_json(text("plan.json", &begun.plan)?);
    let plan = plan.map_err(|error| damaged("plan.json", error.to_string()))?;
    let recorded = serde_json::from_str(run);
    Ok((plan, recorded.map_err(|error| damaged("run.json", error.to_string()))?))
}
