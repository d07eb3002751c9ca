//! JSON: an array of objects, each a row. The array is the whole file, or where the input's `at` points to.
//!
//! Elements are taken apart as they are read ([`elements`], [`scan`]), from where the pointer leads ([`pointer`]), so a file of any size takes the memory of one of them; each is then read as
//! a line of JSON Lines is.

mod elements;
mod pointer;
mod scan;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use super::jsonl::{self, Objects as _, WIDE};
use super::{FileFormat, Rows};
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
    fn batch(&mut self) -> Result<Option<(UInt64Array, RecordBatch)>, IoError> {
        let (before, mut bytes) = (self.read, 0);
        let one_by_one = self.columns.widest_in_lists() > WIDE;
        while ((self.read - before) as usize) < self.policy.rows && bytes < self.policy.bytes {
            let Some(element) = self.elements.next()? else { break };
            let length = element.len();
            let filled = jsonl::object(element, &mut self.columns, &self.spec);
            let filled = filled.map_err(|(error, misfit)| self.elements.fault(&error, misfit, &self.spec))?;
            let taken = if one_by_one { filled } else { self.columns.width };
            bytes += length.max(taken as usize);
            self.read += 1;
        }
        self.elements.let_go();
        if self.read == before {
            return Ok(None);
        }
        let numbers = UInt64Array::from_iter_values(before + 1..=self.read);
        Ok(Some((numbers, self.columns.finish_rows(&self.schema))))
    }
}

impl Iterator for ElementRows {
    type Item = Result<(UInt64Array, RecordBatch), IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
