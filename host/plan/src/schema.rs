//! The JSON Schema of a pipeline file, for editors and programs.
//!
//! These types only describe: a file is read by `pipeline`, which says more of what is wrong than a schema can. A test
//! holds the two together.

// Read by schemars alone.
#![allow(dead_code)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pipeline::OnError;
use crate::zip::{Absent, Same};

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

/// Files to read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// Blocks of `like` whose keys this table takes in; of several, the last that has a key says it, and the table itself before all.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    like: Option<OneOrMany>,
    /// A path, an address (`s3://bucket/key`, `gs://`, `az://`, `hf://`, `https://`), a pattern or a list of them; paths are relative to this file's folder; required unless the file is used as a step.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    path: Option<OneOrMany>,
    /// Otherwise the extension says: `jsonl`, `json`, `csv`, `text`, `warc`, `tar`, `parquet`, `arrow`.
    #[serde(default)]
    #[schemars(with = "String")]
    format: Option<String>,
    /// Column to type, where the file does not say it; `json` keeps a ragged value as text.
    #[serde(default)]
    types: BTreeMap<String, String>,
    /// What parts the fields of `csv`: one character of ASCII; a comma by default, a tab in a `.tsv`.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 1))]
    delimiter: Option<String>,
    /// Where the array of rows of `json` is, by its JSON pointer, such as "/data/rows"; by default it is the whole file.
    #[serde(default)]
    #[schemars(with = "String")]
    at: Option<String>,
    /// What a row of `text` is: a "line", the default, or a "file".
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = r"^(line|file|.*\$\{.*)$"))]
    row: Option<String>,
    /// The members of a `tar` that are read, by what stands behind the first dot of their names, such as ["json", "txt"]; all others are left
    /// out. By default all are read, and there may be JSON and text alone.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 1))]
    members: Option<Vec<String>>,
    /// At most this many rows are read, of all files together.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    rows: Option<u64>,
    /// At most this many rows are read of each file.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    rows_per_file: Option<u64>,
    /// Whether a column that a file lacks is null in its rows; otherwise it is an error.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    union: bool,
    /// What happens to a row that cannot be read: the run ends ("fail", the default), or the row is put among the rejects ("reject").
    #[serde(default)]
    #[schemars(with = "OrParam<OnError>")]
    on_bad_row: Option<OnError>,
    /// Whether folders called `KEY=VALUE` are columns.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    hive: bool,
    /// Columns to add: "@file", "@line", or a value that every row has.
    #[serde(default)]
    add: BTreeMap<String, Value>,
    /// How places that are not this machine's disk are reached.
    #[serde(default)]
    #[schemars(with = "Access")]
    access: Option<Access>,
    /// What a file may take before it is refused.
    #[serde(default)]
    #[schemars(with = "InputLimits")]
    limits: Option<InputLimits>,
    /// Where the file is used as a step: whether the step may leave this input out.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    optional: bool,
}

/// How a place that is not this machine's disk is reached. Keys are read from the environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Access {
    /// Whether it is asked without credentials, as anybody can.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    anonymous: bool,
    /// Where the service is, instead of where its maker has it, such as "https://s3.example.com".
    #[serde(default)]
    #[schemars(with = "String")]
    endpoint: Option<String>,
    /// Where a bucket of S3 is, such as "eu-west-1".
    #[serde(default)]
    #[schemars(with = "String")]
    region: Option<String>,
}

/// What a file of an input may take: `line`, `columns`, `header` and `window` are of `jsonl` and `csv`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InputLimits {
    /// One line of JSON Lines, or one row of CSV, decompressed, such as "256MiB"; "64MiB" by default, "1GiB" at most.
    #[serde(default)]
    #[schemars(with = "String")]
    line: Option<String>,
    /// Columns, and members of the objects inside them; 10000 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Columns>")]
    columns: Option<u64>,
    /// The header of CSV, or the names of all columns and members of JSON Lines together; "4MiB" by default, "1GiB" at most.
    #[serde(default)]
    #[schemars(with = "String")]
    header: Option<String>,
    /// What zstd keeps to decompress a file written with `--long`, such as "2GiB", which is the most; "128MiB" by default.
    #[serde(default)]
    #[schemars(with = "String")]
    window: Option<String>,
    /// Rows that cannot be divided, in memory: one row, a compressed record batch of `arrow`, a page of each column of a row
    /// group of `parquet`, what a row of `jsonl` leaves out of objects or has in lists; "256MiB" by default, "1GiB" at most.
    #[serde(default)]
    #[schemars(with = "String")]
    batch: Option<String>,
}

/// One use of a component.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = uses_or_like)]
struct Step {
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

/// Where a step's rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum StepFrom {
    /// Inputs, steps or some of their rows; several are appended, in this order.
    Rows(Rows),
    /// Branches, joined row by row.
    Zip(Zip),
    /// Several inputs of a global step, by name; the rows of the first are carried.
    Named(BTreeMap<String, Rows>),
}

/// Where an output's rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OutputFrom {
    /// Inputs, steps or some of their rows; several are appended, in this order.
    Rows(Rows),
    /// Branches, joined row by row.
    Zip(Zip),
}

/// Where rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Rows {
    /// One.
    One(Feed),
    /// Several, in this order.
    Many(#[schemars(length(min = 1))] Vec<Feed>),
}

/// Branches of one input or step, joined by the row that their rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Zip {
    /// The branches, at least two; a table gives them names.
    zip: Branched,
    /// What happens to columns that several branches write: one column of lists with an item for each branch, or a column for each branch,
    /// with its name behind the column's.
    #[serde(default)]
    #[schemars(with = "OrParam<Same>")]
    same: Option<Same>,
    /// What stands in a list for a branch that has no such row: `null`, the default, or nothing.
    #[serde(default)]
    #[schemars(with = "OrParam<Absent>")]
    absent: Option<Absent>,
}

/// The branches of a zip.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Branched {
    /// In this order.
    Listed(#[schemars(length(min = 2))] Vec<Feed>),
    /// By names of their own.
    Named(BTreeMap<String, Feed>),
}

/// An input, a step or a side door of a step (`STEP.dropped`, `STEP.rejected`; `*.dropped` of all steps); or some of its rows.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Feed {
    /// All rows.
    All(String),
    /// Those for which a condition is true.
    Where(Where),
    /// Those that are shared out to this branch.
    Share(Share),
    /// Those that no other route takes.
    Else(Else),
}

/// Rows for which a condition is true.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Where {
    /// The input, the step or the side door of a step.
    step: String,
    /// The condition, in the language of `filter`.
    #[serde(rename = "where")]
    condition: String,
}

/// Rows that are shared out by chance to several branches, each of which is such a table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Share {
    /// The input, the step or the side door of a step.
    step: String,
    /// How many branches there are.
    #[schemars(with = "OrParam<Branches>")]
    one_of: u32,
    /// How many of them each row takes; 1 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Branches>")]
    pick: Option<u32>,
    /// What the choice depends on beside the row; 0 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<u64>")]
    seed: Option<u64>,
    /// Columns whose values decide; by default the file and line that a row is from.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    by: Option<OneOrMany>,
}

/// Rows that no other route of the same rows takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Else {
    /// The input, the step or the side door of a step.
    step: String,
    /// `true`.
    #[serde(rename = "else")]
    #[schemars(with = "OrParam<bool>")]
    rest: bool,
}

#[derive(JsonSchema)]
struct Branches(#[schemars(range(min = 1, max = 1024))] u32);

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

/// What a step may reach outside of its sandbox.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// Files and folders, by their paths, relative to this file's folder and below it.
    #[serde(default)]
    files: Vec<FileGrant>,
    /// Requests that it may send: "POST https://api.example.org/v1/" is any POST whose URL begins so; GET without a method.
    #[serde(default)]
    http: Vec<String>,
    /// Variables of the environment that it may read.
    #[serde(default)]
    env: Vec<String>,
    /// By host: what is added to the step's requests to it. The step never sees it.
    #[serde(default)]
    secret: BTreeMap<String, Secret>,
    /// Whether its clocks go; otherwise they stand still.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    clock: Option<bool>,
}

/// A file or a folder.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum FileGrant {
    /// To read.
    Path(String),
    /// To read, and to write.
    Table(File),
}

/// A file or a folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Relative to this file's folder, and below it.
    path: String,
    /// Whether the step may write there too; false by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    write: Option<bool>,
}

/// A header of requests.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Secret {
    /// Its name, such as "Authorization".
    header: String,
    /// Its value, such as "Bearer ${env.API_KEY}": it names a variable of the environment at least.
    #[schemars(regex(pattern = r"\$\{env\.[A-Za-z_][A-Za-z0-9_]*\}"))]
    value: String,
}

/// A file to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Output {
    /// Blocks of `like` whose keys this table takes in; of several, the last that has a key says it, and the table itself before all.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    like: Option<OneOrMany>,
    /// A path, relative to this file's folder; required unless the file is used as a step. `{COLUMN}` and `{n}` are filled in: of several
    /// files, such as "out/{language}/part-{n}.parquet".
    #[serde(default)]
    #[schemars(with = "String")]
    path: Option<String>,
    /// The most rows of a file whose path has `{n}`.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    max_rows: Option<u64>,
    /// The most bytes of rows, as they are in memory, of a file whose path has `{n}`, such as "256MiB".
    #[serde(default)]
    #[schemars(with = "String")]
    max_bytes: Option<String>,
    /// The most different values of the columns that the path names; 1,000 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Partitions>")]
    max_partitions: Option<u64>,
    /// Whether files are added to those of the folder, which stay as they are; the path has `{n}`.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    append: Option<bool>,
    /// How its place is reached, if that is not this machine's disk.
    #[serde(default)]
    #[schemars(with = "Access")]
    access: Option<Access>,
    /// Otherwise the extension says: `jsonl`, `csv`, `parquet`, `arrow`.
    #[serde(default)]
    #[schemars(with = "String")]
    format: Option<String>,
    /// How `parquet` (by default zstd) and `arrow` (by default not at all) are compressed; the name of a text file says it.
    #[serde(default)]
    #[schemars(with = "OrParam<Compression>")]
    compression: Option<String>,
    /// How hard it is compressed: `zstd` 1 to 22, `gzip` 0 to 9, `brotli` 0 to 11.
    #[serde(default)]
    #[schemars(with = "OrParam<Level>")]
    level: Option<u32>,
    /// Where rows come from: by default the last step. Several are appended, in this order.
    #[serde(default)]
    #[schemars(with = "OutputFrom")]
    from: Option<OutputFrom>,
    /// Columns to write, in this order: a list, or a table of the file's name to this pipeline's name. All by default.
    #[serde(default)]
    #[schemars(with = "OutputColumns")]
    columns: Option<OutputColumns>,
}

/// What requests to a server may take together.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallLimits {
    /// Requests in flight; 64 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Count>")]
    at_once: Option<u64>,
    /// Requests over a time, such as "500/min"; `s`, `min`, `h` or `day`.
    #[serde(default)]
    #[schemars(with = "String")]
    rate: Option<String>,
    /// Tokens over a time, such as "200k/min": reserved before a request is sent, settled by its reply.
    #[serde(default)]
    #[schemars(with = "String")]
    tokens: Option<String>,
    /// Repetitions of a request that failed for a passing reason: 408, 429, 5xx, a connection that broke off; 4 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Retries>")]
    retry: Option<u64>,
    /// Where a reply has its numbers of tokens, if not where OpenAI or Anthropic have them.
    #[serde(default)]
    #[schemars(with = "Usage")]
    usage: Option<Usage>,
    /// What tokens cost.
    #[serde(default)]
    #[schemars(with = "Price")]
    price: Option<Price>,
    /// The most that a run may cost, such as "20", in the unit of `price`: it stops before it exceeds that.
    #[serde(default)]
    #[schemars(with = "String")]
    max_cost: Option<String>,
    /// Whether replies are kept, and not asked for again; true by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    journal: Option<bool>,
}

/// JSON pointers into a reply.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Usage {
    /// To the tokens of the request, such as "/usage/prompt_tokens".
    input: String,
    /// To the tokens of the reply, such as "/usage/completion_tokens".
    output: String,
}

/// What tokens cost, such as "0.15/M" for a million of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Price {
    /// Tokens of requests; nothing by default.
    #[serde(default)]
    #[schemars(with = "String")]
    input: Option<String>,
    /// Tokens of replies; nothing by default.
    #[serde(default)]
    #[schemars(with = "String")]
    output: Option<String>,
}

/// How to run a pipeline.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Run {
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

/// One, or a list of at least one.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    /// One.
    One(String),
    /// Several, in this order.
    Many(#[schemars(length(min = 1))] Vec<String>),
}

/// Columns of an output.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OutputColumns {
    /// By their names.
    Names(#[schemars(length(min = 1))] Vec<String>),
    /// The file's name to this pipeline's name.
    Renamed(BTreeMap<String, String>),
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

/// Unique among inputs, steps and outputs.
#[derive(Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
struct Name(#[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9_-]+$"))] String);

/// How many rows may be rejected.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum MaxRejects {
    /// At most this many.
    Rows(#[schemars(with = "OrParam<u64>")] u64),
    /// At most this share, in percent: of the step's first input, or of all that the run reads.
    Percent(#[schemars(regex(pattern = r"^[0-9]+(\.[0-9]{1,6})?\s*%$"))] String),
}

#[derive(JsonSchema)]
struct Retries(#[schemars(range(min = 0, max = 100))] u32);

#[derive(JsonSchema)]
struct Count(#[schemars(range(min = 1))] u64);

#[derive(Deserialize, JsonSchema)]
struct Partitions(#[schemars(range(min = 1, max = 100_000))] u64);

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Compression {
    None,
    Snappy,
    Gzip,
    Lz4,
    Zstd,
    Brotli,
}

#[derive(JsonSchema)]
struct Level(#[schemars(range(min = 0, max = 22))] u32);

#[derive(JsonSchema)]
struct Columns(#[schemars(range(min = 1, max = 100_000_000))] u64);

#[derive(JsonSchema)]
struct Replicas(#[schemars(range(min = 1, max = 1024))] u32);

#[derive(JsonSchema)]
struct Instances(#[schemars(range(min = 1, max = 16_384))] u64);

#[derive(JsonSchema)]
struct BatchRows(#[schemars(range(min = 1, max = 1_048_576))] u64);

/// A value, or a whole-string `${params.x}` in its place.
struct OrParam<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OrParam<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrParam", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [value, { "type": "string", "pattern": r"^\$\{params\..+\}$" }] })
    }
}
