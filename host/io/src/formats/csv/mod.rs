//! CSV with a header, by tabs in a `.tsv`. Blank lines are skipped, and counted as lines.
//!
//! Read as it stands: a column is int64, float64 or bool only if every value of the sample is one exactly (`007` is none), else
//! string; an empty field is null, quoted or not. Files of one input have the same columns, in any order.
//!
//! Written with line feeds and quotes where needed; null and the empty string are both empty fields. Binary values are lower-case hex digits,
//! times are in ISO 8601. Lists, objects and maps have no place in a field and are refused.

mod infer;
mod records;
mod write;

use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use super::{FileFormat, RowWriter, Rows};
use crate::columns::{Column, Misfit, StructColumn, excerpt};
use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::IoError;
use crate::text::{Compression, Sink};
use records::Records;

pub(super) struct Csv;

impl FileFormat for Csv {
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
        infer::schema(files, spec)
    }

    fn read(&self, file: &Path, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let (records, header) = Records::open(file)?;
        let position =
            |name: &String| schema.index_of(name).map_err(|_| IoError::data(format!("`{name}` is a new column")));
        let places = header.iter().map(position).collect::<Result<_, _>>()?;
        let columns = StructColumn::new(schema.fields());
        Ok(Box::new(CsvRows { records, places, schema: schema.clone(), spec: spec.clone(), policy, columns }))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, path: &Path) -> Result<Box<dyn RowWriter>, IoError> {
        write::create(sink, schema, delimiter(path))
    }
}

fn delimiter(path: &Path) -> u8 {
    match Compression::split(path).0.to_lowercase().ends_with(".tsv") {
        true => b'\t',
        false => b',',
    }
}

struct CsvRows {
    records: Records,
    /// Of each field, the column that it goes to.
    places: Vec<usize>,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
    columns: StructColumn,
}

impl CsvRows {
    fn batch(&mut self) -> Result<Option<(UInt64Array, RecordBatch)>, IoError> {
        let mut origins = Vec::new();
        let mut bytes = 0;
        while origins.len() < self.policy.rows && bytes < self.policy.bytes {
            let Some(record) = self.records.next_record()? else { break };
            for (field, place) in record.fields().zip(&self.places) {
                push(&mut self.columns.columns[*place], field).map_err(|mut misfit| {
                    misfit.path.push(self.schema.field(*place).name().clone());
                    misfit.into_error(&self.spec, "string").at_line(record.line)
                })?;
            }
            self.columns.end(true);
            bytes += record.bytes;
            origins.push(record.line);
        }
        if origins.is_empty() {
            return Ok(None);
        }
        let (length, columns) = self.columns.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(length));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        Ok(Some((UInt64Array::from(origins), rows.expect("columns are built by the schema"))))
    }
}

impl Iterator for CsvRows {
    type Item = Result<(UInt64Array, RecordBatch), IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// A field into its column.
fn push(column: &mut Column, text: &str) -> Result<(), Misfit> {
    let fitting = match infer::kind(text) {
        infer::Kind::Int | infer::Kind::Float => "float64",
        _ => "string",
    };
    let misfit = |column: &Column| {
        Err(Misfit::new(format!("should be {}, found {:?}", column.type_name(), excerpt(text)), fitting))
    };
    match column {
        _ if text.is_empty() => column.push_null(),
        Column::Bool(b) => match text {
            "true" => b.append_value(true),
            "false" => b.append_value(false),
            _ => return Err(Misfit::new(format!("should be bool, found {:?}", excerpt(text)), "string")),
        },
        Column::Int(..) | Column::Uint64(_) => match text.parse::<i128>() {
            Ok(value) if value.to_string() == text => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => column.push_int(value)?,
                (_, Ok(value)) => column.push_uint(value)?,
                _ => return misfit(column),
            },
            _ => return misfit(column),
        },
        Column::Float(..) if fitting == "float64" => column.push_float(text)?,
        Column::Float(..) => return misfit(column),
        Column::Json(b) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) if text.trim() == "null" => b.append_null(),
            Ok(_) => b.append_value(text),
            Err(_) => return misfit(column),
        },
        _ => column.push_text(text)?,
    }
    Ok(())
}
