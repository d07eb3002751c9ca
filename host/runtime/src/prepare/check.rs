//! Before the first stage: files are there, components compile, and schemas fit from the inputs to the outputs.
//!
//! Nothing is overwritten here. Components are asked what they do to rows (`declare`) in throw-away instances.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use callboard_io::{Dataset, Look, Opening, OutputPlace, Stop, check_writable};
use callboard_plan::{Edge, Feed, Kind, Plan, PlannedInput, PlannedOutput, PlannedStep, Reader, Zip};
use callboard_sandbox::{Bound, Declared, Origin, View, in_a_line, is_hidden, stamp_name};
use callboard_words::template::Template;
use callboard_words::{Help, Setting, address};

use crate::error::{Class, Fault, RunError};
use crate::events::Event;
use crate::ports::{Branch, Routes, Zipped, door_schema};
use crate::prepare::input::{Input, input_spec, unchanged};
use crate::prepare::output::{Output, check_stream, output_spec};
use crate::prepare::{KnownInput, Prepared, places, width};
use crate::rejects::Files;
use crate::rows::appended;
use crate::rows::memory::Memory;
use crate::settings::{AlsoWritten, Settings};
use crate::store::{Past, RecordedInput, schema_of_text, schema_text};

/// One way into a node: its schema, and the edges whose rows are appended to make it.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) schema: SchemaRef,
    pub(crate) edges: Vec<Edge>,
    /// How their rows are joined, if they are not appended.
    pub(crate) zip: Option<Arc<Zipped>>,
    /// What each column of them all holds, as [`Checked::holds`].
    holds: Arc<[u32]>,
}

/// All that is known of a pipeline before it runs.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) inputs: BTreeMap<String, Input>,
    pub(crate) files: Arc<Files>,
    /// The rows that each input and step puts out, as far as they are carried.
    pub(crate) schemas: HashMap<Feed, SchemaRef>,
    /// The same with all columns.
    pub(crate) all: HashMap<Feed, SchemaRef>,
    pub(crate) bounds: HashMap<String, Arc<Bound>>,
    /// What each step declared, in this process or in one before it.
    pub(crate) declared: BTreeMap<String, Declared>,
    /// The routes of each feed that has some.
    pub(crate) routes: HashMap<Feed, Arc<Routes>>,
    /// By step or output.
    pub(crate) ways: HashMap<Reader, Vec<Way>>,
    /// What whoever runs it should know of the inputs' files, for the report too. Sentences.
    pub(crate) notes: Vec<String>,
    pub(crate) outputs: BTreeMap<String, Output>,
    /// Where each output goes, and whether a file that stands there is replaced.
    pub(crate) places: BTreeMap<String, (OutputPlace, bool)>,
    /// For each source, its place in the table of files.
    pub(crate) sources: HashMap<String, u32>,
    /// Feeds of which branches are zipped.
    pub(crate) forks: HashSet<Feed>,
    /// Feeds on the way to a zip whose branches advance together.
    pub(crate) in_step: HashSet<Feed>,
    /// For each feed, what its columns hold: columns of one number have the same values, as far as their rows come from the same row.
    holds: HashMap<Feed, Arc<[u32]>>,
    held: u32,
}

impl Checked {
    /// Opens the inputs: their files and schemas. In a run that is resumed, those that have been read are as they were `recorded`,
    /// and the others must be; they are looked for but for those that are `known`.
    pub(crate) fn inputs(
        plan: &Plan,
        settings: &Settings,
        past: &Past,
        recorded: Option<&BTreeMap<String, RecordedInput>>,
        known: &BTreeMap<String, KnownInput>,
        mut asked: HashMap<String, Opening>,
    ) -> Result<Checked, RunError> {
        let mut checked = Checked::default();
        let mut table = Files::default();
        for input in plan.inputs() {
            let in_input = |error: callboard_io::IoError| RunError::from(error).in_input(&input.name);
            let before = recorded.and_then(|recorded| recorded.get(&input.name));
            let columns = |before: &RecordedInput| {
                schema_of_text(&before.schema).ok_or_else(|| {
                    RunError::new(Class::System, "its columns as they were cannot be read from `run.json`")
                        .in_input(&input.name)
                })
            };
            if let Some(before) = before.filter(|_| past.has_read(plan, &input.name)) {
                let schema = columns(before)?;
                checked.schemas.insert(Feed::node(&input.name), Arc::new(schema));
                let RecordedInput { files: names, bytes, versions, .. } = before.clone();
                let first_file = table.add(&input.name, &names);
                let on_disk = names.iter().filter(|name| !is_address(name)).cloned().collect();
                let files = names.clone();
                let read = Input { dataset: None, files, on_disk, versions, names, bytes, first_file };
                checked.inputs.insert(input.name.clone(), read);
                continue;
            }
            let spec = input_spec(input, settings).map_err(in_input)?;
            let found = match (before, known.get(&input.name)) {
                (Some(before), Some(KnownInput { format, files, part })) => {
                    let known = Dataset::known(&spec, *format, files, &columns(before)?, part.clone());
                    known.map_err(in_input)?
                }
                _ => None,
            };
            let is_known = found.is_some();
            let open = || match asked.remove(&input.name) {
                Some(opening) => opening.finish(),
                None => Dataset::open(&spec),
            };
            let dataset = found.map_or_else(open, Ok).map_err(in_input)?;
            // What is to be said about files was, when they were found.
            let new = Some(&dataset).filter(|_| !is_known);
            for (first, again) in new.map(Dataset::twice).unwrap_or_default() {
                let of = if first == again { String::new() } else { format!(", as `{}`", first.display()) };
                checked.notes.push(format!("input `{}` reads `{}` twice{of}", input.name, again.display()));
            }
            for (file, doubt) in new.map(Dataset::doubts).unwrap_or_default() {
                let note = format!("input `{}`: `{}` is {doubt}", input.name, file.display());
                if !checked.notes.contains(&note) {
                    checked.notes.push(note);
                }
            }
            let (files, versions, bytes) = (dataset.files().to_vec(), dataset.versions(), dataset.bytes());
            if let Some(before) = before {
                let schema = schema_text(&dataset.schema());
                let now = RecordedInput { files: files.clone(), versions: versions.clone(), bytes, schema };
                unchanged(before, &now).map_err(|error| error.in_input(&input.name))?;
            }
            checked.schemas.insert(Feed::node(&input.name), dataset.schema());
            let names = before.map_or_else(|| files.clone(), |before| before.files.clone());
            let first_file = table.add(&input.name, &names);
            let on_disk = dataset.on_disk().map(Path::to_owned).collect();
            let opened = Input { dataset: Some(dataset), files, on_disk, versions, names, bytes, first_file };
            checked.inputs.insert(input.name.clone(), opened);
        }
        for step in plan.steps().iter().filter(|step| step.kind == Kind::Source) {
            checked.sources.insert(step.name.clone(), table.add(&step.name, &[PathBuf::from(&step.name)]));
        }
        checked.files = Arc::new(table);
        for message in &checked.notes {
            settings.observer.tell(Event::Note { message: message.clone() });
        }
        Ok(checked)
    }

    /// Asks for the inputs that lie in places which are far, side by side, while other things are done. What is wrong with one is said when
    /// it is [opened](Self::inputs).
    pub(crate) fn ask(
        plan: &Plan,
        settings: &Settings,
        past: &Past,
        known: &BTreeMap<String, KnownInput>,
    ) -> HashMap<String, Opening> {
        let ask = |input: &PlannedInput| {
            let is_asked = !past.has_read(plan, &input.name) && !known.contains_key(&input.name);
            let opening = Opening::begin(input_spec(input, settings).ok().filter(|_| is_asked)?).ok()?;
            opening.is_waited_for().then(|| (input.name.clone(), opening))
        };
        plan.inputs().iter().filter_map(ask).collect()
    }

    /// Asks what is in the places of outputs that are in stores, while inputs are opened. What is wrong with one is said when it is
    /// [checked](Self::places).
    pub(crate) fn look(plan: &Plan, settings: &Settings) -> HashMap<String, Look> {
        let look = |output: &PlannedOutput| {
            let spec = output_spec(output, &settings.base).ok().filter(|_| !output.is_parted())?;
            OutputPlace::find(&spec.path, &spec.access).ok()?.look()
        };
        plan.outputs().iter().filter_map(|output| Some((output.name.clone(), look(output)?))).collect()
    }

    /// Checks where outputs go: folders that can be written, files that are nobody else's. They are held open from here on. And checks that
    /// no step may write where the run reads and writes.
    pub(crate) fn places(
        &mut self,
        plan: &Plan,
        settings: &Settings,
        pipelines: &[PathBuf],
        past: &Past,
        profile: Option<AlsoWritten>,
        mut looked: HashMap<String, Look>,
    ) -> Result<(), RunError> {
        let mut reserved = places::reserved(plan, settings, pipelines, self.inputs.iter());
        let inputs = places::input_files(self.inputs.iter());
        let mut taken: HashMap<PathBuf, &str> = HashMap::new();
        let mut outputs = Vec::new();
        for output in plan.outputs() {
            let spec = output_spec(output, &settings.base)?;
            let in_output = |error: RunError| error.in_output(&output.name);
            let refused =
                |message: String, help: Help| Err(in_output(RunError::new(Class::Pipeline, message).help(help)));
            if output.is_standard_output() {
                check_stream(&spec, settings).map_err(in_output)?;
                let place = check_writable(&spec).map_err(|error| in_output(error.into()))?;
                self.places.insert(output.name.clone(), (place, false));
                continue;
            }
            // Where it is made of several files, this is their manifest.
            let path = spec.place().map_err(|error| in_output(error.into()))?;
            let shown = path.display();
            let resolved = if is_address(&path) { path.clone() } else { callboard_files::resolved(&path) };
            if let Some(other) = taken.insert(resolved, &output.name) {
                return refused(
                    format!("`{shown}` is also written by output `{other}`"),
                    "give each its own path".into(),
                );
            }
            let is_remote = is_address(&path);
            match is_remote {
                true => places::check_remote(&path, self.inputs.iter()).map_err(in_output)?,
                false => places::check_output(&path, &reserved, &inputs).map_err(in_output)?,
            }
            let template = Template::of(&output.path).and_then(Result::ok);
            // What is added has names of its own.
            if let Some(template) = template.as_ref().filter(|_| !output.parts.append) {
                places::check_parts(&path, template, &reserved, self.inputs.iter()).map_err(in_output)?;
            }
            let place = check_writable(&spec).map_err(|error| in_output(error.into()))?;
            let stop = Stop::when({
                let cancel = settings.cancel.clone();
                move || cancel.is_cancelled()
            });
            let there = match &template {
                None => {
                    let standing = match looked.remove(&output.name) {
                        Some(looked) => place.standing_as(looked, &stop),
                        None => place.standing(&stop),
                    };
                    standing.map_err(|error| in_output(error.into()))?
                }
                // What is added stands beside what is there.
                Some(_) if output.parts.append => false,
                Some(_) => !place.manifests(&stop).map_err(|error| in_output(error.into()))?.is_empty(),
            };
            let mut written = past.stages.values().filter_map(|ended| ended.outputs.get(&output.name));
            let is_ours = there && past.committing && written.any(|digested| digested.is_in(&place, &stop));
            if there && !settings.overwrite && !is_ours {
                let help = Help::from("to replace it, ").set(Setting::Overwrite);
                return refused(format!("`{shown}` is there already"), help);
            }
            if !is_remote {
                outputs.push(places::written(format!("the place of output `{}`", output.name), &path));
            }
            self.places.insert(output.name.clone(), (place, settings.overwrite || is_ours));
        }
        reserved.append(&mut outputs);
        for file in settings.also_written.iter().chain(&profile) {
            places::check_also_written(file, &reserved, &inputs)?;
            reserved.push(places::written(file.what.clone(), file.place.path()));
        }
        places::check_grants(plan, settings, &reserved)
    }

    /// Follows the schema through `declare` from the inputs to the outputs, and leaves out what is wanted nowhere.
    pub(crate) fn follow(mut self, run: &Prepared, memory: &Memory) -> Result<Checked, RunError> {
        let plan = &run.plan;
        let mut columns = 0_u64;
        self.forks = plan.zips().map(|(_, zip)| zip.fork.clone()).collect();
        self.in_step = plan.arriving_in_step();
        for input in plan.inputs() {
            let feed = Feed::node(&input.name);
            let schema = self.schemas[&feed].clone();
            unreserved(&schema).map_err(|error| error.in_input(&input.name))?;
            let holds = schema.fields().iter().map(|_| self.fresh()).collect();
            self.put(feed.clone(), schema, holds);
            self.part_ways(run, &feed)?;
        }
        for name in plan.stages().iter().flat_map(|stage| &stage.steps) {
            run.go_on()?;
            let step = run.step(name);
            let ways = step.ports.iter().map(|port| self.way(plan.edges_into_port(name, port), port.zip.as_ref()));
            let ways = ways.collect::<Result<Vec<_>, _>>().map_err(|error| error.in_step(name))?;
            let inputs: Vec<SchemaRef> = ways.iter().map(|way| way.schema.clone()).collect();
            let asked = match self.declared.remove(name) {
                Some(declared) => Ok(declared),
                None if run.replays => Err(undeclared()),
                None => ask(run, memory, step, &inputs),
            };
            let bound = asked.and_then(|declared| bind(step, &inputs, declared, &mut self.declared));
            let bound = bound.map_err(|error| {
                let error = error.in_step(name);
                let mut feeds = plan.edges_into(name).map(|edge| &edge.from);
                let rowless = feeds.find(|feed| self.knows_no_columns(feed));
                match rowless {
                    Some(input) => error.help(format!(
                        "no row of `{input}` tells its columns; say them under `[inputs.{input}]`: \
                         types = {{ text = \"string\" }}"
                    )),
                    None => error,
                }
            })?;
            columns = columns.saturating_add(width::columns(bound.output.fields()));
            width::fits(plan.budget(), columns).map_err(|error| error.in_step(name))?;
            for door in run.doors(name) {
                let schema = door_schema(&inputs[0]).map_err(|error| error.in_step(name))?;
                let own = schema.fields().len() - inputs[0].fields().len();
                let own: Vec<u32> = (0..own).map(|_| self.fresh()).collect();
                self.put(door.clone(), schema, ways[0].holds.iter().copied().chain(own).collect());
                self.part_ways(run, &door)?;
            }
            unreserved(&bound.writes).map_err(|error| error.in_step(name))?;
            let holds = bound.columns.iter().map(|origin| match origin {
                Origin::Input(at) => ways[0].holds[*at],
                Origin::Written(_) => self.fresh(),
            });
            let holds = holds.collect();
            self.put(Feed::node(name), bound.output.clone(), holds);
            self.part_ways(run, &Feed::node(name))?;
            self.bounds.insert(name.clone(), Arc::new(bound));
            self.ways.insert(Reader::Step(name.clone()), ways);
        }
        for output in plan.outputs() {
            let way = self
                .way(plan.edges_into_output(&output.name), output.zip.as_ref())
                .map_err(|error| error.in_output(&output.name))?;
            let found = Output::of(output, &way.schema, &run.settings.base)?;
            self.outputs.insert(output.name.clone(), found);
            self.ways.insert(Reader::Output(output.name.clone()), vec![way]);
        }
        self.with_what_is_wanted(plan)
    }

    /// Checks the routes of a feed against its columns.
    fn part_ways(&mut self, run: &Prepared, whole: &Feed) -> Result<(), RunError> {
        let plan = &run.plan;
        let routes = plan.routes_of(whole);
        if routes.is_empty() {
            return Ok(());
        }
        let schema = self.schemas[whole].clone();
        let checked =
            Routes::new(&schema, &routes, self.files.clone(), run.settings.cancel.clone()).map_err(|error| {
                let reader =
                    plan.edges().iter().find(|edge| edge.from.branch == error.place.route).map(|edge| &edge.to);
                match reader {
                    Some(Reader::Step(name)) => error.in_step(name),
                    Some(Reader::Output(name)) => error.in_output(name),
                    None => error,
                }
            })?;
        let holds = self.holds[whole].clone();
        for (feed, _) in &routes {
            self.schemas.insert((*feed).clone(), schema.clone());
            self.holds.insert((*feed).clone(), holds.clone());
        }
        self.routes.insert(whole.clone(), Arc::new(checked));
        Ok(())
    }

    fn knows_no_columns(&self, feed: &Feed) -> bool {
        self.inputs.contains_key(&feed.node) && self.schemas[feed].fields().iter().all(|field| is_hidden(field.name()))
    }

    /// A number that stands for what no other column holds.
    fn fresh(&mut self) -> u32 {
        self.held += 1;
        self.held
    }

    /// Notes the columns of a feed; rows that branches part from are numbered in one more, which is hidden.
    fn put(&mut self, feed: Feed, schema: SchemaRef, holds: Vec<u32>) {
        let (mut schema, mut holds) = (schema, holds);
        if self.forks.contains(&feed) {
            let stamp = Field::new(stamp_name(&feed.to_string()), DataType::UInt64, false);
            schema =
                Arc::new(Schema::new(schema.fields().iter().cloned().chain([Arc::new(stamp)]).collect::<Vec<_>>()));
            holds.push(self.fresh());
        }
        self.schemas.insert(feed.clone(), schema);
        self.holds.insert(feed, holds.into());
    }

    fn way<'a>(&mut self, edges: impl Iterator<Item = &'a Edge>, zip: Option<&Zip>) -> Result<Way, RunError> {
        let edges: Vec<Edge> = edges.cloned().collect();
        if let Some(zip) = zip {
            let branch = |edge: &'_ Edge| (self.schemas[&edge.from].clone(), self.holds[&edge.from].clone());
            let known: Vec<_> = edges.iter().map(branch).collect();
            let branches =
                edges.iter().zip(known).map(|(edge, (schema, holds))| Branch { feed: &edge.from, schema, holds });
            let branches: Vec<Branch<'_>> = branches.collect();
            let (zipped, holds) = Zipped::new(zip, &branches, &mut || self.fresh())?;
            return Ok(Way { schema: zipped.schema.clone(), zip: Some(Arc::new(zipped)), holds, edges });
        }
        let schemas: Vec<(&Feed, SchemaRef)> =
            edges.iter().map(|edge| (&edge.from, self.schemas[&edge.from].clone())).collect();
        let schema = appended(&schemas)?;
        let holds = match &edges[..] {
            [edge] => self.holds[&edge.from].clone(),
            _ => schema.fields().iter().map(|_| self.fresh()).collect(),
        };
        Ok(Way { schema, edges, zip: None, holds })
    }
}

/// Refuses a name of columns that the host keeps for itself.
fn unreserved(schema: &Schema) -> Result<(), RunError> {
    match schema.fields().iter().find(|field| is_hidden(field.name())) {
        None => Ok(()),
        Some(field) => {
            let message =
                format!("no column may be called `{}`: the host keeps such names for itself", in_a_line(field.name()));
            Err(RunError::new(Class::Data, message))
        }
    }
}

/// Asks a step, in an instance that is dropped at once, what it does to rows of these schemas.
fn ask(run: &Prepared, memory: &Memory, step: &PlannedStep, inputs: &[SchemaRef]) -> Result<Declared, RunError> {
    let loaded = run.map(step)?;
    let fault = |fault: Fault| RunError::of(fault, &step.name);
    let mut config = run.instance_config(step, memory);
    config.interrupt = run.settings.cancel.clone();
    let mut instance = loaded.instantiate(&config).map_err(fault)?;
    let seen: Vec<Schema> = inputs.iter().map(|schema| View::of(schema, &step.columns).schema).collect();
    instance.declare(&step.config.to_string(), &seen).map_err(fault).map_err(|error| or_unmapped(error, step, inputs))
}

/// Binds what a step declared to the rows that it is given, and keeps the declaration.
fn bind(
    step: &PlannedStep,
    inputs: &[SchemaRef],
    declared: Declared,
    all: &mut BTreeMap<String, Declared>,
) -> Result<Bound, RunError> {
    let bound = Bound::new(&step.columns, inputs, declared.clone()).map_err(RunError::from);
    let bound = bound.map_err(|error| or_unmapped(error, step, inputs))?;
    all.insert(step.name.clone(), declared);
    Ok(if step.kind == Kind::Global { bound.of_global() } else { bound })
}

fn or_unmapped(error: RunError, step: &PlannedStep, inputs: &[SchemaRef]) -> RunError {
    match unmapped(step, inputs) {
        Some(help) if error.help.is_none() => error.help(help),
        _ => error,
    }
}

/// The error for a step whose columns are not written down.
fn undeclared() -> RunError {
    RunError::new(Class::System, "`columns.json` in the run's folder lacks its columns").help("run the pipeline again")
}

/// A renaming whose column is not there: the likely reason why a step misses one.
fn unmapped(step: &PlannedStep, inputs: &[SchemaRef]) -> Option<String> {
    let there = |ours: &str| inputs.iter().any(|schema| schema.index_of(ours).is_ok());
    let (theirs, ours) = step.columns.iter().find(|(_, ours)| !there(ours))?;
    Some(format!("`columns` says that its `{theirs}` is `{ours}`, and there is no column `{ours}` here"))
}

/// Whether a file's name is an address, of data that are not on this machine's disk.
fn is_address(name: &Path) -> bool {
    name.to_str().is_some_and(|name| address::split(name).is_some())
}
