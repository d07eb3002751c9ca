//! An output, as the schema has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::feeds::OutputFrom;
use super::inputs::Access;
use super::values::{Count, OneOrMany, OrParam};

/// A file to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
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
    /// Gathers figures of its columns while the run goes on; false by default.
    #[serde(default)]
    #[schemars(with = "OrParam<bool>")]
    stats: Option<bool>,
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
