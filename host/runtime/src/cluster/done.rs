//! How far a run in tasks is: what they left, and the groups that have ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_plan::TaskId;

use super::place::Place;
use super::work_place::WorkPlace;
use crate::error::RunError;
use crate::events::{Event, Observer};
use crate::store::records::Manifest;

/// What has ended, as far as it was looked at.
#[derive(Default)]
pub(super) struct Done {
    pub(super) tasks: BTreeMap<TaskId, Manifest>,
    pub(super) groups: BTreeSet<u32>,
}

impl Done {
    /// The tasks whose rows are there and that have not ended; `None` if all have.
    pub(super) fn ready(&self, place: &Place) -> Option<Vec<TaskId>> {
        let left = place.groups.iter().filter(|group| !self.groups.contains(&group.index)).collect::<Vec<_>>();
        let ready = left.iter().filter(|group| group.after.is_subset(&self.groups)).flat_map(|group| group.tasks());
        (!left.is_empty()).then(|| ready.filter(|task| !self.tasks.contains_key(task)).collect())
    }

    /// Reads the manifests that are new.
    pub(super) fn look(&mut self, place: &Place) -> Result<(), RunError> {
        loop {
            for task in place.may_have_ended(self.ready(place).unwrap_or_default())? {
                if let Some(manifest) = place.manifest(task)? {
                    self.tasks.insert(task, manifest);
                }
            }
            if !self.end_groups(place) {
                return Ok(());
            }
        }
    }

    /// Notes the groups whose tasks have all ended: whether there are new ones.
    pub(super) fn end_groups(&mut self, place: &Place) -> bool {
        let groups = place.groups.iter().filter(|group| !self.groups.contains(&group.index));
        let ended = groups.filter(|group| group.tasks().all(|task| self.tasks.contains_key(&task)));
        let ended: Vec<u32> = ended.map(|group| group.index).collect();
        self.groups.extend(&ended);
        !ended.is_empty()
    }
}

/// Reports stages and rows as a run does, when tasks have ended.
pub(super) struct Telling {
    observer: Observer,
    tasks: BTreeSet<TaskId>,
    /// How many tasks and groups had ended the last time.
    told: Option<(usize, usize)>,
    /// When each stage was seen to begin.
    begun: BTreeMap<usize, Instant>,
    ended: BTreeSet<usize>,
}

impl Telling {
    pub(super) fn begin(observer: Observer) -> Telling {
        Telling { observer, tasks: BTreeSet::new(), told: None, begun: BTreeMap::new(), ended: BTreeSet::new() }
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, place: &Place, done: &Done) {
        let now = Some((done.tasks.len(), done.groups.len()));
        if std::mem::replace(&mut self.told, now) == now {
            return;
        }
        let stages = place.plan.stages();
        for stage in stages {
            let (index, linear_memory) = (stage.index, 0);
            let of_stage = || place.groups.iter().filter(|group| group.stage == index);
            let can_begin = of_stage().any(|group| group.after.is_subset(&done.groups));
            if can_begin && !self.begun.contains_key(&index) {
                self.begun.insert(index, Instant::now());
                let steps = stage.steps.clone();
                self.observer.tell(Event::Loaded { stage: index, stages: stages.len(), steps, linear_memory });
            }
            for (task, manifest) in
                of_stage().flat_map(|group| group.tasks()).filter_map(|task| done.tasks.get_key_value(&task))
            {
                if self.tasks.insert(*task) {
                    for (step, counts) in &manifest.ended.cost.steps {
                        let (rows_in, rows_out) = (counts.rows_in, counts.rows_out);
                        self.observer.tell(Event::Rows { step: Arc::from(step.as_str()), rows_in, rows_out });
                    }
                }
            }
            if of_stage().all(|group| done.groups.contains(&group.index)) && self.ended.insert(index) {
                let took = self.begun.get(&index).map_or(Duration::ZERO, Instant::elapsed);
                self.observer.tell(Event::Ended { stage: index, took, linear_memory });
            }
        }
    }
}

/// A run in tasks that is looked at by a process which does nothing for it.
pub struct Following {
    place: Place,
    done: Done,
    telling: Telling,
}

impl Following {
    /// Begins to look at a work place, and to tell what is seen. `trusted` is what [`Run::place`](crate::Run::place) gave, where
    /// this user's key is not on this machine.
    ///
    /// # Errors
    ///
    /// It is no work place, is of another version, or nothing proves that this user made it.
    pub fn begin(
        work: &WorkPlace,
        cache: &Path,
        trusted: Option<u128>,
        observer: Observer,
    ) -> Result<Following, RunError> {
        let looked = work.look()?;
        let place = Place::open(work, looked.folder(), cache, trusted)?;
        Ok(Following { place, done: Done::default(), telling: Telling::begin(observer) })
    }

    /// Looks which tasks have ended since the last time.
    ///
    /// # Errors
    ///
    /// The work place cannot be read, or is damaged.
    pub fn look(&mut self) -> Result<(), RunError> {
        self.done.look(&self.place)?;
        self.telling.tell(&self.place, &self.done);
        Ok(())
    }
}
