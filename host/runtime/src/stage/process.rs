//! What becomes of one batch in a transform: taken over from earlier work, or called for, checked, narrowed down.

use crate::rows::{Place, join, known, only_carried};
use crate::store::LogColumn;
use crate::store::record::Tally;
use callboard_sandbox::{Output, Returned, checked};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;
use callboard_plan::PlannedStep;
use callboard_plan::pipeline::OnError;

use super::live::Live;
use super::load::Worker;
use super::narrow;
use super::retry::retrying;
use crate::error::{Fault, RunError};
use crate::global::bound_copies;
use crate::ports::Doors;
use crate::rejects::Remover;
use crate::rows::Batch;
use crate::store::{Deed, Limits, Logged, Outcome, Removed, Work, limits_of};
use callboard_sandbox::Bound;
use callboard_sandbox::Fate;
use callboard_sandbox::Instance;

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
    pub(super) run: &'a Live<'a>,
    pub(super) name: &'a str,
    pub(super) step: &'a PlannedStep,
    bound: Arc<Bound>,
    remover: Remover,
    work: Option<&'a Work>,
    /// Whether rows that were dropped, or rejected, go out by a door.
    doors: (bool, bool),
}

impl<'a> Task<'a> {
    pub(super) fn of(run: &'a Live<'a>, name: &'a str, doors: &Doors) -> Task<'a> {
        Task {
            run,
            name,
            step: run.prepared.step(name),
            bound: run.prepared.bound(name),
            remover: run.prepared.remover(name),
            work: run.work(name).map(|work| &**work),
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
        self.apply(batch, done, logged.as_ref(), reused).map_err(|fault| RunError::of(fault, self.name))
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
                let error = RunError::of(fault, self.name);
                Err(match (&error.help, hints) {
                    (None, true) => error
                        .help("to continue without the rows that it fails on, add to the step: on_error = \"reject\""),
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
        let rows_per_row = self.step.limits.rows_per_row;
        let done = output.and_then(|output| checked(output, &self.bound, batch.len(), rows_per_row, &returnable));
        let done = done.map(|returned| done_of(returned, counters));
        if done.as_ref().is_err_and(|fault| !matches!(fault, Fault::Said { .. })) {
            worker.spoil();
        }
        worker.called(self.run, self.step);
        Ok(done)
    }

    fn call(&self, instance: &mut Instance, batch: &Batch) -> Result<Output, Fault> {
        instance.process(&self.bound.give(0, &batch.rows)?)
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
                let carried = only_carried(&self.bound, &batch)?;
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
        let mut joined = join(&self.bound, &carried, &written)?;
        let place = logged.map(|logged| move |column| Place::new(LogColumn { logged: logged.clone(), column }));
        joined.known = known(&self.bound, &carried, place.as_ref().map(|place| place as &dyn Fn(usize) -> Place));
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

/// What a call returned, as it is written down.
pub(crate) fn done_of(returned: Returned, counters: BTreeMap<String, i64>) -> Done {
    let Returned { kept, removed, written } = returned;
    let removed = removed.into_iter().map(Removed::from).collect();
    (Outcome { kept, removed, counters, narrowed: None }, written)
}

fn gone(removed: &[Removed], rows: usize) -> Vec<bool> {
    let mut gone = vec![false; rows];
    removed.iter().for_each(|removed| gone[removed.row as usize] = true);
    gone
}

fn distinct(rows: &[u32], of: usize) -> usize {
    let mut seen = vec![false; of];
    rows.iter().filter(|row| !std::mem::replace(&mut seen[**row as usize], true)).count()
}
