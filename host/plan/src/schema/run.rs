//! How to run a pipeline, as the schema has it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{BatchRows, MaxRejects, OrParam, Replicas};

/// How to run a pipeline.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// Steps that are loaded together, apart from the rest; or `step`, each step alone.
    #[serde(default)]
    #[schemars(with = "LoadGroups")]
    load_groups: Option<LoadGroups>,
    /// Where randomness comes from; 0 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<u64>")]
    seed: Option<u64>,
    /// Rows of a batch at most; 8192 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<BatchRows>")]
    batch_rows: Option<u64>,
    /// Bytes of a batch, about, such as "1MiB", which is the default.
    #[serde(default)]
    #[schemars(with = "String")]
    batch_bytes: Option<String>,
    /// The most rows that all steps together may reject before the run stops: a number, or a share such as "0.5%". Only
    /// where a step has `on_error = "reject"`; no limit by default.
    #[serde(default)]
    #[schemars(with = "MaxRejects")]
    max_rejects: Option<MaxRejects>,
    /// The most memory that a stage may take, such as "1GiB"; no budget by default.
    #[serde(default)]
    #[schemars(with = "String")]
    budget: Option<String>,
    /// Instances of each transform that has no `replicas` of its own; by default one for each core of the machine.
    #[serde(default)]
    #[schemars(with = "OrParam<Replicas>")]
    replicas: Option<u32>,
    /// The most instances that the steps of a stage have together; 1024 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Instances>")]
    instances: Option<u64>,
}

/// Which steps are loaded together.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum LoadGroups {
    /// Each list is a stage of its own, with nothing else in it.
    Lists(Vec<Vec<String>>),
    /// Each step is a stage of its own.
    #[schemars(with = "EachStep")]
    Step(String),
}

/// One step at a time.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum EachStep {
    Step,
}

#[derive(JsonSchema)]
struct Instances(#[schemars(range(min = 1, max = 16_384))] u64);
