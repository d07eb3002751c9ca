//! What a global step writes beside rows that it keeps, until those are put out.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

use crate::error::Fault;
use crate::rows::{fill, record_batch, weight};

/// This many parts at the end that have about as few rows are put together: each part costs the host some hundred bytes a
/// column beyond its values, and a step may write its rows one by one.
const PARTS: usize = 32;
/// A part of more rows is left as it is.
const LARGE_PART: usize = 64 << 10;

/// Written rows, in the order of those that they stand beside.
pub(super) struct Beside {
    writes: SchemaRef,
    parts: VecDeque<RecordBatch>,
    /// What they take, bits.
    bits: u64,
}

impl Beside {
    pub(super) fn new(writes: SchemaRef) -> Beside {
        Beside { writes, parts: VecDeque::new(), bits: 0 }
    }

    /// Whether the step writes no columns, so that nothing need be kept.
    pub(super) fn is_nothing(&self) -> bool {
        self.writes.fields().is_empty()
    }

    /// The columns that are written.
    pub(super) fn writes(&self) -> &SchemaRef {
        &self.writes
    }

    /// What all of it takes, bits.
    pub(super) fn bits(&self) -> u64 {
        self.bits
    }

    pub(super) fn push(&mut self, written: RecordBatch) -> Result<(), Fault> {
        if self.is_nothing() || written.num_rows() == 0 {
            return Ok(());
        }
        self.bits += weight(&written);
        self.parts.push_back(written);
        self.merge()
    }

    /// Puts small parts together, so that there are few of them: each row is copied as often as the number of rows has digits
    /// to the base of [`PARTS`].
    fn merge(&mut self) -> Result<(), Fault> {
        loop {
            let Some(last) = self.parts.back().map(RecordBatch::num_rows) else { return Ok(()) };
            let alike = |part: &&RecordBatch| part.num_rows() < last.saturating_mul(PARTS);
            if last > LARGE_PART || self.parts.iter().rev().take(PARTS).filter(alike).count() < PARTS {
                return Ok(());
            }
            let tail: Vec<RecordBatch> = self.parts.drain(self.parts.len() - PARTS..).collect();
            self.parts.push_back(concat_batches(&self.writes, &tail)?);
        }
    }

    /// What was pushed first.
    pub(super) fn first(&mut self) -> Option<RecordBatch> {
        let first = self.parts.pop_front()?;
        self.bits = self.bits.saturating_sub(weight(&first));
        Some(first)
    }

    /// How many of the first rows, up to `most`, reach `bits` together with what `other` says that each takes besides; at
    /// least one. `more` is asked where they are not all here.
    pub(super) fn reach(
        &mut self,
        most: usize,
        bits: u64,
        other: impl Fn(usize) -> u64,
        mut more: impl FnMut() -> Result<Option<RecordBatch>, Fault>,
    ) -> Result<usize, Fault> {
        let (mut count, mut sum, mut part, mut row) = (0, 0, 0, 0);
        while count < most && (sum < bits || count == 0) {
            sum += other(count);
            if !self.is_nothing() {
                if part == self.parts.len() {
                    self.fetch(&mut more)?;
                }
                sum += fill(&self.parts[part], row, 1, 0).1;
                row += 1;
                if row == self.parts[part].num_rows() {
                    (part, row) = (part + 1, 0);
                }
            }
            count += 1;
        }
        Ok(count)
    }

    fn fetch(&mut self, more: &mut impl FnMut() -> Result<Option<RecordBatch>, Fault>) -> Result<(), Fault> {
        let part = more()?.filter(|part| part.num_rows() > 0).ok_or_else(lost)?;
        self.bits += weight(&part);
        self.parts.push_back(part);
        Ok(())
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
            if self.parts.is_empty() {
                self.fetch(&mut more)?;
            }
            let Some(part) = self.parts.pop_front() else { return Err(lost()) };
            let length = part.num_rows().min(missing);
            if length < part.num_rows() {
                self.parts.push_front(part.slice(length, part.num_rows() - length));
            }
            let part = part.slice(0, length);
            self.bits = self.bits.saturating_sub(weight(&part));
            parts.push(part);
            missing -= length;
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Ok(concat_batches(&self.writes, &parts)?),
        }
    }
}

fn lost() -> Fault {
    Fault::Host("what was written with the rows is missing".into())
}
