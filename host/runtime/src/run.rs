//! A run: a plan, prepared, carried out stage by stage, its outputs put in their places at the very end.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use callboard_io::{Committed, Finished};
use callboard_plan::{Load, Plan, PlannedStep, Stage, door};
use tokio_util::sync::CancellationToken;

use crate::bound::Bound;
use crate::boundary::Boundary;
use crate::budget::Budget;
use crate::check::{Checked, Input, Output, Way};
use crate::compile::Cache;
use crate::components::Components;
use crate::disk::journal::{Record, StageEnded};
use crate::disk::positions::Positions;
use crate::disk::seen::Seen;
use crate::disk::sync::Syncer;
use crate::disk::{Deed, Folder, Past, Quota, Work, past};
use crate::error::{Class, RunError};
use crate::events::{Event, Observer};
use crate::flight::Admission;
use crate::guest::{Profiles, Reach, Sandbox, resolve};
use crate::kept::Kept;
use crate::memory::Memory;
use crate::meter::Residence;
use crate::needs;
use crate::ports::Stop;
use crate::removed::{Files, Rejects, Remover};
use crate::report::Report;
use crate::settings::Settings;
use crate::stage::{self, LoadedStep, StageCost};
use crate::watch::Watch;

/// A plan that has been checked against its files and components, ready to run.
pub struct Run {
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) folder: PathBuf,
    pub(crate) limit: Option<u64>,
    pub(crate) observer: Observer,
    pub(crate) sandbox: Sandbox,
    pub(crate) cache: Cache,
    pub(crate) memory: Memory,
    pub(crate) quota: Arc<Quota>,
    /// Where the profile of a step is gathered, if one is wanted.
    pub(crate) profiles: Option<Arc<Profiles>>,
    /// What each step may reach outside of its sandbox.
    pub(crate) reach: HashMap<String, Arc<Reach>>,
    /// Cancelled when everything is to stop at once: a node failed, or there is no more time.
    pub(crate) stop: CancellationToken,
    /// Cancelled from outside, to end what is being done and do no more.
    pub(crate) interrupt: CancellationToken,
    pub(crate) components: Components,
    pub(crate) checked: Checked,
    pub(crate) past: Past,
    /// The folder, once it is there; locked from the beginning where a run is resumed.
    pub(crate) locked: Mutex<Option<Folder>>,
    /// Of the digests of rows, where the run was begun before.
    pub(crate) digest_seed: Option<u64>,
    kept: Option<Kept>,
    failure: Mutex<Option<RunError>>,
    rejects: Mutex<Rejects>,
    pub(crate) budget: Budget,
    finished: Mutex<BTreeMap<String, Finished>>,
    /// When a transform was first called with rows.
    pub(crate) first_call: OnceLock<Instant>,
}

impl Run {
    /// Checks a plan against its files and components, and makes it ready to run. Nothing is written but the cache.
    ///
    /// # Errors
    ///
    /// Files that are not there or not writable, components that do not compile, schemas that do not fit; a profile of a step that
    /// is not there.
    pub fn prepare(plan: Plan, components: Components, settings: Settings) -> Result<Run, RunError> {
        Run::prepare_after(plan, components, settings, Past::default(), None)
    }

    /// As [`Run::prepare`], for a run of which something is done.
    pub(crate) fn prepare_after(
        plan: Plan,
        components: Components,
        settings: Settings,
        past: Past,
        resumed: Option<crate::resume::Resumed>,
    ) -> Result<Run, RunError> {
        let inputs = resumed.as_ref().map(|resumed| &resumed.recorded.inputs);
        let checked = Checked::inputs(&plan, &settings.base, &past, inputs)?;
        checked.places(&plan, &settings, &past)?;
        let bug = |error: wasmtime::Error| RunError::new(Class::Bug, format!("wasmtime does not start: {error:#}"));
        let profiles =
            settings.profile.as_ref().map(|profile| profile.profiles(&plan, &settings.run_folder)).transpose()?;
        let mut prepared = Run {
            folder: settings.run_folder.clone(),
            limit: settings.limit,
            observer: settings.observer.clone(),
            sandbox: Sandbox::new(profiles.is_some()).map_err(bug)?,
            profiles: profiles.map(Arc::new),
            cache: Cache::new(&settings.cache_folder, settings.compile.clone())?,
            memory: Memory::of(&plan),
            quota: Arc::new(Quota::new(settings.max_spill)),
            reach: HashMap::new(),
            stop: CancellationToken::new(),
            interrupt: settings.cancel.clone(),
            components,
            checked: Checked::default(),
            budget: Budget::new(past.stages.values().map(|ended| &ended.cost)),
            past,
            digest_seed: resumed.as_ref().map(|resumed| resumed.recorded.digest_seed),
            locked: Mutex::new(resumed.map(|resumed| resumed.folder)),
            kept: None,
            failure: Mutex::default(),
            rejects: Mutex::new(Rejects::new(settings.run_folder.join("rejects"))),
            finished: Mutex::default(),
            first_call: OnceLock::new(),
            settings,
            plan,
        };
        prepared.reach =
            resolve(&prepared.plan, &prepared.settings.base, &prepared.settings.cache_folder, &prepared.observer)?;
        for step in &prepared.plan.steps {
            prepared.compiled(step).map_err(|error| error.in_step(&step.name))?;
        }
        match checked.follow(&prepared) {
            Ok(checked) => prepared.checked = checked,
            Err(error) => {
                // What a step was refused is known to the next plan.
                let _ = prepared.keep_needs(&[]);
                return Err(error);
            }
        }
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
    pub fn execute(mut self) -> Report {
        let began = Instant::now();
        let residence = Residence::watch();
        let mut costs = Vec::new();
        let watch = Watch::begin(self.interrupt.clone(), self.stop.clone());
        let mut profile = None;
        let outcome = Kept::open(&self).and_then(|kept| {
            self.kept = Some(kept);
            let ran = self.stages(&mut costs);
            // Rows that were rejected before a failure are worth having.
            let steps = self.plan.steps.iter().map(|step| step.name.as_str());
            let gathered = self.rejects().gather(&self.folder.join("rejects.jsonl"), steps);
            // So is the profile, all the more of a step that takes too long.
            let profiled = self.profiles.as_ref().map_or(Ok(None), |profiles| profiles.write());
            profile = profiled.as_ref().ok().cloned().flatten();
            ran?;
            gathered.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
            profiled.map_err(|error| RunError::unwritten("write the profile", &error))?;
            crate::report::check_accounts(&self, &costs)?;
            self.commit()
        });
        drop(watch);
        let mut report = Report { profile, ..Report::of(&self, &costs, outcome, began, &residence) };
        if let Err(error) = self.keep_needs(&costs) {
            report.notes.push(format!("what the steps needed could not be kept: {error}"));
        }
        match self.kept.take() {
            Some(kept) => kept.close(report, &self.folder),
            // Nothing was begun; what an earlier process did is as it was.
            None => Report { resumable: self.past.attempts > 0, ..report },
        }
    }

    /// Keeps for later plans what an instance of each step held in the stages that ended now, and what one was refused.
    fn keep_needs(&self, costs: &[(Stage, StageCost)]) -> std::io::Result<()> {
        let ended = |step: &PlannedStep| {
            let is_its = |(stage, _): &(Stage, StageCost)| stage.index == step.stage;
            costs.iter().any(is_its) && !self.past.stages.contains_key(&step.stage)
        };
        let measured = self.plan.steps.iter().filter_map(|step| {
            let gauge = &self.memory.steps[&step.name];
            let held = Some(gauge.largest()).filter(|held| *held > 0 && ended(step));
            let bytes = held.max(gauge.refused())?;
            Some((step.need_key(self.plan.batch), bytes))
        });
        let mut most: BTreeMap<String, u64> = BTreeMap::new();
        for (key, bytes) in measured {
            let known = most.entry(key).or_default();
            *known = bytes.max(*known);
        }
        needs::keep(&self.settings.cache_folder, &most)
    }

    fn stages(&self, costs: &mut Vec<(Stage, StageCost)>) -> Result<(), RunError> {
        let mut boundary = Boundary::left_over(self)?;
        let mut held: HashMap<usize, Vec<LoadedStep>> = HashMap::new();
        let to_do = || self.plan.stages.iter().filter(|stage| !self.past.stages.contains_key(&stage.index));
        let eager_load = Instant::now();
        if self.plan.load == Load::Eager {
            for stage in to_do() {
                held.insert(stage.index, stage::load(self, &stage.steps).map_err(|error| error.in_stage(stage.index))?);
            }
        }
        let mut eager_load = Some(eager_load.elapsed());
        for stage in &self.plan.stages {
            if let Some(ended) = self.past.stages.get(&stage.index) {
                costs.push((stage.clone(), ended.cost.clone()));
                continue;
            }
            self.go_on().map_err(|error| error.in_stage(stage.index))?;
            let began = Instant::now();
            let cost = self.stage(stage, &mut boundary, held.get_mut(&stage.index), eager_load.take());
            costs.push((stage.clone(), cost.map_err(|error| error.in_stage(stage.index))?));
            self.budget.check_run(&self.plan, costs).map_err(|error| error.in_stage(stage.index))?;
            self.observer.tell(Event::Ended {
                stage: stage.index,
                took: began.elapsed(),
                linear_memory: self.memory.run.now(),
            });
        }
        // Where the last stage ended before, nobody has asked yet.
        self.budget.check_run(&self.plan, costs)
    }

    fn stage(
        &self,
        stage: &Stage,
        boundary: &mut Boundary,
        held: Option<&mut Vec<LoadedStep>>,
        eager_load: Option<Duration>,
    ) -> Result<StageCost, RunError> {
        let begun = self.rejects().begin(&stage.steps);
        begun.map_err(|error| RunError::unwritten("write rejected rows", &error))?;
        let mut cost = stage::run(self, stage, boundary, held)?;
        cost.load += eager_load.unwrap_or_default();
        let rejects = self.rejects().end(&stage.steps);
        let rejects = rejects.map_err(|error| RunError::unwritten("write rejected rows", &error))?;

        let is_here = |node: &str| {
            let inputs = stage.inputs.iter().chain(&stage.intakes);
            inputs.chain(&stage.steps).any(|name| name == door(node).0)
        };
        let spills = boundary.spills.iter().filter(|(node, _)| is_here(node));
        let spills = spills.map(|(node, spill)| (node.clone(), spill.sealed().clone())).collect();
        let finished = self.finished.lock().expect("no holder panics");
        let outputs = finished.iter().filter(|(name, _)| stage.outputs.contains(name));
        let outputs = outputs.map(|(name, output)| (name.clone(), output.into())).collect();
        drop(finished);
        let ended = StageEnded { cost: cost.clone(), spills, outputs, rejects };
        self.journal(&Record::Stage { stage: stage.index, ended: Box::new(ended) })?;
        let began = Instant::now();
        boundary.release(&self.plan, stage.index);
        cost.unload += began.elapsed();
        Ok(cost)
    }

    /// Puts the outputs in their places, all of them complete and durable: nothing before this has touched what was there.
    fn commit(&self) -> Result<BTreeMap<String, Committed>, RunError> {
        self.journal(&Record::Committing)?;
        let mut finished = std::mem::take(&mut *self.finished.lock().expect("no holder panics"));
        let mut committed = BTreeMap::new();
        for (name, file) in self.past.stages.values().flat_map(|ended| &ended.outputs) {
            let path = self.output(name).spec.path.clone();
            let staged = self.staged(name);
            match staged.exists() {
                true => drop(
                    finished
                        .insert(name.clone(), Finished { rows: file.rows, bytes: file.bytes, digest: 0, path, staged }),
                ),
                false => drop(committed.insert(name.clone(), Committed { rows: file.rows, bytes: file.bytes, path })),
            }
        }
        for (name, output) in finished {
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

    /// Notes that a node stopped because it was asked to; others finish what they are doing.
    pub(crate) fn interrupted(&self, error: RunError) {
        self.failure.lock().expect("no holder panics").get_or_insert(error);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().expect("no holder panics").is_some()
    }

    /// The first failure; where no node owned up to one, the fault is ours.
    pub(crate) fn take_failure(&self) -> RunError {
        let failure = self.failure.lock().expect("no holder panics").take();
        failure.unwrap_or_else(|| RunError::new(Class::Bug, "a node stopped, and none said why"))
    }

    /// Whether nothing more is to be begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.stop.is_cancelled() || self.interrupt.is_cancelled()
    }

    /// An error, where the run is to end.
    pub(crate) fn go_on(&self) -> Result<(), RunError> {
        if let Some(error) = self.kept.as_ref().and_then(Kept::failure) {
            return Err(RunError::unwritten("write to the run's folder", &error));
        }
        if self.is_ending() { Err(RunError::interrupted()) } else { Ok(()) }
    }

    /// The step's compiled component, made now if need be.
    pub(crate) fn compiled(&self, step: &PlannedStep) -> Result<PathBuf, RunError> {
        let bytes = self.components.bytes(&step.digest).ok_or_else(|| {
            RunError::new(Class::Bug, format!("the component {} of the plan was not given", step.digest))
        })?;
        if self.cache.lacks(&step.digest) {
            self.observer.tell(Event::Compiling { step: step.name.clone() });
        }
        let compiled = self.cache.compiled(bytes, &step.digest, &self.interrupt)?;
        if let Some(took) = compiled.took {
            self.observer.tell(Event::Compiled { step: step.name.clone(), took });
        }
        Ok(compiled.path)
    }

    pub(crate) fn step(&self, name: &str) -> &PlannedStep {
        self.plan.step(name).expect("a plan names its own steps")
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

    /// Where a node that reads waits for room.
    pub(crate) fn admission(&self, node: &str) -> Admission {
        Admission::new(self.memory.flight.clone(), &self.plan, node, self.observer.clone())
    }

    pub(crate) fn source_file(&self, step: &str) -> u32 {
        self.checked.sources[step]
    }

    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.checked.files
    }

    /// The doors of a step that somebody reads, by their full names.
    pub(crate) fn doors(&self, step: &str) -> Vec<String> {
        self.plan.doors_of(step).into_iter().map(|door| door.of(step)).collect()
    }

    pub(crate) fn remover(&self, step: &str) -> Remover {
        Remover { on_error: self.step(step).on_error, files: self.files().clone() }
    }

    fn rejects(&self) -> std::sync::MutexGuard<'_, Rejects> {
        self.rejects.lock().expect("no holder panics")
    }

    pub(crate) fn keep_rejects(&self, step: &str, lines: &[u8]) -> Result<(), Stop> {
        let written = self.rejects().write(step, lines);
        Ok(written.map_err(|error| RunError::unwritten("write rejected rows", &error))?)
    }

    pub(crate) fn finished(&self, output: &str, finished: Finished) {
        self.finished.lock().expect("no holder panics").insert(output.to_owned(), finished);
    }

    /// Where an output lies until all are complete.
    pub(crate) fn staged(&self, output: &str) -> PathBuf {
        past::staged(&self.folder, output)
    }

    /// Whether an input was read into a spill by an earlier process, and how many rows it had.
    pub(crate) fn has_taken_in(&self, input: &str) -> Option<u64> {
        self.past.intakes.get(input).map(|(rows, _)| *rows)
    }

    pub(crate) fn resumable(&self) -> bool {
        self.settings.resumable
    }

    pub(crate) fn journal(&self, record: &Record) -> Result<(), RunError> {
        self.kept.as_ref().map_or(Ok(()), |kept| kept.journal(record))
    }

    pub(crate) fn syncer(&self) -> Option<Syncer> {
        self.kept.as_ref().and_then(Kept::syncer)
    }

    pub(crate) fn seen(&self, input: &str) -> Result<Option<Seen>, RunError> {
        let seen = self.kept.as_ref().map_or(Ok(None), |kept| kept.seen(input));
        seen.map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    pub(crate) fn positions(&self, output: &str) -> Result<Option<Positions>, RunError> {
        let positions = self.kept.as_ref().map_or(Ok(None), |kept| kept.positions(output));
        positions.map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    pub(crate) fn work(&self, step: &str) -> Option<&Work> {
        self.kept.as_ref().and_then(|kept| kept.work(step)).map(|work| &**work)
    }

    pub(crate) fn shared_work(&self, step: &str) -> Option<Arc<Work>> {
        self.kept.as_ref().and_then(|kept| kept.work(step)).cloned()
    }

    /// Whether a step's work may be there already, so that its component need not be loaded before that is known.
    pub(crate) fn may_reuse(&self, step: &str) -> bool {
        self.work(step).is_some_and(|work| !work.is_empty())
    }

    /// Where a source that was stopped goes on.
    pub(crate) fn cursor(&self, source: &str) -> Option<Vec<u8>> {
        let deeds = self.work(source)?.in_order(0, None);
        let cursors = deeds.filter_map(|(deed, _)| match deed {
            Deed::Page { cursor, .. } => Some(cursor),
            _ => None,
        });
        cursors.last()
    }
}

fn names(outputs: &BTreeMap<String, Committed>) -> String {
    outputs.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Where a component that was a file is kept in a run's folder.
pub(crate) fn kept_component(folder: &Path, digest: &str) -> PathBuf {
    folder.join("components").join(format!("{digest}.wasm"))
}
