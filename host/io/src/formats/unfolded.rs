//! The rows of a binary file on their way: as its library gives them, in the canonical layout part by part, and cut as the policy says.

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use super::declared::Declared;
use crate::canonical::{Conform, Conformed};
use crate::cut::Cutter;
use crate::error::IoError;
use crate::spec::{BatchPolicy, InputSpec};
use crate::values::check_decimals;

/// Rows as a library gives them.
pub(super) struct More {
    pub(super) rows: RecordBatch,
    /// What each of them weighs where batches are cut, if the file says so: in bits.
    pub(super) weight: Option<u64>,
    /// Whether a batch ends before them, whatever is in it.
    pub(super) begins_batch: bool,
}

pub(super) struct Unfolded {
    conform: Conform,
    /// What is left of the rows that the library gave last.
    rows: Option<Conformed>,
    /// What `types` declares for them.
    declared: Option<Declared>,
    /// Parts that are still to have these types, the next one last.
    parts: Vec<RecordBatch>,
    /// Rows that have them.
    typed: u64,
    /// What a part of them may take, in bytes.
    bytes: u64,
    cutter: Cutter,
    /// As of [`More`].
    weight: Option<u64>,
    /// Rows that the library gave so far.
    given: u64,
    /// The number of the next row.
    row: u64,
    ended: bool,
}

impl Unfolded {
    /// For rows of the schema `found`, into the dataset's.
    pub(super) fn new(
        found: &Schema,
        schema: &SchemaRef,
        spec: &InputSpec,
        policy: BatchPolicy,
    ) -> Result<Unfolded, IoError> {
        let declared = Declared::new(found, schema, spec)?;
        let before = declared.as_ref().map_or(schema, Declared::before);
        let conform = Conform::new(found, before, spec, policy.bytes)?;
        let (cutter, bytes) = (Cutter::new(schema.clone(), policy), 2 * policy.bytes as u64);
        let (rows, parts) = (None, Vec::new());
        let weight = None;
        Ok(Unfolded { conform, rows, declared, parts, typed: 0, bytes, cutter, weight, given: 0, row: 1, ended: false })
    }

    /// For rows behind this many in their file.
    pub(super) fn behind(self, rows: u64) -> Unfolded {
        Unfolded { typed: rows, given: rows, row: rows + 1, ..self }
    }

    /// The next batch; `more` gives rows as the library has them, or null at the end.
    pub(super) fn next(
        &mut self,
        mut more: impl FnMut() -> Result<Option<More>, IoError>,
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
            if let (Some(declared), Some(part)) = (&self.declared, self.parts.pop()) {
                if part.num_rows() > 1 && declared.weight(&part) > self.bytes {
                    let middle = part.num_rows() / 2;
                    self.parts.extend([part.slice(middle, part.num_rows() - middle), part.slice(0, middle)]);
                    continue;
                }
                self.cutter.push_weighing(&declared.rows(&part, self.typed + 1)?, self.weight)?;
                self.typed += part.num_rows() as u64;
                continue;
            }
            let part = match &mut self.rows {
                Some(rows) => rows.next(&self.conform)?,
                None => None,
            };
            if let Some(part) = part {
                if self.declared.is_some() {
                    self.parts.push(part);
                    continue;
                }
                self.cutter.push_weighing(&part, self.weight)?;
                continue;
            }
            // What was given is let go of before there is more.
            self.rows = None;
            match more()? {
                Some(More { rows, weight, begins_batch }) => {
                    if begins_batch {
                        self.cutter.end()?;
                    }
                    self.weight = weight;
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

    /// Rows that the library gave so far, and those before the first.
    pub(super) fn given(&self) -> u64 {
        self.given
    }
}
