//! What a run holds of memory: linear memory of its steps, and rows in flight.

use std::collections::HashMap;
use std::sync::Arc;

use callboard_plan::{Plan, Predicted, Stage};

use crate::rows::flight::Flight;
use callboard_sandbox::Gauge;

/// Memory that is held: linear memory of the run and of each step, and rows in flight.
pub(crate) struct Memory {
    /// Linear memory and rows in flight together; its peak is reset with each stage.
    pub(crate) held: Arc<Gauge>,
    pub(crate) flight: Arc<Flight>,
    pub(crate) run: Arc<Gauge>,
    /// As the run's; its peak is reset with each stage.
    pub(crate) stage: Arc<Gauge>,
    pub(crate) steps: HashMap<String, Arc<Gauge>>,
}

impl Memory {
    /// As much linear memory as `plan` leaves to steps, whatever rows need at least.
    pub(crate) fn of(plan: &Plan) -> Memory {
        let held = Arc::new(Gauge::default());
        let run = Gauge::below(&held);
        let flight = Arc::new(Flight::new(Gauge::below(&held), run.clone()));
        let stage = Gauge::below(&run);
        let steps = plan.steps().iter().map(|step| (step.name.clone(), Gauge::below(&stage))).collect();
        let memory = Memory { held, flight, run, stage, steps };
        if let Some(tightest) = plan.stages().iter().max_by_key(|stage| stage.predicted.least_rows_bytes) {
            memory.leave(plan, tightest);
            memory.flight.begin(plan.budget(), &tightest.predicted, 1);
        }
        memory
    }

    /// What the budget leaves to the steps of a stage.
    fn leave(&self, plan: &Plan, stage: &Stage) {
        let Predicted { host_bytes, least_rows_bytes, .. } = stage.predicted;
        let left = |budget: u64| budget.saturating_sub(host_bytes).saturating_sub(least_rows_bytes);
        self.run.limit(plan.budget().map_or(u64::MAX, left));
    }

    /// Begins a stage.
    pub(crate) fn begin(&self, plan: &Plan, stage: &Stage) {
        self.leave(plan, stage);
        let instances =
            stage.steps.iter().filter_map(|name| plan.step(name)).map(|step| u64::from(step.replicas)).sum();
        self.flight.begin(plan.budget(), &stage.predicted, instances);
        self.stage.restart();
        self.held.restart();
    }
}
