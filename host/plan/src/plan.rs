//! What will be done: stages, their steps, and how rows get from one to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use callboard_words::template::Template;

use crate::calls::Calls;
use crate::catalog::Origin;
use crate::choices::{Boundary, Load, MaxRejects, Transport};
use crate::door::{Door, Feed};
use crate::grants::Grants;
use crate::memory::Predicted;
use crate::need::Need;
use crate::parts::COMPONENT_BYTES;
use crate::pipeline::{Access, BatchSize, InputLimits, OnError, OutputColumn, Parts, Reading};
use crate::route::Route;
use crate::scan::Kind;
use crate::unverified::Unverified;
use crate::zip::Zip;

/// A pipeline that can be run, decided to the last edge, and always valid: it is made by [`Plan::new`], or read from JSON,
/// which verifies it, and nobody can alter one. What may change afterwards (`with_…`) is verified again.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) name: String,
    pub(crate) load: Load,
    pub(crate) seed: u64,
    pub(crate) batch: BatchSize,
    pub(crate) max_rejects: Option<MaxRejects>,
    pub(crate) budget: Option<u64>,
    pub(crate) instances: Option<u64>,
    pub(crate) calls: Calls,
    pub(crate) inputs: Vec<PlannedInput>,
    pub(crate) steps: Vec<PlannedStep>,
    pub(crate) outputs: Vec<PlannedOutput>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) fingerprint: String,
}

/// Files to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedInput {
    /// Unique in the plan.
    pub name: String,
    /// Paths and globs, in order, relative to the pipeline file's folder.
    pub paths: Vec<String>,
    /// Otherwise the extension says.
    pub format: Option<String>,
    /// Column to type, where the file does not say it.
    pub types: BTreeMap<String, String>,
    /// What parts the fields of CSV, if the pipeline says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Which rows are read, and what is added to them, as far as the pipeline says it.
    #[serde(default, skip_serializing_if = "Reading::is_empty")]
    pub reading: Reading,
    /// How the places of its files are reached, as far as the pipeline says it.
    #[serde(default, skip_serializing_if = "Access::is_empty")]
    pub access: Access,
    /// What a file may take, as far as the pipeline says it.
    #[serde(default, skip_serializing_if = "InputLimits::is_empty")]
    pub limits: InputLimits,
    /// Whether the run gathers figures of its columns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stats: bool,
    /// The stage that reads it, once, from 1.
    pub stage: usize,
}

/// A step, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Unique in the plan.
    pub name: String,
    /// As the pipeline names it.
    #[serde(rename = "use")]
    pub uses: String,
    /// Where the component is from.
    pub origin: Origin,
    /// Its kind.
    pub kind: Kind,
    /// Lower-case hex digest of the component.
    pub digest: String,
    /// Handed to the component as JSON text.
    pub config: Value,
    /// The step's name of a column to the pipeline's name of it.
    pub columns: BTreeMap<String, String>,
    /// What it may use.
    pub limits: StepLimits,
    /// What one instance is taken to need.
    pub need: Need,
    /// The most instances side by side; 1 for a source. A global step has more than one only where its rows are grouped.
    pub replicas: u32,
    /// Further instances, opened while all others wait for replies and the servers that they ask have room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spare: u32,
    /// What one call is given at most, where it differs from [`Plan::batch`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchSize>,
    /// What happens to a row that it cannot handle.
    pub on_error: OnError,
    /// The most rows that it may reject, if there is such a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rejects: Option<MaxRejects>,
    /// How often a call that failed with a `transient` error is tried again.
    pub retries: u32,
    /// What it may reach outside of its sandbox.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
    /// Whether the run gathers figures of the columns that it puts out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stats: bool,
    /// The stage that it runs in, from 1.
    pub stage: usize,
    /// None for a source, one (without a name) for a transform, at least one for a global step.
    #[serde(skip_serializing)]
    pub ports: Vec<Port>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What one instance of a step may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLimits {
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// The limit of one call of `process`, `next` or `run`, in milliseconds.
    pub time_ms: u64,
    /// The limit of `open`, in milliseconds.
    pub open_ms: u64,
    /// What one call may return, or hand the host, in bytes.
    pub returned_bytes: u64,
    /// What one call may make the host copy of columns that the step does not see, by naming rows again and again, in bytes.
    pub carried_bytes: u64,
    /// Lines of log, over the life of an instance.
    pub log_lines: u64,
    /// Bytes of log, over the life of an instance.
    pub log_bytes: u64,
    /// Rows that one row of the input may become.
    pub rows_per_row: u64,
    /// The file of the component, in bytes; [`COMPONENT_BYTES`] unless the pipeline says it.
    #[serde(default = "component_bytes", skip_serializing_if = "is_usual_component")]
    pub component_bytes: u64,
}

fn component_bytes() -> u64 {
    COMPONENT_BYTES
}

fn is_usual_component(bytes: &u64) -> bool {
    *bytes == COMPONENT_BYTES
}

/// One input of a step. What is appended to it is said by the plan's edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// `None` if the pipeline names none.
    pub name: Option<String>,
    /// How its feeds are joined row by row, if they are not appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Zip>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedOutput {
    /// Unique in the plan.
    pub name: String,
    /// Relative to the pipeline file's folder.
    pub path: String,
    /// How its place is reached, as far as the pipeline says it.
    #[serde(default, skip_serializing_if = "Access::is_empty")]
    pub access: Access,
    /// Otherwise the extension says.
    pub format: Option<String>,
    /// How it is compressed, if the pipeline says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// How hard, if the pipeline says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Columns to write, in this order; all of them when `None`.
    pub columns: Option<Vec<OutputColumn>>,
    /// How it is made of several files, as far as the pipeline says it.
    #[serde(default, skip_serializing_if = "Parts::is_empty")]
    pub parts: Parts,
    /// Whether the run gathers figures of its columns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stats: bool,
    /// How its feeds are joined row by row, if they are not appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Zip>,
    /// The stage that writes it, from 1: the latest of its feeds.
    pub stage: usize,
}

impl PlannedOutput {
    /// Whether it goes to standard output.
    pub fn is_standard_output(&self) -> bool {
        self.path == "-"
    }

    /// Whether its path is a template, and it is made of several files.
    pub fn is_parted(&self) -> bool {
        Template::of(&self.path).is_some()
    }
}

/// Steps that are in memory together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// From 1.
    pub index: usize,
    /// Names in an order in which each comes after what it reads; none in a pipeline of inputs and outputs only.
    pub steps: Vec<String>,
    /// Inputs that are read into a spill before the stage's components are loaded, because a global step of it needs them.
    pub intakes: Vec<String>,
    /// Inputs that are read while the stage runs.
    pub inputs: Vec<String>,
    /// Outputs that are written by the stage.
    pub outputs: Vec<String>,
    /// Why it is not one with the stage before.
    pub reason: Boundary,
    /// What it is predicted to take.
    pub predicted: Predicted,
}

/// Rows on their way to a step or an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// What puts the rows out.
    pub from: Feed,
    /// Which of these rows, if not all; equal for equal feeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// A step or an output.
    #[serde(flatten)]
    pub to: Reader,
    /// The port of a global step, where it has a name.
    pub port: Option<String>,
    /// The place among what is appended to that port, from 0.
    pub position: usize,
    /// How rows travel.
    pub transport: Transport,
}

/// What an edge leads to. An output may have the name of a step or an input: nothing reads from it, so a feed is never one.
///
/// As JSON it is `"to": "NAME"`, and `"output": true` beside it if it is an output.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "WrittenReader", into = "WrittenReader")]
pub enum Reader {
    /// The step of this name.
    Step(String),
    /// The output of this name.
    Output(String),
}

#[derive(Serialize, Deserialize)]
struct WrittenReader {
    to: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    output: bool,
}

impl From<WrittenReader> for Reader {
    fn from(written: WrittenReader) -> Self {
        if written.output { Reader::Output(written.to) } else { Reader::Step(written.to) }
    }
}

impl From<Reader> for WrittenReader {
    fn from(reader: Reader) -> Self {
        WrittenReader { output: matches!(reader, Reader::Output(_)), to: reader.name().to_owned() }
    }
}

impl Reader {
    /// Its name alone.
    pub fn name(&self) -> &str {
        let (Reader::Step(name) | Reader::Output(name)) = self;
        name
    }

    /// The name of the step, if it is one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Reader::Step(name) => Some(name),
            Reader::Output(_) => None,
        }
    }
}

impl std::fmt::Display for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a plan that was kept as JSON is refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is not JSON, or not that of a plan.
    #[error("the plan cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It was altered, or written by a callboard that planned differently.
    #[error("the plan contradicts itself: {0}")]
    Invalid(#[from] Contradiction),
}

/// What of a plan contradicts the rest of it, or the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub(crate) String);

impl Plan {
    /// Reads a plan that was kept as JSON.
    ///
    /// # Errors
    /// If it is not a plan, or not one that [`Plan::new`] makes.
    pub fn from_json(json: &str) -> Result<Self, PlanError> {
        let mut json = serde_json::Deserializer::from_str(json);
        let plan = Unverified::deserialize(&mut json)?;
        json.end()?;
        plan.verify()?;
        Ok(plan)
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When components are in memory.
    pub fn load(&self) -> Load {
        self.load
    }

    /// Where randomness comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where batches are cut.
    pub fn batch(&self) -> BatchSize {
        self.batch
    }

    /// The most rows that all steps together may reject, if there is such a number.
    pub fn max_rejects(&self) -> Option<MaxRejects> {
        self.max_rejects
    }

    /// The most memory that a stage may take, in bytes, if there is such a number.
    pub fn budget(&self) -> Option<u64> {
        self.budget
    }

    /// Limits of requests, by server.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// In the file's order.
    pub fn inputs(&self) -> &[PlannedInput] {
        &self.inputs
    }

    /// In the file's order.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// In the file's order.
    pub fn outputs(&self) -> &[PlannedOutput] {
        &self.outputs
    }

    /// In the order in which they run; at least one.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// By reader in the file's order (steps, then outputs), then by port and position.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Lower-case hex SHA-256 of all the rest but `origin`, `need` and `predicted`: two plans of one fingerprint do the same.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The step of this name.
    pub fn step(&self, name: &str) -> Option<&PlannedStep> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The input of this name.
    pub fn input(&self, name: &str) -> Option<&PlannedInput> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&PlannedOutput> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// The stage of a step or an output.
    pub fn stage_of_reader(&self, reader: &Reader) -> Option<usize> {
        match reader {
            Reader::Step(name) => self.step(name).map(|step| step.stage),
            Reader::Output(name) => self.output(name).map(|output| output.stage),
        }
    }

    /// Edges into the step of this name, by port and position.
    pub fn edges_into<'a>(&'a self, step: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().filter(move |edge| edge.to.step() == Some(step))
    }

    /// Edges into the output of this name, by position.
    pub fn edges_into_output<'a>(&'a self, output: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().filter(move |edge| matches!(&edge.to, Reader::Output(name) if name == output))
    }

    /// Edges into one port of a step, by position.
    pub fn edges_into_port<'a>(&'a self, step: &'a str, port: &'a Port) -> impl Iterator<Item = &'a Edge> {
        self.edges_into(step).filter(move |edge| edge.port == port.name)
    }

    /// How the feeds of a reader's first input are joined row by row, if they are.
    pub fn zip_of(&self, reader: &Reader) -> Option<&Zip> {
        match reader {
            Reader::Step(name) => self.step(name)?.ports.first()?.zip.as_ref(),
            Reader::Output(name) => self.output(name)?.zip.as_ref(),
        }
    }

    /// All readers whose feeds are joined row by row, and how.
    pub fn zips(&self) -> impl Iterator<Item = (Reader, &Zip)> {
        let steps = self
            .steps
            .iter()
            .filter_map(|step| Some((Reader::Step(step.name.clone()), step.ports.first()?.zip.as_ref()?)));
        let of_output = |output: &PlannedOutput| Reader::Output(output.name.clone());
        steps.chain(self.outputs.iter().filter_map(move |output| Some((of_output(output), output.zip.as_ref()?))))
    }

    /// The edges that bring rows of a feed to whatever reads it.
    pub fn edges_out_of<'a>(&'a self, feed: &'a Feed) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().filter(move |edge| edge.from == *feed)
    }

    /// The routes by which rows of a feed go, each once, in the order of its edges: [`Route::Else`] refers to the others.
    pub fn routes_of<'a>(&'a self, whole: &Feed) -> Vec<(&'a Feed, &'a Route)> {
        let mut routes: Vec<(&Feed, &Route)> = Vec::new();
        for edge in self.edges.iter().filter(|edge| edge.from.node == whole.node && edge.from.door == whole.door) {
            if let Some(route) = &edge.route
                && !routes.iter().any(|(feed, _)| **feed == edge.from)
            {
                routes.push((&edge.from, route));
            }
        }
        routes
    }

    /// The doors of this step that somebody reads, in the order of [`Door::ALL`]: of others, nothing need be kept.
    pub fn doors_of(&self, step: &str) -> Vec<Door> {
        let of_step = || self.edges.iter().filter(|edge| edge.from.node == step);
        Door::ALL.into_iter().filter(|door| of_step().any(|edge| edge.from.door == Some(*door))).collect()
    }
}
