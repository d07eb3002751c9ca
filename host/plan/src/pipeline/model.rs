//! What a pipeline file says, typed; places are kept for what planning may still refuse.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde_json::{Map, Value};

use super::document::Places;
use crate::calls::Calls;
use crate::choices::MaxRejects;
use crate::door::Feed;
use crate::grants::Grants;
use crate::problem::{At, Source};
use crate::route::Route;
use crate::zip::Zipping;

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// What stands there.
    pub value: T,
    /// Where it stands.
    pub at: At,
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A pipeline file that has been read: names are right and distinct, every `from` names something, units are understood.
/// Which kinds of steps they are, and so whether they can be run, is known to the [`Plan`](crate::Plan) alone.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// What runs and reports are called; by default the file's name.
    pub name: String,
    /// `[params]`, with what `--set` made of them.
    pub params: Map<String, Value>,
    /// In the file's order.
    pub inputs: Vec<Input>,
    /// In the file's order.
    pub steps: Vec<Step>,
    /// In the file's order.
    pub outputs: Vec<Output>,
    /// `[run]`.
    pub run: Run,
    /// `[calls]`: limits of requests, by server.
    pub calls: Calls,
    /// Which rows each route of a `from` takes, in the order of the text; a [`Feed`] names one by its place, from 1.
    pub routes: Vec<Located<Route>>,
    /// Files of other pipelines whose steps are among these, as a `use` of this file would name them.
    pub pipelines: Vec<String>,
    /// The text that all places point into.
    pub source: Source,
}

/// Files to read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Unique among inputs, steps and outputs.
    pub name: Located<String>,
    /// Paths and globs, in order, as written; at least one.
    pub paths: Vec<Located<String>>,
    /// Otherwise the extension says.
    pub format: Option<Located<String>>,
    /// Column to type, where the file does not say it: `json` keeps a ragged value as text.
    pub types: BTreeMap<String, Located<String>>,
    /// What parts the fields of CSV, if the file says it: a character of ASCII.
    pub delimiter: Option<char>,
    /// Which rows are read, and what is added to them.
    pub reading: Reading,
    /// How the places of its files are reached.
    pub access: Access,
    /// Those that the file sets.
    pub limits: InputLimits,
    /// Where the file is used as a step: whether the step may leave this input out.
    pub optional: bool,
    /// `stats`: whether the run is to gather figures of its columns, and where the file says so.
    pub stats: Option<Located<bool>>,
    /// Where its keys stand.
    pub places: Places,
}

/// How a place that is not this machine's disk is reached, as far as the file says it; in the plan too. No secret is part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// `anonymous`: without credentials.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// `endpoint`: where the service is, instead of where its maker has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `region`: where a bucket is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl Access {
    /// Whether the file says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Access::default()
    }
}

/// Which rows of an input's files are read, and what is added to them, as far as the file says it; in the plan too.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reading {
    /// `at`: where the array of a JSON file is, a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `row = "file"`: a row of plain text is a file, not a line.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub whole_files: bool,
    /// `members`: which members of a tar archive are read, by the end of their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<String>>,
    /// `rows`: the most rows of all files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// `rows_per_file`: the most rows of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_file: Option<u64>,
    /// `union`: a column that a file lacks is null in its rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub union: bool,
    /// `on_bad_row`: what happens to a row that cannot be read.
    #[serde(skip_serializing_if = "fails")]
    pub on_bad_row: OnError,
    /// `hive`: folders called `KEY=VALUE` are columns.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hive: bool,
    /// `add`: columns to add, in the file's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<(String, Added)>,
}

impl Reading {
    /// Whether the file says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Reading::default()
    }

    /// Whether it says only what can be done.
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = self.add.iter().all(|(_, added)| !matches!(added, Added::Float(number) if !number.is_finite()));
        numbers && self.rows != Some(0) && self.rows_per_file != Some(0)
    }
}

/// What a column that is added to an input's rows holds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Added {
    /// `"@file"`: the file that the row is from.
    File,
    /// `"@line"`: its line or number there.
    Line,
    /// A text, the same for every row.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A boolean.
    Boolean(bool),
}

/// What a file of an input may take, as far as the file sets it; in the plan too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputLimits {
    /// `limits.line`: bytes of one line of JSON Lines, or one row of CSV, decompressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// `limits.columns`: columns, and members of objects inside them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<u64>,
    /// `limits.header`: bytes of a CSV header, or of all names in JSON Lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<u64>,
    /// `limits.window`: bytes that zstd may keep to decompress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// `limits.batch`: bytes of rows that cannot be divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
}

impl InputLimits {
    /// Whether the file sets none.
    pub fn is_empty(&self) -> bool {
        *self == InputLimits::default()
    }

    /// Whether each allows something.
    pub(crate) fn allow_something(&self) -> bool {
        let InputLimits { line, columns, header, window, batch } = *self;
        ![line, columns, header, window, batch].contains(&Some(0))
    }
}

/// One use of a component.
#[derive(Clone, Debug)]
pub struct Step {
    /// Unique among inputs, steps and outputs; by default the file stem of `uses`.
    pub name: Located<String>,
    /// `use`: the name of a bundled step, or a path to a component.
    pub uses: Located<String>,
    /// Where rows come from.
    pub from: From,
    /// Handed to the component as JSON text.
    pub config: Value,
    /// Where the keys of `config` stand; those of `--set` stand nowhere.
    pub config_places: Places,
    /// The step's name of a column to the pipeline's name of it.
    pub columns: BTreeMap<String, String>,
    /// Those that the file sets.
    pub limits: Limits,
    /// `needs.memory`: what one instance needs of linear memory, in bytes, if the file says it.
    pub needs: Option<Located<u64>>,
    /// Instances side by side, at least 1, if the file says it.
    pub replicas: Option<Located<u32>>,
    /// `batch`: how many rows, or bytes, one call is given at most, if the file says it.
    pub batch: Option<Located<StepBatch>>,
    /// What happens to a row that the step cannot handle, if the file says it.
    pub on_error: Option<OnError>,
    /// The most rows that it may reject; only with [`OnError::Reject`].
    pub max_rejects: Option<MaxRejects>,
    /// How often a call that failed with a `transient` error is repeated, if the file says it.
    pub retries: Option<u32>,
    /// `stats`: whether the run is to gather figures of the columns that it puts out, and where the file says so.
    pub stats: Option<Located<bool>>,
    /// `grant`: what it may reach outside of its sandbox.
    pub grants: Grants,
    /// Where the files of `grant.files` stand, by their paths.
    pub grant_places: BTreeMap<String, std::ops::Range<usize>>,
    /// The step's own table.
    pub at: At,
}

/// Where the rows of a step or an output come from.
#[derive(Clone, Debug)]
pub enum From {
    /// The step before; the first step: the only input; an output: the last step.
    Default,
    /// What [`From::Default`] stands for where the step before, or the step itself, is one of a pipeline that is used as a step.
    Implied(Vec<Located<Feed>>),
    /// One port: these, appended in this order; at least one.
    Append(Vec<Located<Feed>>),
    /// One port: these, at least two, joined row by row.
    Zip(Vec<Located<Feed>>, Located<Zipping>),
    /// Named ports of a global step, in the file's order; the rows of the first are carried.
    Named(Vec<(Located<String>, Vec<Located<Feed>>)>),
}

impl Step {
    /// What happens to a row that the step cannot handle.
    pub(crate) fn on_error(&self) -> OnError {
        self.on_error.unwrap_or_default()
    }
}

impl From {
    /// The names, each with its place.
    pub(crate) fn feeds(&self) -> Vec<&Located<Feed>> {
        match self {
            From::Default => Vec::new(),
            From::Implied(feeds) | From::Append(feeds) | From::Zip(feeds, _) => feeds.iter().collect(),
            From::Named(ports) => ports.iter().flat_map(|(_, feeds)| feeds).collect(),
        }
    }

    /// As [`From::feeds`], by port.
    pub(crate) fn lists_mut(&mut self) -> Vec<&mut Vec<Located<Feed>>> {
        match self {
            From::Default => Vec::new(),
            From::Implied(feeds) | From::Append(feeds) | From::Zip(feeds, _) => vec![feeds],
            From::Named(ports) => ports.iter_mut().map(|(_, feeds)| feeds).collect(),
        }
    }
}

/// Limits as far as the file sets them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes.
    pub memory_bytes: Option<u64>,
    /// The limit of one call that works on rows, in milliseconds.
    pub time_ms: Option<u64>,
    /// The limit of `open`, in milliseconds.
    pub open_ms: Option<u64>,
    /// What one call may return, in bytes.
    pub returned_bytes: Option<u64>,
    /// What one call may make the host copy of columns that the step does not see, in bytes.
    pub carried_bytes: Option<u64>,
    /// Lines of log, over the life of an instance.
    pub log_lines: Option<u64>,
    /// Bytes of log, over the life of an instance.
    pub log_bytes: Option<u64>,
    /// Rows that one row of the input may become.
    pub rows_per_row: Option<u64>,
    /// The file of the component, in bytes.
    pub component_bytes: Option<u64>,
}

fn fails(on_bad_row: &OnError) -> bool {
    *on_bad_row == OnError::Fail
}

/// What happens to a row that a step cannot handle, or that an input cannot read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// The run ends with an error.
    #[default]
    Fail,
    /// The row is put among the rejects, with the reason, and the run goes on.
    Reject,
}

/// A file to write.
#[derive(Clone, Debug)]
pub struct Output {
    /// Unique among inputs, steps and outputs.
    pub name: Located<String>,
    /// As written.
    pub path: Located<String>,
    /// How its place is reached.
    pub access: Access,
    /// Otherwise the extension says.
    pub format: Option<Located<String>>,
    /// How it is compressed, if the file says it.
    pub compression: Option<Located<String>>,
    /// How hard, if the file says it.
    pub level: Option<u32>,
    /// Columns to write, in this order; all of them when absent.
    pub columns: Option<Vec<OutputColumn>>,
    /// How it is made of several files, if its path says that it is.
    pub parts: Parts,
    /// `stats`: whether the run is to gather figures of its columns, and where the file says so.
    pub stats: Option<Located<bool>>,
    /// Where rows come from; never [`From::Named`].
    pub from: From,
    /// Where its keys stand.
    pub places: Places,
    /// The output's own table.
    pub at: At,
}

/// How an output is made of several files, as far as the file says it; in the plan too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parts {
    /// `max_rows`: the most rows of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// `max_bytes`: the most bytes of rows in a file, as they are in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// `max_partitions`: the most different values of the columns that the path names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_partitions: Option<u64>,
    /// `append`: what is there already stays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub append: bool,
}

impl Parts {
    /// Whether the file says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Parts::default()
    }

    /// Whether each allows something.
    pub(crate) fn allow_something(&self) -> bool {
        ![self.max_rows, self.max_bytes, self.max_partitions].contains(&Some(0))
    }
}

/// A column of an output.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutputColumn {
    /// What it is called in the file.
    pub name: String,
    /// What it is called in the pipeline.
    pub column: String,
}

/// `[run]`.
#[derive(Clone, Debug)]
pub struct Run {
    /// Steps that are loaded together, apart from the rest.
    pub load_groups: LoadGroups,
    /// Where randomness comes from.
    pub seed: u64,
    /// Where batches are cut.
    pub batch: BatchSize,
    /// The most rows that all steps together may reject; only where a step or an input has [`OnError::Reject`].
    pub max_rejects: Option<Located<MaxRejects>>,
    /// The most memory that a stage may take, in bytes.
    pub budget: Option<Located<u64>>,
    /// Instances of each transform for which its step does not say it.
    pub replicas: Option<u32>,
    /// The most instances that the steps of a stage have together.
    pub instances: Option<u64>,
}

/// Which steps are loaded together, apart from the rest.
#[derive(Clone, Debug)]
pub enum LoadGroups {
    /// Each list is a stage of its own.
    Lists(Vec<Located<Vec<Located<String>>>>),
    /// Each step is a stage of its own.
    Step,
}

/// What a call of one step is given at most, as far as the file says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepBatch {
    /// Rows.
    pub rows: Option<u64>,
    /// About this many bytes of columns.
    pub bytes: Option<u64>,
}

impl StepBatch {
    /// What the file does not say is as in the run.
    pub(crate) fn within(self, run: BatchSize) -> BatchSize {
        BatchSize { rows: self.rows.unwrap_or(run.rows), bytes: self.bytes.unwrap_or(run.bytes) }
    }
}

/// Where batches are cut at the latest, bytes.
pub const LARGEST_CUT: u64 = 256 << 20;

/// A batch is cut at whichever is reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BatchSize {
    /// At most this many rows.
    pub rows: u64,
    /// About this many bytes of columns.
    pub bytes: u64,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self { rows: 8192, bytes: 1 << 20 }
    }
}
