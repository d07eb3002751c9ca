//! Reads and writes datasets as Arrow: the host's edge.
//!
//! The journey of an input:
//! 1. An [`InputSpec`] names files, by path, address or pattern, as the pipeline does.
//! 2. [`Dataset::open`] resolves them and learns their one schema: from the files' own where they carry it
//!    (Parquet, Arrow), from a sample of the rows where they do not (JSON Lines, CSV). Types are canonical
//!    from here on: no dictionaries, no views, no 64-bit offsets.
//! 3. [`Dataset::read`] gives a [`Reader`], an iterator of [`Chunk`]s: rows of one file, and each row's line in it.
//!    What does not fit the schema is an [`IoError`] with file, line and the line of the pipeline that fixes it;
//!    nothing is lost or bent in silence.
//!
//! And of an output:
//! 1. An [`OutputSpec`] names the file; [`check_writable`] asks early whether it can be written, and holds its folder open.
//! 2. [`Writer::create`] makes a file elsewhere and [`Writer::write`] takes batches.
//! 3. [`Writer::finish`] completes the file as [`Finished`]; [`Finished::commit`] makes it appear, whole: on the disk by rename, in a
//!    store by completing the [`Upload`] that followed it.
//!    Whatever is dropped before that leaves nothing behind.
//!
//! Where the path of an output is a template (`out/{language}/part-{n}.parquet`), a [`Parted`] writes its files, and a [`Commit`] puts them in
//! their places, the [`Manifest`] that names them last.
//!
//! Paths that somebody else could alter are opened [`beneath`] a folder that is open already, and no link is followed.
//!
//! A format is one file under `formats/` and a line in its list.
//!
//! ```
//! use callboard_io::{BatchPolicy, Dataset, InputSpec};
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("docs.jsonl"), "{\"text\": \"one\"}\n{\"text\": \"two\"}\n")?;
//! let spec = InputSpec { base: folder.path().into(), paths: vec!["*.jsonl".into()], ..InputSpec::default() };
//! let dataset = Dataset::open(&spec)?;
//! assert_eq!(dataset.schema().field(0).name(), "text");
//! let mut rows = 0;
//! for chunk in dataset.read(BatchPolicy { rows: 1000, bytes: 1 << 20 }) {
//!     rows += chunk?.rows.num_rows();
//! }
//! assert_eq!(rows, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod added;
mod bad_row;
mod canonical;
mod codec;
mod columns;
mod cores;
#[cfg(test)]
mod cost;
mod cut;
mod dataset;
mod destination;
mod digest;
mod digesting;
mod error;
mod far;
mod files;
mod format;
mod formats;
mod gzip;
mod known;
mod limits;
mod lines;
mod magic;
mod memory;
mod misfit;
mod names;
mod numbered;
mod output;
mod parted;
mod pattern;
mod patterns;
mod place;
mod places;
mod plain;
mod sample;
mod section;
mod sha256;
mod spec;
mod stop;
mod text;
mod types;
mod unchanged;
mod values;
mod zstandard;

pub use bad_row::BadRow;
pub use callboard_files::{self as beneath, open_regular, read_regular};
pub use codec::Codec;
pub use cores::{Task, cores, in_order, threads};
pub use cut::{array_bits, compact, rows_bits};
pub use dataset::{Chunk, Dataset, Opening, Reader};
pub use destination::{Look, OutputPlace};
pub use digest::file_digest;
pub use digesting::Digesting;
pub use error::{ErrorKind, InFile, IoError};
pub use format::Format;
pub use formats::{json_bytes, json_rows, marked_rows, panics_are_caught};
pub use limits::{InputLimits, LARGEST_BATCH, LARGEST_WINDOW, LONGEST_LINE};
pub use memory::Foreign;
pub use output::{
    Committed, Finished, OutputSpec, PARTITIONS, Parts, Position, Staged, Writer, check_schema, check_writable,
};
pub use parted::{Commit, Manifest, Part, Parted, Placed, Sending, schema_of_parts};
pub use patterns::can_match_below;
pub use place::FilePlace;
pub use places::{
    Access, Answer, Keep, KnownFile, Listed, Made, StoreFolder, Upload, UploadRecords, ask_service, waited_for,
    web_client, web_fault,
};
pub use sample::Sample;
pub use section::{Mark, Stretch};
pub use spec::{Added, BatchPolicy, InputSpec, OnBadRow, TextRow};
pub use stop::Stop;
pub use types::{is_json, json_field};
