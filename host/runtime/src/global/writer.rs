//! The way out of a global step: rows of its first input that it keeps, rows of its own, rows that it removes.

use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use callboard_plan::StepLimits;
use callboard_plan::pipeline::{BatchSize, OnError};

use super::Whole;
use super::beside::Beside;
use super::gather::Calling;
use super::line::{Cut, Line};
use super::pick::Picker;
use super::shuffle::{Shuffle, Sorting};
use crate::course::Phase;
use crate::error::{Fault, LimitExceeded, RunError};
use crate::fates::{Aside, Fates, Ledger};
use crate::ports::Doors;
use crate::ports::{Outlet, Stop};
use crate::rejects::{Rejects, Remover};
use crate::rows::flight::Charge;
use crate::rows::{Batch, created, fill, join, record_batch};
use crate::store::records::StepCounts;
use crate::store::{Deed, Removed};
use callboard_sandbox::BatchResult;
use callboard_sandbox::Bound;
use callboard_sandbox::Fate;
use callboard_sandbox::Returnable;
use callboard_sandbox::lift_within;

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
    /// What one call may hand over.
    pub(crate) returnable: Returnable,
    /// Where lines of rejected rows go.
    pub(crate) rejects: Arc<Mutex<Rejects>>,
    /// What waits to be put out is held by it.
    pub(crate) charge: Option<Charge>,
    /// Where what it does is noted, and under which tag.
    pub(crate) work: Option<(Ledger, u128)>,
}

/// The way out of a global step.
pub(crate) struct GlobalWriter {
    pub(super) writing: Writing,
    fates: Fates,
    /// Rows that are kept in order and not put out yet.
    pub(super) line: Line,
    /// Rows that are kept out of order, and those kept since.
    pub(super) shuffle: Shuffle,
    picker: Picker,
    /// Rows of its own that are not put out yet.
    pub(super) own: Beside,
    own_rows: usize,
    /// Rows that were removed, and are neither put out by a door nor written down yet.
    aside: Vec<Removed>,
    pub(super) aside_bytes: u64,
}

/// What a removed row takes while it waits, beside its reason, bytes.
const ASIDE: u64 = 48;

impl GlobalWriter {
    pub(crate) fn new(writing: Writing) -> GlobalWriter {
        let line = Line::new(writing.whole.clone(), writing.bound.clone(), writing.cut);
        let shuffle = Shuffle::of(&writing);
        let picker = Picker::of(&writing);
        let fates = Fates::of(writing.whole.rows());
        let own = Beside::new(writing.bound.writes.clone());
        GlobalWriter { writing, fates, line, shuffle, picker, own, own_rows: 0, aside: Vec::new(), aside_bytes: 0 }
    }

    /// Whether nothing was put out or removed yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.fates.are_untouched()
    }

    /// Ends well: rows that were neither kept nor removed are dropped without a reason.
    pub(crate) fn finish(mut self) -> Result<(Outlet, Doors, StepCounts), Fault> {
        self.put_out_own()?;
        self.end_line()?;
        self.end_shuffle(true)?;
        self.put_aside()?;
        self.hold()?;
        if self.fates.drop_unlisted() > 0 && self.writing.doors.wanted().has(Fate::Dropped) {
            let (mut from, most) = (0, usize::try_from(self.writing.cut.rows).unwrap_or(usize::MAX));
            loop {
                let rows: Vec<Removed> = self.fates.unlisted_from(from).take(most).map(Removed::unlisted).collect();
                let Some(last) = rows.last() else { break };
                from = last.row + 1;
                self.go_aside(rows)?;
            }
        }
        Ok((self.writing.outlet, self.writing.doors, self.fates.into_counts()))
    }

    /// Does again what a step did before.
    pub(crate) fn again(&mut self, deed: Deed, written: &RecordBatch) -> Result<(), Fault> {
        match deed {
            Deed::Kept { rows } => self.keep_rows(rows, written),
            Deed::Wrote => self.write_rows(written),
            Deed::Removed { rows } => self.remove_rows(rows),
            Deed::Processed(_) | Deed::Page { .. } | Deed::Placed { .. } => Ok(()),
            Deed::Called { .. } | Deed::Ended { .. } => Ok(()),
        }
    }

    /// Writes down what is done, and gives it back: of as many rows or reasons as there are, a copy would take longer than that.
    fn noted(&self, deed: Deed, written: &RecordBatch) -> Result<Deed, Fault> {
        if let Some((work, tag)) = &self.writing.work {
            // So that a row that is put out is found by its number.
            let rows = if let Deed::Kept { rows } = &deed { rows.len() } else { written.num_rows() };
            work.note(*tag, rows as u32, &deed, written)?;
        }
        Ok(deed)
    }

    /// What was returned beside rows that are kept, checked.
    pub(super) fn beside(&self, rows: &[u64], columns: Option<BatchResult>) -> Result<RecordBatch, Fault> {
        beside_rows(&self.writing.bound.writes, rows, columns, &self.writing.returnable)
    }

    /// What bounds a call.
    pub(super) fn calling(&self) -> Calling {
        let Writing { returnable, remover, limits, .. } = &self.writing;
        Calling { returnable: *returnable, on_error: remover.on_error, rows_per_row: limits.rows_per_row }
    }

    /// From now on each row of the input is kept once or removed once: nothing is held of single rows.
    pub(super) fn settle(&mut self) {
        self.fates.settle();
    }

    pub(super) fn keep_rows(&mut self, rows: Vec<u64>, written: &RecordBatch) -> Result<(), Fault> {
        // Nothing is done, and nothing noted, as often as it is asked for.
        if rows.is_empty() {
            return Ok(());
        }
        self.put_out_own()?;
        self.put_out_rows(rows, written)?;
        self.hold()
    }

    /// Counts what is held until it is put out.
    fn hold(&mut self) -> Result<(), Fault> {
        let held =
            self.line.bytes() + self.shuffle.bytes() + self.own.bits() / 8 + self.fates.bytes() + self.aside_bytes;
        match &mut self.writing.charge {
            Some(charge) => Ok(charge.set(held).map_err(RunError::from)?),
            None => Ok(()),
        }
    }

    fn put_out_rows(&mut self, rows: Vec<u64>, written: &RecordBatch) -> Result<(), Fault> {
        self.writing.sorting.passing.done(Phase::Merge, rows.len() as u64);
        self.bound_rows(rows.len() as u64)?;
        let mut repeated = false;
        for row in &rows {
            repeated |= !self.fates.keep(*row)?;
        }
        let Deed::Kept { rows } = self.noted(Deed::Kept { rows }, written)? else { unreachable!("as it was given") };
        let ascend = rows.is_sorted_by(|row, next| row < next);
        let in_line = ascend && self.shuffle.is_empty();
        if !repeated && !in_line {
            self.end_line()?;
            return self.add_to_shuffle(&rows, written.clone());
        }
        if ascend {
            self.end_shuffle(false)?;
            let cuts = self.line.add(&rows, written, repeated)?;
            return cuts.into_iter().try_for_each(|cut| self.put_in_line(cut));
        }
        self.put_out_kept()?;
        let beside = !self.writing.bound.writes.fields().is_empty();
        let mut done = 0;
        let mut carried_bytes = 0;
        while done < rows.len() {
            self.writing.sorting.go_on()?;
            let batches = self.picker.batches(&rows[done..]);
            let gathered = self.picker.gather(&rows[done..done + batches.iter().sum::<usize>()], &mut carried_bytes)?;
            let mut first = 0;
            for length in batches {
                let carried = gathered.part(first, length)?;
                let written = match beside {
                    true => written.slice(done, length),
                    false => record_batch(self.writing.bound.writes.clone(), Vec::new(), length)?,
                };
                let batch = join(&self.writing.bound, &carried, &written)?;
                // What is written beside the rows may take much more than they do.
                batch.cut(self.writing.cut).try_for_each(|part| self.put_out(&part))?;
                (first, done) = (first + length, done + length);
            }
        }
        Ok(())
    }

    /// Puts out what is kept and waits.
    fn put_out_kept(&mut self) -> Result<(), Fault> {
        self.end_line()?;
        self.end_shuffle(false)
    }

    fn end_line(&mut self) -> Result<(), Fault> {
        self.line.end()?.into_iter().try_for_each(|cut| self.put_in_line(cut))
    }

    fn add_to_shuffle(&mut self, rows: &[u64], written: RecordBatch) -> Result<(), Fault> {
        if self.shuffle.is_empty() {
            let outlet = &mut self.writing.outlet;
            let (had, is_untouched) = (outlet.had(), outlet.is_untouched());
            self.shuffle.begin(had, is_untouched)?;
        }
        self.shuffle.add(rows, written)
    }

    /// Puts out what is kept out of order. `ends` if the step has done all that it does.
    fn end_shuffle(&mut self, ends: bool) -> Result<(), Fault> {
        if self.shuffle.is_empty() {
            return Ok(());
        }
        self.picker.forget();
        if let Some(charge) = &mut self.writing.charge {
            charge.set(self.shuffle.bytes() + self.shuffle.window()).map_err(RunError::from)?;
        }
        let shuffle = std::mem::replace(&mut self.shuffle, Shuffle::of(&self.writing));
        let written = self.writing.outlet.written().filter(|_| ends);
        self.writing.outlet.pass(shuffle.passes());
        let written = written.as_ref().map(|written| written as &dyn Fn() -> u64);
        shuffle.end(written, &mut |batch| self.put_out(batch))
    }

    /// Puts out rows that are in order: those that lie close together are not written again.
    fn put_in_line(&mut self, cut: Cut) -> Result<(), Fault> {
        self.writing.sorting.go_on()?;
        let reads = self.writing.outlet.reads_to_refer();
        let view = reads.and_then(|reads| Some((self.line.view(&cut)?, reads)));
        if !self.shuffle.is_empty() || (view.is_none() && cut.scattered) {
            return self.add_to_shuffle(&self.line.numbers(&cut), cut.written);
        }
        if self.writing.outlet.had() >= cut.rows as u64 {
            self.writing.outlet.pass(cut.rows as u64);
            return Ok(());
        }
        let rows = match view {
            Some((_, false)) => None,
            _ => {
                let carried = self.picker.take(&cut.runs)?;
                Some(join(&self.writing.bound, &carried, &cut.written)?)
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
        let present = self.fates.counts().rows_out;
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
        own_rows(&self.writing.bound, rows, &self.writing.returnable)
    }

    pub(super) fn write_rows(&mut self, written: &RecordBatch) -> Result<(), Fault> {
        if written.num_rows() == 0 {
            return Ok(());
        }
        self.bound_rows(written.num_rows() as u64)?;
        self.noted(Deed::Wrote, written)?;
        self.put_out_kept()?;
        self.fates.create(written.num_rows() as u64);
        let BatchSize { rows: most, bytes } = self.writing.cut;
        let (most, full) = (usize::try_from(most).unwrap_or(usize::MAX), bytes.saturating_mul(8));
        let mut done = 0;
        while done < written.num_rows() {
            let room = full.saturating_sub(self.own.bits());
            let (count, _) = fill(written, done, most.saturating_sub(self.own_rows), room);
            let part = written.slice(done, count);
            let waits = done + count == written.num_rows() && done > 0;
            self.own.push(if waits { callboard_io::compact(&part).map_err(RunError::from)? } else { part })?;
            self.own_rows += count;
            done += count;
            if self.own_rows >= most || self.own.bits() >= full {
                self.writing.sorting.go_on()?;
                self.put_out_own()?;
            }
        }
        self.writing.sorting.passing.done(Phase::Merge, written.num_rows() as u64);
        self.hold()
    }

    /// Puts out rows of its own that wait.
    fn put_out_own(&mut self) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.own_rows);
        if rows == 0 {
            return Ok(());
        }
        let written = self.own.take(rows, || Ok(None))?;
        let batch = created(&self.writing.bound, &written)?;
        self.put_out(&batch)
    }

    pub(super) fn remove_rows(&mut self, removed: Vec<Removed>) -> Result<(), Fault> {
        if removed.is_empty() {
            return Ok(());
        }
        self.writing.sorting.passing.done(Phase::Remove, removed.len() as u64);
        removed.iter().try_for_each(|removed| self.fates.remove(removed))?;
        let deed = Deed::Removed { rows: removed };
        let deed = self.noted(deed, &RecordBatch::new_empty(self.writing.bound.writes.clone()))?;
        let Deed::Removed { rows: removed } = deed else { unreachable!("as it was given") };
        let wanted = self.writing.doors.wanted();
        let mut fails = false;
        for removed in removed {
            if removed.rejected || wanted.has(removed.fate()) {
                self.aside_bytes += ASIDE + removed.reason.len() as u64;
                // A row that must not be rejected is reported at once.
                fails |= removed.rejected && self.writing.remover.on_error == OnError::Fail;
                self.aside.push(removed);
            }
        }
        let BatchSize { rows, bytes } = self.writing.cut;
        if fails || self.aside.len() as u64 >= rows || self.aside_bytes >= bytes {
            self.put_aside()?;
        }
        self.hold()
    }

    /// Puts out, or writes down, removed rows that wait.
    fn put_aside(&mut self) -> Result<(), Fault> {
        self.aside_bytes = 0;
        let removed = std::mem::take(&mut self.aside);
        self.go_aside(removed)
    }

    /// Rows that go no further: to the readers of their doors, and, if they are rejected, to `rejects.jsonl`.
    fn go_aside(&mut self, removed: Vec<Removed>) -> Result<(), Fault> {
        let rows: Vec<u64> = removed.iter().map(|removed| removed.row).collect();
        let mut removed = removed.into_iter();
        let mut done = 0;
        while done < rows.len() {
            self.writing.sorting.go_on()?;
            let count = self.picker.chunk(&rows[done..]);
            let batch = self.picker.gather(&rows[done..done + count], &mut 0)?.part(0, count)?;
            let in_batch = (0..count as u64).zip(removed.by_ref()).map(|(row, removed)| Removed { row, ..removed });
            let Writing { remover, step, doors, rejects, .. } = &mut self.writing;
            let aside = Aside::of(remover, batch, in_batch.collect(), doors.wanted())?;
            aside.put_out(step, doors, rejects).map_err(stopped)?;
            done += count;
        }
        Ok(())
    }
}

/// What was returned beside rows that are kept, checked.
pub(super) fn beside_rows(
    writes: &SchemaRef,
    rows: &[u64],
    columns: Option<BatchResult>,
    returnable: &Returnable,
) -> Result<RecordBatch, Fault> {
    let written = match columns {
        Some(columns) => lift_within(columns, writes, returnable)?,
        None if writes.fields().is_empty() => RecordBatch::new_empty(writes.clone()),
        None => {
            return Err(Fault::Contract("it kept rows without the columns that it declared to write".to_owned()));
        }
    };
    if !writes.fields().is_empty() && written.num_rows() != rows.len() {
        let (wrote, kept) = (written.num_rows(), rows.len());
        return Err(Fault::Contract(format!("it wrote {wrote} rows with {kept} rows that it kept")));
    }
    Ok(written)
}

/// What was returned as rows of its own, checked.
pub(super) fn own_rows(bound: &Bound, rows: BatchResult, returnable: &Returnable) -> Result<RecordBatch, Fault> {
    if bound.carries() {
        let why = "it wrote rows of its own, and its declaration carries columns of the input, which they lack";
        return Err(Fault::Contract(why.to_owned()));
    }
    lift_within(rows, &bound.writes, returnable)
}

/// Why the rows of a global step do not go out.
fn stopped(stop: Stop) -> Fault {
    match stop {
        Stop::Failed(error) => error.into(),
        Stop::Elsewhere => Fault::Interrupted,
    }
}
