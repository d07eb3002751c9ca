//! Apache Parquet. Read row group by row group, in batches whose size follows the group's average row, so that memory
//! stays flat.
//!
//! Written with zstd at level 1 (of text it leaves about half of what snappy does, for little more time) and the Arrow schema
//! embedded, so that types come back as they went. A row group ends at 128 Ki rows or 64 MiB of memory, whichever is first, and its
//! pages where the rows say: equal rows give equal bytes.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::properties::WriterProperties;

use super::{FileFormat, RowWriter, Rows, guarded};
use crate::canonical;
use crate::cut::Cutter;
use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::{IoError, Place};
use crate::text::Sink;

pub(super) struct Parquet;

impl FileFormat for Parquet {
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
        canonical::one_schema(files, spec, |file| guarded(|| Ok(open(file)?.1.schema().clone())))
    }

    fn read(&self, file: &Path, schema: &SchemaRef, _: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let (file, metadata) = guarded(|| open(file))?;
        let cutter = Cutter::new(schema.clone(), policy);
        let schema = schema.clone();
        Ok(Box::new(ParquetRows {
            file,
            metadata,
            schema,
            policy,
            next_group: 0,
            group: None,
            cutter,
            row: 1,
            done: false,
        }))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path) -> Result<Box<dyn RowWriter>, IoError> {
        schema.fields().iter().try_for_each(|field| check(field, field.name()))?;
        if schema.fields().is_empty() {
            return Err(IoError::data("there are no columns, and parquet cannot hold rows without"));
        }
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("a level of zstd")))
            .set_max_row_group_row_count(None)
            .build();
        let writer = ArrowWriter::try_new(sink, schema.clone(), Some(properties)).map_err(write_fault)?;
        let cutter = Cutter::new(schema.clone(), BatchPolicy { rows: 8 << 10, bytes: 4 << 20 });
        Ok(Box::new(ParquetWriter { writer, cutter, rows: 0, bits: 0 }))
    }
}

fn open(path: &Path) -> Result<(File, ArrowReaderMetadata), IoError> {
    let file = File::open(path).map_err(|error| IoError::system("cannot open", &error).in_file(path))?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
        .map_err(|error| IoError::data(format!("is not Parquet, or was cut short: {}", words(error))).in_file(path))?;
    Ok((file, metadata))
}

/// The error without the name of its kind.
fn words(error: ParquetError) -> String {
    match error {
        ParquetError::General(message) | ParquetError::EOF(message) | ParquetError::ArrowError(message) => message,
        other => other.to_string(),
    }
}

fn write_fault(error: ParquetError) -> IoError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => IoError::system("cannot write", &error),
            Err(other) => IoError::data(format!("cannot be written as parquet: {other}")),
        },
        other => IoError::data(format!("cannot be written as parquet: {}", words(other))),
    }
}

/// Refuses what the format has no place for.
fn check(field: &Field, path: &str) -> Result<(), IoError> {
    match field.data_type() {
        DataType::Struct(fields) if fields.is_empty() => {
            let message = format!("`{path}` is an object without members, which parquet cannot hold");
            Err(IoError::data(message).with_help("write jsonl or arrow, or leave the column out"))
        }
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check(f, &format!("{path}.{}", f.name()))),
        DataType::List(f) | DataType::FixedSizeList(f, _) | DataType::Map(f, _) => check(f, path),
        _ => Ok(()),
    }
}

struct ParquetRows {
    file: File,
    metadata: ArrowReaderMetadata,
    schema: SchemaRef,
    policy: BatchPolicy,
    next_group: usize,
    group: Option<ParquetRecordBatchReader>,
    cutter: Cutter,
    row: u64,
    done: bool,
}

impl ParquetRows {
    /// Reads until a batch is ready, or to the end.
    fn fill(&mut self) -> Result<Option<RecordBatch>, IoError> {
        loop {
            if let Some(batch) = self.cutter.next() {
                return Ok(Some(batch));
            }
            if self.done {
                return Ok(None);
            }
            match self.group.as_mut().map(Iterator::next) {
                Some(Some(rows)) => {
                    let rows = rows.map_err(|error| IoError::data(format!("cannot be read: {error}")))?;
                    self.cutter.push(&canonical::conform(&rows, &self.schema)?)?;
                }
                Some(None) => self.group = None,
                None if self.next_group == self.metadata.metadata().num_row_groups() => {
                    self.cutter.end()?;
                    self.done = true;
                }
                None => {
                    self.next_group += 1;
                    self.group = Some(self.open_group(self.next_group - 1)?);
                }
            }
        }
    }

    fn open_group(&self, index: usize) -> Result<ParquetRecordBatchReader, IoError> {
        let group = self.metadata.metadata().row_group(index);
        let file = self.file.try_clone().map_err(|error| IoError::system("cannot open", &error))?;
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_row_groups(vec![index])
            .with_batch_size((self.policy.bytes as u64 / row_bytes(group)).clamp(1, self.policy.rows as u64) as usize)
            .build()
            .map_err(|error| IoError::data(format!("cannot be read: {}", words(error))))
    }
}

/// What a row of the group takes in memory, on average and at least 1: what pages hold, or where text repeats and a page's
/// dictionary holds it once, what the writer noted.
fn row_bytes(group: &RowGroupMetaData) -> u64 {
    let column = |column: &parquet::file::metadata::ColumnChunkMetaData| {
        column.uncompressed_size().max(column.unencoded_byte_array_data_bytes().unwrap_or(0)).max(0) as u64
    };
    let bytes: u64 = group.columns().iter().map(column).sum();
    (bytes / group.num_rows().max(1) as u64).max(1)
}

impl Iterator for ParquetRows {
    type Item = Result<(UInt64Array, RecordBatch), IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match guarded(|| self.fill()) {
            Ok(batch) => batch?,
            Err(error) => return Some(Err(error.at(Place::RowGroup(self.next_group as u64)))),
        };
        let first = self.row;
        self.row += batch.num_rows() as u64;
        Some(Ok((UInt64Array::from_iter_values(first..self.row), batch)))
    }
}

const GROUP_ROWS: usize = 128 << 10;
const GROUP_BITS: u64 = 8 * (64 << 20);

struct ParquetWriter {
    writer: ArrowWriter<Sink>,
    cutter: Cutter,
    rows: usize,
    bits: u64,
}

impl ParquetWriter {
    fn drain(&mut self) -> Result<(), IoError> {
        while let Some(batch) = self.cutter.next() {
            self.writer.write(&batch).map_err(write_fault)?;
            self.rows += batch.num_rows();
            self.bits += crate::cut::batch_bits(&batch);
            if self.rows >= GROUP_ROWS || self.bits >= GROUP_BITS {
                self.writer.flush().map_err(write_fault)?;
                (self.rows, self.bits) = (0, 0);
            }
        }
        Ok(())
    }
}

impl RowWriter for ParquetWriter {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        self.cutter.push(rows)?;
        self.drain()
    }

    fn finish(mut self: Box<Self>) -> Result<Sink, IoError> {
        self.cutter.end()?;
        self.drain()?;
        self.writer.into_inner().map_err(write_fault)
    }
}
