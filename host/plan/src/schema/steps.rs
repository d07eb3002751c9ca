//! A step, as the schema has it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::feeds::StepFrom;
use super::grants::Grant;
use super::values::{BatchRows, Count, MaxRejects, Name, OneOrMany, OrParam, Replicas, Retries};
use crate::pipeline::OnError;

/// One use of a component.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = uses_or_like)]
pub(super) struct Step {
    /// Blocks of `like` whose keys this table takes in; of several, the last that has a key says it, and the table itself before all.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    like: Option<OneOrMany>,
    /// A bundled step, or the path to a component, relative to this file's folder; required unless a block of `like` says it.
    #[serde(rename = "use", default)]
    #[schemars(with = "String")]
    uses: Option<String>,
    /// By default the name of what it uses, without folder and `.wasm`.
    #[serde(default)]
    #[schemars(with = "Name")]
    name: Option<Name>,
    /// Where rows come from: by default the step before, and for the first step the only input.
    #[serde(default)]
    #[schemars(with = "StepFrom")]
    from: Option<StepFrom>,
    /// The configuration of the step, as its own schema describes it.
    #[serde(default)]
    config: Map<String, Value>,
    /// Renames columns for the step: the step's name of a column to this pipeline's name of it.
    #[serde(default)]
    columns: BTreeMap<String, String>,
    /// What one instance may use.
    #[serde(default)]
    #[schemars(with = "Limits")]
    limits: Option<Limits>,
    /// What one instance takes: a memory budget is planned with it.
    #[serde(default)]
    #[schemars(with = "Needs")]
    needs: Option<Needs>,
    /// Instances side by side, for a transform; by default one for each core of the machine.
    #[serde(default)]
    #[schemars(with = "OrParam<Replicas>")]
    replicas: Option<u32>,
    /// What one call is given at most, for a transform; by default the size that `run` gives all batches.
    #[serde(default)]
    #[schemars(with = "StepBatch")]
    batch: Option<StepBatch>,
    /// What happens to a row that the step cannot handle: `fail` ends the run, and is the default.
    #[serde(default)]
    #[schemars(with = "OrParam<OnError>")]
    on_error: Option<OnError>,
    /// The most rows that the step may reject before the run stops: a number, or a share such as "0.5%". Only with
    /// `on_error = "reject"`; no limit by default.
    #[serde(default)]
    #[schemars(with = "MaxRejects")]
    max_rejects: Option<MaxRejects>,
    /// How often a call that failed with a `transient` error is tried again; 3 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Retries>")]
    retries: Option<u32>,
    /// Gathers figures of the columns that the step puts out while the run goes on; false by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    stats: Option<bool>,
    /// What the step may reach outside of its sandbox; nothing by default.
    #[serde(default)]
    #[schemars(with = "Grant")]
    grant: Option<Grant>,
}

/// What one call of a step is given at most, whichever is reached first.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StepBatch {
    /// Rows.
    #[serde(default)]
    #[schemars(with = "OrParam<BatchRows>")]
    rows: Option<u64>,
    /// Bytes, about, such as "256KiB".
    #[serde(default)]
    #[schemars(with = "String")]
    bytes: Option<String>,
}

/// A step that is like nothing says itself what it uses.
fn uses_or_like(schema: &mut Schema) {
    schema.insert("anyOf".to_owned(), serde_json::json!([{ "required": ["use"] }, { "required": ["like"] }]));
}

/// What one instance of a step may use.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// Linear memory, such as "256MiB"; "1GiB" by default, "4GiB" at most.
    #[serde(default)]
    #[schemars(with = "String")]
    memory: Option<String>,
    /// The limit of one call, such as "5s"; by default "60s", for a global step "1h".
    #[serde(default)]
    #[schemars(with = "String")]
    time: Option<String>,
    /// The limit of `open`, which is called once in each instance, such as "30s"; "300s" by default.
    #[serde(default)]
    #[schemars(with = "String")]
    open: Option<String>,
    /// What one call may return, such as "64MiB"; "128MiB" by default.
    #[serde(default)]
    #[schemars(with = "String")]
    returned: Option<String>,
    /// What one call may make the host copy of columns that the step does not see, by naming rows again and again;
    /// "256MiB" by default.
    #[serde(default)]
    #[schemars(with = "String")]
    carried: Option<String>,
    /// Lines of log, over the life of an instance; 100000 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    log_lines: Option<u64>,
    /// Bytes of log, over the life of an instance; "16MiB" by default.
    #[serde(default)]
    #[schemars(with = "String")]
    log_bytes: Option<String>,
    /// Rows that one row may become; 100000 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    rows: Option<u64>,
    /// The file of the component, such as "256MiB"; "64MiB" by default, "512MiB" at most.
    #[serde(default)]
    #[schemars(with = "String")]
    component: Option<String>,
}

/// What one instance of a step takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Needs {
    /// Linear memory, such as "200MiB".
    memory: String,
}
