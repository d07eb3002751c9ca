//! JSON: an array of objects, each a row. The array is the whole file, or where the input's `at` points to.
//!
//! Elements are taken apart as they are read ([`elements`], [`scan`]), from where the pointer leads ([`pointer`]), so a file of any size takes the memory of one of them; each is then read as
//! a line of JSON Lines is.

mod elements;
mod pointer;
mod scan;

use arrow::datatypes::Schema;

use super::objects::ObjectRows;
use super::{FileFormat, Reading, Rows, jsonl};
use crate::error::IoError;
use crate::places::Source;
use crate::spec::InputSpec;
use elements::Elements;

pub(super) struct Json;

impl FileFormat for Json {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        jsonl::schema(files, spec, |file| Elements::open(file, spec))
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        Ok(Box::new(ObjectRows::new(Elements::open(file, spec)?, schema, spec, policy)))
    }
}
