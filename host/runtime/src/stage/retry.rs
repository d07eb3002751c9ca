//! Calls that may succeed later are made again, after a pause that grows.

use std::time::{Duration, Instant};

use callboard_plan::PlannedStep;

use super::live::Live;
use crate::error::{Fault, SaidKind};
use crate::events::Event;

/// Before the first repetition; each pause after it is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How soon an interruption is seen.
const TICK: Duration = Duration::from_millis(10);

/// Makes a call, and again while it fails with a `transient` error, as often as the step's `retries` say.
pub(super) fn retrying<T>(
    run: &Live<'_>,
    step: &PlannedStep,
    mut call: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        match call() {
            Err(Fault::Said { kind: SaidKind::Transient, message, .. }) if attempt <= step.retries => {
                run.tell(Event::Retrying { step: step.name.clone(), message, attempt, of: step.retries, pause });
                wait(run, pause)?;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            outcome => return outcome,
        }
    }
    unreachable!("attempts are counted up to `retries`")
}

fn wait(run: &Live<'_>, pause: Duration) -> Result<(), Fault> {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        if run.is_ending() {
            return Err(Fault::Interrupted);
        }
        std::thread::sleep(TICK.min(until - Instant::now().min(until)));
    }
    Ok(())
}
