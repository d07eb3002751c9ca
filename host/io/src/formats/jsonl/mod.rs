//! JSON Lines: one object a line. Blank lines are skipped, and counted as lines.
//!
//! Reading is strict: the schema comes from a sample ([`infer`]) and the input's `types`, and a line that does not fit it
//! exactly ([`decode`]) is an error, never bent to fit. A key that is missing is null.
//!
//! Written ([`write`]), every row has every key, null where there is no value. Floats that JSON has no words for (NaN and
//! the infinities) are null, binary values are strings of lower-case hex digits, times are strings in ISO 8601, decimals numbers, maps
//! objects. A column of JSON text (`types = { meta = "json" }`) is written as the JSON that it holds.

mod decode;
mod infer;
mod write;

pub use write::json_rows;

use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use super::{FileFormat, RowWriter, Rows};
use crate::columns::StructColumn;
use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::IoError;
use crate::text::{Lines, Sink};

pub(super) struct Jsonl;

impl FileFormat for Jsonl {
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
        infer::schema(files, spec)
    }

    fn read(&self, file: &Path, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let columns = StructColumn::new(schema.fields());
        Ok(Box::new(JsonRows {
            lines: Lines::open(file)?,
            schema: schema.clone(),
            spec: spec.clone(),
            policy,
            columns,
        }))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path) -> Result<Box<dyn RowWriter>, IoError> {
        write::create(sink, schema)
    }
}

struct JsonRows {
    lines: Lines,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
    columns: StructColumn,
}

impl JsonRows {
    fn batch(&mut self) -> Result<Option<(UInt64Array, RecordBatch)>, IoError> {
        let mut origins = Vec::new();
        let mut bytes = 0;
        while origins.len() < self.policy.rows && bytes < self.policy.bytes {
            let Some((number, line)) = self.lines.next_line()? else { break };
            if line.trim_ascii().is_empty() {
                continue;
            }
            decode::row(line, &mut self.columns, &self.spec).map_err(|fault| fault.at_line(number))?;
            bytes += line.len();
            origins.push(number);
        }
        if origins.is_empty() {
            return Ok(None);
        }
        let (length, columns) = self.columns.finish_columns();
        let options = RecordBatchOptions::new().with_row_count(Some(length));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        let rows = rows.expect("columns are built by the schema");
        Ok(Some((UInt64Array::from(origins), rows)))
    }
}

impl Iterator for JsonRows {
    type Item = Result<(UInt64Array, RecordBatch), IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
