//! Apache Parquet. Read row group by row group, the columns that are asked for, in batches whose size follows the group's average row, so that
//! memory stays flat.
//!
//! Written by default with zstd at level 1 (of text it leaves about half of what snappy does, for little more time) and the Arrow schema
//! embedded, so that types come back as they went. A row group ends at 128 Ki rows or 16 MiB of memory ([`groups`]), whichever is first, and its
//! pages where the rows say: equal rows give equal bytes. What Parquet counts no seconds for is written in milliseconds, and a date in
//! days; logical types that Arrow lacks are kept ([`logical`]).

mod footer;
mod groups;
mod int96;
mod logical;
mod masks;
mod pages;
mod read;
mod scan;
mod thrift;
mod write;
mod zones;

use std::cell::RefCell;
use std::path::Path;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use parquet::errors::ParquetError;

use super::{FileFormat, Reading, RowWriter, Rows, guarded};
use crate::canonical;
use crate::codec::Packing;
use crate::error::IoError;
use crate::places::{First, Source};
use crate::section::{Marks, Section, Stretch};
use crate::spec::InputSpec;
use crate::text::Sink;
use crate::values::Rule;
use int96::Units;

pub(super) struct Parquet;

impl FileFormat for Parquet {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        let units = RefCell::new(Units::default());
        let read = |file: &Source| read::schema(file, spec, &mut units.borrow_mut());
        // For timestamps that are INT96 in all files, `types` only sets the unit.
        let keeps = |name: &str, found: &DataType| {
            let may_be = matches!(found, DataType::Timestamp(_, None)) || found.is_nested();
            may_be && units.borrow().is_int96(name)
        };
        let schema = canonical::one_schema(files, First::Tail, spec, read, keeps)?;
        let units = units.borrow();
        canonical::only_known(&schema, files, &units.others(spec))?;
        units.settle(schema, spec).map_err(|error| error.in_file(&files[0]))
    }

    fn first(&self) -> First {
        First::Tail
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        read::rows(of, Section::default())
    }

    fn is_parted(&self, _: &Source, _: &SchemaRef) -> bool {
        true
    }

    fn mark(&self, of: Reading<'_>, marks: &mut Marks<'_>) -> Result<(), IoError> {
        read::mark(of, marks)
    }

    fn stretches(
        &self,
        file: &Source,
        place: usize,
        _: &SchemaRef,
        spec: &InputSpec,
    ) -> Result<Option<Vec<Stretch>>, IoError> {
        read::stretches(file, place, spec).map(Some)
    }

    fn read_section(&self, of: Reading<'_>, section: Section) -> Result<Rows, IoError> {
        read::rows(of, section)
    }

    fn skips_rows(&self) -> bool {
        true
    }

    fn skips_columns(&self) -> bool {
        true
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path, packing: Packing) -> Result<Box<dyn RowWriter>, IoError> {
        write::writer(sink, schema, packing)
    }

    fn rule(&self) -> &'static dyn Rule {
        &write::Stored
    }
}

/// The error without the name of its kind.
fn words(error: ParquetError) -> String {
    match error {
        ParquetError::General(message) | ParquetError::EOF(message) | ParquetError::ArrowError(message) => message,
        other => other.to_string(),
    }
}
