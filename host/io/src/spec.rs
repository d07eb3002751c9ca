//! What is to be read, and how it is cut.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::format::Format;
use crate::limits::InputLimits;
use crate::places::Access;
use crate::stop::Stop;

/// An input as the pipeline names it.
#[derive(Debug, Clone, Default)]
pub struct InputSpec {
    /// The input's name, for the help of errors.
    pub name: String,
    /// The folder that relative paths start from.
    pub base: PathBuf,
    /// Paths, addresses (`s3://bucket/key`) and patterns of both (`*`, `**`, `?`, `[a-z]`), in order; what one pattern matches is sorted. A file that is
    /// named twice is read twice.
    pub paths: Vec<String>,
    /// The format of all files; by default the one of their extensions.
    pub format: Option<Format>,
    /// Types of columns, by name: of JSON Lines and CSV instead of what the sample would say, of Parquet and Arrow instead of the files' own.
    pub types: BTreeMap<String, String>,
    /// What parts the fields of CSV: a byte of ASCII. By default a comma, and a tab where a file's name ends in `.tsv`.
    pub delimiter: Option<u8>,
    /// Where the array of a JSON file is: a JSON pointer (RFC 6901). By default it is the whole file.
    pub at: Option<String>,
    /// What a row of plain text is.
    pub row: TextRow,
    /// Which members of a tar archive are read, by what stands behind the first dot of their names, in lower case; all others are left out. By default
    /// all are read, and one that is neither JSON nor text is an error.
    pub members: Option<Vec<String>>,
    /// At most this many rows are read, of all files together.
    pub rows: Option<u64>,
    /// At most this many rows are read of each file.
    pub rows_per_file: Option<u64>,
    /// Columns that are added behind those of the files, by name.
    pub add: Vec<(String, Added)>,
    /// Whether a column that a file lacks is null in its rows; otherwise all files have the same columns. (In JSON they need not.)
    pub union: bool,
    /// What happens to a row that cannot be read.
    pub on_bad_row: OnBadRow,
    /// Folders called `KEY=VALUE` are columns too, behind those of the files: text, which is null for `__HIVE_DEFAULT_PARTITION__`.
    pub hive: bool,
    /// How places that are not this machine's disk are reached.
    pub access: Access,
    /// What a file may take.
    pub limits: InputLimits,
    /// Asked while files are opened, sampled and read.
    pub stop: Stop,
}

/// What happens to a row that cannot be read: text that is not of its format, or a value that its column cannot hold. What is wrong with
/// a file (it is corrupt, a quote is never closed, a line is longer than its limit) ends the reading either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// Reading ends with an error at the row.
    #[default]
    Fail,
    /// The row is left out, and is in [`Chunk::bad`](crate::Chunk::bad). For formats of text.
    Reject,
}

/// What an added column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    /// The file that the row is from, relative to the input's folder if it is below it.
    File,
    /// The row's line or number in its file, as [`Chunk::origin`](crate::Chunk::origin) has it.
    Line,
    /// The same text in every row.
    Text(String),
    /// The same integer.
    Integer(i64),
    /// The same number.
    Float(f64),
    /// The same boolean.
    Boolean(bool),
}

/// What a row of plain text is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextRow {
    /// A line, without its end.
    #[default]
    Line,
    /// A file, whole.
    File,
}

/// Where batches are cut. The same files and policy give the same batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    /// At most this many rows.
    pub rows: usize,
    /// About this many bytes: of text for text formats, of memory for binary ones; at most 256 MiB. The row that reaches it is
    /// the batch's last, whole.
    pub bytes: usize,
}
