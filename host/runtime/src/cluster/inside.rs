//! A run in a store's work place, looked at: a copy of the few files about it, and of the logs of its tasks what is read of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use callboard_io::StoreFolder;
use callboard_io::beneath::Dir;
use callboard_plan::TaskId;
use callboard_words::address::split;
use tokio_util::sync::CancellationToken;

use super::left::{is_attempt, segment};
use super::place::{TASKS, WORK, read};
use super::transfer;
use super::work_place::{KEPT, LONGEST, Looked, MANIFESTS, WorkPlace};
use crate::error::{Class, RunError};
use crate::store::Work;
use crate::store::lengths::LENGTHS;
use crate::store::records::{Header, Manifest, Sliced};
use crate::store::work;

/// What is known of such a run.
pub(crate) struct Inside {
    looked: Looked,
    store: StoreFolder,
    dir: Dir,
    headers: BTreeMap<String, Header>,
    /// By step, the names of the logs of its work.
    logs: BTreeMap<String, Vec<String>>,
    /// The work that was asked for.
    works: Mutex<HashMap<String, Option<Arc<Work>>>>,
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store.path())
    }
}

impl Inside {
    /// Looks at the run that an address names; `None` if the name is a path of this machine.
    pub(crate) fn of(name: &Path, cache: &Path, cancel: &CancellationToken) -> Result<Option<Inside>, RunError> {
        if name.to_str().is_none_or(|name| split(name).is_none()) {
            return Ok(None);
        }
        let work = WorkPlace::find(name, cache, cancel)?;
        let Some(store) = work.store.clone() else { return Ok(None) };
        let looked = work.look()?;
        let dir = Dir::open(looked.folder()).map_err(|error| RunError::system("open", looked.folder(), &error))?;
        transfer::fetch_all(&store, &dir, LENGTHS)?;
        let sliced = read::<Sliced>(&dir, WORK).map_err(|error| RunError::unread("how a run is cut", &error))?;
        let attempts: BTreeSet<String> = match store.read(KEPT, LONGEST)? {
            Some(kept) => serde_json::from_slice(&kept).unwrap_or_default(),
            None => attempts(&store)?,
        };
        let mut logs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for found in store.list(&format!("{TASKS}/"))? {
            let parts: Vec<&str> = found.name.split('/').collect();
            let [_, task, attempt, folder, step, log] = parts[..] else { continue };
            // Names lead to files of the copy.
            let is_one = task.parse::<TaskId>().is_ok() && is_attempt(attempt) && folder == work::WORK;
            if is_one && log == work::FIRST_LOG && attempts.contains(&format!("{TASKS}/{task}/{attempt}")) {
                logs.entry(step.to_owned()).or_default().push(found.name);
            }
        }
        let headers = sliced.flatten().map(|sliced| sliced.work).unwrap_or_default();
        Ok(Some(Inside { looked, store, dir, headers, logs, works: Mutex::default() }))
    }

    /// The folder with the copy.
    pub(crate) fn folder(&self) -> &Path {
        self.looked.folder()
    }

    /// The work of a step, to be read; `None` if there is none.
    pub(crate) fn work(&self, step: &str, schema: &SchemaRef) -> Result<Option<Arc<Work>>, RunError> {
        let mut works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(work) = works.get(step) {
            return Ok(work.clone());
        }
        let open = || -> io::Result<Option<Arc<Work>>> {
            let (Some(header), Some(logs)) = (self.headers.get(step), self.logs.get(step)) else { return Ok(None) };
            let files = logs.iter().map(|log| segment(Some(&self.store), &self.dir, log));
            let folder = self.folder().join(work::WORK).join(step);
            Work::of_files(folder, header.clone(), schema.clone(), files).map(|work| Some(Arc::new(work)))
        };
        let work = open().map_err(|error| RunError::unread("the work of a step", &error).in_step(step))?;
        works.insert(step.to_owned(), work.clone());
        Ok(work)
    }
}

/// The attempts that count of the tasks that have ended, of a run that has not.
fn attempts(store: &StoreFolder) -> Result<BTreeSet<String>, RunError> {
    let mut attempts = BTreeSet::new();
    for found in store.list(&format!("{MANIFESTS}/"))? {
        let task = found.name.strip_prefix(&format!("{MANIFESTS}/")).and_then(|name| name.strip_suffix(".json"));
        let Some(task) = task.and_then(|task| task.parse::<TaskId>().ok()) else { continue };
        // It may be gone by now, where the run ends at this moment.
        let Some(json) = store.read(&found.name, LONGEST)? else { continue };
        let manifest: Manifest = serde_json::from_slice(&json).map_err(|_| {
            let message = format!("`{}/{}` is damaged", store.path(), found.name);
            RunError::new(Class::System, message).help("remove it, and the task runs again")
        })?;
        attempts.insert(attempt(task, &manifest));
    }
    Ok(attempts)
}

/// The folder of the attempt that counts, from the work place.
pub(super) fn attempt(task: TaskId, manifest: &Manifest) -> String {
    format!("{TASKS}/{task}/{}", manifest.attempt)
}
