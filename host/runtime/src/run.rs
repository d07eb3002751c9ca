//! A run: a plan, prepared, carried out stage by stage, its outputs put in their places at the very end.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use callboard_io::{Committed, Finished};
use callboard_plan::{Load, Plan, PlannedStep, Stage};
use tokio_util::sync::CancellationToken;

use crate::bound::Bound;
use crate::check::{Checked, Input, Output, Way};
use crate::compile::{Cache, CompileCommand};
use crate::components::Components;
use crate::error::{Class, RunError};
use crate::events::{Event, Observer};
use crate::guest::{Reach, Sandbox, resolve};
use crate::meter::{Gauge, Residence};
use crate::ports::Stop;
use crate::removed::{Files, Rejects, Remover};
use crate::report::Report;
use crate::spill::Spill;
use crate::stage::{self, LoadedStep, StageCost};

/// How a plan is carried out, beside what the plan says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that the pipeline's paths start from.
    pub base: PathBuf,
    /// The run's own folder: made anew, or empty.
    pub run_folder: PathBuf,
    /// Where compiled components are kept; private to the user.
    pub cache_folder: PathBuf,
    /// The process that compiles.
    pub compile: CompileCommand,
    /// Whether outputs that exist are replaced.
    pub overwrite: bool,
    /// At most so many rows of each input, and of each source.
    pub limit: Option<u64>,
    /// Who is told of progress.
    pub observer: Observer,
    /// Cancelled to interrupt the run.
    pub cancel: CancellationToken,
}

/// A plan that has been checked against its files and components, ready to run.
pub struct Run {
    pub(crate) plan: Plan,
    pub(crate) base: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) limit: Option<u64>,
    pub(crate) observer: Observer,
    pub(crate) sandbox: Sandbox,
    pub(crate) cache: Cache,
    pub(crate) memory: Memory,
    /// What each step may reach outside of its sandbox.
    pub(crate) reach: HashMap<String, Arc<Reach>>,
    /// Cancelled when the run is to stop: from outside, or because a node failed.
    pub(crate) stop: CancellationToken,
    components: Components,
    checked: Checked,
    failure: Mutex<Option<RunError>>,
    rejects: Mutex<Rejects>,
    finished: Mutex<BTreeMap<String, Finished>>,
}

/// Linear memory that is held, of the run and of each step.
pub(crate) struct Memory {
    pub(crate) run: Arc<Gauge>,
    /// As the run's; its peak begins anew with each stage.
    pub(crate) stage: Arc<Gauge>,
    pub(crate) steps: HashMap<String, Arc<Gauge>>,
}

/// What crosses the boundaries between stages.
#[derive(Default)]
pub(crate) struct Boundary {
    pub(crate) spills: HashMap<String, Arc<Spill>>,
}

impl Boundary {
    /// Lets go of the spills that no stage after `stage` reads.
    pub(crate) fn release(&mut self, plan: &Plan, stage: usize) {
        let stage_of = |node: &str| {
            let step = plan.steps.iter().find(|step| step.name == node).map(|step| step.stage);
            step.or_else(|| plan.outputs.iter().find(|output| output.name == node).map(|output| output.stage))
        };
        self.spills
            .retain(|node, _| plan.edges.iter().any(|edge| edge.from == *node && stage_of(&edge.to) > Some(stage)));
    }
}

impl Run {
    /// Checks a plan against its files and components, and makes it ready to run. Nothing is written but the cache.
    ///
    /// # Errors
    ///
    /// Files that are not there or not writable, components that do not compile, schemas that do not fit.
    pub fn prepare(plan: Plan, components: Components, settings: Settings) -> Result<Run, RunError> {
        let checked = Checked::inputs(&plan, &settings.base)?;
        checked.places(&plan, &settings.base, settings.overwrite)?;
        let run = Arc::new(Gauge::default());
        let stage = Gauge::below(&run);
        let steps = plan.steps.iter().map(|step| (step.name.clone(), Gauge::below(&stage))).collect();
        let bug = |error: wasmtime::Error| RunError::new(Class::Bug, format!("wasmtime does not start: {error:#}"));
        let mut prepared = Run {
            base: settings.base,
            limit: settings.limit,
            observer: settings.observer,
            sandbox: Sandbox::new().map_err(bug)?,
            cache: Cache::new(&settings.cache_folder, settings.compile)?,
            memory: Memory { run, stage, steps },
            reach: HashMap::new(),
            stop: settings.cancel.child_token(),
            components,
            checked: Checked::default(),
            failure: Mutex::default(),
            rejects: Mutex::new(Rejects::new(&settings.run_folder)),
            finished: Mutex::default(),
            folder: settings.run_folder,
            plan,
        };
        prepared.reach = resolve(&prepared.plan, &prepared.base, &settings.cache_folder, &prepared.observer)?;
        for step in &prepared.plan.steps {
            prepared.compiled(step).map_err(|error| error.in_step(&step.name))?;
        }
        prepared.checked = checked.follow(&prepared)?;
        prepared.memory.run.restart();
        prepared.memory.steps.values().for_each(|gauge| gauge.restart());
        Ok(prepared)
    }

    /// The columns of what each input and step puts out, and of each output, as phrases, in the order of the plan.
    pub fn schemas(&self) -> Vec<(String, String)> {
        let nodes = self.plan.inputs.iter().map(|input| &input.name);
        let nodes = nodes.chain(self.plan.stages.iter().flat_map(|stage| &stage.steps));
        let of = nodes.map(|node| (node.clone(), crate::bound::columns_of(&self.checked.schemas[node])));
        let outputs = self.checked.outputs.iter();
        of.chain(outputs.map(|(name, output)| (name.clone(), crate::bound::columns_of(&output.schema)))).collect()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Carries the plan out. The report says what happened, also when it ended badly: then no output was touched, unless
    /// putting a complete one in its place is what failed; the error names those that are there by then.
    pub fn execute(self) -> Report {
        let began = Instant::now();
        let residence = Residence::watch();
        let mut costs = Vec::new();
        let outcome = self.make_folder().and_then(|()| {
            let ran = self.stages(&mut costs);
            // Rows that were rejected before a failure are worth having.
            let names = self.plan.steps.iter().map(|step| step.name.as_str());
            let kept = self.rejects.lock().expect("no holder panics").finish(names);
            ran?;
            kept.map_err(|error| RunError::system("write rejected rows to", &self.folder, &error))?;
            self.commit()
        });
        Report::of(&self, &costs, outcome, began.elapsed(), &residence)
    }

    fn make_folder(&self) -> Result<(), RunError> {
        let unwritable = |error| {
            RunError::system("write to the run's folder", &self.folder, &error).help("name another: --run-dir DIR")
        };
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        let mut entries = std::fs::read_dir(&self.folder).map_err(unwritable)?;
        if entries.next().is_some() {
            let message = format!("the run's folder `{}` is not empty", self.folder.display());
            return Err(RunError::new(Class::Pipeline, message).help("name a new one: --run-dir DIR"));
        }
        let plan = serde_json::to_vec_pretty(&self.plan).expect("a plan is JSON");
        std::fs::write(self.folder.join("plan.json"), plan).map_err(unwritable)
    }

    fn stages(&self, costs: &mut Vec<(Stage, StageCost)>) -> Result<(), RunError> {
        let mut boundary = Boundary::default();
        let mut held: HashMap<usize, Vec<LoadedStep>> = HashMap::new();
        let eager_load = Instant::now();
        if self.plan.load == Load::Eager {
            for stage in &self.plan.stages {
                held.insert(stage.index, stage::load(self, &stage.steps).map_err(|error| error.in_stage(stage.index))?);
            }
        }
        let eager_load = eager_load.elapsed();
        for stage in &self.plan.stages {
            if self.stop.is_cancelled() {
                return Err(RunError::interrupted().in_stage(stage.index));
            }
            let began = Instant::now();
            let cost = stage::run(self, stage, &mut boundary, held.get_mut(&stage.index));
            let mut cost = cost.map_err(|error| error.in_stage(stage.index))?;
            if stage.index == 1 {
                cost.load += eager_load;
            }
            costs.push((stage.clone(), cost));
            self.observer.tell(Event::Ended {
                stage: stage.index,
                took: began.elapsed(),
                linear_memory: self.memory.run.now(),
            });
        }
        Ok(())
    }

    /// Puts the outputs in their places, all of them complete and durable: nothing before this has touched what was there.
    fn commit(&self) -> Result<BTreeMap<String, Committed>, RunError> {
        let mut committed = BTreeMap::new();
        for (name, output) in std::mem::take(&mut *self.finished.lock().expect("no holder panics")) {
            let output = output.commit().map_err(|error| {
                let error = RunError::from(error).in_output(&name);
                match committed.is_empty() {
                    true => error,
                    false => error.help(format!("these are in their places already: {}", names(&committed))),
                }
            })?;
            committed.insert(name, output);
        }
        Ok(committed)
    }

    /// Keeps the first failure, and stops everybody.
    pub(crate) fn fail(&self, error: RunError) {
        self.failure.lock().expect("no holder panics").get_or_insert(error);
        self.stop.cancel();
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().expect("no holder panics").is_some()
    }

    /// The first failure; where no node owned up to one, the fault is ours.
    pub(crate) fn take_failure(&self) -> RunError {
        let failure = self.failure.lock().expect("no holder panics").take();
        failure.unwrap_or_else(|| RunError::new(Class::Bug, "a node stopped, and none said why"))
    }

    /// The step's compiled component, made now if need be.
    pub(crate) fn compiled(&self, step: &PlannedStep) -> Result<PathBuf, RunError> {
        let bytes = self.components.bytes(&step.digest).ok_or_else(|| {
            RunError::new(Class::Bug, format!("the component {} of the plan was not given", step.digest))
        })?;
        if self.cache.lacks(&step.digest) {
            self.observer.tell(Event::Compiling { step: step.name.clone() });
        }
        let compiled = self.cache.compiled(bytes, &step.digest, &self.stop)?;
        if let Some(took) = compiled.took {
            self.observer.tell(Event::Compiled { step: step.name.clone(), took });
        }
        Ok(compiled.path)
    }

    pub(crate) fn step(&self, name: &str) -> &PlannedStep {
        self.plan.steps.iter().find(|step| step.name == name).expect("a plan names its own steps")
    }

    pub(crate) fn bound(&self, step: &str) -> Arc<Bound> {
        self.checked.bounds[step].clone()
    }

    pub(crate) fn schema(&self, node: &str) -> &SchemaRef {
        &self.checked.schemas[node]
    }

    pub(crate) fn ways(&self, node: &str) -> &[Way] {
        &self.checked.ways[node]
    }

    pub(crate) fn input(&self, name: &str) -> &Input {
        &self.checked.inputs[name]
    }

    pub(crate) fn output(&self, name: &str) -> &Output {
        &self.checked.outputs[name]
    }

    pub(crate) fn source_file(&self, step: &str) -> u32 {
        self.checked.sources[step]
    }

    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.checked.files
    }

    pub(crate) fn remover(&self, step: &str) -> Remover {
        Remover { on_error: self.step(step).on_error, files: self.files().clone() }
    }

    pub(crate) fn keep_rejects(&self, step: &str, lines: &[u8]) -> Result<(), Stop> {
        let written = self.rejects.lock().expect("no holder panics").write(step, lines);
        Ok(written.map_err(|error| RunError::system("write rejected rows to", &self.folder, &error))?)
    }

    pub(crate) fn finished(&self, output: &str, finished: Finished) {
        self.finished.lock().expect("no holder panics").insert(output.to_owned(), finished);
    }
}

fn names(outputs: &BTreeMap<String, Committed>) -> String {
    outputs.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
