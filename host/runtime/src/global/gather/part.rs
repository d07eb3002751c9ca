//! The writer that one call is given. What the step says about its rows is hostile until it has been checked here.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::concat_batches;
use callboard_plan::pipeline::OnError;
use callboard_sandbox::{BatchResult, Fate, Gathering, Removals, Returnable, RowWriter, clipped, record_batch};

use super::arrange::Position;
use super::outcome::{Outcomes, PutOut, REASONS, places};
use super::reader::Given;
use super::rowset::RowSet;
use super::{Counters, unwritten};
use crate::error::{Fault, LimitExceeded};
use crate::fates::{Fates, Ledger};
use crate::global::AT_ONCE;
use crate::rows::weight;
use crate::store::{Deed, Frame, Removed};

/// Above this many bytes, what a call has put out or removed is written to the disk.
const WAITING: u64 = 2 << 20;
/// What a row that is put out takes beside what was written, bytes.
const ROW: u64 = 32;
/// What a removed row takes beside its reason, bytes.
const REMOVED: u64 = 32;

/// The result of a call.
pub(super) struct Results {
    /// Rows of the first input that it was given.
    pub(super) given: u64,
    /// If kept rows need no more than a bit, those that are not kept and have no bit for a reason below.
    pub(super) gone: RowSet,
    /// Rows that were neither kept nor removed.
    pub(super) unlisted: u64,
    /// Rows that are put out in another way.
    pub(super) put_out: Vec<PutOut>,
    /// Rows removed for the first few reasons, and for others.
    pub(super) removed: Vec<(Fate, Arc<str>, RowSet)>,
    pub(super) removed_runs: Vec<Vec<Frame>>,
    /// Whether a row was rejected.
    pub(super) rejects: bool,
}

/// The writer of one call.
pub(crate) struct PartWriter {
    outcomes: Arc<Outcomes>,
    given: Given,
    /// The place of its first row, which tells it from other calls.
    call: Position,
    returnable: Returnable,
    /// The most rows that it may put out.
    most: u64,
    fates: Fates,
    /// Rows that are not kept, and have no bit for a reason.
    gone: RowSet,
    /// Rows that are put out in another way: in memory, the bytes of those, and on the disk.
    waiting: Vec<RecordBatch>,
    bytes: u64,
    put_out: Vec<PutOut>,
    /// Rows removed for the first few reasons; rows removed for other reasons, as above.
    removed: Vec<(Fate, Arc<str>, RowSet)>,
    removed_waiting: Vec<Removed>,
    removed_bytes: u64,
    removed_runs: Vec<Vec<Frame>>,
    /// Whether a row was rejected.
    rejects: bool,
    /// Where what the call does is noted, and under which tag.
    log: Option<(Ledger, u128)>,
}

/// What a call is made with.
pub(in crate::global) struct Calling {
    pub(in crate::global) returnable: Returnable,
    pub(in crate::global) on_error: OnError,
    pub(in crate::global) rows_per_row: u64,
}

impl PartWriter {
    pub(super) fn new(
        outcomes: &Arc<Outcomes>,
        given: Given,
        call: Position,
        calling: &Calling,
        log: Option<(Ledger, u128)>,
    ) -> PartWriter {
        PartWriter {
            outcomes: outcomes.clone(),
            most: calling.rows_per_row.saturating_mul(given.rows().max(1)),
            fates: Fates::of(given.rows()),
            given,
            call,
            returnable: calling.returnable,
            gone: RowSet::of(outcomes.rows),
            waiting: Vec::new(),
            bytes: 0,
            put_out: Vec::new(),
            removed: Vec::new(),
            removed_waiting: Vec::new(),
            removed_bytes: 0,
            removed_runs: Vec::new(),
            rejects: false,
            log,
        }
    }

    /// How many rows it has put out.
    pub(super) fn rows_out(&self) -> u64 {
        self.fates.counts().rows_out
    }

    /// Where a row may be in several groups, no single group can decide about it.
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

    /// Puts rows out in the place of rows that the call was given.
    fn put_out(&mut self, at: &[u64], kept: bool, written: &RecordBatch) -> Result<(), Fault> {
        if at.is_empty() {
            return Ok(());
        }
        let stand = self.given.places(at)?;
        let as_written = self.outcomes.bound.gathered.as_written;
        let go = if as_written { self.given.groups(at)? } else { stand.clone() };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(go.iter().map(|(place, _)| *place))),
            Arc::new(UInt32Array::from_iter_values(go.iter().map(|(_, item)| *item))),
            Arc::new(UInt64Array::from_iter_values(stand.iter().map(|(place, _)| *place))),
            Arc::new(BooleanArray::from(vec![kept; at.len()])),
        ];
        columns.extend(written.columns().iter().cloned());
        let rows = record_batch(self.outcomes.put_out.schema().clone(), columns, at.len())?;
        self.bytes += weight(written) / 8 + ROW * at.len() as u64;
        self.waiting.push(rows);
        if self.bytes >= WAITING { self.flush() } else { Ok(()) }
    }

    /// Writes the rows in memory to the disk, in order.
    fn flush(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let pile = &self.outcomes.put_out;
        let rows = concat_batches(pile.schema(), &std::mem::take(&mut self.waiting))?;
        let places = places(&rows);
        let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
        order.sort_by_key(|row| places[*row as usize]);
        let frames = pile.push_in_order(&rows, &order).map_err(unwritten)?;
        self.put_out.push(PutOut { call: (self.call, self.put_out.len() as u64), frames });
        Ok(())
    }

    /// Keeps a removed row in memory, for a while.
    fn wait(&mut self, row: u64, fate: Fate, reason: &Arc<str>) -> Result<(), Fault> {
        self.removed_bytes += REMOVED + reason.len() as u64;
        self.removed_waiting.push(Removed { row, rejected: fate == Fate::Rejected, reason: reason.clone() });
        if self.removed_bytes >= WAITING { self.flush_removed() } else { Ok(()) }
    }

    /// As [`PartWriter::flush`], of removed rows.
    fn flush_removed(&mut self) -> Result<(), Fault> {
        let removed = std::mem::take(&mut self.removed_waiting);
        self.removed_bytes = 0;
        if !removed.is_empty() {
            self.removed_runs.push(self.outcomes.put_removed(&removed)?);
        }
        Ok(())
    }

    /// Ends the call: rows that were put out are on the disk.
    pub(super) fn end(mut self) -> Result<Results, Fault> {
        self.flush()?;
        self.flush_removed()?;
        let (unlisted, mut from) = (self.fates.unlisted(), 0);
        while unlisted > 0 && self.outcomes.by_bits {
            let rows: Vec<u64> = self.fates.unlisted_from(from).take(AT_ONCE).collect();
            let Some(last) = rows.last() else { break };
            from = last + 1;
            self.gone.extend(self.given.places(&rows)?.into_iter().map(|(position, _)| position));
        }
        let PartWriter { given, gone, put_out, removed, removed_runs, rejects, .. } = self;
        Ok(Results { given: given.rows(), gone, unlisted, put_out, removed, removed_runs, rejects })
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
        self.keep_rows(rows, &written)
    }

    fn write(&mut self, rows: BatchResult, at: Vec<u64>) -> Result<(), Fault> {
        let written = crate::global::own_rows(&self.outcomes.bound.clone(), rows, &self.returnable)?;
        self.write_rows(at, &written)
    }

    fn remove(&mut self, rows: Vec<Removals>) -> Result<(), Fault> {
        for removals in rows {
            self.may_decide("removes")?;
            self.remove_rows(Removals { reason: clipped(removals.reason), ..removals })?;
        }
        Ok(())
    }
}

impl PartWriter {
    /// Does again what the call did before.
    pub(super) fn again(&mut self, deed: Deed, written: &RecordBatch) -> Result<(), Fault> {
        match deed {
            Deed::Kept { rows } => self.keep_rows(rows, written),
            Deed::Placed { rows } => self.write_rows(rows, written),
            Deed::Removed { rows } => {
                let alike = |a: &Removed, b: &Removed| (a.rejected, &a.reason) == (b.rejected, &b.reason);
                rows.chunk_by(alike).try_for_each(|rows| {
                    let (fate, reason) = (rows[0].fate(), rows[0].reason.to_string());
                    self.remove_rows(Removals { rows: rows.iter().map(|removed| removed.row).collect(), fate, reason })
                })
            }
            Deed::Processed(_) | Deed::Page { .. } | Deed::Wrote => Ok(()),
            Deed::Called { .. } | Deed::Ended { .. } => Ok(()),
        }
    }

    fn note(&self, deed: impl FnOnce() -> Deed, written: &RecordBatch) -> Result<(), Fault> {
        if let Some((log, tag)) = &self.log {
            log.note(*tag, written.num_rows() as u32, &deed(), written)?;
        }
        Ok(())
    }

    /// Notes that the call ended well.
    pub(super) fn note_end(&self, counters: &Counters) -> Result<(), Fault> {
        let none = RecordBatch::new_empty(self.outcomes.bound.writes.clone());
        self.note(|| Deed::Called { counters: counters.clone() }, &none)
    }

    fn keep_rows(&mut self, rows: Vec<u64>, written: &RecordBatch) -> Result<(), Fault> {
        let writes = self.outcomes.bound.writes.clone();
        self.bound_rows(rows.len() as u64)?;
        self.note(|| Deed::Kept { rows: rows.clone() }, written)?;
        for (at, rows) in rows.chunks(AT_ONCE).enumerate() {
            let mut again = Vec::new();
            for row in rows {
                if !self.fates.keep(*row)? {
                    again.push(*row);
                }
            }
            match self.outcomes.by_bits {
                true => self.put_out(&again, true, &record_batch(writes.clone(), Vec::new(), again.len())?)?,
                // Without columns there are no written rows.
                false if writes.fields().is_empty() => self.put_out(rows, true, written)?,
                false => self.put_out(rows, true, &written.slice(at * AT_ONCE, rows.len()))?,
            }
        }
        Ok(())
    }

    fn write_rows(&mut self, at: Vec<u64>, written: &RecordBatch) -> Result<(), Fault> {
        let grouped = self.outcomes.bound.gathered.is_grouped();
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
        self.note(|| Deed::Placed { rows: at.clone() }, written)?;
        self.fates.create(count as u64);
        match grouped || count == 0 {
            true => self.put_out(&at, false, written),
            // Behind what was put out before.
            false if self.given.rows() > 0 => self.put_out(&vec![0; count], false, written),
            false => Err(Fault::Contract("it wrote rows, and was given none".to_owned())),
        }
    }

    fn remove_rows(&mut self, Removals { rows, fate, reason }: Removals) -> Result<(), Fault> {
        let (reason, rejected) = (Arc::<str>::from(reason), fate == Fate::Rejected);
        let removed = |row: &u64| Removed { row: *row, rejected, reason: reason.clone() };
        rows.iter().try_for_each(|row| self.fates.remove(&removed(row)))?;
        let none = || RecordBatch::new_empty(self.outcomes.bound.writes.clone());
        self.note(|| Deed::Removed { rows: rows.iter().map(removed).collect() }, &none())?;
        self.rejects |= rejected && !rows.is_empty();
        let is_new = self.removed.iter().all(|(of, why, _)| (*of, why) != (fate, &reason));
        if is_new && self.removed.len() < REASONS {
            self.removed.push((fate, reason.clone(), RowSet::of(self.outcomes.rows)));
        }
        let known = self.removed.iter().position(|(of, why, _)| (*of, why) == (fate, &reason));
        for rows in rows.chunks(AT_ONCE) {
            let positions = self.given.places(rows)?.into_iter().map(|(position, _)| position);
            match known {
                Some(at) => self.removed[at].2.extend(positions),
                None => {
                    let rows: Vec<u64> = positions.collect();
                    rows.iter().try_for_each(|row| self.wait(*row, fate, &reason))?;
                    if self.outcomes.by_bits {
                        self.gone.extend(rows.into_iter());
                    }
                }
            }
        }
        Ok(())
    }
}
