//! What a plan depends on beside the pipeline and its components: how it is to be carried out, and by what machine.

use std::collections::BTreeMap;

use crate::choices::Load;

/// What a plan depends on beside the pipeline and its components. A [`Load`] alone stands for the defaults of all the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When components are in memory.
    pub load: Load,
    /// The most memory that a stage may take, in bytes; in place of `[run] budget`.
    pub budget: Option<u64>,
    /// Instances of each transform for which its step does not say it; in place of `[run] replicas`.
    pub replicas: Option<u32>,
    /// Cores of the machine: the number of instances of a transform that has no `replicas`. 1 by default, so that a plan depends on no
    /// machine unless its maker wants it to.
    pub cores: u32,
    /// What one instance of a step held in earlier runs, in bytes of linear memory, by
    /// [`PlannedStep::need_key`](crate::PlannedStep::need_key).
    pub needs: BTreeMap<String, u64>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { load: Load::default(), budget: None, replicas: None, cores: 1, needs: BTreeMap::new() }
    }
}

impl From<Load> for Terms {
    fn from(load: Load) -> Self {
        Self { load, ..Self::default() }
    }
}
