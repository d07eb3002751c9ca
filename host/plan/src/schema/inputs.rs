//! An input, as the schema has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::values::{Count, OneOrMany, OrParam};
use crate::pipeline::OnError;

/// Files to read.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
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
    /// Gathers figures of its columns while the run goes on; false by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    stats: Option<bool>,
}

/// How a place that is not this machine's disk is reached. Keys are read from the environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
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

#[derive(JsonSchema)]
struct Columns(#[schemars(range(min = 1, max = 100_000_000))] u64);
