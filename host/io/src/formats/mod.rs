//! The formats: a file here and a line in [`FORMATS`] each.

mod announced;
mod csv;
mod ipc;
mod joined;
mod jsonl;
mod parquet;
mod unfolded;

pub use jsonl::{json_rows, marked_rows};

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::IoError;
use crate::text::{Compression, Sink};
use crate::values::Rule;

/// A file format of inputs and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON Lines: one object a line.
    Jsonl,
    /// Comma-separated values with a header (tabs in a `.tsv`).
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC: the file format, and the stream format when read.
    Arrow,
}

/// Rows of one file with the line or number of each.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<(UInt64Array, RecordBatch), IoError>> + Send>;

/// What a format must do.
pub(crate) trait FileFormat: Sync {
    /// The one schema of all files, in canonical types.
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError>;

    /// The rows of one file, in the dataset's schema.
    fn read(&self, file: &Path, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError>;

    /// Writes rows of a schema to `sink`, whose name will be `path`; refuses a schema that the format cannot hold.
    fn write(&self, sink: Sink, schema: &SchemaRef, path: &Path) -> Result<Box<dyn RowWriter>, IoError>;

    /// What rows must keep to be written; [`Writer`](crate::Writer) sees that they do.
    fn rule(&self) -> &'static dyn Rule;
}

/// A file being written.
pub(crate) trait RowWriter: Send {
    /// Appends rows.
    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError>;

    /// Bytes that are held of the rows written so far, beside a few MiB: buffers of a group of rows that is not yet written.
    fn held(&self) -> u64 {
        0
    }

    /// Bytes that writing these rows takes at its peak, about, beside those that are held and a few MiB.
    fn takes(&self, rows: &RecordBatch) -> u64;

    /// Where the bytes go, if a file of this format can be gone on with from wherever it stands between two rows.
    fn sink(&mut self) -> Option<&mut Sink> {
        None
    }

    /// Writes what is left and gives the sink back, complete but for its own buffers.
    fn finish(self: Box<Self>) -> Result<Sink, IoError>;
}

thread_local! {
    /// How many [`guarded`] calls this thread is in.
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic of this thread is one that becomes an [`IoError`]: some libraries panic at corrupt files.
///
/// This crate sets no panic hook, for the process is its embedder's. An embedder's own hook can ask this, and stay silent:
///
/// ```
/// let usual = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |panic| {
///     if !callboard_io::panics_are_caught() {
///         usual(panic);
///     }
/// }));
/// ```
pub fn panics_are_caught() -> bool {
    GUARDED.get() > 0
}

/// Runs a reader of a library that is not written to be given corrupt files: some make it panic, which is an error here.
fn guarded<T>(read: impl FnOnce() -> Result<T, IoError>) -> Result<T, IoError> {
    GUARDED.set(GUARDED.get() + 1);
    // What the panic left half-done is dropped: nothing is read after an error.
    let read = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(GUARDED.get() - 1);
    read.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("its reader gave up");
        Err(IoError::data(format!("is corrupt: {text}")))
    })
}

struct Listed {
    format: Format,
    /// As the pipeline writes it.
    name: &'static str,
    extensions: &'static [&'static str],
    /// Text may be compressed as a whole; binary formats compress inside.
    text: bool,
    implementation: &'static dyn FileFormat,
}

#[rustfmt::skip]
const FORMATS: &[Listed] = &[
    Listed { format: Format::Jsonl,   name: "jsonl",   extensions: &["jsonl", "ndjson"],         text: true,  implementation: &jsonl::Jsonl },
    Listed { format: Format::Csv,     name: "csv",     extensions: &["csv", "tsv"],              text: true,  implementation: &csv::Csv },
    Listed { format: Format::Parquet, name: "parquet", extensions: &["parquet"],                 text: false, implementation: &parquet::Parquet },
    Listed { format: Format::Arrow,   name: "arrow",   extensions: &["arrow", "ipc", "feather"], text: false, implementation: &ipc::Ipc },
];

impl Format {
    fn listed(self) -> &'static Listed {
        FORMATS.iter().find(|listed| listed.format == self).expect("every format is listed")
    }

    pub(crate) fn implementation(self) -> &'static dyn FileFormat {
        self.listed().implementation
    }

    /// As the pipeline file writes it: `jsonl`, `csv`, `parquet`, `arrow`.
    pub fn name(self) -> &'static str {
        self.listed().name
    }

    /// All names, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FORMATS.iter().map(|listed| listed.name)
    }

    /// The format of a file: `given`, or what its extension says (before a `.gz` or `.zst`).
    ///
    /// # Errors
    /// An extension that says nothing; a compressed binary format.
    pub fn of(path: &Path, given: Option<Format>) -> Result<Format, IoError> {
        let (stem, compression) = Compression::split(path);
        let extension = Path::new(&stem).extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let by_extension = || FORMATS.iter().find(|listed| listed.extensions.contains(&extension.as_str()));
        let Some(listed) = given.map(Format::listed).or_else(by_extension) else {
            let names: Vec<_> = Format::names().map(|name| format!("\"{name}\"")).collect();
            let message = match extension.as_str() {
                "" => "there is no extension to name the format".to_owned(),
                extension => format!("the extension `{extension}` names no format"),
            };
            let aside = match extension.as_str() {
                "json" => "\na list of objects is made one object a line by: jq -c '.[]' OLD.json > NEW.jsonl",
                _ => "",
            };
            let help = format!("say which: format = {}{aside}", names.join(" or "));
            return Err(IoError::spec(message).in_file(path).with_help(help));
        };
        if compression != Compression::None && !listed.text {
            let message = format!("{} cannot be read or written as {compression}: it compresses inside", listed.name);
            return Err(IoError::spec(message)
                .in_file(path)
                .with_help(format!("call an output {stem:?}; unpack an input first")));
        }
        Ok(listed.format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Format {
    type Err = IoError;

    fn from_str(name: &str) -> Result<Self, IoError> {
        let names = || Format::names().collect::<Vec<_>>().join(", ");
        let listed = FORMATS.iter().find(|listed| listed.name == name);
        listed.map(|listed| listed.format).ok_or_else(|| {
            IoError::spec(format!("there is no format `{name}`")).with_help(format!("formats: {}", names()))
        })
    }
}
