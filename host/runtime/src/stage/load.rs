//! Components into memory: mapped, instantiated, opened.

use std::path::Path;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use callboard_plan::{Kind, PlannedStep};

use crate::columns::Flat;
use crate::error::{Class, Fault, RunError};
use crate::guest::{Instance, Loaded, LogLimits, Terms};
use crate::run::Run;

/// A step whose component is in memory, with its instances, all of them opened.
pub(crate) struct LoadedStep {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) instances: Vec<Instance>,
    // After the instances: the code goes when the last that needs it is gone.
    _loaded: Loaded,
}

/// Loads the named steps; their instances are made and opened side by side.
pub(crate) fn load(run: &Run, steps: &[String]) -> Result<Vec<LoadedStep>, RunError> {
    let loaded = steps.iter().map(|name| {
        let step = run.step(name);
        Ok((step, map(run, step)?, terms(run, step)))
    });
    let loaded: Vec<(&PlannedStep, Loaded, Terms)> = loaded.collect::<Result<_, RunError>>()?;
    let opened: Vec<Vec<Instance>> = std::thread::scope(|scope| {
        let open_all = |(step, loaded, terms)| {
            let open_one = |_| scope.spawn(move || open_or_tell(run, step, loaded, terms));
            (step, (0..step.replicas).map(open_one).collect::<Vec<_>>())
        };
        let threads: Vec<_> = loaded.iter().map(|(step, loaded, terms)| (*step, loaded, terms)).map(open_all).collect();
        let joined = |(step, threads): (&PlannedStep, Vec<ScopedJoinHandle<'_, Option<Instance>>>)| {
            let instances = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    run.fail(RunError::new(Class::Bug, "a thread panicked").in_step(&step.name));
                    None
                })
            });
            instances.flatten().collect()
        };
        threads.into_iter().map(joined).collect()
    });
    if run.has_failed() {
        return Err(run.take_failure());
    }
    let steps = loaded.into_iter().zip(opened).map(|((step, loaded, _), instances)| LoadedStep {
        name: step.name.clone(),
        kind: step.kind,
        instances,
        _loaded: loaded,
    });
    Ok(steps.collect())
}

/// An instance that is open. A failure is told at once: another may work on in `open` until the run is stopped.
fn open_or_tell(run: &Run, step: &PlannedStep, loaded: &Loaded, terms: &Terms) -> Option<Instance> {
    open(run, step, loaded, terms).map_err(|fault| run.fail(fault.into_error(&step.name).in_stage(step.stage))).ok()
}

/// Maps a step's compiled component. One that this wasmtime does not take, though its name says so, is compiled again, once.
pub(crate) fn map(run: &Run, step: &PlannedStep) -> Result<Loaded, RunError> {
    let compiled = run.compiled(step)?;
    let load = |path: &Path| run.sandbox.load(path, step.kind);
    load(&compiled)
        .or_else(|_| {
            run.cache.forget(&step.digest);
            let compiled = run.compiled(step)?;
            load(&compiled).map_err(|error| {
                run.cache.forget(&step.digest);
                RunError::new(Class::Data, format!("the component cannot be loaded: {error:#}"))
            })
        })
        .map_err(|error: RunError| error.in_step(&step.name))
}

pub(crate) fn terms(run: &Run, step: &PlannedStep) -> Terms {
    Terms {
        step: Arc::from(step.name.as_str()),
        memory: step.limits.memory_bytes,
        time: Duration::from_millis(step.limits.time_ms),
        open: Duration::from_millis(step.limits.open_ms),
        returned: step.limits.returned_bytes,
        log: LogLimits { lines: step.limits.log_lines, bytes: step.limits.log_bytes },
        reach: run.reach[&step.name].clone(),
        seed: run.plan.seed,
        gauge: run.memory.steps[&step.name].clone(),
        observer: run.observer.clone(),
        cancel: run.stop.clone(),
    }
}

fn open(run: &Run, step: &PlannedStep, loaded: &Loaded, terms: &Terms) -> Result<Instance, Fault> {
    let mut instance = loaded.instantiate(terms)?;
    let config = step.config.to_string();
    let given: Vec<Flat> = run.bound(&step.name).given.iter().map(|schema| Flat::of_schema(schema)).collect();
    let lent: Vec<_> = given.iter().map(Flat::lend).collect();
    let arrays: Vec<_> = lent.iter().map(|lent| lent.arrays()).collect();
    let schemas: Vec<_> = lent.iter().zip(&arrays).map(|(lent, arrays)| lent.batch(arrays)).collect();
    match step.kind {
        Kind::Transform => instance.open_transform(&config, schemas[0].clone())?,
        Kind::Global => instance.open_global(&config, &schemas)?,
        Kind::Source => instance.open_source(&config)?,
    }
    Ok(instance)
}
