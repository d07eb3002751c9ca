//! What a stage is predicted to take: the needs of its steps, the process itself, and rows in flight.
//!
//! - *steps*: for each step of the stage, what one instance needs × its instances; with a budget, spare ones too;
//! - *host*: 16 MiB for the process, its code, threads and tables;
//! - *rows*: at least two batches for each instance (what it is given and what it puts out) and one for each edge into and out of
//!   a step (a queue, or a buffer to decode or encode in); at most three times as much. With a budget it is what the budget
//!   leaves between the two: readers wait rather than exceed it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::choices::Load;
use crate::pipeline::{BatchSize, LARGEST_CUT};
use crate::plan::{Plan, Stage};

/// What the process takes without steps and rows, bytes.
pub(crate) const PROCESS: u64 = 16 << 20;
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
    /// The part of that which a stage cannot do without, in bytes: a budget always leaves this much.
    pub least_rows_bytes: u64,
}

impl Predicted {
    /// The sum, in bytes.
    pub fn total_bytes(&self) -> u64 {
        self.steps_bytes.saturating_add(self.host_bytes).saturating_add(self.rows_bytes)
    }

    /// For steps that need `steps_bytes`, and rows that take at least `least_rows_bytes`.
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
    batch.bytes.min(LARGEST_CUT).saturating_mul(batches)
}

/// What counts where a step has batches of its own size: what it is given, or what they are cut from and put together to.
pub(crate) fn larger(own: BatchSize, run: BatchSize) -> BatchSize {
    BatchSize { bytes: own.bytes.max(run.bytes), ..run }
}

/// What a step and its rows take at least, in bytes.
pub(crate) fn weight(need: u64, instances: u32, edges: usize, batch: BatchSize) -> u64 {
    need.saturating_mul(u64::from(instances)).saturating_add(least_rows(instances, edges, batch))
}

impl Plan {
    /// What each stage is predicted to take, found from its steps, in one pass over steps and edges.
    pub(crate) fn predict(&self) -> Vec<Predicted> {
        let mut edges: HashMap<&str, usize> = HashMap::new();
        for edge in &self.edges {
            if let Some(step) = edge.to.step() {
                *edges.entry(step).or_default() += 1;
            }
            *edges.entry(&edge.from.node).or_default() += 1;
        }
        let (mut rows, mut needs) = (vec![0_u64; self.stages.len()], vec![0_u64; self.stages.len()]);
        for step in &self.steps {
            let edges = edges.get(step.name.as_str()).copied().unwrap_or_default();
            let here = step.stage.wrapping_sub(1);
            if let (Some(rows), Some(needs)) = (rows.get_mut(here), needs.get_mut(here)) {
                *rows = rows.saturating_add(least_rows(
                    step.replicas,
                    edges,
                    larger(step.batch.unwrap_or(self.batch), self.batch),
                ));
                let spare = if self.budget.is_some() { step.spare } else { 0 };
                let instances = u64::from(step.replicas) + u64::from(spare);
                *needs = needs.saturating_add(step.need.bytes.saturating_mul(instances));
            }
        }
        let all = needs.iter().copied().fold(0, u64::saturating_add);
        let of_stage = |(stage, (rows, needs)): (&Stage, (u64, u64))| {
            // Inputs that are copied to outputs.
            let rows = if rows == 0 { least_rows(1, stage.outputs.len(), self.batch) } else { rows };
            Predicted::of(if self.load == Load::Eager { all } else { needs }, rows, self.budget)
        };
        self.stages.iter().zip(rows.into_iter().zip(needs)).map(of_stage).collect()
    }

    /// The plan with what each stage is predicted to take.
    pub(crate) fn predicted(mut self) -> Self {
        let predicted = self.predict();
        self.stages.iter_mut().zip(predicted).for_each(|(stage, predicted)| stage.predicted = predicted);
        self
    }
}
