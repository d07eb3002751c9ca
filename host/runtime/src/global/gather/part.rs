//! The way out of one call: what it says of its rows is hostile until it has been through here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use callboard_plan::pipeline::OnError;
use callboard_sandbox::{BatchResult, Fate, Gathering, Removals, Returnable, RowWriter, clipped};

use super::arrange::Place;
use super::outcome::{Outcomes, REASONS, Run, places};
use super::reader::Given;
use super::unwritten;
use crate::error::{Fault, LimitExceeded};
use crate::fates::Fates;
use crate::store::Removed;

/// Rows of a frame of what was put out.
const FRAME: usize = 4096;
/// What a call put out and is not on the disk yet, bytes.
const WAITING: u64 = 8 << 20;
/// What a row that is put out takes beside what was written, bytes.
const ROW: u64 = 32;

/// The way out of one call.
pub(crate) struct PartWriter {
    outcomes: Arc<Outcomes>,
    given: Given,
    /// Which call it is: where the first of its rows stands.
    call: Place,
    flushed: u64,
    returnable: Returnable,
    on_error: OnError,
    /// The most rows that it may put out.
    most: u64,
    fates: Fates,
    pub(super) kept: Vec<u64>,
    pub(super) removed: Vec<(Fate, Arc<str>, Vec<u64>)>,
    waiting: Vec<RecordBatch>,
    bytes: u64,
    pub(super) runs: Vec<Run>,
}

/// What a call is made with.
pub(in crate::global) struct Calling {
    pub(in crate::global) returnable: Returnable,
    pub(in crate::global) on_error: OnError,
    pub(in crate::global) rows_per_row: u64,
}

impl PartWriter {
    pub(super) fn new(outcomes: &Arc<Outcomes>, given: Given, call: Place, calling: &Calling) -> PartWriter {
        PartWriter {
            outcomes: outcomes.clone(),
            most: calling.rows_per_row.saturating_mul(given.rows().max(1)),
            fates: Fates::of(given.rows()),
            given,
            call,
            flushed: 0,
            returnable: calling.returnable,
            on_error: calling.on_error,
            kept: Vec::new(),
            removed: Vec::new(),
            waiting: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
        }
    }

    /// Where a row may be in several groups, what becomes of it cannot be said in one.
    fn may_decide(&self, doing: &str) -> Result<(), Fault> {
        match self.outcomes.bound.gathered.gathering {
            Gathering::ByEach(_) => Err(Fault::Contract(format!(
                "it {doing} rows, and has them grouped by each of many keys: it may only write"
            ))),
            _ => Ok(()),
        }
    }

    fn bound_rows(&self, requested: u64) -> Result<(), Fault> {
        let (limit, present) = (self.most, self.fates.counts().rows_out);
        if present.saturating_add(requested) > limit {
            let what = "rows put out";
            return Err(LimitExceeded { what, limit, present, requested, key: Some("limits.rows") }.into());
        }
        Ok(())
    }

    /// Rows that go out, in the place of rows that were given.
    fn put_out(&mut self, at: &[u64], kept: bool, written: &RecordBatch) -> Result<(), Fault> {
        let stand = self.given.places(at)?;
        let go = if self.outcomes.as_written { self.given.groups(at)? } else { stand.clone() };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(go.iter().map(|(place, _)| *place))),
            Arc::new(UInt32Array::from_iter_values(go.iter().map(|(_, item)| *item))),
            Arc::new(UInt64Array::from_iter_values(stand.iter().map(|(place, _)| *place))),
            Arc::new(BooleanArray::from(vec![kept; at.len()])),
        ];
        columns.extend(written.columns().iter().cloned());
        let rows = callboard_sandbox::record_batch(self.outcomes.pile.schema().clone(), columns, at.len())?;
        self.bytes += crate::rows::weight(written) / 8 + ROW * at.len() as u64;
        self.waiting.push(rows);
        if self.bytes >= WAITING { self.flush() } else { Ok(()) }
    }

    /// Brings to the disk what waits, in order.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let rows = concat_batches(self.outcomes.pile.schema(), &std::mem::take(&mut self.waiting))?;
        let places = places(&rows);
        let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
        order.sort_by_key(|row| places[*row as usize]);
        let frames = order.chunks(FRAME).map(|order| {
            let sorted = take_record_batch(&rows, &UInt32Array::from(order.to_vec()))?;
            self.outcomes.pile.push(&sorted).map_err(unwritten)
        });
        let frames = frames.collect::<Result<_, Fault>>()?;
        self.runs.push(Run { call: (self.call, self.flushed), frames });
        self.flushed += 1;
        Ok(())
    }
}

impl RowWriter for PartWriter {
    fn keep(&mut self, rows: Vec<u64>, columns: Option<BatchResult>) -> Result<(), Fault> {
        if rows.is_empty() && columns.is_none() {
            return Ok(());
        }
        self.may_decide("keeps")?;
        let writes = self.outcomes.bound.writes.clone();
        let written = crate::global::beside_rows(&writes, &rows, columns, &self.returnable)?;
        self.bound_rows(rows.len() as u64)?;
        rows.iter().try_for_each(|row| self.fates.keep(*row).map(drop))?;
        match &self.outcomes.kept {
            Some(_) => {
                let places = self.given.places(&rows)?;
                self.kept.extend(places.into_iter().map(|(place, _)| place));
                Ok(())
            }
            None => self.put_out(&rows, true, &written),
        }
    }

    fn write(&mut self, rows: BatchResult, at: Vec<u64>) -> Result<(), Fault> {
        let bound = self.outcomes.bound.clone();
        let grouped = bound.gathered.is_grouped();
        let written = crate::global::own_rows(&bound, rows, &self.returnable)?;
        let count = written.num_rows();
        if grouped && at.len() != count {
            let what =
                format!("it wrote {count} rows in the places of {}: where rows are grouped, each has one", at.len());
            return Err(Fault::Contract(what));
        }
        if !grouped && !at.is_empty() {
            return Err(Fault::Contract(
                "it wrote rows in the places of others, and its rows are not grouped".to_owned(),
            ));
        }
        let given = self.given.rows();
        if let Some(row) = at.iter().find(|row| **row >= given) {
            return Err(Fault::Contract(format!("it wrote in the place of row {row} of {given}, counted from 0")));
        }
        self.bound_rows(count as u64)?;
        self.fates.create(count as u64);
        match grouped || count == 0 {
            true => self.put_out(&at, false, &written),
            // Behind what was put out before.
            false if self.given.rows() > 0 => self.put_out(&vec![0; count], false, &written),
            false => Err(Fault::Contract("it wrote rows, and was given none".to_owned())),
        }
    }

    fn remove(&mut self, rows: Vec<Removals>) -> Result<(), Fault> {
        for Removals { rows, fate, reason } in rows {
            self.may_decide("removes")?;
            let reason = Arc::<str>::from(clipped(reason));
            for row in &rows {
                let rejected = fate == Fate::Rejected;
                self.fates.remove(&Removed { row: *row, rejected, reason: reason.clone() })?;
            }
            if fate == Fate::Rejected && self.on_error == OnError::Fail {
                self.outcomes.failing.store(true, Ordering::Relaxed);
            }
            let places = self.given.places(&rows)?.into_iter().map(|(place, _)| place);
            match self.removed.iter_mut().rev().take(REASONS).find(|(of, why, _)| (*of, why) == (fate, &reason)) {
                Some((_, _, all)) => all.extend(places),
                None => self.removed.push((fate, reason, places.collect())),
            }
        }
        Ok(())
    }
}
