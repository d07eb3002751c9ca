//! JSON: an array of objects, each a row. The array is the whole file, or where the input's `at` points to.
//!
//! Elements are taken apart as they are read ([`elements`], [`scan`]), from where the pointer leads ([`pointer`]), so a file of any size takes the memory of one of them; each is then read as
//! a line of JSON Lines is.

mod elements;
mod pointer;
mod scan;

use arrow::array::UInt64Array;
use arrow::datatypes::{Schema, SchemaRef};

use super::jsonl::{self, Objects as _, WIDE};
use super::{FileFormat, Rows, Taken};
use crate::bad_row::{BadRow, Sieve};
use crate::columns::StructColumn;
use crate::error::IoError;
use crate::places::Source;
use crate::spec::{BatchPolicy, InputSpec};
use elements::Elements;

pub(super) struct Json;

impl FileFormat for Json {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        jsonl::schema(files, spec, |file| Elements::open(file, spec))
    }

    fn read(&self, file: &Source, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> Result<Rows, IoError> {
        let columns = StructColumn::new(schema.fields());
        let elements = Elements::open(file, spec)?;
        Ok(Box::new(ElementRows { elements, schema: schema.clone(), spec: spec.clone(), policy, columns, read: 0 }))
    }
}

struct ElementRows {
    elements: Elements,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
    columns: StructColumn,
    /// Rows so far.
    read: u64,
}

impl ElementRows {
    fn batch(&mut self) -> Result<Option<Taken>, IoError> {
        let (before, mut bytes, mut sieve) = (self.read, 0, Sieve::default());
        let one_by_one = self.columns.widest_in_lists() > WIDE;
        while ((self.read - before) as usize) < self.policy.rows && bytes < self.policy.bytes {
            let Some(element) = self.elements.next()? else { break };
            let (length, rows) = (element.len(), self.columns.len());
            self.read += 1;
            let filled = match jsonl::object(element, &mut self.columns, &self.spec) {
                Ok(filled) => filled,
                Err((error, misfit)) => {
                    let fault = self.elements.fault(&error, misfit, &self.spec);
                    sieve.leave_out(BadRow::of(fault, &self.spec, self.read, &self.elements.element)?);
                    self.columns.abandon_row(rows);
                    bytes += length;
                    continue;
                }
            };
            sieve.keep();
            let taken = if one_by_one { filled } else { self.columns.width };
            bytes += length.max(taken as usize);
        }
        self.elements.let_go();
        if self.read == before {
            return Ok(None);
        }
        let numbers = UInt64Array::from_iter_values(before + 1..=self.read);
        Ok(Some(sieve.sift(numbers, self.columns.finish_rows(&self.schema))))
    }
}

impl Iterator for ElementRows {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
