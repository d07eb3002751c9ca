//! Components into memory: mapped, instantiated, opened.

use callboard_sandbox::InstanceConfig;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard_plan::{Kind, NeedFrom, PlannedStep};

use super::live::Live;
use super::retry::retrying;
use crate::error::{Fault, RunError};
use callboard_sandbox::{Instance, Loaded};
use callboard_sandbox::{caught, spawn_scoped};

/// A step whose turn it is, with the places of its instances.
///
/// Where work of an earlier run may be taken over, nothing is loaded yet: the first call that has to be made does it.
pub(crate) struct LoadedStep {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) workers: Vec<Worker>,
}

impl LoadedStep {
    /// Makes places for this many further instances. Nothing is loaded for them yet.
    pub(crate) fn spare(&mut self, places: u32) {
        let Some(code) = self.workers.first().map(|worker| worker.code.clone()) else { return };
        self.workers.extend((0..places).map(|_| Worker::place(&code)));
    }

    /// Drops all but the first `places` instances; the time that they were busy is added to the first one's.
    pub(crate) fn keep(&mut self, places: usize) {
        let gone: Duration = self.workers.drain(places..).map(|mut worker| worker.busy()).sum();
        self.workers.first_mut().into_iter().for_each(|first| first.busy += gone);
    }
}

/// The place of an instance. One that failed is dropped, and another is made when it is needed.
pub(crate) struct Worker {
    instance: Option<Instance>,
    /// The memory that the instance had after its first call, bytes.
    first: Option<u64>,
    // After the instance: the code goes when the last that needs it is gone.
    code: Arc<Code>,
    busy: Duration,
}

/// A step's code, mapped by the first who needs it.
#[derive(Default)]
struct Code(Mutex<Option<Arc<Loaded>>>);

impl Code {
    fn loaded(&self, run: &Live<'_>, step: &PlannedStep) -> Result<Arc<Loaded>, RunError> {
        let mut code = self.0.lock().expect("no holder panics");
        if code.is_none() {
            *code = Some(Arc::new(run.prepared.map(step)?));
        }
        Ok(code.clone().expect("it was just mapped"))
    }
}

impl Worker {
    fn place(code: &Arc<Code>) -> Worker {
        Worker { instance: None, first: None, code: code.clone(), busy: Duration::ZERO }
    }

    /// The instance, made and opened if there is none.
    pub(crate) fn instance(&mut self, run: &Live<'_>, step: &PlannedStep) -> Result<&mut Instance, RunError> {
        if self.instance.is_none() {
            let loaded = self.code.loaded(run, step)?;
            let config = run.instance_config(step);
            let opened = retrying(run, step, || open(run, step, &loaded, &config));
            self.instance = Some(opened.map_err(|fault| RunError::of(fault, &step.name))?);
        }
        Ok(self.instance.as_mut().expect("it was just made"))
    }

    /// Called after each call that is given some of the rows. An instance that has taken half of what its first call left of its memory is dropped:
    /// components of some languages never free what they put out, and the contract lets another be made between any two calls. With
    /// a budget so is one that has outgrown what is declared of it.
    pub(crate) fn called(&mut self, run: &Live<'_>, step: &PlannedStep) {
        let Some(held) = self.instance.as_ref().map(Instance::memory) else { return };
        let first = *self.first.get_or_insert(held);
        let limit = step.limits.memory_bytes;
        let declared = Some(step.need.bytes)
            .filter(|_| run.prepared.plan.budget().is_some() && step.need.from == NeedFrom::Declared);
        let outgrown = declared.is_some_and(|declared| (first..held).contains(&declared));
        if outgrown || held.saturating_sub(first) > limit.saturating_sub(first) / 2 {
            self.spoil();
        }
    }

    /// Drops an instance that is not to be called again.
    pub(crate) fn spoil(&mut self) {
        self.first = None;
        self.busy += self.instance.take().map(|mut instance| instance.take_busy()).unwrap_or_default();
    }

    /// Time spent in calls.
    pub(crate) fn busy(&mut self) -> Duration {
        self.busy + self.instance.as_mut().map(Instance::take_busy).unwrap_or_default()
    }

    /// The counters since the last time they were taken.
    pub(crate) fn take_counters(&mut self) -> BTreeMap<String, i64> {
        self.instance.as_mut().map(Instance::take_counters).unwrap_or_default()
    }
}

/// Loads the named steps; their instances are made and opened side by side.
pub(crate) fn load(run: &Live<'_>, steps: &[String]) -> Result<Vec<LoadedStep>, RunError> {
    let mut loaded: Vec<LoadedStep> = steps.iter().map(|name| unloaded(run.prepared.step(name))).collect();
    if run.prepared.replays || run.shared.as_ref().is_some_and(|shared| !shared.calls()) {
        return Ok(loaded);
    }
    std::thread::scope(|scope| {
        for LoadedStep { name, kind, workers } in loaded.iter_mut().filter(|step| !run.may_reuse(&step.name)) {
            let step = run.prepared.step(name);
            // A global step that is given all its rows at once has one instance, however many it might have.
            let one = *kind == Kind::Global && !run.prepared.bound(name).gathered.is_grouped();
            for worker in workers.iter_mut().take(if one { 1 } else { usize::MAX }) {
                // A failure is reported at once: another instance may be in `open` until the run is stopped.
                let begun = spawn_scoped(scope, move || {
                    if let Err(error) =
                        caught(|| worker.instance(run, step).map(drop)).map_err(RunError::from).flatten()
                    {
                        run.fail(error.in_step(&step.name).in_stage(step.stage));
                    }
                });
                if let Err(error) = begun {
                    return run.fail(RunError::from(error).in_step(&step.name).in_stage(step.stage));
                }
            }
        }
    });
    match run.has_failed() {
        true => Err(run.take_failure()),
        false => Ok(loaded),
    }
}

fn unloaded(step: &PlannedStep) -> LoadedStep {
    let code = Arc::new(Code::default());
    let workers = (0..step.replicas).map(|_| Worker::place(&code)).collect();
    LoadedStep { name: step.name.clone(), kind: step.kind, workers }
}

fn open(run: &Live<'_>, step: &PlannedStep, loaded: &Loaded, config: &InstanceConfig) -> Result<Instance, Fault> {
    let mut instance = loaded.instantiate(config)?;
    // A source that was stopped goes on behind the last page that it gave.
    let cursor = if step.kind == Kind::Source { run.cursor(&step.name) } else { None };
    instance.open(&step.config.to_string(), &run.prepared.bound(&step.name).given, cursor.as_deref())?;
    Ok(instance)
}
