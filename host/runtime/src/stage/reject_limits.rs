//! How many rows may be rejected: past its budget a run stops, and can be resumed.

use std::sync::atomic::{AtomicU64, Ordering};

use callboard_plan::{MaxRejects, Plan, PlannedStep, Stage};

use crate::error::{Class, RunError};
use crate::store::records::{StageCost, StepCounts, Tally};

/// Below this many rows a share is checked only when the step ends: otherwise one early bad row would exceed it.
const ENOUGH_ROWS: u64 = 1_000;

/// What has been rejected in all inputs and steps so far.
pub(crate) struct RejectLimits {
    all: AtomicU64,
    /// Whether what was rejected is only read again, and ends nothing.
    replays: bool,
}

impl RejectLimits {
    /// `ended` are stages that ended before.
    pub(crate) fn new<'a>(ended: impl Iterator<Item = &'a StageCost>, replays: bool) -> RejectLimits {
        RejectLimits { all: AtomicU64::new(ended.map(rejected).sum()), replays }
    }

    /// Holds a step's rejected rows against its budget and the run's: `more` of them since the last time. `counts` are the step's so
    /// far, or, with `ended`, all.
    pub(crate) fn check_step(
        &self,
        plan: &Plan,
        step: &PlannedStep,
        more: u64,
        counts: &StepCounts,
        ended: bool,
    ) -> Result<(), RunError> {
        let all = self.all.fetch_add(more, Ordering::Relaxed) + more;
        if self.replays {
            return Ok(());
        }
        let (rejected, rows) = (counts.tally.rejected(), counts.rows_in);
        if let Some(budget) = step.max_rejects
            && (matches!(budget, MaxRejects::Rows(_)) || ended || rows >= ENOUGH_ROWS)
            && exceeds(budget, rejected, rows)
        {
            return Err(too_many(&format!("{rejected} of {rows} rows were rejected"), budget));
        }
        self.check_all(plan, all)
    }

    /// Holds rows that an input could not read against the run's budget: this many since the last time.
    pub(crate) fn check_input(&self, plan: &Plan, more: u64) -> Result<(), RunError> {
        self.check_all(plan, self.all.fetch_add(more, Ordering::Relaxed) + more)
    }

    fn check_all(&self, plan: &Plan, rejected: u64) -> Result<(), RunError> {
        match plan.max_rejects() {
            Some(budget @ MaxRejects::Rows(_)) if exceeds(budget, rejected, 0) && !self.replays => {
                Err(too_many(&format!("{rejected} rows were rejected in all inputs and steps"), budget))
            }
            _ => Ok(()),
        }
    }

    /// Holds all rejected rows against the run's budget, when a stage has ended: a share is one of the rows that were read until then.
    pub(crate) fn check_run(&self, plan: &Plan, costs: &[(Stage, StageCost)]) -> Result<(), RunError> {
        let rejected: u64 = costs.iter().map(|(_, cost)| rejected(cost)).sum();
        let unread = costs.iter().flat_map(|(_, cost)| cost.unread.values()).map(Tally::rejected).sum::<u64>();
        let read = unread + costs.iter().flat_map(|(_, cost)| cost.rows_read.values()).sum::<u64>();
        let made = costs.iter().flat_map(|(_, cost)| cost.steps.iter());
        let sources = made.filter(|(name, _)| plan.step(name).is_some_and(|step| step.ports.is_empty()));
        let read = read + sources.map(|(_, counts)| counts.rows_out).sum::<u64>();
        match plan.max_rejects() {
            Some(budget) if exceeds(budget, rejected, read) && !self.replays => {
                let what = format!("{rejected} rows were rejected in all inputs and steps, of {read} that were read");
                Err(too_many(&what, budget))
            }
            _ => Ok(()),
        }
    }
}

fn rejected(cost: &StageCost) -> u64 {
    let unread = cost.unread.values().map(Tally::rejected).sum::<u64>();
    unread + cost.steps.values().map(|counts| counts.tally.rejected()).sum::<u64>()
}

fn exceeds(budget: MaxRejects, rejected: u64, rows: u64) -> bool {
    match budget {
        MaxRejects::Rows(most) => rejected > most,
        MaxRejects::Percent(most) => rejected as f64 > rows as f64 * most / 100.0,
    }
}

fn too_many(what: &str, budget: MaxRejects) -> RunError {
    RunError::new(Class::Data, format!("{what}, and `max_rejects` allows {budget}"))
        .help("see why in `rejects.jsonl` of the run's folder; raise `max_rejects`, or fix the rows or the step")
}
