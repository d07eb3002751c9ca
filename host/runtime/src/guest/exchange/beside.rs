//! What a global step writes beside rows that it keeps, until those are put out.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

use crate::error::Fault;
use crate::rows::record_batch;

/// Written rows, in the order of those that they stand beside.
pub(super) struct Beside {
    writes: SchemaRef,
    parts: VecDeque<RecordBatch>,
}

impl Beside {
    pub(super) fn new(writes: SchemaRef) -> Beside {
        Beside { writes, parts: VecDeque::new() }
    }

    /// Whether the step writes no columns, so that nothing need be kept.
    pub(super) fn is_nothing(&self) -> bool {
        self.writes.fields().is_empty()
    }

    /// The columns that are written.
    pub(super) fn writes(&self) -> &SchemaRef {
        &self.writes
    }

    pub(super) fn push(&mut self, written: RecordBatch) {
        if !self.is_nothing() && written.num_rows() > 0 {
            self.parts.push_back(written);
        }
    }

    /// What was pushed first.
    pub(super) fn first(&mut self) -> Option<RecordBatch> {
        self.parts.pop_front()
    }

    /// What was written beside the first `rows` rows; `more` is asked where they are not all here.
    pub(super) fn take(
        &mut self,
        rows: usize,
        mut more: impl FnMut() -> Result<Option<RecordBatch>, Fault>,
    ) -> Result<RecordBatch, Fault> {
        if self.is_nothing() {
            return Ok(record_batch(self.writes.clone(), Vec::new(), rows)?);
        }
        let (mut parts, mut missing) = (Vec::new(), rows);
        while missing > 0 {
            let part = match self.parts.pop_front() {
                Some(part) => part,
                None => {
                    more()?.ok_or_else(|| Fault::Host("what was written beside rows is not there any more".into()))?
                }
            };
            let length = part.num_rows().min(missing);
            if length < part.num_rows() {
                self.parts.push_front(part.slice(length, part.num_rows() - length));
            }
            parts.push(part.slice(0, length));
            missing -= length;
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Ok(concat_batches(&self.writes, &parts)?),
        }
    }
}
