//! The JSON Schema of a pipeline file, for editors and programs.
//!
//! These types only describe: a file is read by `pipeline`, which says more of what is wrong than a schema can. A test
//! holds the two together.

// Read by schemars alone.
#![allow(dead_code)]

mod calls;
mod feeds;
mod grants;
mod inputs;
mod outputs;
mod run;
mod steps;
mod values;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use calls::CallLimits;
use inputs::Input;
use outputs::Output;
use run::Run;
use steps::Step;
use values::Name;

/// The JSON Schema (draft 2020-12) of a pipeline file; TOML is the same model.
pub fn schema() -> Value {
    schemars::schema_for!(Pipeline).to_value()
}

/// A pipeline of Callboard: inputs, steps in order, outputs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pipeline {
    /// The version of this format.
    #[schemars(range(min = 1, max = 1))]
    callboard: u64,
    /// For editors: where this schema lies.
    #[serde(rename = "$schema", default)]
    #[schemars(with = "String")]
    schema: Option<String>,
    /// What runs and reports are called; by default the file's name.
    #[serde(default)]
    #[schemars(with = "String")]
    name: Option<String>,
    /// Values that strings of this file use as `${params.NAME}`, and `--set params.NAME=VALUE` or `--params FILE` changes. A table
    /// with `type`, and perhaps `default` and `description`, says what the value is: `string`, `integer`, `number`, `boolean`,
    /// `list` or `table`.
    #[serde(default)]
    params: Map<String, Value>,
    /// Blocks of keys that several steps, inputs or outputs share: each takes one in with `like = "NAME"`.
    #[serde(default)]
    like: BTreeMap<String, Map<String, Value>>,
    /// Files to read, by name.
    #[serde(default)]
    inputs: BTreeMap<Name, Input>,
    /// In order: a step without `from` reads the one before.
    #[serde(default)]
    steps: Vec<Step>,
    /// Files to write, by name.
    #[serde(default)]
    outputs: BTreeMap<Name, Output>,
    /// How to run it.
    #[serde(default)]
    #[schemars(with = "Run")]
    run: Option<Run>,
    /// What requests to a server may take together, in all steps of a run: by its host, or `HOST:PORT`.
    #[serde(default)]
    calls: BTreeMap<String, CallLimits>,
}
