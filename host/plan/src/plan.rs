//! What will be done: stages, their steps, and how rows get from one to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::catalog::{Catalog, Component, Origin};
use crate::draft::{Draft, End};
use crate::pipeline::{BatchSize, Limits, Located, OnError, OutputColumn, Pipeline};
use crate::problem::{Findings, Problems};
use crate::scan::Kind;
use crate::{boundary, facts, rules, wire};

/// When components are in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// One stage at a time.
    #[default]
    Staged,
    /// All of them from the first moment to the last; planned as [`Load::Staged`].
    Eager,
    /// One step at a time: each step is a stage of its own.
    Step,
}

/// A pipeline that can be run, decided to the last edge. Made by [`Plan::new`] alone, and so always valid; one that was
/// kept as JSON is checked again by [`Plan::from_json`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The pipeline's name.
    pub name: String,
    /// When components are in memory.
    pub load: Load,
    /// Where randomness comes from.
    pub seed: u64,
    /// Where batches are cut.
    pub batch: BatchSize,
    /// In the file's order.
    pub inputs: Vec<PlannedInput>,
    /// In the file's order.
    pub steps: Vec<PlannedStep>,
    /// In the file's order.
    pub outputs: Vec<PlannedOutput>,
    /// In the order in which they run; at least one.
    pub stages: Vec<Stage>,
    /// By reader in the file's order (steps, then outputs), then by port and position.
    pub edges: Vec<Edge>,
    /// Lower-case hex SHA-256 of all the rest but `origin`: two plans of one fingerprint do the same.
    pub fingerprint: String,
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
    /// Instances side by side; 1 for a source or a global step.
    pub replicas: u32,
    /// What becomes of a row that it cannot handle.
    pub on_error: OnError,
    /// The stage that it runs in, from 1.
    pub stage: usize,
    /// None for a source, one (without a name) for a transform, at least one for a global step.
    pub ports: Vec<Port>,
}

/// What one instance of a step may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLimits {
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// Of one call of `process`, `next` or `run`, in milliseconds.
    pub time_ms: u64,
    /// Of `open`, in milliseconds.
    pub open_ms: u64,
}

/// One input of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// None where the pipeline names none.
    pub name: Option<String>,
    /// Inputs and steps whose rows are appended, in this order; at least one.
    pub feeds: Vec<String>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedOutput {
    /// Unique in the plan.
    pub name: String,
    /// Relative to the pipeline file's folder.
    pub path: String,
    /// Otherwise the extension says.
    pub format: Option<String>,
    /// Columns to write, in this order; all of them when `None`.
    pub columns: Option<Vec<OutputColumn>>,
    /// Inputs and steps whose rows are appended, in this order; at least one.
    pub feeds: Vec<String>,
    /// The stage that writes it, from 1: the latest of its feeds.
    pub stage: usize,
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
}

/// Why a stage begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Boundary {
    /// It is the first.
    Start,
    /// A global step needs every row before it begins, and puts out at its end: these edges cannot lie within a stage.
    Global {
        /// Those from the stage before into this one.
        edges: Vec<GlobalEdge>,
    },
    /// `load_groups` wants these steps loaded together, apart from the rest.
    LoadGroup {
        /// Which of the groups, from 1.
        group: usize,
    },
    /// The stage before is a load group, and a load group is alone.
    AfterLoadGroup {
        /// Which of the groups, from 1.
        group: usize,
    },
    /// Each step is a stage of its own, by `load_groups = "step"` or `--load step`.
    OneStep,
}

/// An edge that parts two stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalEdge {
    /// The step that puts rows out.
    pub from: String,
    /// The step that reads them.
    pub to: String,
}

/// Rows on their way from an input or a step to a step or an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// An input or a step.
    pub from: String,
    /// A step or an output.
    pub to: String,
    /// The port of a global step, where it has a name.
    pub port: Option<String>,
    /// The place among what is appended to that port, from 0.
    pub position: usize,
    /// How rows travel.
    pub transport: Transport,
}

/// How rows travel along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// A bounded queue in memory, within a stage.
    Channel,
    /// A file, written whole before it is read.
    Spill,
}

/// Why a plan that was kept as JSON is refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no JSON, or not that of a plan.
    #[error("the plan cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It was altered, or written by a callboard that planned otherwise.
    #[error("the plan contradicts itself: {0}")]
    Invalid(String),
}

impl Plan {
    /// Plans `pipeline` with what `catalog` knows of its components.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn new(pipeline: &Pipeline, catalog: &Catalog, load: Load) -> Result<Self, Problems> {
        let mut findings = Findings::new(pipeline.source.clone());
        let plan = decide(pipeline, catalog, load, &mut findings);
        let plan = findings.or(plan)?;
        debug_assert_eq!(plan.verify(), Ok(()));
        Ok(plan)
    }

    /// Reads a plan that was kept as JSON.
    ///
    /// # Errors
    /// Where it is none, or not one that [`Plan::new`] makes.
    pub fn from_json(json: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(json)?;
        plan.verify().map_err(PlanError::Invalid)?;
        Ok(plan)
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

    /// Edges into a step or an output, by port and position.
    pub fn edges_into<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().filter(move |edge| edge.to == name)
    }

    /// Edges out of an input or a step.
    pub fn edges_out_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().filter(move |edge| edge.from == name)
    }
}

/// Facts, then the graph, then the rules, then the plan.
fn decide(pipeline: &Pipeline, catalog: &Catalog, load: Load, findings: &mut Findings) -> Option<Plan> {
    let components = facts::components(pipeline, catalog, findings);
    let kinds: Vec<Option<Kind>> = components.iter().map(|c| c.map(|component| component.facts.kind)).collect();
    let edges = wire::wire(pipeline, &kinds, findings);
    // A step whose component is missing passes for a transform, so that its cycle is found all the same.
    let known = kinds.iter().map(|kind| kind.unwrap_or(Kind::Transform)).collect();
    let mut draft = Draft::new(pipeline, load, known, edges, findings)?;
    if !findings.is_empty() {
        return None;
    }
    rules::apply(&mut draft, findings);
    if !findings.is_empty() {
        return None;
    }
    let components: Vec<&Component> = components.into_iter().collect::<Option<_>>()?;
    let mut plan = assemble(&draft, &components);
    plan.fingerprint = fingerprint(&plan);
    Some(plan)
}

fn assemble(draft: &Draft<'_>, components: &[&Component]) -> Plan {
    let pipeline = draft.pipeline;
    let text = |located: &Located<String>| located.value.clone();
    let inputs = pipeline.inputs.iter().zip(&draft.input_stage).map(|(input, stage)| PlannedInput {
        name: text(&input.name),
        paths: input.paths.iter().map(text).collect(),
        format: input.format.as_ref().map(text),
        types: input.types.iter().map(|(column, ty)| (column.clone(), text(ty))).collect(),
        stage: *stage,
    });
    let steps = pipeline.steps.iter().enumerate().map(|(index, step)| {
        let Component { facts, digest, origin } = components[index];
        PlannedStep {
            name: text(&step.name),
            uses: text(&step.uses),
            origin: origin.clone(),
            kind: facts.kind,
            digest: digest.clone(),
            config: step.config.clone(),
            columns: step.columns.clone(),
            limits: StepLimits::of(&step.limits, facts.kind),
            replicas: step.replicas.value,
            on_error: step.on_error,
            stage: draft.step_stage[index],
            ports: ports(draft, End::Step(index)),
        }
    });
    let outputs = pipeline.outputs.iter().enumerate().map(|(index, output)| PlannedOutput {
        name: text(&output.name),
        path: text(&output.path),
        format: output.format.as_ref().map(text),
        columns: output.columns.clone(),
        feeds: ports(draft, End::Output(index)).into_iter().flat_map(|port| port.feeds).collect(),
        stage: draft.output_stage[index],
    });
    let edges = draft.edges.iter().map(|edge| Edge {
        from: draft.name(edge.from).to_owned(),
        to: draft.name(edge.to).to_owned(),
        port: edge.port.clone(),
        position: edge.position,
        transport: edge.transport,
    });
    Plan {
        name: pipeline.name.clone(),
        load: draft.load,
        seed: pipeline.run.seed,
        batch: pipeline.run.batch,
        inputs: inputs.collect(),
        steps: steps.collect(),
        outputs: outputs.collect(),
        stages: (1..=draft.group_of_stage.len()).map(|index| stage(draft, index)).collect(),
        edges: edges.collect(),
        fingerprint: String::new(),
    }
}

fn stage(draft: &Draft<'_>, index: usize) -> Stage {
    let pipeline = draft.pipeline;
    let names = |range: std::ops::Range<usize>, end: fn(usize) -> End, wanted: &dyn Fn(usize) -> bool| {
        let here = range.filter(|nth| draft.stage(end(*nth)) == index && wanted(*nth));
        here.map(|nth| draft.name(end(nth)).to_owned()).collect::<Vec<_>>()
    };
    let steps = draft.order.iter().filter(|step| draft.step_stage[**step] == index);
    Stage {
        index,
        steps: steps.map(|step| draft.step_name(*step).to_owned()).collect(),
        intakes: names(0..pipeline.inputs.len(), End::Input, &|input| draft.intake[input]),
        inputs: names(0..pipeline.inputs.len(), End::Input, &|input| !draft.intake[input]),
        outputs: names(0..pipeline.outputs.len(), End::Output, &|_| true),
        reason: boundary::reason(draft, index),
    }
}

fn ports(draft: &Draft<'_>, to: End) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for edge in draft.edges.iter().filter(|edge| edge.to == to) {
        if edge.position == 0 {
            ports.push(Port { name: edge.port.clone(), feeds: Vec::new() });
        }
        if let Some(port) = ports.last_mut() {
            port.feeds.push(draft.name(edge.from).to_owned());
        }
    }
    ports
}

impl StepLimits {
    /// What the file sets, else the defaults of a step's kind.
    fn of(limits: &Limits, kind: Kind) -> Self {
        const SECOND: u64 = 1000;
        let time = if kind == Kind::Global { 3600 * SECOND } else { 60 * SECOND };
        Self {
            memory_bytes: limits.memory_bytes.unwrap_or(1 << 30),
            time_ms: limits.time_ms.unwrap_or(time),
            open_ms: limits.open_ms.unwrap_or(300 * SECOND),
        }
    }
}

/// The digest of a plan without its fingerprint and without where components lie: their own digests are in it.
pub(crate) fn fingerprint(plan: &Plan) -> String {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    if let Some(plan) = value.as_object_mut() {
        plan.remove("fingerprint");
        let steps = plan.get_mut("steps").and_then(Value::as_array_mut);
        for step in steps.into_iter().flatten().filter_map(Value::as_object_mut) {
            step.remove("origin");
        }
    }
    // Keys in one order, whatever the order in which a pipeline writes its `config`.
    value.sort_all_objects();
    let digest = Sha256::digest(value.to_string().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
