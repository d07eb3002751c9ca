//! JSON Lines: one object a line. Blank lines are skipped, and counted as lines.
//!
//! Reading is strict: the schema comes from a sample ([`infer`]) and the input's `types`, and a line that does not fit it
//! exactly ([`decode`]) is an error, never bent to fit. A key that is missing is null.
//!
//! Written ([`write`]), every row has every key, null where there is no value. Floats that JSON has no words for (NaN and
//! the infinities) are null, binary values are strings of lower-case hex digits, times are strings in ISO 8601, decimals numbers, maps
//! objects. A column of JSON text (`types = { meta = "json" }`) is written as the JSON that it holds.

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

use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};
use memchr::memchr_iter;

use super::{FileFormat, RowWriter, Rows};
use crate::codec::Packing;
use crate::columns::StructColumn;
use crate::error::IoError;
use crate::lines::Lines;
use crate::spec::{BatchPolicy, InputSpec};
use crate::text::Sink;
use crate::values::Rule;

pub(super) struct Jsonl;

impl FileFormat for Jsonl {
    fn schema(&self, files: &[PathBuf], spec: &InputSpec) -> Result<Schema, IoError> {
        infer::schema(files, spec, |file| Lines::open(file, spec))
    }

    fn read(&self, file: &Path, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let columns = StructColumn::new(schema.fields());
        let one_by_one = columns.widest_in_lists() > WIDE;
        Ok(Box::new(JsonRows {
            one_by_one,
            lines: Lines::open(file, spec)?,
            schema: schema.clone(),
            spec: spec.clone(),
            policy,
            columns,
        }))
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

struct JsonRows {
    /// Whether what a line takes is known only when it has been taken.
    one_by_one: bool,
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
            if self.together(&mut origins, &mut bytes)? {
                continue;
            }
            let Some((number, line)) = self.lines.next_line()? else { break };
            if trimmed(line).is_empty() {
                continue;
            }
            let length = line.len();
            let filled = decode::row(line, &mut self.columns, &self.spec).map_err(|fault| fault.at_line(number))?;
            let taken = if self.one_by_one { filled } else { self.columns.width };
            bytes += length.max(taken as usize);
            origins.push(number);
        }
        // Whoever takes the rows has them for a while.
        self.lines.let_go();
        if origins.is_empty() {
            return Ok(None);
        }
        Ok(Some((UInt64Array::from(origins), self.columns.finish_rows(&self.schema))))
    }
}

impl JsonRows {
    /// Takes lines that are at hand, as far as there is room for them in the batch and they look like objects; whether there were any.
    /// Parsed together, they share what a parser sets up.
    fn together(&mut self, origins: &mut Vec<u64>, bytes: &mut usize) -> Result<bool, IoError> {
        let (first, there) = self.lines.at_hand();
        // The first line may begin with a byte-order mark.
        let there = if first == 1 || self.one_by_one { &[] } else { there };
        let (longest, width) = (self.spec.limits.line as usize, self.columns.width as usize);
        let (mut lines, mut end, before) = (0, 0, origins.len());
        for line_end in memchr_iter(b'\n', there) {
            let line = &there[end..=line_end];
            let text = trimmed(line);
            if !text.is_empty() {
                let is_full = origins.len() == self.policy.rows || *bytes >= self.policy.bytes;
                if is_full || !text.starts_with(b"{") || !text.ends_with(b"}") || line.len() > longest {
                    break;
                }
                origins.push(first + lines);
                *bytes += line.len().max(width);
            }
            lines += 1;
            end = line_end + 1;
        }
        let there = &there[..end];
        if !decode::rows(there, origins.len() - before, &mut self.columns, &self.spec) {
            return Err(first_fault(there, first, &self.schema, &self.spec));
        }
        self.lines.skip(lines, end);
        Ok(end > 0)
    }
}

/// A line without the white space around it: JSON's own, since a form feed is no part of it.
fn trimmed(line: &[u8]) -> &[u8] {
    let is_kept = |byte: &u8| !b" \t\r\n".contains(byte);
    let begin = line.iter().position(is_kept).unwrap_or(line.len());
    let end = line.iter().rposition(is_kept).map_or(begin, |last| last + 1);
    &line[begin..end]
}

/// What is wrong with the first line that something is wrong with.
fn first_fault(lines: &[u8], first: u64, schema: &SchemaRef, spec: &InputSpec) -> IoError {
    let mut columns = StructColumn::new(schema.fields());
    let numbered = (first..).zip(lines.split_inclusive(|byte| *byte == b'\n'));
    let mut objects = numbered.filter(|(_, line)| !trimmed(line).is_empty());
    let found = objects.find_map(|(number, line)| Some(decode::row(line, &mut columns, spec).err()?.at_line(number)));
    found.unwrap_or_else(|| IoError::data("lines that are objects one by one are none together").at_line(first))
}

impl Iterator for JsonRows {
    type Item = Result<(UInt64Array, RecordBatch), IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
