//! What of a plan may change after it was made: which component a step is, and how many rows may be rejected. Neither
//! moves an edge or a stage.

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

    /// The plan with one budget for the rows of all steps together, in place of every budget that it has.
    pub fn with_max_rejects(mut self, budget: MaxRejects) -> Self {
        self.max_rejects = Some(budget);
        self.steps.iter_mut().for_each(|step| step.max_rejects = None);
        self.fingerprint = fingerprint(&self);
        self
    }
}
