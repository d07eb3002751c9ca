//! A plan as JSON has it. Each port and output names what it reads there, for people and programs that look at one step; in a
//! [`Plan`] the edges alone say it.

use std::collections::{BTreeMap, HashMap};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::calls::Calls;
use crate::choices::{Load, MaxRejects};
use crate::door::Feed;
use crate::pipeline::BatchSize;
use crate::plan::{Edge, Plan, PlanError, PlannedInput, PlannedOutput, PlannedStep, Reader, Stage};
use crate::zip::Zip;

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    load: Load,
    seed: u64,
    batch: BatchSize,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_rejects: Option<MaxRejects>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    calls: &'a Calls,
    inputs: &'a [PlannedInput],
    steps: Vec<WrittenStep<'a>>,
    outputs: Vec<WrittenOutput<'a>>,
    stages: &'a [Stage],
    edges: &'a [Edge],
    fingerprint: &'a str,
}

#[derive(Serialize)]
struct WrittenStep<'a> {
    #[serde(flatten)]
    step: &'a PlannedStep,
    ports: Vec<WrittenPort<'a>>,
}

#[derive(Serialize)]
struct WrittenPort<'a> {
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zip: Option<&'a Zip>,
    feeds: Vec<&'a Feed>,
}

#[derive(Serialize)]
struct WrittenOutput<'a> {
    #[serde(flatten)]
    output: &'a PlannedOutput,
    feeds: Vec<&'a Feed>,
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut read: HashMap<(&Reader, Option<&str>), Vec<&Feed>> = HashMap::new();
        for edge in &self.edges {
            read.entry((&edge.to, edge.port.as_deref())).or_default().push(&edge.from);
        }
        let feeds = |to: Reader, port| read.get(&(&to, port)).cloned().unwrap_or_default();
        let steps = self.steps.iter().map(|step| {
            let ports = step.ports.iter().map(|port| {
                let name = port.name.as_deref();
                WrittenPort { name, zip: port.zip.as_ref(), feeds: feeds(Reader::Step(step.name.clone()), name) }
            });
            WrittenStep { step, ports: ports.collect() }
        });
        let outputs = self
            .outputs
            .iter()
            .map(|output| WrittenOutput { output, feeds: feeds(Reader::Output(output.name.clone()), None) });
        Written {
            name: &self.name,
            load: self.load,
            seed: self.seed,
            batch: self.batch,
            max_rejects: self.max_rejects,
            budget: self.budget,
            instances: self.instances,
            calls: &self.calls,
            inputs: &self.inputs,
            steps: steps.collect(),
            outputs: outputs.collect(),
            stages: &self.stages,
            edges: &self.edges,
            fingerprint: &self.fingerprint,
        }
        .serialize(serializer)
    }
}

/// What somebody wrote down: its shape is right, and nothing else is known of it.
#[derive(Deserialize)]
#[serde(remote = "Plan")]
pub(crate) struct Unverified {
    name: String,
    load: Load,
    seed: u64,
    batch: BatchSize,
    #[serde(default)]
    max_rejects: Option<MaxRejects>,
    #[serde(default)]
    budget: Option<u64>,
    #[serde(default)]
    instances: Option<u64>,
    #[serde(default)]
    calls: Calls,
    inputs: Vec<PlannedInput>,
    steps: Vec<PlannedStep>,
    outputs: Vec<PlannedOutput>,
    stages: Vec<Stage>,
    edges: Vec<Edge>,
    fingerprint: String,
}

/// Refuses what [`Plan::verify`] refuses.
impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plan = Unverified::deserialize(deserializer)?;
        plan.verify().map_err(|why| D::Error::custom(PlanError::from(why)))?;
        Ok(plan)
    }
}
