//! What becomes of one batch in a transform: taken over from earlier work, or called for, checked, narrowed down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use callboard_plan::PlannedStep;
use callboard_plan::pipeline::OnError;

use super::doors::Doors;
use super::load::Worker;
use super::narrow;
use super::retry::retrying;
use crate::bindings::callboard::step::types::Fate;
use crate::bindings::exports::callboard::step::transform::Output;
use crate::bound::Bound;
use crate::columns::{Flat, lift_within};
use crate::disk::{Deed, Limits, Logged, Outcome, Removed, Work, limits_of};
use crate::error::{Fault, LimitExceeded, RunError};
use crate::guest::{Instance, Returnable, bound_copies};
use crate::removed::{Remover, Tally, check_removals};
use crate::rows::Batch;
use crate::run::Run;

/// What a batch became.
pub(super) struct Processed {
    pub(super) rows_in: u64,
    pub(super) kept_once: u64,
    pub(super) repeated: u64,
    /// What is put out.
    pub(super) batch: Batch,
    pub(super) tally: Tally,
    /// Lines for `rejects.jsonl`.
    pub(super) rejects: Vec<u8>,
    pub(super) counters: BTreeMap<String, i64>,
    /// The batch that came in, and the rows of it that a door is to put out.
    pub(super) input: Batch,
    pub(super) removed: Vec<(u32, Fate, Option<String>)>,
    /// No call was made: an earlier one had been.
    pub(super) reused: bool,
}

/// What a call came to, checked, and the columns that it wrote.
pub(crate) type Done = (Outcome, RecordBatch);

/// A step's part in every batch.
pub(super) struct Task<'a> {
    pub(super) run: &'a Run,
    pub(super) name: &'a str,
    pub(super) step: &'a PlannedStep,
    bound: Arc<Bound>,
    remover: Remover,
    work: Option<&'a Work>,
    /// Whether rows that were dropped, or rejected, go out by a door.
    doors: (bool, bool),
}

impl<'a> Task<'a> {
    pub(super) fn of(run: &'a Run, name: &'a str, doors: &Doors) -> Task<'a> {
        Task {
            run,
            name,
            step: run.step(name),
            bound: run.bound(name),
            remover: run.remover(name),
            work: run.work(name),
            doors: (doors.wants(Fate::Dropped), doors.wants(Fate::Rejected)),
        }
    }

    /// The limits that the step has.
    pub(super) fn limits(&self) -> Limits {
        limits_of(self.step)
    }

    /// The columns that the step writes.
    pub(super) fn writes(&self) -> &SchemaRef {
        &self.bound.writes
    }

    /// Processes a batch, unless it was processed before.
    pub(super) fn process(&self, worker: &mut Worker, batch: Batch) -> Result<Processed, RunError> {
        let (done, logged, reused) = self.done(worker, &batch)?;
        self.apply(batch, done, logged.as_ref(), reused).map_err(|fault| fault.into_error(self.name))
    }

    /// What a batch came to, where a log has it, and whether that was there before.
    fn done(&self, worker: &mut Worker, batch: &Batch) -> Result<(Done, Option<Logged>, bool), RunError> {
        let Some(work) = self.work else {
            return Ok((self.work_on(worker, batch)?, None, false));
        };
        let digest = batch.digest(self.bound.reads[0].iter().copied(), work.header.seed);
        if let Some((Deed::Processed(outcome), written, logged)) = work.find(digest) {
            return Ok(((outcome, written), Some(logged), true));
        }
        let unwritable = |error: std::io::Error| RunError::unwritten("keep the work of a step", &error);
        work.begin(digest, batch.len() as u32).map_err(unwritable)?;
        let (outcome, written) = self.work_on(worker, batch)?;
        let deed = Deed::Processed(outcome);
        let logged = work.done(digest, batch.len() as u32, &deed, &written).map_err(unwritable)?;
        let Deed::Processed(outcome) = deed else { unreachable!("it was just made") };
        Ok(((outcome, written), Some(logged), false))
    }

    fn work_on(&self, worker: &mut Worker, batch: &Batch) -> Result<Done, RunError> {
        match self.attempt(worker, batch)? {
            Ok(done) => Ok(done),
            Err(fault) if narrow::applies(&fault) && self.step.on_error == OnError::Reject => {
                narrow::narrow(self, worker, batch, fault)
            }
            Err(fault) => {
                let hints = narrow::applies(&fault);
                let error = fault.into_error(self.name);
                Err(match (&error.help, hints) {
                    (None, true) => {
                        error.help("to go on without the rows that it fails on, add to the step: on_error = \"reject\"")
                    }
                    _ => error,
                })
            }
        }
    }

    /// Calls the step, and checks what it returns. An instance that failed in any way but by saying so is not used again.
    pub(super) fn attempt(&self, worker: &mut Worker, batch: &Batch) -> Result<Result<Done, Fault>, RunError> {
        let instance = worker.instance(self.run, self.step)?;
        self.run.first_call.get_or_init(Instant::now);
        let output = retrying(self.run, self.step, || self.call(instance, batch));
        let counters = instance.take_counters();
        let returnable = instance.returnable();
        let done =
            output.and_then(|output| checked(self.step, &self.bound, batch.len(), output, counters, &returnable));
        if done.as_ref().is_err_and(|fault| !matches!(fault, Fault::Said { .. })) {
            worker.spoil();
        }
        worker.called(self.run, self.step);
        Ok(done)
    }

    fn call(&self, instance: &mut Instance, batch: &Batch) -> Result<Output, Fault> {
        let flat = Flat::of(&self.bound.give(0, batch)?);
        let lent = flat.lend();
        let arrays = lent.arrays();
        instance.process(lent.batch(&arrays))
    }

    /// Carries a deed out on the batch.
    fn apply(&self, batch: Batch, done: Done, logged: Option<&Logged>, reused: bool) -> Result<Processed, Fault> {
        let (Outcome { kept, removed, counters, narrowed: _ }, written) = done;
        let rows = batch.len();
        let gone = gone(&removed, rows);
        let kept = match kept {
            None if removed.is_empty() => None,
            None => Some((0..rows as u32).filter(|row| !gone[*row as usize]).collect::<Vec<_>>()),
            Some(kept) => Some(kept),
        };
        let mut is_kept = vec![kept.is_none(); if self.doors.0 { rows } else { 0 }];
        let (kept_once, repeated, carried) = match kept {
            None => (rows, 0, batch.clone()),
            Some(kept) => {
                let increasing = kept.is_sorted_by(|a, b| a < b);
                let carried = self.bound.only_carried(&batch)?;
                if !increasing {
                    bound_copies(&carried, &kept, &mut 0, self.step.limits.carried_bytes)?;
                }
                let once = if increasing { kept.len() } else { distinct(&kept, rows) };
                if self.doors.0 {
                    kept.iter().for_each(|row| is_kept[*row as usize] = true);
                }
                (once, kept.len() - once, carried.take(&UInt32Array::from(kept))?)
            }
        };
        let (mut tally, rejects) = self.remover.removed(self.name, &batch, &removed)?;
        let unlisted = rows - kept_once - removed.len();
        if unlisted > 0 {
            tally.count(Fate::Dropped, "", unlisted as u64);
        }
        let mut by_door: Vec<(u32, Fate, Option<String>)> = Vec::new();
        for Removed { row, rejected, reason } in removed {
            match rejected {
                true if self.doors.1 => by_door.push((row as u32, Fate::Rejected, Some(reason))),
                false if self.doors.0 => {
                    by_door.push((row as u32, Fate::Dropped, Some(reason).filter(|r| !r.is_empty())))
                }
                _ => {}
            }
        }
        if self.doors.0 && unlisted > 0 {
            let unlisted = (0..rows).filter(|row| !is_kept[*row] && !gone[*row]);
            by_door.extend(unlisted.map(|row| (row as u32, Fate::Dropped, None)));
        }
        by_door.sort_by_key(|(row, ..)| *row);
        let mut joined = self.bound.join(&carried, &written)?;
        joined.known = self.bound.known(&carried, logged);
        // Counted as soon as it is there: whoever reads waits for it to go, and what exceeds a budget ends the run.
        let joined = self.run.memory.flight.covered(&joined).map_err(RunError::from)?;
        let (rows_in, kept_once, repeated) = (rows as u64, kept_once as u64, repeated as u64);
        Ok(Processed {
            rows_in,
            kept_once,
            repeated,
            batch: joined,
            tally,
            rejects,
            counters,
            input: batch,
            removed: by_door,
            reused,
        })
    }
}

/// What a call for a batch of so many rows came to. Everything that was returned is hostile until it has been through here.
pub(crate) fn checked(
    step: &PlannedStep,
    bound: &Bound,
    rows: usize,
    output: Output,
    counters: BTreeMap<String, i64>,
    returnable: &Returnable,
) -> Result<Done, Fault> {
    let removed = check_removals(output.removed, rows)?;
    if let Some(origins) = &output.origins {
        check_origins(origins, &gone(&removed, rows))?;
        check_repeats(origins, rows, step.limits.rows_per_row)?;
    }
    let written = lift_within(output.columns, &bound.writes, returnable)?;
    let out = output.origins.as_ref().map_or(rows - removed.len(), Vec::len);
    if written.num_rows() != out && !bound.writes.fields().is_empty() {
        return Err(Fault::Contract(format!("it wrote {} rows, and put out {out}", written.num_rows())));
    }
    Ok((Outcome { kept: output.origins, removed, counters, narrowed: None }, written))
}

fn check_repeats(origins: &[u32], rows: usize, limit: u64) -> Result<(), Fault> {
    if origins.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    let mut times = vec![0u64; rows];
    for row in origins {
        let times = &mut times[*row as usize];
        if *times >= limit {
            let what = "rows that one row became";
            let (present, requested) = (*times, 1);
            return Err(LimitExceeded { what, limit, present, requested, key: Some("limits.rows") }.into());
        }
        *times += 1;
    }
    Ok(())
}

fn gone(removed: &[Removed], rows: usize) -> Vec<bool> {
    let mut gone = vec![false; rows];
    removed.iter().for_each(|removed| gone[removed.row as usize] = true);
    gone
}

fn check_origins(origins: &[u32], gone: &[bool]) -> Result<(), Fault> {
    match origins.iter().find(|row| gone.get(**row as usize) != Some(&false)) {
        None => Ok(()),
        Some(row) if (*row as usize) < gone.len() => {
            Err(Fault::Contract(format!("it put out row {row}, which it removed, counted from 0")))
        }
        Some(row) => Err(Fault::Contract(format!("it put out row {row} of a batch of {}, counted from 0", gone.len()))),
    }
}

fn distinct(rows: &[u32], of: usize) -> usize {
    let mut seen = vec![false; of];
    rows.iter().filter(|row| !std::mem::replace(&mut seen[**row as usize], true)).count()
}
