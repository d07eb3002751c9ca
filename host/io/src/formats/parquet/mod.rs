//! Apache Parquet. Read row group by row group, in batches whose size follows the group's average row, so that memory
//! stays flat.
//!
//! Written with zstd at level 1 (of text it leaves about half of what snappy does, for little more time) and the Arrow schema
//! embedded, so that types come back as they went. A row group ends at 128 Ki rows or 64 MiB of memory, whichever is first, and its
//! pages where the rows say: equal rows give equal bytes.

mod footer;
mod pages;
mod read;
mod scan;
mod thrift;
mod write;

use std::path::{Path, PathBuf};

use arrow::datatypes::{Schema, SchemaRef};
use parquet::errors::ParquetError;

use super::{FileFormat, RowWriter, Rows, guarded};
use crate::canonical;
use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::IoError;
use crate::text::Sink;

pub(super) struct Parquet;

impl FileFormat for Parquet {
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
        canonical::one_schema(files, spec, read::schema)
    }

    fn read(&self, file: &Path, schema: &SchemaRef, _: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        read::rows(file, schema, policy)
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path) -> Result<Box<dyn RowWriter>, IoError> {
        write::writer(sink, schema)
    }
}

/// The error without the name of its kind.
fn words(error: ParquetError) -> String {
    match error {
        ParquetError::General(message) | ParquetError::EOF(message) | ParquetError::ArrowError(message) => message,
        other => other.to_string(),
    }
}
