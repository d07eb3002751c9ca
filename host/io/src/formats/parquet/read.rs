//! Reading: row group by row group.

use std::fs::File;
use std::path::Path;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;

use super::{Rows, guarded, words};
use crate::canonical;
use crate::cut::Cutter;
use crate::dataset::BatchPolicy;
use crate::error::{IoError, Place};

/// The schema of one file, as its library gives it.
pub(super) fn schema(file: &Path) -> Result<SchemaRef, IoError> {
    guarded(|| Ok(open(file)?.1.schema().clone()))
}

/// The rows of one file, in the dataset's schema.
pub(super) fn rows(file: &Path, schema: &SchemaRef, policy: BatchPolicy) -> Result<Rows, IoError> {
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

fn open(path: &Path) -> Result<(File, ArrowReaderMetadata), IoError> {
    let file = File::open(path).map_err(|error| IoError::system("cannot open", &error).in_file(path))?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
        .map_err(|error| IoError::data(format!("is not Parquet, or was cut short: {}", words(error))).in_file(path))?;
    Ok((file, metadata))
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
