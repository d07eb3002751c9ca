//! What tasks leave in a work place, and how it counts: a manifest each, the first one.
//!
//! In a folder an attempt works where it leaves its files, and its manifest is put in place by `link(2)`. In a store it works in a copy, puts its
//! files beside those of other attempts, and then makes the manifest if there is none.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;

use callboard_io::beneath::{Dir, Kind};
use callboard_io::{Made, StoreFolder};
use callboard_plan::TaskId;

use super::place::{Place, TASKS, read};
use super::task::Lasts;
use super::transfer;
use super::work_place::{FAILURES, MANIFESTS};
use crate::error::{Class, RunError};
use crate::global::wanted;
use crate::store::DONE;
use crate::store::frames::{COMING, FrameFile};
use crate::store::lengths::LENGTHS;
use crate::store::records::{Manifest, TaskFailure};

const MANIFEST: &str = "manifest.json";
const FAILED: &str = "failed.json";
/// What the headers of a segment are called, after its name.
const HEADS: &str = ".heads";
/// How the folder of an attempt is called, before its digits.
const ATTEMPT: &str = "attempt-";
/// Where it leaves rows by key, and what was done of them.
pub(super) const PARTS: &str = "parts";
/// What of an attempt's folder others read.
const LEFT: [&str; 6] = ["spill", PARTS, "rejects", "outputs", "work", LENGTHS];
/// No file of a task is longer than this, bytes.
const LONGEST: u64 = 64 << 20;

/// A new name for an attempt.
pub(super) fn new_attempt() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("{ATTEMPT}{:016x}", std::hash::RandomState::new().build_hasher().finish())
}

/// Whether the folder of an attempt is called so.
pub(super) fn is_attempt(name: &str) -> bool {
    name.strip_prefix(ATTEMPT).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Place {
    fn unread(&self, name: &str, error: &io::Error) -> RunError {
        RunError::system("read", &self.dir.path().join(name), error)
    }

    fn unwritten(&self, error: &io::Error) -> RunError {
        RunError::system("write to the work place", self.dir.path(), error)
    }

    /// What a task left, if it has ended and that is there.
    pub(super) fn manifest(&self, id: TaskId) -> Result<Option<Manifest>, RunError> {
        let (name, found) = match &self.store {
            None => {
                let name = format!("{TASKS}/{id}/{MANIFEST}");
                let found = found(&self.dir, &name).map_err(|error| self.unread(&name, &error))?;
                (self.dir.path().join(name), found)
            }
            Some(store) => {
                let name = format!("{MANIFESTS}/{id}.json");
                let found = match store.read(&name, LONGEST)? {
                    None => Found::Nothing,
                    // What is damaged fits no task.
                    Some(json) => {
                        serde_json::from_slice(&json).map_or(Found::Lost, |found| Found::Whole(Box::new(found)))
                    }
                };
                (self.name.join(name), found)
            }
        };
        let manifest = match found {
            Found::Nothing => return Ok(None),
            Found::Lost if self.store.is_none() => return Ok(None),
            Found::Lost => None,
            Found::Whole(manifest) => Some(*manifest).filter(|manifest| self.fits(id, manifest)),
        };
        manifest.map(Some).ok_or_else(|| {
            let message = format!("`{}` is damaged: it is not what task {id} leaves", name.display());
            let again = "remove it, and the task runs again";
            RunError::new(Class::System, message).help(match self.store {
                Some(_) => again.to_owned(),
                None => format!("{again}: rm {}", name.display()),
            })
        })
    }

    /// Which of some tasks may have a manifest: all of them, where asking for each is as good as asking for all.
    pub(super) fn may_have_ended(&self, tasks: Vec<TaskId>) -> Result<Vec<TaskId>, RunError> {
        self.listed(MANIFESTS, tasks)
    }

    /// The same, of those that may have failed.
    pub(super) fn may_have_failed(&self, tasks: Vec<TaskId>) -> Result<Vec<TaskId>, RunError> {
        self.listed(FAILURES, tasks)
    }

    fn listed(&self, folder: &str, tasks: Vec<TaskId>) -> Result<Vec<TaskId>, RunError> {
        let Some(store) = &self.store else { return Ok(tasks) };
        if tasks.is_empty() {
            return Ok(tasks);
        }
        let listed: BTreeSet<String> = store.list(&format!("{folder}/"))?.into_iter().map(|found| found.name).collect();
        Ok(tasks.into_iter().filter(|task| listed.contains(&format!("{folder}/{task}.json"))).collect())
    }

    /// Whether a manifest names what its task may leave, and nothing else: names lead to files.
    fn fits(&self, id: TaskId, manifest: &Manifest) -> bool {
        let Ok(group) = self.group(id) else { return false };
        let ended = &manifest.ended;
        let rejects = ended.rejects.keys().all(|node| group.writes(node));
        let outputs = ended.outputs.keys().eq(group.outputs.iter().collect::<BTreeSet<_>>());
        let steps = ended.cost.steps.keys().eq(group.steps.iter().collect::<BTreeSet<_>>());
        is_attempt(&manifest.attempt)
            && rejects
            && outputs
            && steps
            && ended.spills.keys().all(|feed| group.writes(&feed.node))
    }

    /// Begins an attempt: what failed before may not fail now.
    pub(super) fn begin(&self, id: TaskId) -> Result<(), RunError> {
        match &self.store {
            Some(store) => Ok(store.remove(vec![format!("{FAILURES}/{id}.json")])?),
            None => {
                let folder = self.dir.make_dir(format!("{TASKS}/{id}"), 0o700);
                folder.and_then(|folder| folder.remove_file(FAILED)).map_err(|error| self.unwritten(&error))
            }
        }
    }

    /// Leaves what an attempt did, with its manifest, if the task has none: whether this is now the one that counts.
    pub(super) fn leave(&self, id: TaskId, mut manifest: Manifest, lasts: Lasts) -> Result<bool, RunError> {
        let attempt = format!("{TASKS}/{id}/{}", manifest.attempt);
        if let Some(store) = &self.store {
            let mut names = Vec::new();
            for folder in LEFT {
                let below = transfer::below(&self.dir, &format!("{attempt}/{folder}"));
                names.extend(below.map_err(|error| self.unread(&attempt, &error))?);
            }
            names.extend(self.heads(&names).map_err(|error| self.unread(&attempt, &error))?);
            transfer::send(store, &self.dir, &names)?;
            return Ok(store.make(&format!("{MANIFESTS}/{id}.json"), &json(&manifest))? == Made::Now);
        }
        manifest.boot = if lasts == Lasts::UntilRestart { boot() } else { None };
        let left = || {
            if manifest.boot.is_none() {
                synced(&self.dir.dir(&attempt)?)?;
            }
            self.link(id, &manifest)
        };
        left().map_err(|error| self.unwritten(&error))
    }

    fn link(&self, id: TaskId, manifest: &Manifest) -> io::Result<bool> {
        let dir = self.dir.dir(format!("{TASKS}/{id}"))?;
        let beside = format!("{}/{MANIFEST}", manifest.attempt);
        let mut file = dir.create_new(&beside, 0o600)?;
        file.write_all(&json(manifest))?;
        let is_durable = manifest.boot.is_none();
        if is_durable {
            file.sync_all()?;
        }
        if matches!(found(&dir, MANIFEST)?, Found::Lost) {
            dir.remove_file(MANIFEST)?;
        }
        match dir.hard_link(&beside, &dir, MANIFEST) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            linked => linked?,
        }
        dir.remove_file(&beside)?;
        if is_durable {
            dir.sync()?;
        }
        Ok(true)
    }

    /// Removes what an attempt did that does not count, as far as that is possible.
    pub(super) fn take_back(&self, id: TaskId, attempt: &str) {
        let attempt = format!("{TASKS}/{id}/{attempt}");
        match &self.store {
            None => drop(self.dir.remove_all(&attempt)),
            Some(store) => {
                let store = store.unstopped();
                let names = store.list(&format!("{attempt}/")).unwrap_or_default();
                let _ = store.remove(names.into_iter().map(|found| found.name).collect());
            }
        }
    }

    /// Writes down why an attempt failed, as far as that is possible.
    pub(super) fn fail(&self, id: TaskId, failure: &TaskFailure) {
        let json = serde_json::to_vec(failure).expect("a failure is JSON");
        match &self.store {
            None => drop(self.dir.write_whole(format!("{TASKS}/{id}/{FAILED}"), &json, 0o600)),
            Some(store) => drop(store.unstopped().put(&format!("{FAILURES}/{id}.json"), &json)),
        }
    }

    /// Why the last attempt at a task failed, if it did and that can be read.
    pub(super) fn failure(&self, id: TaskId) -> Option<TaskFailure> {
        match &self.store {
            None => read(&self.dir, &format!("{TASKS}/{id}/{FAILED}")).ok().flatten().flatten(),
            Some(store) => serde_json::from_slice(&store.read(&format!("{FAILURES}/{id}.json"), LONGEST).ok()??).ok(),
        }
    }

    /// Writes the headers of large segments and logs beside them, for whoever reads a part of them: the names of these files.
    fn heads(&self, names: &[String]) -> io::Result<Vec<String>> {
        let mut heads = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".segment") || name.ends_with(".log")) {
            let file = FrameFile::open(self.dir.path().join(name))?;
            if file.size()? > COMING {
                let beside = format!("{name}{HEADS}");
                self.dir.create_new(&beside, 0o600)?.write_all(&file.heads()?)?;
                heads.push(beside);
            }
        }
        Ok(heads)
    }

    /// Opens a segment that a task left, by its name from the work place. If it is a large one in a store, what is read is brought here.
    pub(super) fn segment(&self, name: &str) -> io::Result<FrameFile> {
        segment(self.store.as_ref(), &self.dir, name)
    }

    /// Has files that tasks left where they are read, by their names from the work place.
    pub(super) fn bring(&self, names: &[impl AsRef<str> + Sync]) -> Result<(), RunError> {
        self.store.as_ref().map_or(Ok(()), |store| transfer::fetch(store, &self.dir, names, false))
    }

    /// The same of all files below a folder.
    pub(super) fn bring_all(&self, folder: &str) -> Result<(), RunError> {
        self.store.as_ref().map_or(Ok(()), |store| transfer::fetch_all(store, &self.dir, folder))
    }

    /// The same of the rows in some folders that a share of their parts takes: of large files only what is read.
    pub(super) fn bring_parts(&self, folders: &[String], share: (u32, u32)) -> Result<(), RunError> {
        let Some(store) = &self.store else { return Ok(()) };
        transfer::side_by_side(transfer::AT_ONCE, folders, |folder| {
            transfer::fetch(store, &self.dir, &[format!("{folder}/{DONE}")], false)?;
            let wanted = wanted(&self.dir.path().join(folder), share).ok_or_else(|| {
                RunError::new(
                    Class::System,
                    format!("what a task left in `{}` is damaged", self.name.join(folder).display()),
                )
            })?;
            wanted.iter().try_for_each(|(name, ranges)| {
                transfer::fetch_ranges(store, &self.dir, &format!("{folder}/{name}"), ranges)
            })
        })
    }
}

/// What helps where something that a task left is not what it wrote.
pub(super) fn runs_again(task: TaskId, is_remote: bool) -> String {
    let manifest = match is_remote {
        true => format!("{MANIFESTS}/{task}.json"),
        false => format!("{TASKS}/{task}/{MANIFEST}"),
    };
    format!("without `{manifest}`, the task runs again")
}

/// As [`Place::segment`], of a folder, or of a copy of what is in a store; logs are such segments, too.
pub(super) fn segment(store: Option<&StoreFolder>, dir: &Dir, name: &str) -> io::Result<FrameFile> {
    let path = dir.path().join(name);
    let Some(store) = store else { return FrameFile::open(path) };
    if let Some(heads) = store.read(&format!("{name}{HEADS}"), LONGEST).map_err(io::Error::other)? {
        let (folder, _) = name.rsplit_once('/').unwrap_or(("", name));
        dir.make_dir(folder, 0o700)?;
        let (store, dir, name) = (store.clone(), dir.clone(), name.to_owned());
        let bring = move |ranges: &[Range<u64>]| {
            let file = dir.file_to_write(&name)?;
            store.fetch_ranges(&name, ranges, &file).map_err(io::Error::other)
        };
        return FrameFile::coming(path, &heads, Box::new(bring));
    }
    transfer::fetch(store, dir, &[name], false).map_err(io::Error::other)?;
    FrameFile::open(path)
}

fn json(manifest: &Manifest) -> Vec<u8> {
    serde_json::to_vec(manifest).expect("a manifest is JSON")
}

/// What is found in a manifest's place.
enum Found {
    Nothing,
    /// One that was not on the disk when the machine was started again, or whose rows need not have been.
    Lost,
    Whole(Box<Manifest>),
}

fn found(dir: &Dir, name: &str) -> io::Result<Found> {
    Ok(match read::<Manifest>(dir, name)? {
        None => Found::Nothing,
        Some(Some(manifest)) if manifest.boot.is_none() || manifest.boot == boot() => Found::Whole(Box::new(manifest)),
        Some(_) => Found::Lost,
    })
}

/// The number that the system gave to its last start.
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Waits until what a task leaves is on the disk.
fn synced(dir: &Dir) -> io::Result<()> {
    for (name, kind) in dir.entries()? {
        match kind {
            Kind::Folder => synced(&dir.dir(&name)?)?,
            Kind::File => std::fs::File::sync_all(&dir.file(&name)?)?,
            _ => {}
        }
    }
    dir.sync()
}
