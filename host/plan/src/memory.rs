//! What a stage is predicted to take: the needs of its steps, the process itself, and rows in flight.
//!
//! - *steps*: for each step of the stage, what one instance needs × its instances;
//! - *host*: 16 MiB for the process, its code, threads and tables;
//! - *rows*: at least two batches for each instance (what it is given and what it puts out) and one for each edge into and out of
//!   a step (a queue, or a buffer to decode or encode in); at most three times as much. With a budget it is what the budget
//!   leaves between the two: readers wait rather than exceed it.

use serde::{Deserialize, Serialize};

use crate::pipeline::BatchSize;
use crate::plan::{Plan, PlannedStep, Stage};

/// What the process takes without steps and rows, bytes.
pub(crate) const PROCESS: u64 = 16 << 20;
/// More of a batch does not count, whatever the pipeline says: readers cut there.
const LARGEST_BATCH: u64 = 256 << 20;
/// How many times the least is in flight at most: a queue holds four batches.
const MOST_ROWS: u64 = 3;

/// What a stage is predicted to take at its peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicted {
    /// Linear memory of all instances, in bytes: with `--load eager` those of all stages.
    pub steps_bytes: u64,
    /// The process itself, in bytes.
    pub host_bytes: u64,
    /// Rows in flight, with the buffers that they are read into and written from, in bytes.
    pub rows_bytes: u64,
    /// What of that a stage cannot do with less than, in bytes: a budget leaves so much in any case.
    pub least_rows_bytes: u64,
}

impl Predicted {
    /// The sum, in bytes.
    pub fn total_bytes(&self) -> u64 {
        self.steps_bytes.saturating_add(self.host_bytes).saturating_add(self.rows_bytes)
    }

    /// Of steps that need so much, and rows that take so much at least.
    fn of(steps_bytes: u64, least_rows_bytes: u64, budget: Option<u64>) -> Self {
        let most = least_rows_bytes.saturating_mul(MOST_ROWS);
        let left = budget.map(|budget| budget.saturating_sub(steps_bytes).saturating_sub(PROCESS));
        let rows_bytes = left.map_or(most, |left| left.clamp(least_rows_bytes, most));
        Self { steps_bytes, host_bytes: PROCESS, rows_bytes, least_rows_bytes }
    }
}

/// The least that rows of a step take, in bytes: `edges` lead into it and out of it.
pub(crate) fn least_rows(instances: u32, edges: usize, batch: BatchSize) -> u64 {
    let batches = 2 * u64::from(instances) + edges as u64;
    batch.bytes.min(LARGEST_BATCH).saturating_mul(batches)
}

/// What a step and its rows take at least, in bytes.
pub(crate) fn weight(need: u64, instances: u32, edges: usize, batch: BatchSize) -> u64 {
    need.saturating_mul(u64::from(instances)).saturating_add(least_rows(instances, edges, batch))
}

impl Plan {
    /// What a stage of the plan is predicted to take, found from its steps.
    pub(crate) fn predict(&self, stage: &Stage) -> Predicted {
        let edges = |step: &PlannedStep| {
            let of_step =
                self.edges.iter().filter(|edge| edge.to == step.name || crate::door(&edge.from).0 == step.name);
            of_step.count()
        };
        let rows = |step: &PlannedStep| least_rows(step.replicas, edges(step), self.batch);
        let here = self.steps.iter().filter(|step| step.stage == stage.index);
        let least = here.map(rows).fold(0, u64::saturating_add);
        // Inputs that are copied to outputs.
        let least = if least == 0 { least_rows(1, stage.outputs.len(), self.batch) } else { least };
        let loaded = self.steps.iter().filter(|step| step.stage == stage.index || self.load == crate::Load::Eager);
        let needs = loaded.map(|step| step.need.bytes.saturating_mul(u64::from(step.replicas)));
        Predicted::of(needs.fold(0, u64::saturating_add), least, self.budget)
    }
}
