//! A batch that a step fails on is narrowed down to the rows it fails on; the rows beside them go through.

use callboard_sandbox::clipped;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use super::add_counters;
use super::load::Worker;
use super::process::Task;
use crate::error::{Fault, LimitExceeded, RunError, SaidKind};
use crate::fates::Done;
use crate::rows::Batch;
use crate::store::{Outcome, Removed};

/// At most this many instances are made for one batch; when the last of them has failed, what remains of the batch is rejected.
const FRESH_INSTANCES: usize = 32;
/// At most this many calls that a step answers with an error are made for one batch.
const FAILED_CALLS: usize = 1_000;

/// Whether a failure is caused by some rows, which can be found by trying.
pub(super) fn applies(fault: &Fault) -> bool {
    match fault {
        Fault::Trap { .. } | Fault::Limit(_) | Fault::Time { .. } | Fault::Contract(_) => true,
        Fault::Said { kind, .. } => matches!(kind, SaidKind::Input | SaidKind::Failed),
        Fault::Budget(_) | Fault::Rejected { .. } | Fault::Interrupted => false,
        Fault::Host(_) | Fault::Refused { .. } => false,
    }
}

/// Tries halves, and halves of those that fail, until rows stand alone. `fault` is how the whole batch failed.
pub(super) fn narrow(task: &Task<'_>, worker: &mut Worker, batch: &Batch, fault: Fault) -> Result<Done, RunError> {
    let mut parts = Parts { asks: !task.step.grants.http.is_empty(), ..Parts::default() };
    let mut left = Left { instances: FRESH_INSTANCES, calls: FAILED_CALLS };
    // The next range is the last of these.
    let mut ranges = Vec::new();
    split(0..batch.len(), &fault, &mut ranges, &mut parts);
    let mut last = fault;
    while let Some(range) = ranges.pop() {
        if left.none() {
            let words = format!("not tried: the step had failed too often on this batch, the last time because {last}");
            parts.passing |= matches!(last, Fault::Time { .. }) && parts.asks;
            parts.reject(range, &words);
            continue;
        }
        match task.attempt(worker, &batch.slice(range.clone()))? {
            Ok(done) => parts
                .add(range.start, range.len(), done)
                .map_err(|limit| RunError::of(Fault::Limit(limit), task.name))?,
            Err(fault) if applies(&fault) => {
                left.spend(&fault);
                split(range, &fault, &mut ranges, &mut parts);
                last = fault;
            }
            Err(fault) => return Err(RunError::of(fault, task.name)),
        }
    }
    parts.join(task).map_err(|fault| RunError::of(fault, task.name))
}

/// What may still be spent on a batch.
struct Left {
    instances: usize,
    calls: usize,
}

impl Left {
    fn spend(&mut self, fault: &Fault) {
        match fault {
            Fault::Said { .. } => self.calls = self.calls.saturating_sub(1),
            _ => self.instances = self.instances.saturating_sub(1),
        }
    }

    fn none(&self) -> bool {
        self.instances == 0 || self.calls == 0
    }
}

fn split(range: Range<usize>, fault: &Fault, ranges: &mut Vec<Range<usize>>, parts: &mut Parts) {
    match range.len() {
        0 => {}
        1 => {
            parts.passing |= matches!(fault, Fault::Time { .. }) && parts.asks;
            parts.reject(range, &fault.to_string());
        }
        rows => {
            let middle = range.start + rows / 2;
            ranges.extend([middle..range.end, range.start..middle]);
        }
    }
}

/// The results of the parts of a batch, in order.
#[derive(Default)]
struct Parts {
    kept: Vec<u32>,
    removed: Vec<Removed>,
    counters: BTreeMap<String, i64>,
    written: Vec<RecordBatch>,
    /// Whether the step may ask servers: then a call that took too long may not do so the next time.
    asks: bool,
    /// Whether a row was rejected for a reason that passes.
    passing: bool,
}

impl Parts {
    fn add(&mut self, start: usize, rows: usize, done: Done) -> Result<(), LimitExceeded> {
        let (Outcome { kept, removed, counters, narrowed: _, passing }, written) = done;
        self.passing |= passing;
        match kept {
            Some(kept) => self.kept.extend(kept.iter().map(|row| row + start as u32)),
            None => {
                let gone: HashSet<u64> = removed.iter().map(|removed| removed.row).collect();
                let kept = (0..rows as u64).filter(|row| !gone.contains(row));
                self.kept.extend(kept.map(|row| row as u32 + start as u32));
            }
        }
        self.removed.extend(removed.into_iter().map(|r| Removed { row: r.row + start as u64, ..r }));
        self.written.push(written);
        add_counters(&mut self.counters, counters)
    }

    fn reject(&mut self, rows: Range<usize>, reason: &str) {
        let reason = Arc::<str>::from(clipped(reason.to_owned()));
        self.removed.extend(rows.map(|row| Removed { row: row as u64, rejected: true, reason: reason.clone() }));
    }

    fn join(self, task: &Task<'_>) -> Result<Done, Fault> {
        let schema = task.writes();
        let written = match schema.fields().is_empty() {
            true => crate::rows::record_batch(schema.clone(), Vec::new(), self.kept.len())?,
            false => concat_batches(schema, &self.written)?,
        };
        let Parts { kept, removed, counters, passing, .. } = self;
        Ok((Outcome { kept: Some(kept), removed, counters, narrowed: Some(task.limits()), passing }, written))
    }
}
