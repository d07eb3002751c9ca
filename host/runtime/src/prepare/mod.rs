//! A plan against the world: components found and compiled, files opened, schemas followed, places checked. What comes of it is
//! [`Prepared`], and does not change any more.

pub(crate) mod check;
pub(crate) mod components;
pub(crate) mod confine;
pub(crate) mod input;
mod learnt;
pub(crate) mod needs;
pub(crate) mod output;
pub(crate) mod paces;
pub(crate) mod places;
mod priors;
mod profile;
mod wanted;
mod width;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use callboard_io::beneath::Dir;
use callboard_io::{Committed, Format, KnownFile, Mark, OutputPlace, Stop};
use callboard_plan::pipeline::{BatchSize, OnError};
use callboard_plan::{Door, Edge, Feed, Kind, Plan, PlannedStep, Reader};
use callboard_sandbox::{
    Artefact, Bound, Cache, Calls, Declared, InstanceConfig, Loaded, LogLimits, Reach, Sandbox, columns_of, no_memory,
};

use crate::course::Took;
use crate::curves::Seen;
use crate::error::{Class, RunError};
use crate::events::{Event, Observer, of_components};
use crate::ports::Routes;
use crate::rejects::{Files, Remover};
use crate::rows::memory::Memory;
use crate::settings::Settings;
use crate::store::records::Intake;
use crate::store::replies::replies_folder;
use crate::store::{Begun, Folder, Past, RecordedInput};
use check::{Checked, Way};
use components::Components;
use confine::{ABSENT, confine};
use input::Input;
use output::Output;
pub(crate) use profile::ProfileTarget;

/// A plan that has been checked against its files and components.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) sandbox: Sandbox,
    pub(crate) cache: Cache,
    /// Where the profile of a step goes, if one is wanted.
    pub(crate) profile: Option<ProfileTarget>,
    /// The requests of all steps.
    pub(crate) calls: Calls,
    /// What each step may reach outside of its sandbox.
    pub(crate) reach: HashMap<String, Arc<Reach>>,
    pub(crate) components: Components,
    pub(crate) checked: Checked,
    /// What an earlier process left of the run.
    pub(crate) past: Past,
    /// The seed of the digests of rows, if the run was begun before.
    pub(crate) digest_seed: Option<u64>,
    /// How the run was begun before, proven or confirmed.
    pub(crate) begun: Option<Begun>,
    /// Whether what a run did is read from what it kept: no component is called, nothing written but rows between stages.
    pub(crate) replays: bool,
    /// Where tasks read inputs apart, if it is a replay of what tasks did.
    pub(crate) cuts: Option<Cuts>,
    /// Whether outputs are not written, since rows are only tried.
    pub(crate) tries: bool,
    /// What is seen of its stages.
    pub(crate) seen: Arc<Seen>,
    /// Whether the kernel has no Landlock, where it was to keep the run to its folders.
    pub(crate) unconfined: bool,
}

/// By input, the files before which a batch ends, by their places: other tasks have read what is before.
pub(crate) type Cuts = BTreeMap<String, BTreeSet<usize>>;

/// An input whose files were found when the run was cut into tasks, of which a part is read.
pub(crate) struct KnownInput {
    pub(crate) format: Format,
    pub(crate) files: Vec<KnownFile>,
    pub(crate) part: Range<Mark>,
}

/// What is known of a run that was begun before.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) past: Past,
    pub(crate) inputs: Option<BTreeMap<String, RecordedInput>>,
    /// Those of these inputs that need not be found again.
    pub(crate) known: BTreeMap<String, KnownInput>,
    pub(crate) digest_seed: Option<u64>,
    pub(crate) begun: Option<Begun>,
    /// What steps declared then, which are not asked again.
    pub(crate) declared: BTreeMap<String, Declared>,
    /// As of [`Prepared::replays`].
    pub(crate) replays: bool,
    /// As of [`Prepared::cuts`].
    pub(crate) cuts: Option<Cuts>,
}

impl Prepared {
    /// Checks a plan against its files and components. Nothing is written but the cache.
    pub(crate) fn new(
        plan: Plan,
        components: Components,
        settings: Settings,
        before: Before,
        locked: Option<&Folder>,
    ) -> Result<Prepared, RunError> {
        plan.verify().map_err(|why| RunError::new(Class::Bug, format!("the plan contradicts itself: {why}")))?;
        let Before { past, inputs, known, digest_seed, begun, declared, replays, cuts } = before;
        let seen = Arc::new(Seen::default());
        let observer = seen.over(settings.observer.clone());
        let settings = settings.observer(observer);
        let looked = if replays { HashMap::new() } else { Checked::look(&plan, &settings) };
        let asked = Checked::ask(&plan, &settings, &past, &known);
        let cache = Cache::new(&settings.cache_folder, settings.compile.clone());
        if let (Ok(cache), false) = (&cache, replays || (asked.is_empty() && looked.is_empty())) {
            // While places are waited for, what was compiled before is read.
            plan.steps().iter().for_each(|step| cache.read_ahead(&step.digest, step.nans()));
        }
        let mut checked = Checked::inputs(&plan, &settings, &past, inputs.as_ref(), &known, asked)?;
        checked.declared = declared;
        let profile = settings.profile.as_ref();
        let profile = profile.map(|profile| ProfileTarget::of(profile, &plan, &settings.run_folder)).transpose()?;
        let pipelines = &components.pipelines;
        if !replays {
            checked.places(
                &plan,
                &settings,
                pipelines,
                &past,
                profile.as_ref().and_then(ProfileTarget::also_written),
                looked,
            )?;
        }
        let sandbox = if profile.is_some() { Sandbox::profiling() } else { Sandbox::new() };
        let mut prepared = Prepared {
            sandbox: sandbox?,
            profile,
            cache: cache?,
            calls: Calls::new(plan.calls()),
            reach: HashMap::new(),
            components,
            checked,
            unconfined: false,
            replays,
            cuts,
            tries: false,
            past,
            digest_seed,
            begun,
            seen,
            settings,
            plan,
        };
        let Settings { base, cache_folder, observer, .. } = &prepared.settings;
        if replays {
            // No step is called, and so none reaches anything.
            let none = |step: &PlannedStep| (step.name.clone(), Arc::default());
            prepared.reach = prepared.plan.steps().iter().map(none).collect();
            let memory = Memory::of(&prepared.plan);
            prepared.checked = std::mem::take(&mut prepared.checked).follow(&prepared, &memory)?;
            return Ok(prepared);
        }
        prepared.reach = resolve(&prepared.plan, base, cache_folder, &prepared.calls, observer)?;
        if locked.is_some() && prepared.sends_requests() {
            // The run is confined next; of one that begins, the folder can be made later.
            let path = replies_folder(prepared.folder());
            Dir::make(&path, 0o700).map_err(|error| RunError::system("keep replies of servers in", &path, &error))?;
        }
        if prepared.settings.confined && !confine(&prepared, locked)? {
            prepared.unconfined = true;
            prepared.observer().tell(Event::Note { message: ABSENT.to_owned() });
        }
        for step in prepared.plan.steps().iter().filter(|step| !prepared.checked.declared.contains_key(&step.name)) {
            prepared.go_on()?;
            prepared.compiled(step).map_err(|error| error.in_step(&step.name))?;
        }
        let memory = Memory::of(&prepared.plan);
        match std::mem::take(&mut prepared.checked).follow(&prepared, &memory) {
            Ok(checked) => prepared.checked = checked,
            Err(error) => {
                // What a step was refused is known to the next plan.
                let _ = prepared.keep_needs(&memory, &|_| false);
                return Err(error);
            }
        }
        Ok(prepared)
    }

    /// Whether a step may send requests.
    pub(crate) fn sends_requests(&self) -> bool {
        self.plan.steps().iter().any(|step| !step.grants.http.is_empty())
    }

    /// An error, where the run is to end before it begins.
    pub(crate) fn go_on(&self) -> Result<(), RunError> {
        if self.settings.cancel.is_cancelled() { Err(RunError::interrupted()) } else { Ok(()) }
    }

    pub(crate) fn observer(&self) -> &Observer {
        &self.settings.observer
    }

    /// The run's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.settings.run_folder
    }

    pub(crate) fn step(&self, name: &str) -> &PlannedStep {
        self.plan.step(name).expect("a plan names its own steps")
    }

    pub(crate) fn bound(&self, step: &str) -> Arc<Bound> {
        self.checked.bounds[step].clone()
    }

    pub(crate) fn schema(&self, feed: &Feed) -> &SchemaRef {
        &self.checked.schemas[feed]
    }

    /// The columns of a feed before its rows are numbered for a zip.
    pub(crate) fn unstamped(&self, feed: &Feed) -> SchemaRef {
        self.without_stamp(feed, self.schema(feed))
    }

    /// All columns of an input's files, whichever are read.
    pub(crate) fn columns_of_files(&self, input: &str) -> SchemaRef {
        let feed = Feed::node(input);
        self.without_stamp(&feed, &self.checked.all[&feed])
    }

    /// The columns that a feed has and that are not carried, since nothing wants them.
    pub(crate) fn left_out(&self, feed: &Feed) -> BTreeSet<String> {
        let names = |schema: &SchemaRef| schema.fields().iter().map(|field| field.name().clone()).collect();
        let (all, carried): (BTreeSet<String>, BTreeSet<String>) =
            (names(&self.checked.all[feed]), names(self.schema(feed)));
        all.difference(&carried).cloned().collect()
    }

    fn without_stamp(&self, feed: &Feed, schema: &SchemaRef) -> SchemaRef {
        match self.is_fork(feed).then(|| schema.fields().split_last()).flatten() {
            Some((_, fields)) => Arc::new(Schema::new(fields.to_vec())),
            None => schema.clone(),
        }
    }

    pub(crate) fn ways(&self, reader: &Reader) -> &[Way] {
        &self.checked.ways[reader]
    }

    /// Whether tasks read an input apart behind a file and before a later one, or the same.
    pub(crate) fn is_cut(&self, input: &str, behind: u32, before: u32) -> bool {
        let files = behind as usize + 1..before as usize + 1;
        self.cuts.as_ref().and_then(|cuts| cuts.get(input)).is_some_and(|cuts| cuts.range(files).next().is_some())
    }

    /// A part of an input alone is to be read.
    pub(crate) fn read_part(&mut self, input: &str, part: Range<Mark>) {
        let input = self.checked.inputs.get_mut(input).expect("a plan names its own inputs");
        input.dataset = input.dataset.take().map(|dataset| dataset.between(part));
    }

    /// What whoever runs it should know of the inputs' files.
    pub(crate) fn notes(&self) -> &[String] {
        &self.checked.notes
    }

    pub(crate) fn input(&self, name: &str) -> &Input {
        &self.checked.inputs[name]
    }

    pub(crate) fn output(&self, name: &str) -> &Output {
        &self.checked.outputs[name]
    }

    /// What an output is that is in its place, as far as its place says it.
    pub(crate) fn in_place(&self, name: &str, place: &OutputPlace, output: Committed) -> Committed {
        let parted = self.output(name).is_parted();
        let manifests = || place.manifests(&Stop::default()).unwrap_or_default();
        let is_ours = |manifest: &&String| {
            place
                .below(manifest)
                .is_ok_and(|place| place.holds(output.bytes, self.digest_of(name), &Stop::default()).unwrap_or(false))
        };
        let found = if parted { manifests().iter().find(is_ours).cloned() } else { None };
        let found =
            found.and_then(|name| Some((place.below(&name).ok()?, place.read_manifest(&name, &Stop::default()).ok()?)));
        match found {
            None => output,
            Some((place, manifest)) => {
                let files = Some(manifest.files.len() as u64);
                Committed { rows: manifest.rows, bytes: manifest.bytes, path: place.path(), files }
            }
        }
    }

    /// The digest of an output that an earlier process wrote.
    fn digest_of(&self, output: &str) -> u128 {
        let ended = self.past.stages.values().find_map(|ended| ended.outputs.get(output));
        ended.and_then(|digested| digested.number()).unwrap_or_default()
    }

    pub(crate) fn source_file(&self, step: &str) -> u32 {
        self.checked.sources[step]
    }

    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.checked.files
    }

    /// The doors of a step that somebody reads.
    pub(crate) fn doors(&self, step: &str) -> Vec<Feed> {
        self.plan.doors_of(step).into_iter().map(|door| Feed::door(step, door)).collect()
    }

    pub(crate) fn remover(&self, step: &str, memory: &Memory) -> Remover {
        Remover {
            // What a step rejected is shown, whatever it did to the run.
            on_error: if self.replays { OnError::Reject } else { self.step(step).on_error },
            files: self.files().clone(),
            flight: Some(memory.flight.clone()),
            cancel: self.settings.cancel.clone(),
        }
    }

    /// What an earlier process read of an input into spills, if it did.
    pub(crate) fn has_taken_in(&self, input: &str) -> Option<&Intake> {
        self.past.intakes.get(input)
    }

    /// Whether branches that part from these rows are zipped, so that they are numbered.
    pub(crate) fn is_fork(&self, feed: &Feed) -> bool {
        self.checked.forks.contains(feed)
    }

    /// Whether these rows go to a zip whose branches advance together.
    pub(crate) fn is_in_step(&self, feed: &Feed) -> bool {
        self.checked.in_step.contains(feed)
    }

    /// The size of batches that a reader's are cut to, if they come in another one; and whether those of a fork's batch are cut by themselves.
    pub(crate) fn recuts(&self, reader: &Reader) -> Option<(BatchSize, bool)> {
        let step = reader.step().and_then(|name| self.plan.step(name)).filter(|step| step.kind == Kind::Transform)?;
        let odd = |edge: &Edge| self.plan.step(&edge.from.node).is_some_and(|step| step.batch.is_some());
        let comes_odd = step.ports.iter().all(|port| port.zip.is_none()) && self.plan.edges_into(&step.name).any(odd);
        if step.batch.is_none() && !comes_odd {
            return None;
        }
        let mut own = Door::ALL.map(|door| Feed::door(&step.name, door)).into_iter().chain([Feed::node(&step.name)]);
        Some((step.batch.unwrap_or(self.plan.batch()), own.any(|feed| self.is_in_step(&feed))))
    }

    /// The routes of a feed, if it has any.
    pub(crate) fn routes(&self, whole: &Feed) -> Option<&Arc<Routes>> {
        self.checked.routes.get(whole)
    }

    /// All columns of what each input and step puts out, and those of each output, as phrases, in the order of the plan. An output whose name
    /// an input or a step has too is called `NAME (output)`.
    pub(crate) fn schemas(&self) -> Vec<(String, String)> {
        let nodes = self.plan.inputs().iter().map(|input| &input.name);
        let nodes = nodes.chain(self.plan.stages().iter().flat_map(|stage| &stage.steps));
        let of = nodes.map(|node| (node.clone(), columns_of(&self.checked.all[&Feed::node(node)])));
        let outputs = self.checked.outputs.iter();
        let shared = |name: &str| self.plan.input(name).is_some() || self.plan.step(name).is_some();
        let called = |name: &str| if shared(name) { format!("{name} (output)") } else { name.to_owned() };
        of.chain(outputs.map(|(name, output)| (called(name), columns_of(&output.schema)))).collect()
    }

    /// The step's compiled component, made now if need be.
    pub(crate) fn compiled(&self, step: &PlannedStep) -> Result<Arc<Artefact>, RunError> {
        compiled(&self.cache, &self.components, step, &self.settings)
    }

    /// Maps a step's compiled component.
    pub(crate) fn map(&self, step: &PlannedStep) -> Result<Loaded, RunError> {
        map(&self.sandbox, &self.cache, step, || self.compiled(step))
    }

    /// What an instance of a step is made with; whoever runs it adds who may end its calls.
    pub(crate) fn instance_config(&self, step: &PlannedStep, memory: &Memory) -> InstanceConfig {
        let mut config = instance_config(step, self.reach[&step.name].clone(), self.plan.seed(), self.observer());
        config.gauge = memory.steps[&step.name].clone();
        config.budget = self.plan.budget();
        let flight = memory.flight.clone();
        config.allowance = Some(Arc::new(move || flight.returnable()));
        config
    }

    /// Keeps for later plans what an instance of each step that `ended` held, and what one was refused.
    pub(crate) fn keep_needs(&self, memory: &Memory, ended: &dyn Fn(&PlannedStep) -> bool) -> std::io::Result<()> {
        let mut most = BTreeMap::new();
        for step in self.plan.steps() {
            let gauge = &memory.steps[&step.name];
            let held = Some(gauge.largest()).filter(|held| *held > 0 && ended(step));
            if let Some(bytes) = held.max(gauge.refused()) {
                let known: &mut u64 = most.entry(step.need_key(self.plan.batch())).or_default();
                *known = bytes.max(*known);
            }
        }
        needs::keep(&self.settings.cache_folder, &most)
    }

    /// Keeps for later runs how long the phases of each global step took, and the stages of the run.
    pub(crate) fn keep_paces(&self, of_run: Option<(String, Took)>) -> std::io::Result<()> {
        let key = |step: &str| self.plan.step(step).map(|step| step.need_key(self.plan.batch()));
        let of_steps = self.seen.took().into_iter().filter_map(|(step, took)| Some((key(&step)?, took)));
        let took = of_steps.chain(of_run).collect();
        paces::keep(&self.settings.cache_folder, took)
    }
}

/// What each step of a plan is granted, by its name. `private` is a folder that only this user can write.
pub(crate) fn resolve(
    plan: &Plan,
    base: &Path,
    private: &Path,
    calls: &Calls,
    observer: &Observer,
) -> Result<HashMap<String, Arc<Reach>>, RunError> {
    let of_step = |step: &PlannedStep| {
        let reach = Reach::of(&step.name, &step.grants, base, private, calls, &of_components(observer));
        let reach = reach.map_err(|error| RunError::from(error).in_step(&step.name))?;
        Ok((step.name.clone(), Arc::new(reach)))
    };
    plan.steps().iter().map(of_step).collect()
}

/// The compiled component of a step, from the cache or made now.
pub(crate) fn compiled(
    cache: &Cache,
    components: &Components,
    step: &PlannedStep,
    settings: &Settings,
) -> Result<Arc<Artefact>, RunError> {
    let bytes = components
        .bytes(&step.digest)
        .ok_or_else(|| RunError::new(Class::Bug, format!("the component {} of the plan was not given", step.digest)))?;
    let observer = &settings.observer;
    let announce = || observer.tell(Event::Compiling { step: step.name.clone() });
    let compiled = cache.compiled(bytes, &step.digest, step.nans(), &settings.cancel, announce)?;
    if let Some(lacks) = compiled.lacks {
        let message =
            format!("components are compiled without {lacks}, which this kernel does not offer: see SECURITY.md");
        observer.tell(Event::Note { message });
    }
    if let Some(took) = compiled.took {
        observer.tell(Event::Compiled { step: step.name.clone(), took });
    }
    Ok(compiled.artefact)
}

/// Maps what `compiled` gives. What this wasmtime does not take, though its name says so, is compiled again, once.
pub(crate) fn map(
    sandbox: &Sandbox,
    cache: &Cache,
    step: &PlannedStep,
    compiled: impl Fn() -> Result<Arc<Artefact>, RunError>,
) -> Result<Loaded, RunError> {
    let loaded = sandbox.load(&*compiled()?, step.kind).or_else(|error| {
        if let Some(refused) = no_memory(&error) {
            return Err(refused.into());
        }
        cache.forget(&step.digest, step.nans());
        sandbox.load(&*compiled()?, step.kind).map_err(|error| {
            no_memory(&error).map(RunError::from).unwrap_or_else(|| {
                cache.forget(&step.digest, step.nans());
                RunError::new(Class::Data, format!("the component cannot be loaded: {error:#}"))
            })
        })
    });
    loaded.map_err(|error: RunError| error.in_step(&step.name))
}

/// What an instance of a step is made with, its memory counted by nobody else.
pub(crate) fn instance_config(step: &PlannedStep, reach: Arc<Reach>, seed: u64, observer: &Observer) -> InstanceConfig {
    let limits = &step.limits;
    let mut config = InstanceConfig::new(&step.name);
    config.memory = limits.memory_bytes;
    config.time = Duration::from_millis(limits.time_ms);
    config.open = Duration::from_millis(limits.open_ms);
    config.returned = limits.returned_bytes;
    config.log = LogLimits { lines: limits.log_lines, bytes: limits.log_bytes };
    config.reach = reach;
    config.seed = seed;
    config.observer = of_components(observer);
    config
}
