//! JSON Lines: one object a line. Blank lines are skipped, and counted as lines.
//!
//! Reading is strict: the schema comes from a sample ([`infer`]) and the input's `types`, and a line that does not fit it
//! exactly ([`decode`]) is an error, never bent to fit. A key that is missing is null.
//!
//! Written ([`write`]), every row has every key, null where there is no value. Floats that JSON has no words for (NaN and
//! the infinities) are null, binary values are strings of lower-case hex digits, times are strings in ISO 8601, decimals numbers, maps
//! objects. A column of JSON text (`types = { meta = "json" }`) is written as the JSON that it holds.

mod batches;
mod decode;
mod encode;
mod fault;
mod guess;
mod infer;
mod write;

pub(super) use decode::object;
pub(super) use fault::{NO_NUMBER, is_no_number, kind, only_as_text, text_at};
pub(super) use infer::{Objects, schema};
pub(super) use write::{Json, most_text, values};
pub use write::{json_bytes, json_rows, marked_rows};

use std::path::Path;

use arrow::array::UInt64Array;
use arrow::datatypes::{Schema, SchemaRef};

use batches::Batches;

use super::{FileFormat, RowWriter, Rows, Taken};
use crate::bad_row::{BadRow, Sieve};
use crate::codec::Packing;
use crate::columns::StructColumn;
use crate::error::IoError;
use crate::lines::Lines;
use crate::places::Source;
use crate::spec::{BatchPolicy, InputSpec};
use crate::text::Sink;
use crate::values::Rule;

pub(super) struct Jsonl;

impl FileFormat for Jsonl {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        infer::schema(files, spec, |file| Lines::open(file, spec))
    }

    fn read(&self, file: &Source, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let columns = StructColumn::new(schema.fields());
        let lines = Lines::open(file, spec)?;
        if columns.widest_in_lists() <= WIDE {
            return Ok(Box::new(Batches::new(lines, schema, spec, policy, columns)));
        }
        let (schema, spec) = (schema.clone(), spec.clone());
        Ok(Box::new(JsonRows { lines, schema, spec, policy, columns }))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path, _: Packing) -> Result<Box<dyn RowWriter>, IoError> {
        write::create(sink, schema)
    }

    fn rule(&self) -> &'static dyn Rule {
        &write::Json
    }
}

/// Objects in lists that take more bytes than this when they have no member: three bytes of text each.
pub(super) const WIDE: u64 = 256;

/// Rows that are taken one by one: what a line takes is known only when it has been taken.
struct JsonRows {
    lines: Lines,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
    columns: StructColumn,
}

impl JsonRows {
    fn batch(&mut self) -> Result<Option<Taken>, IoError> {
        let (mut origins, mut sieve) = (Vec::new(), Sieve::default());
        let mut bytes = 0;
        while origins.len() < self.policy.rows && bytes < self.policy.bytes {
            let Some((number, line)) = self.lines.next_line()? else { break };
            if trimmed(line).is_empty() {
                continue;
            }
            let before = self.columns.len();
            origins.push(number);
            bytes += line.len();
            match decode::row(line, &mut self.columns, &self.spec) {
                Ok(filled) => {
                    bytes += (filled as usize).saturating_sub(line.len());
                    sieve.keep();
                }
                Err(fault) => {
                    sieve.leave_out(BadRow::of(fault.at_line(number), &self.spec, number, line)?);
                    self.columns.abandon_row(before);
                }
            }
        }
        // Whoever takes the rows has them for a while.
        self.lines.let_go();
        if origins.is_empty() {
            return Ok(None);
        }
        Ok(Some(sieve.sift(UInt64Array::from(origins), self.columns.finish_rows(&self.schema))))
    }
}

/// A line without the white space around it: JSON's own, since a form feed is no part of it.
fn trimmed(line: &[u8]) -> &[u8] {
    let is_kept = |byte: &u8| !b" \t\r\n".contains(byte);
    let begin = line.iter().position(is_kept).unwrap_or(line.len());
    let end = line.iter().rposition(is_kept).map_or(begin, |last| last + 1);
    &line[begin..end]
}

impl Iterator for JsonRows {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
