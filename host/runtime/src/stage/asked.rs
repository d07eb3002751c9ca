//! Whether steps have read all rows that they ask servers about.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The steps that ask servers, and whether each has read all its rows.
#[derive(Default)]
pub(crate) struct Asked(Mutex<BTreeMap<String, bool>>);

impl Asked {
    fn steps(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The step begins to read.
    pub(crate) fn begins(&self, step: &str) {
        self.steps().insert(step.to_owned(), false);
    }

    /// There are no more rows for the step.
    pub(crate) fn has_read(&self, step: &str) {
        self.steps().insert(step.to_owned(), true);
    }

    /// Whether every step that asks has read its rows, so that what is left is known.
    pub(crate) fn have_read(&self) -> bool {
        let steps = self.steps();
        !steps.is_empty() && steps.values().all(|has_read| *has_read)
    }
}
