//! Components into memory: mapped, instantiated, opened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callboard_plan::{Kind, NeedFrom, PlannedStep};

use super::retry::retrying;
use crate::artefact::Artefact;
use crate::bound::Bound;
use crate::cache::Cache;
use crate::columns::Flat;
use crate::error::{Class, Fault, RunError};
use crate::guard::{caught, spawn_scoped};
use crate::guest::{Instance, Loaded, Sandbox, Terms};
use crate::refused;
use crate::run::Run;

/// A step whose turn it is, with the places of its instances.
///
/// Where work of an earlier run may be taken over, nothing is loaded yet: the first call that has to be made does it.
pub(crate) struct LoadedStep {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) workers: Vec<Worker>,
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
    fn loaded(&self, run: &Run, step: &PlannedStep) -> Result<Arc<Loaded>, RunError> {
        let mut code = self.0.lock().expect("no holder panics");
        if code.is_none() {
            *code = Some(Arc::new(map(run, step)?));
        }
        Ok(code.clone().expect("it was just mapped"))
    }
}

impl Worker {
    /// The instance, made and opened if there is none.
    pub(crate) fn instance(&mut self, run: &Run, step: &PlannedStep) -> Result<&mut Instance, RunError> {
        if self.instance.is_none() {
            let loaded = self.code.loaded(run, step)?;
            let profiles = run.profiles.clone().filter(|profiles| profiles.step() == step.name);
            let terms = Terms { profiles, ..terms(run, step) };
            let opened = retrying(run, step, || open(run, step, &loaded, &terms));
            self.instance = Some(opened.map_err(|fault| fault.into_error(&step.name))?);
        }
        Ok(self.instance.as_mut().expect("it was just made"))
    }

    /// To be told after a call of a transform. An instance that has taken half of what its first call left of its memory is dropped:
    /// components of some languages never free what they put out, and the contract lets another be made between any two calls. With
    /// a budget so is one that has outgrown what is declared of it.
    pub(crate) fn called(&mut self, run: &Run, step: &PlannedStep) {
        let Some(held) = self.instance.as_ref().map(Instance::memory) else { return };
        let first = *self.first.get_or_insert(held);
        let limit = step.limits.memory_bytes;
        let declared =
            Some(step.need.bytes).filter(|_| run.plan.budget().is_some() && step.need.from == NeedFrom::Declared);
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
pub(crate) fn load(run: &Run, steps: &[String]) -> Result<Vec<LoadedStep>, RunError> {
    let mut loaded: Vec<LoadedStep> = steps.iter().map(|name| unloaded(run.step(name))).collect();
    std::thread::scope(|scope| {
        for LoadedStep { name, workers, .. } in loaded.iter_mut().filter(|step| !run.may_reuse(&step.name)) {
            let step = run.step(name);
            for worker in workers {
                // A failure is told at once: another may work on in `open` until the run is stopped.
                let begun = spawn_scoped(scope, move || {
                    if let Err(error) = caught(|| worker.instance(run, step).map(drop)).flatten() {
                        run.fail(error.in_step(&step.name).in_stage(step.stage));
                    }
                });
                if let Err(error) = begun {
                    return run.fail(error.in_step(&step.name).in_stage(step.stage));
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
    let worker = |_| Worker { instance: None, first: None, code: code.clone(), busy: Duration::ZERO };
    LoadedStep { name: step.name.clone(), kind: step.kind, workers: (0..step.replicas).map(worker).collect() }
}

/// Maps a step's compiled component. One that this wasmtime does not take, though its name says so, is compiled again, once.
pub(crate) fn map(run: &Run, step: &PlannedStep) -> Result<Loaded, RunError> {
    map_from(&run.sandbox, &run.cache, step, || run.compiled(step))
}

/// As [`map`], without a run: `compiled` gives what the cache has, or makes it.
pub(crate) fn map_from(
    sandbox: &Sandbox,
    cache: &Cache,
    step: &PlannedStep,
    compiled: impl Fn() -> Result<Arc<Artefact>, RunError>,
) -> Result<Loaded, RunError> {
    let loaded = sandbox.load(&*compiled()?, step.kind).or_else(|error| {
        if let Some(refused) = refused::no_memory(&error) {
            return Err(refused);
        }
        cache.forget(&step.digest);
        sandbox.load(&*compiled()?, step.kind).map_err(|error| {
            refused::no_memory(&error).unwrap_or_else(|| {
                cache.forget(&step.digest);
                RunError::new(Class::Data, format!("the component cannot be loaded: {error:#}"))
            })
        })
    });
    loaded.map_err(|error: RunError| error.in_step(&step.name))
}

pub(crate) fn terms(run: &Run, step: &PlannedStep) -> Terms {
    Terms {
        gauge: run.memory.steps[&step.name].clone(),
        budget: run.plan.budget(),
        flight: Some(run.memory.flight.clone()),
        cancel: run.stop.clone(),
        interrupt: run.interrupt.clone(),
        ..Terms::of(step, run.reach[&step.name].clone(), run.plan.seed(), run.observer.clone())
    }
}

fn open(run: &Run, step: &PlannedStep, loaded: &Loaded, terms: &Terms) -> Result<Instance, Fault> {
    let mut instance = loaded.instantiate(terms)?;
    // A source that was stopped goes on behind the last page that it gave.
    let cursor = if step.kind == Kind::Source { run.cursor(&step.name) } else { None };
    open_at(&mut instance, step.kind, &step.config.to_string(), &run.bound(&step.name), cursor.as_deref())?;
    Ok(instance)
}

/// Opens an instance for what is bound; a source, at a cursor.
pub(crate) fn open_at(
    instance: &mut Instance,
    kind: Kind,
    config: &str,
    bound: &Bound,
    cursor: Option<&[u8]>,
) -> Result<(), Fault> {
    let given: Vec<Flat> = bound.given.iter().map(|schema| Flat::of_schema(schema)).collect();
    let lent: Vec<_> = given.iter().map(Flat::lend).collect();
    let arrays: Vec<_> = lent.iter().map(|lent| lent.arrays()).collect();
    let schemas: Vec<_> = lent.iter().zip(&arrays).map(|(lent, arrays)| lent.batch(arrays)).collect();
    match kind {
        Kind::Transform => instance.open_transform(config, schemas[0].clone()),
        Kind::Global => instance.open_global(config, &schemas),
        Kind::Source => instance.open_source(config, cursor),
    }
}
