//! The rows of a binary file on their way: as its library gives them, in the canonical layout part by part, and cut as the policy says.

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use crate::canonical::{Conform, Conformed};
use crate::cut::Cutter;
use crate::error::IoError;
use crate::spec::{BatchPolicy, InputSpec};
use crate::values::check_decimals;

pub(super) struct Unfolded {
    conform: Conform,
    /// What is left of the rows that the library gave last.
    rows: Option<Conformed>,
    cutter: Cutter,
    /// Rows that the library gave so far.
    given: u64,
    /// The number of the next row.
    row: u64,
    ended: bool,
}

impl Unfolded {
    /// Of rows of the schema `found`, into the dataset's.
    pub(super) fn new(
        found: &Schema,
        schema: &SchemaRef,
        spec: &InputSpec,
        policy: BatchPolicy,
    ) -> Result<Unfolded, IoError> {
        let conform = Conform::new(found, schema, spec, policy.bytes)?;
        let cutter = Cutter::new(schema.clone(), policy);
        Ok(Unfolded { conform, rows: None, cutter, given: 0, row: 1, ended: false })
    }

    /// The next batch; `more` gives rows as the library has them, or null at the end.
    pub(super) fn next(
        &mut self,
        mut more: impl FnMut() -> Result<Option<RecordBatch>, IoError>,
    ) -> Result<Option<(UInt64Array, RecordBatch)>, IoError> {
        loop {
            if let Some(batch) = self.cutter.next() {
                let first = self.row;
                check_decimals(&batch).map_err(|fault| fault.into_error(first - 1))?;
                self.row += batch.num_rows() as u64;
                return Ok(Some((UInt64Array::from_iter_values(first..self.row), batch)));
            }
            if self.ended {
                return Ok(None);
            }
            let part = match &mut self.rows {
                Some(rows) => rows.next(&self.conform)?,
                None => None,
            };
            if let Some(part) = part {
                self.cutter.push(&part)?;
                continue;
            }
            // What was given is let go of before there is more.
            self.rows = None;
            match more()? {
                Some(rows) => {
                    self.rows = Some(self.conform.rows(&rows, self.given + 1)?);
                    self.given += rows.num_rows() as u64;
                }
                None => {
                    self.cutter.end()?;
                    self.ended = true;
                }
            }
        }
    }

    /// Rows that the library gave so far.
    pub(super) fn given(&self) -> u64 {
        self.given
    }
}
