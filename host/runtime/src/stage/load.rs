//! Components into memory: mapped, instantiated, opened.

use std::sync::Arc;
use std::time::Duration;

use callboard_plan::{Kind, PlannedStep};

use crate::columns::Flat;
use crate::error::{Class, Fault, RunError};
use crate::guest::{Instance, Loaded, Terms};
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
    std::thread::scope(|scope| {
        let threads: Vec<_> = loaded
            .iter()
            .flat_map(|(step, loaded, terms)| (0..step.replicas).map(move |_| (step, loaded, terms)))
            .map(|(step, loaded, terms)| (step, scope.spawn(move || open(run, step, loaded, terms))))
            .collect();
        let mut instances = Vec::new();
        let mut failed = None;
        for (step, thread) in threads {
            match thread.join() {
                Ok(Ok(instance)) => instances.push((&step.name, instance)),
                Ok(Err(fault)) => failed = failed.or(Some(fault.into_error(&step.name).in_stage(step.stage))),
                Err(_) => failed = failed.or(Some(RunError::new(Class::Bug, "a thread panicked").in_step(&step.name))),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(instances),
        }
    })
    .map(|instances| {
        let mut instances = instances.into_iter().map(|(name, instance)| (name.clone(), instance)).collect::<Vec<_>>();
        let step_of = |(step, loaded, _): (&PlannedStep, Loaded, Terms)| {
            let (own, rest) =
                std::mem::take(&mut instances).into_iter().partition::<Vec<_>, _>(|(n, _)| *n == step.name);
            instances = rest;
            let own = own.into_iter().map(|(_, instance)| instance).collect();
            LoadedStep { name: step.name.clone(), kind: step.kind, instances: own, _loaded: loaded }
        };
        loaded.into_iter().map(step_of).collect()
    })
}

/// Maps a step's compiled component. One that this wasmtime does not take, though its name says so, is compiled again, once.
pub(crate) fn map(run: &Run, step: &PlannedStep) -> Result<Loaded, RunError> {
    let engine = &run.running.engine;
    let compiled = run.compiled(step)?;
    Loaded::load(engine, &compiled, step.kind)
        .or_else(|_| {
            run.cache.forget(&step.digest);
            let compiled = run.compiled(step)?;
            Loaded::load(engine, &compiled, step.kind)
                .map_err(|error| RunError::new(Class::Data, format!("the component cannot be loaded: {error:#}")))
        })
        .map_err(|error: RunError| error.in_step(&step.name))
}

pub(crate) fn terms(run: &Run, step: &PlannedStep) -> Terms {
    Terms {
        step: Arc::from(step.name.as_str()),
        memory: step.limits.memory_bytes,
        time: Duration::from_millis(step.limits.time_ms),
        open: Duration::from_millis(step.limits.open_ms),
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
