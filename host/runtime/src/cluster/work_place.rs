//! A work place as people name it: a folder, or a folder of a store.
//!
//! If it is in a store, each process has a copy on its machine, of the files that it needs: a driver one that stays until the run has finished
//! ([`WorkPlace::lock`]), a task one for itself ([`WorkPlace::copy`]), and whoever only looks, the few files about the run
//! ([`WorkPlace::look`]). All of it lies in the cache but the last.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use callboard_io::beneath::{Dir, Kind};
use callboard_io::{Made, Stop, StoreFolder};
use callboard_sandbox::cache_dir;
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash3_128;

use super::lease::{is_of_here, last};
use super::place::{TASKS, WORK, is_work_place};
use super::transfer;
use crate::error::{Class, RunError};
use crate::run::end_uploads;
use crate::store::lengths::LENGTHS;
use crate::store::work::{KEY, WORK as WORK_LOGS};
use crate::store::{Folder, is_held};
use crate::tell::report::{Report, Status};
use crate::tell::runs::{RemovedRun, RunState, RunSummary, remove_run, run_report};

/// What stands at the top of a work place, with [`RUN`] and [`WORK`]: the former is put into a store last, the latter into a copy.
const TOP: [&str; 4] = ["seal", PLAN, "columns.json", JOURNAL];
const PLAN: &str = "plan.json";
const RUN: &str = "run.json";
const JOURNAL: &str = "journal";
const COMPONENTS: &str = "components";
/// What a driver leaves there when it ends, before the journal that says how.
const FOR_PEOPLE: [&str; 3] = [REPORT, "report.html", "rejects.jsonl"];
const REPORT: &str = "report.json";
/// What says which attempts have the logs that are kept, by their folders.
pub(super) const KEPT: &str = "kept.json";
/// Folders of a store's work place.
pub(super) const MANIFESTS: &str = "manifests";
pub(super) const FAILURES: &str = "failed";
pub(super) const DRIVERS: &str = "drivers";
/// In the cache: copies.
const COPIES: &str = "places";
/// How the copy of a task is called there, before its digits.
const OF_TASK: &str = "task-";
/// No file at the top is longer, bytes.
pub(super) const LONGEST: u64 = 64 << 20;
/// A driver that has said nothing for so long goes on no more, as far as clocks agree.
const SILENT: Duration = Duration::from_secs(60);

/// A work place, found.
#[derive(Clone, Debug)]
pub struct WorkPlace {
    name: PathBuf,
    folder: PathBuf,
    cache: PathBuf,
    pub(super) store: Option<StoreFolder>,
}

/// The few files about the run of a work place: in its folder, or in a copy that is gone with this.
#[derive(Debug)]
pub struct Looked {
    folder: PathBuf,
    _copy: Option<tempfile::TempDir>,
}

impl Looked {
    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A copy for a while.
pub(super) struct TaskCopy(Folder);

impl TaskCopy {
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TaskCopy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.path());
    }
}

impl WorkPlace {
    /// Finds the one that a path or an address names. Nothing is sent, and nothing made but the cache. Requests end when `cancel` says so.
    ///
    /// # Errors
    ///
    /// An address of no store; credentials that are not there; a cache that cannot be used.
    pub fn find(name: &Path, cache: &Path, cancel: &CancellationToken) -> Result<WorkPlace, RunError> {
        let cancel = cancel.clone();
        let store = StoreFolder::find(name, Stop::when(move || cancel.is_cancelled())).transpose()?;
        let (mut folder, mut named) = (name.to_owned(), name.to_owned());
        if let Some(store) = &store {
            let digest = XxHash3_128::oneshot(store.path().as_bytes());
            folder = cache_dir(cache)?.path().join(COPIES).join(format!("{digest:032x}"));
            named = store.path().into();
        }
        Ok(WorkPlace { name: named, folder, cache: cache.to_owned(), store })
    }

    /// As it is named.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Its folder, or the driver's copy on this machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it is in a store.
    pub fn is_remote(&self) -> bool {
        self.store.is_some()
    }

    /// Whether there is room for a new one: whether nothing is there. What this machine has of an earlier one under this name is removed.
    ///
    /// # Errors
    ///
    /// The store cannot be asked.
    pub fn is_free(&self) -> Result<bool, RunError> {
        let Some(store) = &self.store else {
            return Ok(!self.folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()));
        };
        Ok(store.is_empty()? && self.forget().map(|()| true)?)
    }

    /// Removes the driver's copy of one that is in a store, and the note which driver was this machine's.
    ///
    /// # Errors
    ///
    /// A driver of this machine works in it; it cannot be removed.
    pub fn forget(&self) -> Result<(), RunError> {
        if !self.is_remote() {
            return Ok(());
        }
        if self.is_driven_here() {
            let message = format!("a process of this machine drives the tasks of `{}`", self.name.display());
            return Err(RunError::new(Class::Pipeline, message).help("wait for it, or stop it first"));
        }
        let _ = std::fs::remove_file(self.note());
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(RunError::system("remove a copy of the work place", &self.folder, &error))
            }
            _ => Ok(()),
        }
    }

    /// Whether a driver works in the copy of this machine.
    fn is_driven_here(&self) -> bool {
        Dir::open(&self.folder).is_ok_and(|dir| is_held(&dir))
    }

    /// Beside the driver's copy: which driver was this machine's.
    pub(super) fn note(&self) -> PathBuf {
        self.folder.with_added_extension("driver")
    }

    /// Puts what [`Run::place`](crate::Run::place) made where every process finds it.
    ///
    /// # Errors
    ///
    /// Somebody else was first; the store cannot be written, or does not say who was first.
    pub fn publish(&self) -> Result<(), RunError> {
        let Some(store) = &self.store else { return Ok(()) };
        self.published(store).inspect_err(|_| drop(self.forget()))
    }

    fn published(&self, store: &StoreFolder) -> Result<(), RunError> {
        let unread = |error: io::Error| RunError::system("read", &self.folder, &error);
        let dir = Dir::open(&self.folder).map_err(unread)?;
        if store.make(WORK, &dir.read(WORK).map_err(unread)?)? == Made::Before {
            let message = format!("`{}` is another run's by now", self.name.display());
            return Err(RunError::new(Class::Pipeline, message).help("name a new work place"));
        }
        store.prove(WORK)?;
        let mut names = TOP.map(str::to_owned).to_vec();
        if let Ok(components) = dir.dir(COMPONENTS) {
            let inside = components.entries().map_err(unread)?;
            names.extend(inside.iter().filter_map(|(name, _)| Some(format!("{COMPONENTS}/{}", name.to_str()?))));
        }
        transfer::send(store, &dir, &names)?;
        // Where this is, all of it is.
        transfer::send(store, &dir, &[RUN])
    }

    /// The driver's folder, locked: where the work place is in a store, the copy of this machine, made if it has none of this run.
    pub(super) fn lock(&self) -> Result<Folder, RunError> {
        if let Some(store) = &self.store {
            let there = store.read(WORK, LONGEST)?.ok_or_else(|| self.is_none())?;
            if std::fs::read(self.folder.join(WORK)).ok() != Some(there) {
                self.forget()?;
                let made = self.copied(store, &self.folder)?;
                // What earlier drivers have put together is on their machines.
                let begun = made.dir().remove_file(JOURNAL).and_then(|()| made.dir().make_dir("outputs", 0o700));
                begun.map_err(|error| RunError::system("write a copy of the work place", &self.folder, &error))?;
            }
        }
        Folder::lock(&self.folder)
    }

    /// Ends the work of a driver of this machine whose run had finished, and which was stopped before the store had its report.
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or refuses.
    pub fn catch_up(&self) -> Result<(), RunError> {
        let Some(store) = &self.store else { return Ok(()) };
        let finished = RunSummary::of(&self.folder).is_ok_and(|run| run.state == RunState::Finished);
        let here = std::fs::read(self.folder.join(WORK)).ok();
        match finished && here.is_some() && store.read(WORK, LONGEST)? == here {
            true => self.end(Status::Finished),
            false => Ok(()),
        }
    }

    /// Puts what the driver's copy has for people in the store.
    pub(super) fn leave_for_people(&self) -> Result<(), RunError> {
        let Some(store) = &self.store else { return Ok(()) };
        let dir = Dir::open(&self.folder).map_err(|error| RunError::system("open", &self.folder, &error))?;
        let lengths = transfer::below(&dir, LENGTHS).map_err(|error| RunError::system("read", &self.folder, &error))?;
        transfer::send(store, &dir, &lengths)?;
        transfer::send(store, &dir, &[KEPT])?;
        transfer::send(store, &dir, &FOR_PEOPLE)
    }

    /// Ends a driver's work: its report is put in the store, and if the run has finished, what tasks left there is removed, and the copy.
    pub(super) fn end(&self, status: Status) -> Result<(), RunError> {
        let Some(store) = &self.store else { return Ok(()) };
        let there = WorkPlace { store: Some(store.unstopped()), ..self.clone() };
        there.leave_for_people()?;
        let (Some(store), Ok(dir)) = (&there.store, Dir::open(&self.folder)) else { return Ok(()) };
        // With its last record the run has ended.
        transfer::send(store, &dir, &[JOURNAL])?;
        if status != Status::Finished {
            return Ok(());
        }
        // The logs of what tasks did are for whoever looks at the run.
        let kept: BTreeSet<String> =
            dir.read(KEPT).ok().and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default();
        let is_kept = |name: &str| {
            let parts = name.split_once(&format!("/{WORK_LOGS}/"));
            parts.is_some_and(|(attempt, _)| kept.contains(attempt)) && !name.ends_with(KEY)
        };
        for folder in [TASKS, MANIFESTS, FAILURES] {
            let left = store.list(&format!("{folder}/"))?.into_iter().map(|found| found.name);
            store.remove(left.filter(|name| !is_kept(name)).collect())?;
        }
        there.forget()
    }

    /// A copy for a task; `None` if it works in the folder itself.
    pub(super) fn copy(&self) -> Result<Option<TaskCopy>, RunError> {
        let Some(store) = &self.store else { return Ok(None) };
        let copies = cache_dir(&self.cache)?.path().join(COPIES);
        remove_lost(&copies);
        let name = format!("{OF_TASK}{:016x}", RandomState::new().build_hasher().finish());
        self.copied(store, &copies.join(name)).map(TaskCopy).map(Some)
    }

    /// What there is about its run.
    ///
    /// # Errors
    ///
    /// There is no work place in this store; it cannot be read.
    pub fn look(&self) -> Result<Looked, RunError> {
        let Some(store) = &self.store else { return Ok(Looked { folder: self.folder.clone(), _copy: None }) };
        let unwritten = |error: io::Error| RunError::unwritten("make a temporary folder", &error);
        let copy = tempfile::tempdir().map_err(unwritten)?;
        let folder = copy.path().join("run");
        let made = self.copied(store, &folder)?;
        transfer::fetch(store, made.dir(), &FOR_PEOPLE, true)?;
        Ok(Looked { folder, _copy: Some(copy) })
    }

    /// A new folder with what stands at the top.
    fn copied(&self, store: &StoreFolder, folder: &Path) -> Result<Folder, RunError> {
        let made = Folder::create(folder)?;
        let copied = || {
            let components = store.list(&format!("{COMPONENTS}/"))?.into_iter().map(|found| found.name);
            let names: Vec<String> = TOP.map(str::to_owned).into_iter().chain(components).collect();
            transfer::fetch(store, made.dir(), &names, true)?;
            // In this order: what is cut off here is no run's folder, and no copy.
            [RUN, WORK].into_iter().try_for_each(|name| transfer::fetch(store, made.dir(), &[name], true))?;
            let has = |name: &str| made.dir().kind(name).is_ok_and(|kind| kind == Some(Kind::File));
            if [PLAN, RUN, WORK].into_iter().all(has) { Ok(()) } else { Err(self.is_none()) }
        };
        match copied() {
            Ok(()) => Ok(made),
            Err(error) => {
                drop(TaskCopy(made));
                Err(error)
            }
        }
    }

    fn is_none(&self) -> RunError {
        let message =
            format!("`{}` is no work place, or `submit` was stopped before all of it was there", self.name.display());
        let help = format!(
            "`callboard submit` makes one; to remove what is left: callboard runs remove {}",
            self.name.display()
        );
        RunError::new(Class::Pipeline, message).help(help)
    }

    /// Where its run stands.
    ///
    /// # Errors
    ///
    /// As of [`RunSummary::of`] and [`look`](Self::look).
    pub fn summary(&self, looked: &Looked) -> Result<RunSummary, RunError> {
        let summary = RunSummary::of(looked.folder())?;
        let Some(store) = &self.store else { return Ok(summary) };
        let goes_on = summary.state != RunState::Finished && self.driver(store)?.is_some();
        let state = if goes_on { RunState::Running } else { summary.state };
        let bytes = store.list("")?.iter().map(|object| object.bytes).sum();
        Ok(RunSummary { folder: self.name.clone(), state, bytes, ..summary })
    }

    /// The machine of the driver that goes on, and how long ago it said so; `None` if there is none, as far as that can be known.
    fn driver(&self, store: &StoreFolder) -> Result<Option<(String, Duration)>, RunError> {
        let Some((file, Some(held))) = last(store)? else { return Ok(None) };
        // This machine knows of its own.
        let is_gone = || is_of_here(&self.note(), &held) && !self.is_driven_here();
        if held.ended || is_gone() {
            return Ok(None);
        }
        let since = SystemTime::now().duration_since(file.written).unwrap_or_default();
        Ok((since < SILENT).then_some((held.host, since)))
    }

    /// The report of its run, if it has finished.
    pub fn finished(&self) -> Option<Report> {
        let report = match &self.store {
            None => run_report(&self.folder),
            Some(store) => serde_json::from_slice(&store.read(REPORT, LONGEST).ok()??).ok(),
        };
        report.filter(|report| report.status == Status::Finished)
    }

    /// Whether no driver works in it that has not ended: in a folder as far as its lock tells, in a store as far as drivers say.
    pub fn is_at_rest(&self) -> bool {
        let Some(store) = &self.store else { return !self.is_driven_here() };
        match last(store) {
            Ok(last) => last.and_then(|(_, held)| held).is_none_or(|held| held.ended),
            Err(_) => false,
        }
    }

    /// Removes it, and what this machine has of it.
    ///
    /// # Errors
    ///
    /// As of [`remove_run`] and [`end_uploads`]; there is none in this store; a driver goes on; the store cannot be asked, or refuses.
    pub fn remove(&self) -> Result<RemovedRun, RunError> {
        let Some(store) = &self.store else {
            end_uploads(&self.folder, &self.cache)?;
            return remove_run(&self.folder);
        };
        let all = store.list("")?;
        let (ours, strange): (Vec<_>, Vec<_>) = all.into_iter().partition(|object| is_made(&object.name));
        if ours.is_empty() {
            return Err(self.is_none());
        }
        if let Some((host, since)) = self.driver(store)? {
            let (name, said) = (self.name.display(), since.as_secs());
            let message = format!("a driver of `{name}` goes on: {host} said so {said} s ago");
            let help = format!(
                "stop it first; if it was killed there, it counts as gone in {} s, or at once on that machine: \
                 callboard runs remove {name}",
                SILENT.saturating_sub(since).as_secs() + 1
            );
            return Err(RunError::new(Class::Pipeline, message).help(help));
        }
        end_uploads(&self.folder, &self.cache)?;
        self.forget()?;
        // First, so that nobody begins; the plan last, so that what is left by a kill is still known.
        store.remove(vec![WORK.to_owned()])?;
        store.end_uploads()?;
        let names = || ours.iter().map(|object| object.name.clone());
        store.remove(names().filter(|name| name != PLAN).collect())?;
        store.remove(vec![PLAN.to_owned()])?;
        let freed = ours.iter().map(|object| object.bytes).sum();
        Ok(RemovedRun { freed, left: strange.into_iter().map(|object| object.name.into()).collect() })
    }

    /// Whether it is one: whether [`Run::place`](crate::Run::place) made it.
    pub fn is_there(&self) -> bool {
        match &self.store {
            None => is_work_place(&self.folder),
            Some(store) => store.read(RUN, LONGEST).is_ok_and(|run| run.is_some()),
        }
    }
}

/// Whether an object of this name is a work place's.
fn is_made(name: &str) -> bool {
    let folder = name.split_once('/').map(|(folder, _)| folder);
    match folder {
        None => [RUN, WORK, KEPT].contains(&name) || TOP.contains(&name) || FOR_PEOPLE.contains(&name),
        Some(folder) => [COMPONENTS, TASKS, MANIFESTS, FAILURES, DRIVERS, LENGTHS].contains(&folder),
    }
}

/// Removes the copies of tasks that were killed. Whatever cannot be looked at is left.
fn remove_lost(copies: &Path) {
    let Ok(dir) = Dir::open(copies) else { return };
    let is_of_task = |name: &OsStr| name.as_encoded_bytes().starts_with(OF_TASK.as_bytes());
    for (name, kind) in dir.entries().unwrap_or_default() {
        let lost =
            || dir.dir(&name).is_ok_and(|copy| copy.kind("lock").is_ok_and(|lock| lock.is_some()) && !is_held(&copy));
        if kind == Kind::Folder && is_of_task(&name) && lost() {
            let _ = dir.remove_all(&name);
        }
    }
}
