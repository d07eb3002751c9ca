//! Writing.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{RowWriter, words};
use crate::cut::Cutter;
use crate::dataset::BatchPolicy;
use crate::error::IoError;
use crate::text::Sink;

/// Writes rows of a schema to `sink`; refuses a schema that the format cannot hold.
pub(super) fn writer(sink: Sink, schema: &SchemaRef) -> Result<Box<dyn RowWriter>, IoError> {
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
