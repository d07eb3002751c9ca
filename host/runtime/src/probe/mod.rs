//! One step alone, outside of any run: asked, opened and called on rows that whoever tries it made.
//!
//! The sandbox, the limits and the checks are those of a run; nothing is retried, narrowed down or kept.
//!
//! 1. [`Probe::new`] compiles and maps the component of a step that is planned.
//! 2. [`Probe::describe`] and [`Probe::declare`] ask it, each in an instance that is dropped at once.
//! 3. [`Probe::open`] makes an instance that works, [`Opened`]; [`Probe::live`] says what making one costs.

mod life;
mod opened;
mod whole;

use crate::prepare::{compiled, instance_config, map, resolve};
use arrow::datatypes::Schema;
use callboard_sandbox::{InstanceConfig, Manifest};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use callboard_plan::pipeline::BatchSize;
use callboard_plan::{Kind, Plan, PlannedStep};
use serde_json::Value;

use crate::error::{Fault, RunError, SaidKind};
use crate::prepare::components::Components;
use crate::prepare::places;
use crate::settings::Settings;
use callboard_sandbox::Artefact;
use callboard_sandbox::Cache;
use callboard_sandbox::Calls;
use callboard_sandbox::{Bound, View};
use callboard_sandbox::{Instance, Loaded, Look, Sandbox};

pub use life::Life;
use opened::Held;
pub use opened::{CallTimes, Opened, Page, PutOut, RemovedRow};

/// The longest of the texts in which a component describes itself, bytes: JSON takes many times as much once it is read.
const MANIFEST: usize = 1 << 20;

/// A step of a plan, to be tried out.
pub struct Probe {
    step: PlannedStep,
    cut: BatchSize,
    config: InstanceConfig,
    loaded: Loaded,
    /// The compiled component.
    compiled: Arc<Artefact>,
    // After what was loaded: the engine goes last.
    sandbox: Sandbox,
}

/// What a component declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its version, which is not that of the contract.
    pub version: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// The JSON Schema of its configuration, as text that nobody has checked.
    pub config_schema: String,
}

/// What a step declared for a configuration and inputs, resolved against the columns of these.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// For each input, the columns to be given.
    pub reads: Vec<Vec<String>>,
    /// The columns that it writes.
    pub writes: SchemaRef,
    /// The columns of the first input that go no further.
    pub drops: Vec<String>,
    /// The columns of what is put out.
    pub output: SchemaRef,
    config: String,
    inputs: Vec<SchemaRef>,
    bound: Arc<Bound>,
}

/// A call that did not go well.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct CallError {
    /// What kind of failure it was.
    pub how: Failed,
    /// The same for people, with its place.
    pub error: RunError,
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It returned an error of kind `config`.
    Config,
    /// It returned an error of kind `input`.
    Input,
    /// It returned an error of kind `transient`.
    Transient,
    /// It returned an error of kind `failed`.
    Failed,
    /// It trapped.
    Trap,
    /// What it returned, or asked for, is not what the contract allows.
    Contract,
    /// It ran into a limit of memory, time or data.
    Limit,
    /// The host, or the system, could not do its part.
    Host,
}

impl CallError {
    fn of(fault: Fault, step: &str) -> CallError {
        let how = match &fault {
            Fault::Said { kind: SaidKind::Config, .. } => Failed::Config,
            Fault::Said { kind: SaidKind::Input, .. } => Failed::Input,
            Fault::Said { kind: SaidKind::Transient, .. } => Failed::Transient,
            Fault::Said { kind: SaidKind::Failed, .. } => Failed::Failed,
            Fault::Trap { .. } => Failed::Trap,
            Fault::Contract(_) | Fault::Rejected { .. } => Failed::Contract,
            Fault::Limit(_) | Fault::Budget(_) | Fault::Time { .. } => Failed::Limit,
            Fault::Host(_) | Fault::Refused { .. } | Fault::Interrupted => Failed::Host,
        };
        CallError { how, error: RunError::of(fault, step) }
    }
}

impl From<CallError> for RunError {
    fn from(error: CallError) -> RunError {
        error.error
    }
}

impl Probe {
    /// Compiles, if need be, and maps the component of a step of `plan`. Only these settings count: the pipeline's folder (for what is granted),
    /// the cache, the compiler, the observer and the token are used.
    ///
    /// # Errors
    ///
    /// A component that does not compile, or that is not among `components`; what it is granted and is not there.
    ///
    /// # Panics
    ///
    /// If the plan has no step of this name.
    pub fn new(plan: &Plan, step: &str, components: &Components, settings: &Settings) -> Result<Probe, RunError> {
        let step = plan.step(step).expect("whoever names a step has planned it").clone();
        let in_step = |error: RunError| error.in_step(&step.name);
        let sandbox = Sandbox::new()?;
        let cache = Cache::new(&settings.cache_folder, settings.compile.clone())?;
        let reserved = places::reserved(plan, settings, &[], std::iter::empty());
        places::check_grants(plan, settings, &reserved)?;
        let calls = settings.calls.clone().unwrap_or_else(|| Calls::new(plan.calls()));
        let mut reach = resolve(plan, &settings.base, &settings.cache_folder, &calls, &settings.observer)?;
        let compiled = || compiled(&cache, components, &step, settings).map_err(in_step);
        let loaded = map(&sandbox, &cache, &step, compiled)?;
        let compiled = compiled()?;
        let reach = reach.remove(&step.name).expect("every step of a plan has its reach");
        let mut config = instance_config(&step, reach, plan.seed(), &settings.observer);
        config.cancel = settings.cancel.clone();
        Ok(Probe { cut: plan.batch(), config, loaded, compiled, sandbox, step })
    }

    /// With calls that end when `look` says so: it is asked now and then, by the thread that makes the call.
    pub fn watched(mut self, look: Look) -> Probe {
        self.config.look = Some(look);
        self
    }

    /// The step as it was planned.
    pub fn step(&self) -> &PlannedStep {
        &self.step
    }

    /// Makes an instance, and drops it: the memory that it began with, in bytes, and how long making it took.
    ///
    /// # Errors
    ///
    /// A component that does not start.
    pub fn start(&self) -> Result<(u64, Duration), CallError> {
        let began = Instant::now();
        let instance = self.instance()?;
        Ok((instance.memory(), began.elapsed()))
    }

    /// Asks the component what it is.
    ///
    /// # Errors
    ///
    /// One that has no `manifest`, or traps.
    pub fn describe(&self) -> Result<Described, CallError> {
        let mut instance = self.instance()?;
        let described = self.loaded.describe(&mut instance).map_err(|fault| self.error(fault))?;
        let Manifest { name, version, summary, config_schema } = described;
        let texts = [&name, &version, &summary, &config_schema];
        if let Some(long) = texts.into_iter().find(|text| text.len() > MANIFEST) {
            let what = format!("it describes itself in a text of {} bytes, of {MANIFEST} allowed", long.len());
            return Err(self.error(Fault::Contract(what)));
        }
        Ok(Described { name, version, summary, config_schema })
    }

    /// Asks the step what it does to rows of these schemas (none for a source) under a configuration.
    ///
    /// # Errors
    ///
    /// What it refuses, and what of its answer does not fit.
    pub fn declare(&self, config: &Value, inputs: &[SchemaRef]) -> Result<Declaration, CallError> {
        let config = config.to_string();
        let mut instance = self.instance()?;
        let seen: Vec<Schema> = inputs.iter().map(|schema| View::of(schema, &self.step.columns).schema).collect();
        let declared = instance.declare(&config, &seen).map_err(|fault| self.error(fault))?;
        let (reads, writes, drops) =
            (declared.reads.clone(), Arc::new(declared.writes.clone()), declared.drops.clone());
        let misfit = |error: RunError| CallError { how: Failed::Contract, error: error.in_step(&self.step.name) };
        let bound = Arc::new(Bound::new(&self.step.columns, inputs, declared).map_err(|error| misfit(error.into()))?);
        let (output, inputs) = (bound.output.clone(), inputs.to_vec());
        Ok(Declaration { reads, writes, drops, output, config, inputs, bound })
    }

    /// Makes an instance and opens it for what it declared; a source goes on at `cursor`.
    ///
    /// # Errors
    ///
    /// What `open` says.
    pub fn open(&self, declaration: &Declaration, cursor: Option<&[u8]>) -> Result<Opened<'_>, CallError> {
        let instance = self.opened(declaration, cursor)?;
        Ok(Opened { probe: Held::Borrowed(self), declaration: declaration.clone(), instance })
    }

    /// As [`Probe::open`]; the instance keeps the probe.
    ///
    /// # Errors
    ///
    /// What `open` says.
    pub fn open_shared(self: &Arc<Self>, declaration: &Declaration) -> Result<Opened<'static>, CallError> {
        let instance = self.opened(declaration, None)?;
        Ok(Opened { probe: Held::Shared(self.clone()), declaration: declaration.clone(), instance })
    }

    fn opened(&self, declaration: &Declaration, cursor: Option<&[u8]>) -> Result<Instance, CallError> {
        let Declaration { config, bound, .. } = declaration;
        let mut instance = self.instance()?;
        instance.open(config, &bound.given, cursor).map_err(|fault| self.error(fault))?;
        Ok(instance)
    }

    /// How its rows are cut in the plan.
    pub fn batch(&self) -> BatchSize {
        self.cut
    }

    /// The kind of the step.
    pub fn kind(&self) -> Kind {
        self.step.kind
    }

    fn instance(&self) -> Result<Instance, CallError> {
        self.loaded.instantiate(&self.config).map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> CallError {
        CallError::of(fault, &self.step.name)
    }
}
