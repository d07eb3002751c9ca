//! What happens to one batch in a transform: taken over from earlier work, or called for, checked, narrowed down.

use crate::rows::{Location, join, known, only_carried};
use crate::store::LogColumn;
use crate::store::records::StepCounts;
use callboard_sandbox::{Output, Returned, checked};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::UInt32Array;
use arrow::datatypes::SchemaRef;
use callboard_plan::PlannedStep;
use callboard_plan::pipeline::OnError;

use super::live::Live;
use super::load::Worker;
use super::narrow;
use super::retry::retrying;
use crate::error::{Class, Fault, RunError};
use crate::fates::{Aside, Done, Fates, Ledger};
use crate::global::bound_copies;
use crate::ports::{Doors, Wanted};
use crate::rejects::Remover;
use crate::rows::Batch;
use crate::store::{CallLimits, Logged, Outcome, Removed, Work, limits_of};
use callboard_sandbox::Bound;
use callboard_sandbox::Fate;
use callboard_sandbox::Instance;

/// What a batch became.
pub(crate) struct Processed {
    /// The accounts of this batch, without counters.
    pub(super) counts: StepCounts,
    /// What is put out.
    pub(crate) batch: Batch,
    /// What goes no further.
    pub(crate) aside: Aside,
    pub(super) counters: BTreeMap<String, i64>,
}

/// What a step did to a batch, from its log; `None` if that is not there. Nothing is put out.
pub(crate) fn replayed(
    run: &Live<'_>,
    step: &str,
    work: &Arc<Work>,
    batch: Batch,
) -> Result<Option<Processed>, RunError> {
    let task = Task {
        run,
        name: step,
        step: run.prepared.step(step),
        bound: run.prepared.bound(step),
        remover: run.prepared.remover(step, &run.memory),
        ledger: Ledger::of(Some(work)),
        wanted: Wanted::all(),
    };
    let known = task.ledger.known(|seed| batch.digest(task.bound.reads[0].iter().copied(), seed));
    known.map(|done| task.apply(batch, done, None, true).map_err(|fault| RunError::of(fault, step))).transpose()
}

/// A step's part in every batch.
pub(super) struct Task<'a> {
    pub(super) run: &'a Live<'a>,
    pub(super) name: &'a str,
    pub(super) step: &'a PlannedStep,
    bound: Arc<Bound>,
    remover: Remover,
    ledger: Ledger,
    wanted: Wanted,
}

impl<'a> Task<'a> {
    pub(super) fn of(run: &'a Live<'a>, name: &'a str, doors: &Doors) -> Task<'a> {
        Task {
            run,
            name,
            step: run.prepared.step(name),
            bound: run.prepared.bound(name),
            remover: run.prepared.remover(name, &run.memory),
            ledger: Ledger::of(run.work(name)),
            wanted: doors.wanted(),
        }
    }

    /// The limits that the step has.
    pub(super) fn limits(&self) -> CallLimits {
        limits_of(self.step)
    }

    /// The columns that the step writes.
    pub(super) fn writes(&self) -> &SchemaRef {
        &self.bound.writes
    }

    /// Processes a batch, unless it was processed before.
    pub(super) fn process(&self, worker: &mut Worker, batch: Batch) -> Result<Processed, RunError> {
        let digest = |seed| batch.digest(self.bound.reads[0].iter().copied(), seed);
        if self.run.prepared.replays {
            return match self.ledger.known(digest) {
                Some(done) => self.apply(batch, done, None, true).map_err(|fault| RunError::of(fault, self.name)),
                None => self.lost(batch),
            };
        }
        let done = self.ledger.once(batch.len() as u32, digest, || self.work_on(worker, &batch));
        if done.as_ref().is_err_and(|error| error.class == Class::Waiting) {
            return self.lost(batch);
        }
        let (done, logged, reused) = done?;
        self.apply(batch, done, logged.as_ref(), reused).map_err(|fault| RunError::of(fault, self.name))
    }

    /// Nothing is known of what happens to the rows, in a replay or before offline batches have ended: they go no further.
    fn lost(&self, batch: Batch) -> Result<Processed, RunError> {
        self.run.lose(self.name, batch.len() as u64);
        let aside = Aside::of(&self.remover, batch, Vec::new(), self.wanted);
        let aside = aside.map_err(|fault| RunError::of(fault, self.name))?;
        Ok(Processed { counts: StepCounts::default(), batch: Batch::nothing(), aside, counters: BTreeMap::new() })
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
        let mut is_whole = true;
        let output = retrying(self.run, self.step, || {
            let called = self.call(instance, batch);
            if !instance.has_deferred() {
                return called;
            }
            // What the step makes of missing replies counts for nothing.
            is_whole = called.as_ref().err().is_none_or(|fault| matches!(fault, Fault::Said { .. }));
            let message = "its requests are part of offline batches".to_owned();
            Err(Fault::Refused { class: Class::Waiting, message, help: None })
        });
        let (counters, passing) = (instance.take_counters(), instance.take_tries_again());
        let returnable = instance.returnable();
        let rows_per_row = self.step.limits.rows_per_row;
        let done = output.and_then(|output| checked(output, &self.bound, batch.len(), rows_per_row, &returnable));
        let done = done.map(|returned| done_of(returned, counters));
        // Where nothing is rejected there is nothing to try again.
        let done = done.map(|(outcome, written)| {
            let passing = passing && outcome.removed.iter().any(|removed| removed.rejected);
            (Outcome { passing, ..outcome }, written)
        });
        let is_waiting = matches!(done, Err(Fault::Refused { class: Class::Waiting, .. })) && is_whole;
        if done.as_ref().is_err_and(|fault| !matches!(fault, Fault::Said { .. })) && !is_waiting {
            worker.spoil();
        }
        worker.called(self.run, self.step);
        Ok(done)
    }

    fn call(&self, instance: &mut Instance, batch: &Batch) -> Result<Output, Fault> {
        instance.process(&self.bound.give(0, &batch.rows)?)
    }

    /// Carries out on the batch what a call on it returned.
    fn apply(&self, batch: Batch, done: Done, logged: Option<&Logged>, reused: bool) -> Result<Processed, Fault> {
        let (Outcome { kept, mut removed, counters, narrowed: _, passing }, written) = done;
        let mut fates = Fates::of(batch.len() as u64);
        removed.iter().try_for_each(|removed| fates.remove(removed))?;
        let kept = match kept {
            None => fates.keep_rest().map(|rest| rest.into_iter().map(|row| row as u32).collect()),
            Some(kept) => {
                kept.iter().try_for_each(|row| fates.keep(u64::from(*row)).map(drop))?;
                Some(kept)
            }
        };
        // What is copied counts before it is there.
        let mut copies = self.run.memory.flight.charge();
        let carried = match kept {
            None => batch.clone(),
            Some(kept) => {
                let carried = only_carried(&self.bound, &batch)?;
                if !kept.is_sorted_by(|a, b| a < b) {
                    let mut bytes = 0;
                    bound_copies(&carried, &kept, &mut bytes, self.step.limits.carried_bytes)?;
                    copies.set(bytes).map_err(RunError::from)?;
                }
                carried.take(&UInt32Array::from(kept))?
            }
        };
        if fates.drop_unlisted() > 0 && self.wanted.has(Fate::Dropped) {
            removed.extend(fates.unlisted_from(0).map(Removed::unlisted));
        }
        removed.sort_by_key(|removed| removed.row);
        let aside = Aside::of(&self.remover, batch, removed, self.wanted);
        let aside = aside.map_err(|fault| if passing { later(fault) } else { fault })?;
        let mut joined = join(&self.bound, &carried, &written)?;
        let place = logged.map(|logged| move |column| Location::new(LogColumn { logged: logged.clone(), column }));
        joined.known = known(&self.bound, &carried, place.as_ref().map(|place| place as &dyn Fn(usize) -> Location));
        drop(copies);
        // Counted as soon as it is there: whoever reads waits for it to go, and what exceeds a budget ends the run.
        let joined = self.run.memory.flight.covered(&joined).map_err(RunError::from)?;
        let mut counts = StepCounts { batches: 1, ..fates.into_counts() };
        counts.reused = if reused { counts.rows_in } else { 0 };
        Ok(Processed { counts, batch: joined, aside, counters })
    }
}

/// The fault of a step that rejected a row for a reason that passes, where the pipeline lets no row be rejected.
fn later(fault: Fault) -> Fault {
    match fault {
        Fault::Rejected { row, reason } => Fault::Refused {
            class: Class::System,
            message: format!("{row}rejected for the time being: {reason}"),
            help: Some(
                "run it again when that has passed: replies that have come are not asked for again; to continue without such rows, \
                 add to the step: on_error = \"reject\""
                    .into(),
            ),
        },
        other => other,
    }
}

/// What a call returned, as it is written down.
pub(crate) fn done_of(returned: Returned, counters: BTreeMap<String, i64>) -> Done {
    let Returned { kept, removed, written } = returned;
    let removed = removed.into_iter().map(Removed::from).collect();
    (Outcome { kept, removed, counters, narrowed: None, passing: false }, written)
}
