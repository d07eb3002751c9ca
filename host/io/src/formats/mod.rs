//! The formats: a file here and a line in [`implementation`] each.

mod announced;
mod csv;
mod declared;
mod ipc;
mod joined;
mod json;
mod jsonl;
mod objects;
mod parquet;
mod plain_text;
mod tar;
mod unfolded;
mod warc;

pub use jsonl::{json_bytes, json_rows, marked_rows};

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};
use callboard_words::text;

use crate::bad_row::BadRow;
use crate::codec::Packing;
use crate::error::IoError;
use crate::format::Format;
use crate::places::{First, Source};
use crate::section::{Marks, Section, Stretch};
use crate::spec::{BatchPolicy, InputSpec};
use crate::stop::Stop;
use crate::text::Sink;
use crate::values::{Anything, Rule};

/// Rows of one file, batch by batch.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Taken, IoError>> + Send>;

/// A batch of rows of one file.
pub(crate) struct Taken {
    /// The line or number of each.
    pub(crate) origin: UInt64Array,
    pub(crate) rows: RecordBatch,
    /// The rows that cannot be read, which lie between these.
    pub(crate) bad: Vec<BadRow>,
    /// The byte of the file that a line begins at from which these rows are the next, and the lines before it; if the format knows.
    pub(crate) at: Option<(u64, u64)>,
}

impl From<(UInt64Array, RecordBatch)> for Taken {
    fn from((origin, rows): (UInt64Array, RecordBatch)) -> Taken {
        Taken { origin, rows, bad: Vec::new(), at: None }
    }
}

/// A file as it is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) file: &'a Source,
    /// The dataset's schema; of a format that [skips columns](FileFormat::skips_columns), some of its columns.
    pub(crate) schema: &'a SchemaRef,
    pub(crate) spec: &'a InputSpec,
    pub(crate) policy: BatchPolicy,
}

/// What a format must do.
pub(crate) trait FileFormat: Sync {
    /// The one schema of all files, in canonical types.
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError>;

    /// What of a file is read first.
    fn first(&self) -> First {
        First::Start
    }

    /// The rows of one file. Those of a [small](Source::is_small) one are made by whoever takes them.
    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError>;

    /// Whether a part of this file can be read by itself, and [`mark`](Self::mark) finds where.
    fn is_parted(&self, _file: &Source, _schema: &SchemaRef) -> bool {
        false
    }

    /// Whether a part of this file can be read by itself from where a batch began when it was read before: all that is parted, and what
    /// only its reader can part.
    fn is_indexed(&self, file: &Source, schema: &SchemaRef) -> bool {
        self.is_parted(file, schema)
    }

    /// Finds where batches begin whatever was read before, for the bytes that `marks` wants; of a file that [is parted](Self::is_parted).
    fn mark(&self, of: Reading<'_>, _marks: &mut Marks<'_>) -> Result<(), IoError> {
        Err(IoError::spec("is read from its beginning to its end").in_file(of.file))
    }

    /// The rows of a file, the dataset's of this place, cut where it can be read from; `None` if only all of it can be read.
    fn stretches(
        &self,
        _file: &Source,
        _place: usize,
        _schema: &SchemaRef,
        _spec: &InputSpec,
    ) -> Result<Option<Vec<Stretch>>, IoError> {
        Ok(None)
    }

    /// Whether [`Section::skip`] is passed over.
    fn skips_rows(&self) -> bool {
        false
    }

    /// The rows of a part of a file that [is indexed](Self::is_indexed).
    fn read_section(&self, of: Reading<'_>, _section: Section) -> Result<Rows, IoError> {
        Err(IoError::spec("is read from its beginning to its end").in_file(of.file))
    }

    /// Whether columns that are not asked for are not read.
    fn skips_columns(&self) -> bool {
        false
    }

    /// Writes rows of a schema to `sink`, whose name will be `path`; refuses a schema that the format cannot hold.
    fn write(
        &self,
        _sink: Sink,
        _schema: &SchemaRef,
        path: &Path,
        _packing: Packing,
    ) -> Result<Box<dyn RowWriter>, IoError> {
        Err(IoError::spec("a format that is only read").in_file(path))
    }

    /// What rows must keep to be written; [`Writer`](crate::Writer) sees that they do.
    fn rule(&self) -> &'static dyn Rule {
        &Anything
    }

    /// What a reader should know of a file that is read and may not be whole.
    fn doubt(&self, _file: &Source, _spec: &InputSpec) -> Option<&'static str> {
        None
    }
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

    /// How many of the last rows are not in the file yet.
    fn waiting(&self) -> u64 {
        0
    }

    /// Where the bytes go, if a file of this format can be continued from between any two rows.
    fn sink(&mut self) -> Option<&mut Sink> {
        None
    }

    /// Lets a long write end as soon as `stop` says so.
    fn stop_when(&mut self, _stop: Stop) {}

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
        let text = text::panic(&*panic).unwrap_or("its reader gave up");
        Err(IoError::data(format!("is corrupt: {text}")))
    })
}

/// What reads and writes a format.
pub(crate) fn implementation(format: Format) -> &'static dyn FileFormat {
    match format {
        Format::Jsonl => &jsonl::Jsonl,
        Format::Json => &json::Json,
        Format::Csv => &csv::Csv,
        Format::Text => &plain_text::PlainText,
        Format::Warc => &warc::Warc,
        Format::Tar => &tar::Tar,
        Format::Parquet => &parquet::Parquet,
        Format::Arrow => &ipc::Ipc,
    }
}
