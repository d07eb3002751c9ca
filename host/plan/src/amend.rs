//! What of a plan may change after it was made: which component a step is, what a step may reach and use, how many rows may be
//! rejected, how much memory there is, and where outputs go. None of them moves an edge or a stage.

use std::path::Path;

use callboard_words::template::Template;

use crate::calls::Calls;
use crate::choices::MaxRejects;
use crate::decide::fingerprint;
use crate::grants::Grants;
use crate::plan::{Contradiction, Plan, PlannedStep, StepLimits};

impl Plan {
    /// The plan with another component, of the same kind, for a step. `digest` is the component's.
    pub fn with_component(self, step: &str, digest: String) -> Self {
        self.with_step(step, |step| step.digest.clone_from(&digest)).fingerprinted()
    }

    /// The plan with these grants for a step, in place of those that it has.
    ///
    /// # Errors
    /// Grants that no pipeline file can give, such as a path that leads out of its folder.
    pub fn with_grants(self, step: &str, grants: Grants) -> Result<Self, Contradiction> {
        self.with_step(step, |step| {
            step.grants.clone_from(&grants);
            if grants.http.is_empty() {
                step.spare = 0;
            }
        })
        .verified()
    }

    /// The plan with these limits of requests, by server.
    pub fn with_calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self.fingerprinted()
    }

    /// The plan with these limits for a step.
    ///
    /// # Errors
    /// Limits that contradict the plan.
    pub fn with_limits(self, step: &str, limits: StepLimits) -> Result<Self, Contradiction> {
        self.with_step(step, |step| step.limits = limits).verified()
    }

    /// The plan with this much memory, in bytes, in place of its budget: stages and instances stay as they are.
    ///
    /// # Errors
    /// A stage that does not fit.
    pub fn with_budget(mut self, budget: u64) -> Result<Self, Contradiction> {
        self.budget = Some(budget);
        self.predicted().verified()
    }

    /// The plan with one budget for the rows of all steps together, in place of every budget that it has.
    pub fn with_max_rejects(mut self, budget: MaxRejects) -> Self {
        self.max_rejects = Some(budget);
        self.steps.iter_mut().for_each(|step| step.max_rejects = None);
        self.fingerprinted()
    }

    /// The plan with its outputs in another folder, each in one of its own: `all.jsonl` of output `kept` goes to
    /// `FOLDER/kept/all.jsonl`.
    pub fn with_outputs_in(mut self, folder: &str) -> Self {
        for output in &mut self.outputs {
            let file = match Template::of(&output.path) {
                Some(Ok(template)) => output.path[template.folder.len()..].to_owned(),
                _ => Path::new(&output.path).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned(),
            };
            if output.is_standard_output() {
                output.format.get_or_insert_with(|| "jsonl".to_owned());
            }
            output.path = format!("{}/{}/{file}", folder.trim_end_matches('/'), output.name);
        }
        self.fingerprinted()
    }

    fn with_step(mut self, step: &str, alter: impl Fn(&mut PlannedStep)) -> Self {
        self.steps.iter_mut().filter(|planned| planned.name == step).for_each(alter);
        self
    }

    fn fingerprinted(mut self) -> Self {
        self.fingerprint = fingerprint(&self);
        self
    }

    fn verified(self) -> Result<Self, Contradiction> {
        let plan = self.fingerprinted();
        plan.verify()?;
        Ok(plan)
    }
}
