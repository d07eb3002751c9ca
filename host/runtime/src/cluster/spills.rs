//! The rows that tasks left for a task: in their folders, read where they lie; those of a store, in copies of the files that are read.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use callboard_plan::{Cut, Feed, Group, TaskId};

use super::left::runs_again;
use super::place::{Place, TASKS};
use crate::error::{Class, RunError};
use crate::prepare::Prepared;
use crate::store::frames::COMING;
use crate::store::records::Manifest;
use crate::store::{Quota, Spill, spill};

/// What the tasks before a task left.
pub(super) struct Spills<'a> {
    place: &'a Place,
    run: &'a Prepared,
    manifests: HashMap<TaskId, Manifest>,
    written: HashMap<(TaskId, Feed), Arc<Spill>>,
    read: HashMap<(TaskId, Feed), Arc<Spill>>,
    /// Whether the task reads a part of the rows, most likely.
    reads_parts: bool,
}

impl<'a> Spills<'a> {
    /// For a task of this group.
    pub(super) fn new(place: &'a Place, run: &'a Prepared, group: &Group) -> Spills<'a> {
        let (manifests, written, read) = (HashMap::new(), HashMap::new(), HashMap::new());
        Spills { place, run, manifests, written, read, reads_parts: group.slices() > 1 }
    }

    /// The rows of other groups that a task reads, by feed.
    pub(super) fn of(&mut self, id: TaskId) -> Result<HashMap<Feed, Arc<Spill>>, RunError> {
        let feeds: Vec<Feed> = self.place.group(id)?.feeds(&self.place.plan).into_iter().cloned().collect();
        feeds.into_iter().map(|feed| Ok((feed.clone(), self.read(id, &feed)?))).collect()
    }

    /// The rows of a feed that a task reads: all that its writers left, or the task's share of it.
    fn read(&mut self, id: TaskId, feed: &Feed) -> Result<Arc<Spill>, RunError> {
        if let Some(spill) = self.read.get(&(id, feed.clone())) {
            return Ok(spill.clone());
        }
        let mut ranges = Vec::new();
        let mut first = 0;
        let share = self.share(id, feed)?;
        for writer in self.writers(feed) {
            let frames = self.frames(writer, feed)?;
            let (from, to) = (share.start.clamp(first, first + frames), share.end.clamp(first, first + frames));
            if from < to {
                ranges.push((self.written(writer, feed)?, from - first..to - first));
            }
            first += frames;
        }
        let spill = match &ranges[..] {
            [(whole, range)] if *range == (0..whole.frames()) => whole.clone(),
            _ => Arc::new(Spill::joined(feed.clone(), self.run.schema(feed).clone(), ranges)),
        };
        self.read.insert((id, feed.clone()), spill.clone());
        Ok(spill)
    }

    /// The frames of a feed that a task reads, by their places in all that its writers left.
    fn share(&mut self, id: TaskId, feed: &Feed) -> Result<Range<usize>, RunError> {
        let Cut::Rows { feeds, slices } = self.place.group(id)?.cut.clone() else { return Ok(0..usize::MAX) };
        let (mut all, mut before) = (0, 0);
        for appended in &feeds {
            if appended == feed {
                before = all;
            }
            for writer in self.writers(appended) {
                all += self.frames(writer, appended)?;
            }
        }
        let at = |slice: u32| (all as u128 * u128::from(slice) / u128::from(slices)) as usize;
        Ok(at(id.slice).saturating_sub(before)..at(id.slice + 1).saturating_sub(before))
    }

    /// The tasks that write a feed.
    fn writers(&self, feed: &Feed) -> Vec<TaskId> {
        self.place.writer(feed).into_iter().flat_map(|group| group.tasks()).collect()
    }

    fn manifest(&mut self, id: TaskId) -> Result<&Manifest, RunError> {
        if !self.manifests.contains_key(&id) {
            let manifest = self.place.manifest(id)?.ok_or_else(|| {
                let message = format!("it reads what task {id} leaves, and that has not ended");
                RunError::new(Class::System, message).help("tasks run in the order of their groups")
            })?;
            self.manifests.insert(id, manifest);
        }
        Ok(&self.manifests[&id])
    }

    /// The folder of a task's attempt that counts, from the work place.
    pub(super) fn attempt(&mut self, id: TaskId) -> Result<String, RunError> {
        Ok(format!("{TASKS}/{id}/{}", self.manifest(id)?.attempt))
    }

    fn frames(&mut self, id: TaskId, feed: &Feed) -> Result<usize, RunError> {
        let sealed = self.manifest(id)?.ended.spills.get(feed);
        sealed.map(|sealed| sealed.frames as usize).ok_or_else(|| missing(id, feed))
    }

    /// The rows of a feed as a task left them.
    fn written(&mut self, id: TaskId, feed: &Feed) -> Result<Arc<Spill>, RunError> {
        if let Some(spill) = self.written.get(&(id, feed.clone())) {
            return Ok(spill.clone());
        }
        let sealed = self.manifest(id)?.ended.spills.get(feed).cloned();
        let sealed = sealed.ok_or_else(|| missing(id, feed))?;
        if let Some(log) = sealed.logs.iter().find(|log| !log.is_of(&self.place.plan)) {
            let message = format!("task {id} left rows of `{feed}` in `{}`, where no work lies", log.path().display());
            let help = runs_again(id, self.place.store.is_some());
            return Err(RunError::new(Class::System, message).help(help));
        }
        let attempt = self.attempt(id)?;
        // What it refers to is its own, or what it read.
        let group = self.place.group(id)?;
        let bases = sealed.bases.iter().map(|base| match group.writes(&base.feed.node) {
            true => self.written(id, &base.feed),
            false => self.read(id, &base.feed),
        });
        let bases = bases.collect::<Result<Vec<_>, _>>()?;
        let (folder, schema) = (spill::folder(&self.place.path().join(&attempt), feed), self.run.schema(feed).clone());
        let segments = (0..sealed.segments).map(|segment| spill::segment(&attempt, feed, segment));
        let quota = Arc::new(Quota::new(None));
        let logs: Vec<String> = sealed.logs.iter().map(|log| format!("{attempt}/{}", log.path().display())).collect();
        let opened = match self.reads_parts && (sealed.bytes > COMING || !logs.is_empty()) {
            // Several at once.
            false => {
                self.place.bring(&segments.chain(logs).collect::<Vec<_>>())?;
                Spill::open(feed.clone(), folder, schema, sealed, bases, quota)
            }
            true => {
                let names: HashMap<PathBuf, String> =
                    segments.chain(logs).map(|name| (self.place.path().join(&name), name)).collect();
                let open = |path: PathBuf| self.place.segment(&names[&path]);
                Spill::open_by(&open, (feed.clone(), folder, schema), sealed, bases, quota)
            }
        };
        let spill = Arc::new(opened.map_err(|error: io::Error| RunError::unread("rows that a task left", &error))?);
        self.written.insert((id, feed.clone()), spill.clone());
        Ok(spill)
    }
}

fn missing(id: TaskId, feed: &Feed) -> RunError {
    RunError::new(Class::System, format!("task {id} left no rows of `{feed}`"))
}
