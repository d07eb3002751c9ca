//! The offline batches of a run: what has ended is fetched before its stages, what they asked for is submitted after them.

use crate::error::{Class, RunError};
use crate::stage::live::Live;

/// Fetches the replies of batches that have ended.
pub(super) fn collect(live: &Live<'_>) -> Result<(), RunError> {
    let run = live.prepared;
    if run.sends_requests() {
        run.calls.collect_batches(run.settings.wait, &live.interrupt)?;
    }
    Ok(())
}

/// Submits what was written down, if that is why the stages have ended. Why the run ends.
pub(super) fn submit(live: &Live<'_>, error: RunError) -> RunError {
    if error.class != Class::Waiting {
        return error;
    }
    match live.prepared.calls.submit_batches(&live.interrupt) {
        Ok(()) => error,
        Err(refused) => refused.into(),
    }
}
