//! The way out of a global step: rows of its first input that it keeps, rows of its own, rows that it removes.

use std::sync::Arc;

use arrow::array::RecordBatch;
use callboard_plan::StepLimits;
use callboard_plan::pipeline::BatchSize;

use super::Whole;
use super::fates::Fates;
use super::line::{Cut, Line};
use super::pick::Picker;
use super::shuffle::{Shuffle, Sorting};
use crate::bindings::callboard::step::columns::BatchResult;
use crate::bindings::callboard::step::types::Fate;
use crate::bound::Bound;
use crate::columns::lift;
use crate::disk::{Deed, Removed, Work};
use crate::error::{Fault, LimitExceeded, RunError};
use crate::ports::{Outlet, Stop};
use crate::removed::Remover;
use crate::rows::Batch;
use crate::stage::Doors;

/// What the writer of a step is made of.
pub(crate) struct Writing {
    pub(crate) step: Arc<str>,
    pub(crate) whole: Whole,
    pub(crate) bound: Arc<Bound>,
    pub(crate) cut: BatchSize,
    pub(crate) limits: StepLimits,
    pub(crate) remover: Remover,
    pub(crate) outlet: Outlet,
    pub(crate) doors: Doors,
    pub(crate) sorting: Sorting,
    /// Where what it does is noted, and under which tag.
    pub(crate) work: Option<(Arc<Work>, u128)>,
}

/// A `writer` of the contract.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct WriterEnd {
    writing: Writing,
    fates: Fates,
    /// Rows that are kept in order and not put out yet.
    line: Line,
    /// Rows that are kept out of order, and those kept since.
    shuffle: Shuffle,
    picker: Picker,
}

impl WriterEnd {
    pub(crate) fn new(writing: Writing) -> WriterEnd {
        let line = Line::new(writing.whole.clone(), writing.bound.clone(), writing.cut);
        let shuffle = Shuffle::of(&writing);
        let picker = Picker::of(&writing);
        let fates = Fates::of(writing.whole.rows());
        WriterEnd { writing, fates, line, shuffle, picker }
    }

    /// Whether nothing was put out or removed yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.fates.rows_out == 0 && self.fates.tally.dropped() + self.fates.tally.rejected() == 0
    }

    /// Ends well: rows that were neither kept nor removed are dropped without a reason.
    pub(crate) fn finish(mut self) -> Result<(Outlet, Doors, Fates), Fault> {
        self.put_out_kept()?;
        let unlisted = self.fates.unlisted();
        if unlisted > 0 {
            self.fates.tally.count(Fate::Dropped, "", unlisted);
            if self.writing.doors.wants(Fate::Dropped) {
                let unlisted = self.fates.unlisted_rows().map(|row| (row, String::new())).collect();
                self.go_aside(Fate::Dropped, unlisted)?;
            }
        }
        Ok((self.writing.outlet, self.writing.doors, self.fates))
    }

    /// Does again what a step did before.
    pub(crate) fn again(&mut self, deed: Deed, written: &RecordBatch) -> Result<(), Fault> {
        match deed {
            Deed::Kept { rows } => self.keep(rows, written),
            Deed::Wrote => self.write(written),
            Deed::Removed { rows } => self.remove(rows),
            Deed::Processed(_) | Deed::Page { .. } | Deed::Ended { .. } => Ok(()),
        }
    }

    /// Writes down what is done, and gives it back: of as many rows or reasons as there are, a copy would take longer than that.
    fn noted(&self, deed: Deed, written: &RecordBatch) -> Result<Deed, Fault> {
        if let Some((work, tag)) = &self.writing.work {
            let noted = work.done(*tag, written.num_rows() as u32, &deed, written);
            noted.map_err(|error| RunError::unwritten("keep the work of a step", &error))?;
        }
        Ok(deed)
    }

    /// What was returned beside rows that are kept, checked.
    pub(super) fn beside(&self, rows: &[u64], columns: Option<BatchResult>) -> Result<RecordBatch, Fault> {
        let writes = &self.writing.bound.writes;
        let written = match columns {
            Some(columns) => lift(columns, writes).map_err(Fault::Contract)?,
            None if writes.fields().is_empty() => RecordBatch::new_empty(writes.clone()),
            None => {
                return Err(Fault::Contract("it kept rows without the columns that it declared to write".to_owned()));
            }
        };
        if !writes.fields().is_empty() && written.num_rows() != rows.len() {
            let (wrote, kept) = (written.num_rows(), rows.len());
            return Err(Fault::Contract(format!("it wrote {wrote} rows beside {kept} rows that it kept")));
        }
        Ok(written)
    }

    pub(super) fn keep(&mut self, rows: Vec<u64>, written: &RecordBatch) -> Result<(), Fault> {
        let mut repeated = false;
        for row in &rows {
            repeated |= !self.fates.keep(*row)?;
        }
        self.bound_rows(rows.len() as u64)?;
        let Deed::Kept { rows } = self.noted(Deed::Kept { rows }, written)? else { unreachable!("as it was given") };
        self.fates.rows_out += rows.len() as u64;
        let ascend = rows.is_sorted_by(|row, next| row < next);
        let in_line = ascend && self.shuffle.is_empty();
        if !repeated && !in_line {
            self.end_line()?;
            return self.shuffle.add(&rows, written.clone());
        }
        if ascend {
            self.end_shuffle()?;
            let cuts = self.line.add(&rows, written, repeated)?;
            return cuts.into_iter().try_for_each(|cut| self.put_in_line(cut));
        }
        self.put_out_kept()?;
        let beside = !self.writing.bound.writes.fields().is_empty();
        let mut done = 0;
        let mut carried_bytes = 0;
        while done < rows.len() {
            let batches = self.picker.batches(&rows[done..]);
            let gathered = self.picker.gather(&rows[done..done + batches.iter().sum::<usize>()], &mut carried_bytes)?;
            let mut first = 0;
            for length in batches {
                let carried = gathered.part(first, length)?;
                let written = match beside {
                    true => written.slice(done, length),
                    false => crate::rows::record_batch(self.writing.bound.writes.clone(), Vec::new(), length)?,
                };
                let batch = self.writing.bound.join(&carried, &written)?;
                self.put_out(&batch)?;
                (first, done) = (first + length, done + length);
            }
        }
        Ok(())
    }

    /// Puts out what is kept and waits.
    fn put_out_kept(&mut self) -> Result<(), Fault> {
        self.end_line()?;
        self.end_shuffle()
    }

    fn end_line(&mut self) -> Result<(), Fault> {
        self.line.end()?.into_iter().try_for_each(|cut| self.put_in_line(cut))
    }

    fn end_shuffle(&mut self) -> Result<(), Fault> {
        if self.shuffle.is_empty() {
            return Ok(());
        }
        self.picker.forget();
        let shuffle = std::mem::replace(&mut self.shuffle, Shuffle::of(&self.writing));
        shuffle.end(&mut |batch| self.put_out(batch))
    }

    /// Puts out rows that are in order: those that lie close together are not written again.
    fn put_in_line(&mut self, cut: Cut) -> Result<(), Fault> {
        let reads = self.writing.outlet.reads_to_refer();
        let view = reads.and_then(|reads| Some((self.line.view(&cut)?, reads)));
        if !self.shuffle.is_empty() || (view.is_none() && cut.scattered) {
            return self.shuffle.add(&self.line.numbers(&cut), cut.written);
        }
        let rows = match view {
            Some((_, false)) => None,
            _ => {
                let carried = self.picker.take(&cut.runs)?;
                Some(self.writing.bound.join(&carried, &cut.written)?)
            }
        };
        match (view, &rows) {
            (None, Some(rows)) => self.put_out(rows),
            (Some((view, _)), rows) => self.writing.outlet.refer(&view, rows.as_ref()).map_err(stopped),
            (None, None) => unreachable!("rows that are not referred to have been read"),
        }
    }

    /// Refuses to put out more rows than rows of the input may become.
    fn bound_rows(&self, requested: u64) -> Result<(), Fault> {
        let limit = self.writing.limits.rows_per_row.saturating_mul(self.writing.whole.rows().max(1));
        let present = self.fates.rows_out;
        match present + requested <= limit {
            true => Ok(()),
            false => {
                let what = "rows put out";
                Err(LimitExceeded { what, limit, present, requested, key: Some("limits.rows") }.into())
            }
        }
    }

    fn put_out(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.writing.outlet.send(batch).map_err(stopped)
    }

    /// What was returned as rows of its own, checked.
    pub(super) fn own(&self, rows: BatchResult) -> Result<RecordBatch, Fault> {
        if self.writing.bound.carries() {
            let why = "it wrote rows of its own, and its declaration carries columns of the input, which they lack";
            return Err(Fault::Contract(why.to_owned()));
        }
        lift(rows, &self.writing.bound.writes).map_err(Fault::Contract)
    }

    pub(super) fn write(&mut self, written: &RecordBatch) -> Result<(), Fault> {
        self.bound_rows(written.num_rows() as u64)?;
        self.noted(Deed::Wrote, written)?;
        self.put_out_kept()?;
        let batch = self.writing.bound.created(written)?;
        self.fates.rows_out += batch.len() as u64;
        self.fates.created += batch.len() as u64;
        self.put_out(&batch)
    }

    pub(super) fn remove(&mut self, removed: Vec<Removed>) -> Result<(), Fault> {
        for Removed { row, .. } in &removed {
            self.fates.remove(*row)?;
        }
        let deed = Deed::Removed { rows: removed };
        let deed = self.noted(deed, &RecordBatch::new_empty(self.writing.bound.writes.clone()))?;
        let Deed::Removed { rows: removed } = deed else { unreachable!("as it was given") };
        let (rejected, dropped): (Vec<Removed>, Vec<Removed>) =
            removed.into_iter().partition(|removed| removed.rejected);
        dropped.iter().for_each(|removed| self.fates.tally.count(Fate::Dropped, &removed.reason, 1));
        let rows = |removed: Vec<Removed>| removed.into_iter().map(|removed| (removed.row, removed.reason)).collect();
        if self.writing.doors.wants(Fate::Dropped) {
            self.go_aside(Fate::Dropped, rows(dropped))?;
        }
        self.go_aside(Fate::Rejected, rows(rejected))
    }

    /// Rows that go no further: to who reads their door, and, if they are rejected, to `rejects.jsonl`.
    fn go_aside(&mut self, fate: Fate, removed: Vec<(u64, String)>) -> Result<(), Fault> {
        let rows: Vec<u64> = removed.iter().map(|(row, _)| *row).collect();
        let mut done = 0;
        while done < rows.len() {
            let count = self.picker.chunk(&rows[done..]);
            let batch = self.picker.gather(&rows[done..done + count], &mut 0)?.part(0, count)?;
            let chunk = removed[done..done + count].iter().enumerate();
            let by_door: Vec<_> = chunk.clone().map(|(at, (_, reason))| (at as u32, given(reason))).collect();
            self.writing.doors.put_out(fate, &batch, &by_door).map_err(stopped)?;
            if fate == Fate::Rejected {
                let of = |(at, (_, reason)): (usize, &(u64, String))| Removed {
                    row: at as u64,
                    rejected: true,
                    reason: reason.clone(),
                };
                let rejected: Vec<Removed> = chunk.map(of).collect();
                let (tally, lines) = self.writing.remover.removed(&self.writing.step, &batch, &rejected)?;
                self.fates.tally.add(&tally);
                self.fates.rejects.extend(lines);
            }
            done += count;
        }
        Ok(())
    }
}

/// A reason, where one was given.
fn given(reason: &str) -> Option<&str> {
    Some(reason).filter(|reason| !reason.is_empty())
}

/// Why the rows of a global step do not go out.
fn stopped(stop: Stop) -> Fault {
    match stop {
        Stop::Failed(error) => error.into(),
        Stop::Elsewhere => Fault::Interrupted,
    }
}
