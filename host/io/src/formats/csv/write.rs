//! Rows to CSV: Arrow formats the values, the csv crate quotes them.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use csv::{Writer, WriterBuilder};

use crate::error::IoError;
use crate::formats::RowWriter;
use crate::text::Sink;

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

impl RowWriter for CsvWriter {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        let options = FormatOptions::default().with_display_error(false).with_null("");
        let columns: Result<Vec<_>, _> = rows.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect();
        let columns = columns.map_err(IoError::from_arrow)?;
        let mut text = String::new();
        for row in 0..rows.num_rows() {
            for column in &columns {
                text.clear();
                column.value(row).write(&mut text).map_err(IoError::from_arrow)?;
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
