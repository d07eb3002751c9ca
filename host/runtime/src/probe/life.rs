//! What a component's life costs: mapped, instantiated, opened, dropped.

use std::time::{Duration, Instant};

use super::{CallError, Declaration, Probe};
use crate::error::{Class, RunError};

/// How long each part of a component's life took.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Mapping the compiled component from the cache, and linking it to what it imports.
    pub load: Duration,
    /// Making an instance.
    pub instantiate: Duration,
    /// The step's own `open`.
    pub open: Duration,
    /// Dropping the instance, and unmapping the code.
    pub drop: Duration,
}

impl Probe {
    /// Lives through what a stage does with a component, work left out: the compiled component is mapped again, an instance made,
    /// opened for what it declared, and all of it dropped.
    ///
    /// # Errors
    ///
    /// A component that is not in the cache any more, or does not start; what `open` says.
    pub fn live(&self, declaration: &Declaration) -> Result<Life, RunError> {
        let began = Instant::now();
        let loaded = self.sandbox.load(&self.compiled, self.step.kind).map_err(|error| {
            RunError::new(Class::Data, format!("the component cannot be loaded: {error:#}")).in_step(&self.step.name)
        })?;
        let mapped = Instant::now();
        let failed = |fault| CallError::of(fault, &self.step.name).error;
        let mut instance = loaded.instantiate(&self.config).map_err(failed)?;
        let made = Instant::now();
        let Declaration { config, bound, .. } = declaration;
        instance.open(config, &bound.given, None).map_err(failed)?;
        let opened = Instant::now();
        drop(instance);
        drop(loaded);
        Ok(Life { load: mapped - began, instantiate: made - mapped, open: opened - made, drop: opened.elapsed() })
    }
}
