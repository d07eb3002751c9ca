//! The driver: tasks are started when the rows that they read are there, and what they left becomes a run that has only its outputs to put in place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callboard_plan::{Stage, TaskId};

use super::append::Appending;
use super::done::{Done, Telling};
use super::gather::{bring, bring_rejects, gathered, keep_work, rejects_so_far};
use super::lease::Lease;
use super::place::Place;
use super::task::error_of;
use super::work_place::WorkPlace;
use crate::error::{Class, RunError};
use crate::events::Observer;
use crate::prepare::components::Bundled;
use crate::run::{Allowed, Run};
use crate::settings::Settings;
use crate::stage::reject_limits::RejectLimits;
use crate::store::records::{Manifest, StageCost};

/// Between two looks at the work place, for what others left there.
const LOOK: Duration = Duration::from_millis(500);
/// The same in a store, where a look is a request.
const LOOK_AT_STORE: Duration = Duration::from_secs(2);
/// Between two questions to the engine.
const POLL: Duration = Duration::from_millis(10);
/// How often a task is tried whose attempts are lost, or fail for a reason that may pass.
const ATTEMPTS: u32 = 4;

/// Starts tasks: whatever places processes on machines.
pub trait Engine {
    /// Starts attempts at these tasks, now or when there is room. The same task may be asked for again after an attempt has ended.
    ///
    /// # Errors
    ///
    /// None of them can be started; the run ends.
    fn start(&mut self, tasks: &[TaskId]) -> Result<(), RunError>;

    /// The attempts that have ended since the last time. An engine that tries tasks again by itself says so of the last attempt alone.
    ///
    /// # Errors
    ///
    /// The engine is not there any more; the run ends, and can be driven on.
    fn poll(&mut self) -> Result<Vec<Attempt>, RunError>;
}

/// An attempt at a task that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub task: TaskId,
    /// How.
    pub end: End,
}

/// How an attempt at a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Its process says that it ended well. What counts is its manifest.
    Done,
    /// Its process, or the machine, ended without a word; how, in the engine's words.
    Lost(String),
    /// Its process failed, and wrote down why.
    Failed,
}

/// How tasks are driven.
pub struct Driving<'a> {
    /// The bundled steps.
    pub bundled: &'a [Bundled],
    /// The work place.
    pub work: WorkPlace,
    /// What concerns this machine and this process.
    pub settings: Settings,
    /// What [`Run::place`] gave, where this user's key is not on this machine.
    pub trusted: Option<u128>,
    /// What starts tasks; without one they are only watched.
    pub engine: Option<&'a mut dyn Engine>,
}

/// Drives the tasks of a work place until each has ended, and gives the run with what they left: executed, it puts its outputs in their places.
/// Whatever has a manifest is not done again, so that a driver that was stopped is followed by another one.
///
/// # Errors
///
/// A task that failed for good; too many rejected rows in all of them; another driver that is there; those of [`Run::resume`].
pub fn drive(driving: Driving<'_>) -> Result<Run, RunError> {
    let Driving { bundled, work, settings, trusted, engine } = driving;
    let path = work.folder().to_owned();
    let settings = Settings { run_folder: path.clone(), ..settings };
    // First: what another driver does until it ends is seen then.
    let locked = work.lock()?;
    let lease = work.store.as_ref().map(|store| Lease::take(store, &work.note(), &settings)).transpose()?;
    let place = Place::open(&work, &path, &settings.cache_folder, trusted)?;
    let (length, is_whole) = place.journal;
    if !is_whole {
        let mut driver = Driver::new(&place, settings.observer.clone(), lease.as_ref())?;
        let ended = driver.all(engine, &settings).and_then(|()| {
            bring(&place, &driver.done.tasks)?;
            let written = driver.appending.take().map_or(Ok(BTreeMap::new()), Appending::end);
            let committing = lease.as_ref().is_some_and(|lease| lease.was_committing);
            let written = written.and_then(|outputs| gathered(&place, &driver.done.tasks, outputs, length, committing));
            written.map_err(|error| RunError::system("put together what tasks left in", work.name(), &error))
        });
        if let Err(error) = ended {
            // Rows that were rejected before a failure are worth having.
            let _ = bring_rejects(&place, &driver.done.tasks).and_then(|()| {
                let so_far = rejects_so_far(&place, &driver.done.tasks);
                so_far.map_err(|error| RunError::system("write to the work place", &path, &error))?;
                work.leave_for_people()
            });
            return Err(error);
        }
    }
    drop(locked);
    let run = Run::resume(bundled, settings, Allowed { trusted, ..Allowed::default() })?;
    let Some(lease) = lease else { return Ok(run) };
    lease.commits()?;
    let name = work.name().display().to_string();
    let end = move |status| {
        let ended = work.end(status);
        drop(lease);
        ended
    };
    Ok(run.of_copy(name, Box::new(end)))
}

struct Driver<'a> {
    place: &'a Place,
    done: Done,
    telling: Telling,
    started: BTreeSet<TaskId>,
    attempts: BTreeMap<TaskId, u32>,
    /// Those whose work is among the run's.
    kept: BTreeSet<TaskId>,
    /// What appends slices of outputs, until all are there.
    appending: Option<Appending>,
    lease: Option<&'a Lease>,
}

impl<'a> Driver<'a> {
    fn new(place: &'a Place, observer: Observer, lease: Option<&'a Lease>) -> Result<Driver<'a>, RunError> {
        let (done, started, attempts, kept) = (Done::default(), BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        let (telling, appending) = (Telling::begin(observer), Some(Appending::begin(place)?));
        Ok(Driver { place, done, telling, started, attempts, kept, appending, lease })
    }

    /// Until every task has a manifest.
    fn all(&mut self, mut engine: Option<&mut dyn Engine>, settings: &Settings) -> Result<(), RunError> {
        let mut look_at = Instant::now();
        let look = if self.lease.is_some() { LOOK_AT_STORE } else { LOOK };
        loop {
            let (looks, ended) = (Instant::now() >= look_at, self.done.groups.len());
            if looks {
                self.done.look(self.place)?;
                look_at = Instant::now() + look;
            } else {
                self.done.end_groups(self.place);
            }
            if self.done.groups.len() > ended {
                self.within_limits()?;
                look_at = Instant::now();
            }
            self.keep_work()?;
            self.telling.tell(self.place, &self.done);
            self.appending.iter_mut().for_each(|appending| appending.take(&self.done.tasks));
            let Some(ready) = self.done.ready(self.place) else { return Ok(()) };
            if settings.cancel.is_cancelled() {
                return Err(RunError::interrupted());
            }
            self.lease.map_or(Ok(()), Lease::check)?;
            let mut attempts = Vec::new();
            if let Some(engine) = engine.as_deref_mut() {
                let new: Vec<TaskId> = ready.into_iter().filter(|task| self.started.insert(*task)).collect();
                if !new.is_empty() {
                    engine.start(&new)?;
                }
                attempts = engine.poll()?;
            } else if looks {
                self.place.may_have_failed(ready)?.into_iter().try_for_each(|task| self.failed_for_good(task))?;
            }
            if attempts.is_empty() {
                std::thread::sleep(POLL);
            }
            attempts.into_iter().try_for_each(|Attempt { task, end }| self.attempt(task, &end))?;
        }
    }

    /// Keeps the work of the tasks that have ended since the last time.
    fn keep_work(&mut self) -> Result<(), RunError> {
        let new: Vec<TaskId> = self.done.tasks.keys().filter(|task| !self.kept.contains(task)).copied().collect();
        for task in new {
            let kept = keep_work(self.place, task, &self.done.tasks[&task]);
            kept.map_err(|error| RunError::system("keep the work of tasks in", self.place.path(), &error))?;
            self.kept.insert(task);
        }
        Ok(())
    }

    /// Holds what the groups that have ended rejected, all tasks together, against the limits.
    fn within_limits(&self) -> Result<(), RunError> {
        let plan = &self.place.plan;
        let ended = &self.done.groups;
        let costs = costs(self.place, &self.done.tasks, |group| ended.contains(&group));
        let limits = RejectLimits::new(std::iter::empty(), false);
        for (stage, cost) in &costs {
            for (name, counts) in &cost.steps {
                let Some(step) = plan.step(name) else { continue };
                let checked = limits.check_step(plan, step, counts.tally.rejected(), counts, true);
                checked.map_err(|error| error.in_step(name).in_stage(stage.index))?;
            }
        }
        let whole = |stage: &Stage| {
            let mut of_stage = self.place.groups.iter().filter(|group| group.stage == stage.index);
            of_stage.all(|group| ended.contains(&group.index))
        };
        let whole: Vec<(Stage, StageCost)> = costs.into_iter().filter(|(stage, _)| whole(stage)).collect();
        limits.check_run(plan, &whole)
    }

    fn attempt(&mut self, task: TaskId, end: &End) -> Result<(), RunError> {
        if let Some(manifest) = self.place.manifest(task)? {
            self.done.tasks.insert(task, manifest);
            return Ok(());
        }
        let why = match end {
            End::Done => "it ended well, and left no manifest: is its work place this folder?".to_owned(),
            End::Lost(how) => format!("its process was lost ({how})"),
            End::Failed => {
                self.failed_for_good(task)?;
                self.place
                    .failure(task)
                    .map_or_else(|| "it failed without a word".to_owned(), |failure| failure.message)
            }
        };
        let attempts = self.attempts.entry(task).or_default();
        *attempts += 1;
        if *attempts >= ATTEMPTS {
            let message = format!("task {task} did not end in {ATTEMPTS} attempts; of the last: {why}");
            return Err(RunError::new(Class::System, message));
        }
        self.started.remove(&task);
        Ok(())
    }

    /// An error, if an attempt failed for a reason that does not pass.
    fn failed_for_good(&self, task: TaskId) -> Result<(), RunError> {
        match self.place.failure(task) {
            Some(failure) if !failure.passing => Err(error_of(task, failure)),
            _ => Ok(()),
        }
    }
}

/// What the tasks of each stage cost together, of the groups that are asked for.
pub(super) fn costs(
    place: &Place,
    done: &BTreeMap<TaskId, Manifest>,
    wanted: impl Fn(u32) -> bool,
) -> Vec<(Stage, StageCost)> {
    let cost = |stage: &Stage| {
        let mut sum = StageCost::default();
        let groups = place.groups.iter().filter(|group| group.stage == stage.index && wanted(group.index));
        for manifest in groups.flat_map(|group| group.tasks()).filter_map(|task| done.get(&task)) {
            sum.add(&manifest.ended.cost);
        }
        (stage.clone(), sum)
    };
    place.plan.stages().iter().map(cost).collect()
}
