//! What of a plan may change after it was made: which component a step is, how many rows may be rejected, and how much memory
//! there is. None of them moves an edge or a stage.

use crate::decide::fingerprint;
use crate::plan::{MaxRejects, Plan};

impl Plan {
    /// The plan with another component, of the same kind, for a step. `digest` is the component's.
    pub fn with_component(mut self, step: &str, digest: String) -> Self {
        for step in self.steps.iter_mut().filter(|planned| planned.name == step) {
            step.digest.clone_from(&digest);
        }
        self.fingerprint = fingerprint(&self);
        self
    }

    /// The plan with so much memory, in bytes, in place of its budget: stages and instances stay as they are.
    pub fn with_budget(mut self, budget: u64) -> Self {
        self.budget = Some(budget);
        for nth in 0..self.stages.len() {
            self.stages[nth].predicted = self.predict(&self.stages[nth]);
        }
        self.fingerprint = fingerprint(&self);
        self
    }

    /// The plan with one budget for the rows of all steps together, in place of every budget that it has.
    pub fn with_max_rejects(mut self, budget: MaxRejects) -> Self {
        self.max_rejects = Some(budget);
        self.steps.iter_mut().for_each(|step| step.max_rejects = None);
        self.fingerprint = fingerprint(&self);
        self
    }
}
