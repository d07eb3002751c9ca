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
pub(super) use infer::schema;
pub(super) use write::{Json, most_text, values};
pub use write::{json_bytes, json_rows, marked_rows};

use std::path::Path;

use arrow::datatypes::{Schema, SchemaRef};

use batches::Batches;

use super::objects::{ObjectRows, Objects, WIDE};
use super::{FileFormat, Reading, RowWriter, Rows, Taken};
use crate::codec::Packing;
use crate::columns::StructColumn;
use crate::error::IoError;
use crate::limits::Limit;
use crate::lines::Lines;
use crate::misfit::Misfit;
use crate::places::Source;
use crate::section::{Marks, Section, Stretch};
use crate::spec::InputSpec;
use crate::text::{Compression, Sink};
use crate::values::Rule;

pub(super) struct Jsonl;

impl FileFormat for Jsonl {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        infer::schema(files, spec, |file| Lines::open(file, spec))
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        self.read_section(of, Section::default())
    }

    fn is_parted(&self, file: &Source, schema: &SchemaRef) -> bool {
        Compression::split(file.path()).1 == Compression::None
            && StructColumn::new(schema.fields()).widest_in_lists() <= WIDE
    }

    fn mark(&self, of: Reading<'_>, marks: &mut Marks<'_>) -> Result<(), IoError> {
        let Reading { file, schema, spec, policy } = of;
        batches::mark(Lines::open(file, spec)?, StructColumn::new(schema.fields()).width as usize, policy, marks)
    }

    fn stretches(
        &self,
        file: &Source,
        place: usize,
        schema: &SchemaRef,
        spec: &InputSpec,
    ) -> Result<Option<Vec<Stretch>>, IoError> {
        match self.is_parted(file, schema) {
            true => batches::stretches(Lines::open(file, spec)?, place).map(Some),
            false => Ok(None),
        }
    }

    fn skips_rows(&self) -> bool {
        true
    }

    fn read_section(&self, of: Reading<'_>, section: Section) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        let columns = StructColumn::new(schema.fields());
        let mut lines = Lines::open_section(file, spec, section)?;
        pass(&mut lines, section.skip)?;
        if columns.widest_in_lists() <= WIDE {
            let is_plain = Compression::split(file.path()).1 == Compression::None;
            let taken = move |taken: Taken| Taken { at: taken.at.filter(|_| is_plain), ..taken };
            let batches = Batches::new(lines, of, columns);
            return Ok(Box::new(batches.map(move |decoded| decoded.map(taken))));
        }
        Ok(Box::new(ObjectRows::new(lines, schema, spec, policy)))
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path, _: Packing) -> Result<Box<dyn RowWriter>, IoError> {
        write::create(sink, schema)
    }

    fn rule(&self) -> &'static dyn Rule {
        &write::Json
    }
}

/// Goes past this many lines that are rows, whatever is in them.
fn pass(lines: &mut Lines, mut rows: u64) -> Result<(), IoError> {
    while rows > 0 && lines.advance(Limit::Line)?.is_some() {
        rows -= u64::from(!trimmed(lines.current()).is_empty());
    }
    Ok(())
}

/// A line without the white space around it: JSON's own, since a form feed is no part of it.
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    let is_kept = |byte: &u8| !b" \t\r\n".contains(byte);
    let begin = line.iter().position(is_kept).unwrap_or(line.len());
    let end = line.iter().rposition(is_kept).map_or(begin, |last| last + 1);
    &line[begin..end]
}

impl Objects for Lines {
    fn next(&mut self) -> Result<Option<&[u8]>, IoError> {
        Ok(self.next_line()?.map(|(_, line)| line))
    }

    fn passed(&self) -> u64 {
        Lines::passed(self)
    }

    fn number(&self) -> u64 {
        Lines::number(self)
    }

    fn text(&mut self) -> &[u8] {
        self.current()
    }

    fn let_go(&mut self) {
        Lines::let_go(self);
    }

    fn fault(&mut self, error: &serde_json::Error, misfit: Option<Misfit>, spec: &InputSpec) -> IoError {
        let number = Lines::number(self);
        fault::of_line(self.current(), error, misfit, spec).at_line(number)
    }

    fn not_utf8(&mut self) -> IoError {
        let number = Lines::number(self);
        fault::not_utf8(self.current()).at_line(number)
    }
}
