//! An instance that works: called with rows, its answers checked as a run checks them.

use crate::rows::{created, only_carried};
use callboard_sandbox::{Fate, Removal, Returned, checked, lift_within};
use std::time::Duration;

use arrow::array::{RecordBatch, UInt32Array};

use super::{CallError, Declaration, Probe};
use crate::error::Fault;
use crate::global::bound_copies;
use crate::rows::Batch;
use callboard_sandbox::Instance;
use std::ops::Deref;
use std::sync::Arc;

/// An instance that is open. After a call that failed in any way but by an error of the contract it is not to be called again.
pub struct Opened<'a> {
    pub(super) instance: Instance,
    pub(super) declaration: Declaration,
    // After the instance, whose code it may be the last to hold.
    pub(super) probe: Held<'a>,
}

/// The probe of an instance.
pub(super) enum Held<'a> {
    Borrowed(&'a Probe),
    Shared(Arc<Probe>),
}

impl Deref for Held<'_> {
    type Target = Probe;

    fn deref(&self) -> &Probe {
        match self {
            Held::Borrowed(probe) => probe,
            Held::Shared(probe) => probe,
        }
    }
}

/// What happened to rows.
#[derive(Clone, Debug)]
pub struct PutOut {
    /// The rows put out, in the columns of [`Declaration::output`].
    pub rows: Vec<RecordBatch>,
    /// For each of them the row of the first input that it carries, from 0; none for one that came from no row.
    pub origins: Vec<Option<u64>>,
    /// Rows of the first input that go no further, by number.
    pub removed: Vec<RemovedRow>,
}

/// A row that goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedRow {
    /// Its number in the first input, from 0.
    pub row: u64,
    /// Whether the step could not handle it; otherwise it is left out, as the step is meant to.
    pub rejected: bool,
    /// Why; empty where the step said nothing.
    pub reason: String,
}

/// Time that calls took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTimes {
    /// From the host's side of each call, crossing included.
    pub in_calls: Duration,
    /// The part of it that is the host's own work on rows that a global step asked for: reading them, and carrying them on.
    pub of_host: Duration,
}

/// A page of a source.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its rows.
    pub rows: RecordBatch,
    /// Where to go on behind it.
    pub cursor: Vec<u8>,
}

impl From<Removal> for RemovedRow {
    fn from(Removal { row, fate, reason }: Removal) -> RemovedRow {
        RemovedRow { row, rejected: fate == Fate::Rejected, reason: reason.to_string() }
    }
}

impl Opened<'_> {
    /// Linear memory, and tables, that the instance holds now, bytes.
    pub fn memory(&self) -> u64 {
        self.instance.memory()
    }

    /// Time that calls took since this was last asked.
    pub fn take_times(&mut self) -> CallTimes {
        CallTimes { in_calls: self.instance.take_busy(), of_host: self.instance.take_hosting() }
    }

    /// Calls a transform, and checks its answer as a run does; rows are not carried on, which costs the same whoever made them.
    /// The columns that it wrote: what a call is measured by.
    ///
    /// # Errors
    ///
    /// What it says, and what of its answer does not fit.
    pub fn call(&mut self, rows: &RecordBatch) -> Result<RecordBatch, CallError> {
        let called = self.try_call(rows);
        called.map(|returned| returned.written).map_err(|fault| self.probe.error(fault))
    }

    fn try_call(&mut self, batch: &RecordBatch) -> Result<Returned, Fault> {
        let (bound, step) = (self.declaration.bound.clone(), &self.probe.step);
        let output = self.instance.process(&bound.give(0, batch)?)?;
        self.instance.take_counters();
        checked(output, &bound, batch.num_rows(), step.limits.rows_per_row, &self.probe.config.returnable())
    }

    /// Calls a transform for a batch of the schema that it was declared for.
    ///
    /// # Errors
    ///
    /// What it says, and what of its answer does not fit.
    pub fn process(&mut self, rows: &RecordBatch) -> Result<PutOut, CallError> {
        self.try_process(rows).map_err(|fault| self.probe.error(fault))
    }

    fn try_process(&mut self, rows: &RecordBatch) -> Result<PutOut, Fault> {
        let (bound, limits) = (self.declaration.bound.clone(), self.probe.step.limits);
        let Returned { kept, removed, written } = self.try_call(rows)?;
        if kept.is_none() && removed.is_empty() {
            let origins = (0..rows.num_rows() as u64).map(Some).collect();
            return Ok(PutOut { rows: vec![bound.join(rows, &written)?], origins, removed: Vec::new() });
        }
        let batch = Batch::created(rows.clone());
        let count = batch.len() as u32;
        let mut fates = vec![false; batch.len()];
        removed.iter().for_each(|removed| fates[removed.row as usize] = true);
        let kept = kept.unwrap_or_else(|| (0..count).filter(|row| !fates[*row as usize]).collect());
        let batch = only_carried(&bound, &batch)?;
        if !kept.is_sorted_by(|a, b| a < b) {
            bound_copies(&batch, &kept, &mut 0, limits.carried_bytes)?;
        }
        kept.iter().for_each(|row| fates[*row as usize] = true);
        let origins = kept.iter().map(|row| Some(u64::from(*row))).collect();
        let carried = batch.take(&UInt32Array::from(kept))?;
        let rows = vec![bound.join(&carried.rows, &written)?];
        let mut removed: Vec<RemovedRow> = removed.into_iter().map(RemovedRow::from).collect();
        let unlisted = (0..count).filter(|row| !fates[*row as usize]);
        removed.extend(unlisted.map(|row| RemovedRow { row: row.into(), rejected: false, reason: String::new() }));
        removed.sort_by_key(|removed| removed.row);
        Ok(PutOut { rows, origins, removed })
    }

    /// Calls a source for its next page; none at its end.
    ///
    /// # Errors
    ///
    /// What it says, and what of its answer does not fit.
    pub fn next_page(&mut self) -> Result<Option<Page>, CallError> {
        let page = self.instance.next_page().and_then(|page| {
            page.map(|page| {
                let rows = lift_within(page.rows, &self.declaration.bound.writes, &self.probe.config.returnable())?;
                let created = created(&self.declaration.bound, &rows)?;
                Ok(Page { rows: created.rows, cursor: page.cursor })
            })
            .transpose()
        });
        page.map_err(|fault| self.probe.error(fault))
    }
}
