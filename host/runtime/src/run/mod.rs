//! A run: a plan, prepared ([`Run::prepare`]) and carried out ([`execute`]); nodes find in it what they need ([`parts`]).

mod execute;
mod parts;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use callboard_io::Finished;
use callboard_plan::{Plan, PlannedStep};
use tokio_util::sync::CancellationToken;

use crate::artefact::Artefact;
use crate::budget::Budget;
use crate::cache::Cache;
use crate::check::Checked;
use crate::components::Components;
use crate::confine::{ABSENT, confine};
use crate::disk::{Begun, Folder, Past, Quota};
use crate::error::{Class, RunError};
use crate::events::{Event, Observer};
use crate::guest::{Profiles, Reach, Sandbox, resolve};
use crate::kept::Kept;
use crate::memory::Memory;
use crate::refused;
use crate::removed::Rejects;
use crate::settings::Settings;

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
    /// How the run was begun before, proven or confirmed.
    pub(crate) begun: Option<Begun>,
    kept: Option<Kept>,
    /// Whether the kernel has no Landlock, where it was to keep the run to its folders.
    unconfined: bool,
    failure: Mutex<Option<RunError>>,
    pub(crate) rejects: Arc<Mutex<Rejects>>,
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
        plan.verify().map_err(|why| RunError::new(Class::Bug, format!("the plan contradicts itself: {why}")))?;
        let inputs = resumed.as_ref().map(|resumed| &resumed.recorded.inputs);
        let mut checked = Checked::inputs(&plan, &settings, &past, inputs)?;
        let profiles =
            settings.profile.as_ref().map(|profile| profile.profiles(&plan, &settings.run_folder)).transpose()?;
        checked.places(&plan, &settings, &past, profiles.as_ref().and_then(Profiles::also_written))?;
        let mut prepared = Run {
            folder: settings.run_folder.clone(),
            limit: settings.limit,
            observer: settings.observer.clone(),
            sandbox: Sandbox::new(profiles.is_some()).map_err(|error| refused::engine(&error))?,
            profiles: profiles.map(Arc::new),
            cache: Cache::new(&settings.cache_folder, settings.compile.clone())?,
            memory: Memory::of(&plan),
            quota: Arc::new(Quota::new(settings.max_spill)),
            reach: HashMap::new(),
            stop: CancellationToken::new(),
            interrupt: settings.cancel.clone(),
            components,
            checked,
            budget: Budget::new(past.stages.values().map(|ended| &ended.cost)),
            past,
            digest_seed: resumed.as_ref().and_then(|resumed| resumed.recorded.digest_seed),
            begun: resumed.as_ref().map(|resumed| resumed.begun.clone()),
            locked: Mutex::new(resumed.map(|resumed| resumed.folder)),
            kept: None,
            unconfined: false,
            failure: Mutex::default(),
            rejects: Arc::new(Mutex::new(Rejects::new(settings.run_folder.join("rejects")))),
            finished: Mutex::default(),
            first_call: OnceLock::new(),
            settings,
            plan,
        };
        prepared.reach =
            resolve(&prepared.plan, &prepared.settings.base, &prepared.settings.cache_folder, &prepared.observer)?;
        if prepared.settings.confined {
            prepared.unconfined = !confine(&prepared)?;
        }
        if prepared.unconfined {
            prepared.observer.tell(Event::Note { message: ABSENT.to_owned() });
        }
        for step in prepared.plan.steps() {
            prepared.go_on()?;
            prepared.compiled(step).map_err(|error| error.in_step(&step.name))?;
        }
        match std::mem::take(&mut prepared.checked).follow(&prepared) {
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
        let nodes = self.plan.inputs().iter().map(|input| &input.name);
        let nodes = nodes.chain(self.plan.stages().iter().flat_map(|stage| &stage.steps));
        let of = nodes.map(|node| (node.clone(), crate::bound::columns_of(&self.checked.schemas[node])));
        let outputs = self.checked.outputs.iter();
        of.chain(outputs.map(|(name, output)| (name.clone(), crate::bound::columns_of(&output.schema)))).collect()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
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
    pub(crate) fn compiled(&self, step: &PlannedStep) -> Result<Arc<Artefact>, RunError> {
        let bytes = self.components.bytes(&step.digest).ok_or_else(|| {
            RunError::new(Class::Bug, format!("the component {} of the plan was not given", step.digest))
        })?;
        let announce = || self.observer.tell(Event::Compiling { step: step.name.clone() });
        let compiled = self.cache.compiled(bytes, &step.digest, &self.interrupt, announce)?;
        compiled.tell(&step.name, &self.observer);
        Ok(compiled.artefact)
    }
}

/// Where a component that was a file is kept, from a run's folder.
pub(crate) fn kept_component(digest: &str) -> String {
    format!("components/{digest}.wasm")
}
