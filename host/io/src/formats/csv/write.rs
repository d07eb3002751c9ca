//! Rows to CSV: times and UUIDs by our own words, other values by Arrow's, and the csv crate quotes them.

use arrow::array::{Array, AsArray, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::{Field, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use csv::{Writer, WriterBuilder};

use crate::cut::{heaviest_row, rows_bits};
use crate::error::IoError;
use crate::formats::RowWriter;
use crate::text::Sink;
use crate::types::is_uuid;
use crate::values::time::Times;
use crate::values::write_uuid;

struct CsvWriter {
    writer: Writer<Sink>,
}

pub(super) fn create(sink: Sink, schema: &SchemaRef, delimiter: u8) -> Result<Box<dyn RowWriter>, IoError> {
    if let Some(nested) = schema.fields().iter().find(|field| field.data_type().is_nested()) {
        let message = format!("`{}` is a list, an object or a map, which a field of CSV cannot hold", nested.name());
        return Err(IoError::data(message).with_help("write jsonl or parquet, or leave the column out"));
    }
    if schema.fields().is_empty() {
        return Err(IoError::data("there are no columns, and csv cannot hold rows without"));
    }
    let mut writer = WriterBuilder::new().delimiter(delimiter).from_writer(sink);
    writer.write_record(schema.fields().iter().map(|field| field.name())).map_err(fault)?;
    Ok(Box::new(CsvWriter { writer }))
}

fn fault(error: csv::Error) -> IoError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => IoError::system("cannot write", &error),
        other => IoError::data(format!("cannot be written as csv: {other:?}")),
    }
}

/// A column whose values become text.
pub(in crate::formats) enum Words<'a> {
    Times(&'a dyn Array, Times<'a>),
    Uuid(&'a FixedSizeBinaryArray),
    Other(ArrayFormatter<'a>, String),
}

impl<'a> Words<'a> {
    pub(in crate::formats) fn of(field: &Field, array: &'a dyn Array) -> Result<Words<'a>, IoError> {
        if let Some(times) = Times::of(array) {
            return Ok(Words::Times(array, times));
        }
        if is_uuid(field) {
            return Ok(Words::Uuid(array.as_fixed_size_binary()));
        }
        let options = FormatOptions::default().with_display_error(false).with_null("");
        let formatter = ArrayFormatter::try_new(array, &options).map_err(IoError::from_arrow)?;
        Ok(Words::Other(formatter, String::new()))
    }

    /// Appends a value's text: nothing for null, and for a time without text, which was refused before.
    pub(in crate::formats) fn write(&mut self, row: usize, out: &mut Vec<u8>) -> Result<(), IoError> {
        match self {
            Words::Times(array, _) if array.is_null(row) => {}
            Words::Times(_, times) => {
                times.write(row, out);
            }
            Words::Uuid(array) if array.is_null(row) => {}
            Words::Uuid(array) => write_uuid(array.value(row), out),
            Words::Other(formatter, text) => {
                text.clear();
                formatter.value(row).write(text).map_err(IoError::from_arrow)?;
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }
}

impl RowWriter for CsvWriter {
    fn takes(&self, rows: &RecordBatch) -> u64 {
        // Its text, twice; of binary values that is hexadecimal.
        4 * heaviest_row(rows, rows_bits)
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        let schema = rows.schema_ref();
        let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| Words::of(field, column));
        let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
        let mut text = Vec::new();
        for row in 0..rows.num_rows() {
            for column in &mut columns {
                text.clear();
                column.write(row, &mut text)?;
                self.writer.write_field(&text).map_err(fault)?;
            }
            self.writer.write_record(None::<&[u8]>).map_err(fault)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Sink, IoError> {
        self.writer.into_inner().map_err(|error| IoError::system("cannot write", error.error()))
    }
}
