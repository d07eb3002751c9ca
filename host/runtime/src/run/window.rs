//! What other threads see of a run while it goes on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use callboard_plan::Plan;

use crate::prepare::Prepared;
use crate::tell::made::{Clock, Measured};
use crate::tell::report::{Report, UnfinishedReport};

/// A run that is being carried out.
pub(super) struct Running {
    pub(super) prepared: Prepared,
    pub(super) clock: Clock,
}

/// A window on a run, through which any thread looks at it: nothing is done for it until somebody looks.
/// One window may show several runs, one after the other, as when a run is resumed.
#[derive(Clone, Default)]
pub struct Window(Arc<Mutex<Weak<Running>>>);

impl Window {
    pub(super) fn opens_on(&self, running: &Arc<Running>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(running);
    }

    /// The run's report so far, and its plan; `None` while nothing is carried out. The report has no outputs, its
    /// [`status`](Report::status) means nothing yet, and [`unfinished`](Report::unfinished) is the stage that is being carried out.
    pub fn look(&self) -> Option<(Report, Plan)> {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        let Running { prepared, clock } = &*running;
        // Memory as it is at this moment.
        prepared.seen.sample(None);
        let (ended, peak_linear_memory) = prepared.seen.until_now();
        let mut measured = Measured::of(clock);
        measured.peak_linear_memory = peak_linear_memory;
        let mut report = Report::of(prepared, &ended, Ok(BTreeMap::new()), &measured);
        for (name, input) in &mut report.inputs {
            // What is read of it in a stage that has not ended.
            input.rows = input.rows.max(prepared.seen.rows_read(name));
        }
        let unfinished = prepared.seen.unfinished().map(UnfinishedReport::going_on);
        Some((Report { unfinished, ..report }, prepared.plan.clone()))
    }
}
