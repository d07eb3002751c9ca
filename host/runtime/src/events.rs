//! What a run tells while it goes on: for progress lines and logs, never for the result.

use std::sync::Arc;
use std::time::Duration;

pub use callboard_sandbox::Level;

/// Something that happened in a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A component is not in the cache, and is compiled now.
    Compiling {
        /// The first step that uses it.
        step: String,
    },
    /// It is compiled.
    Compiled {
        /// The first step that uses it.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// An input is being read into a spill, because a global step needs it whole.
    Intake {
        /// The stage, from 1.
        stage: usize,
        /// The input.
        input: String,
    },
    /// The components of a stage are in memory.
    Loaded {
        /// The stage, from 1.
        stage: usize,
        /// The number of stages.
        stages: usize,
        /// Its steps.
        steps: Vec<String>,
        /// Linear memory of the run's instances now, bytes.
        linear_memory: u64,
    },
    /// Rows went through a step.
    Rows {
        /// The step.
        step: Arc<str>,
        /// Rows it was given since the last such event.
        rows_in: u64,
        /// Rows it put out since then.
        rows_out: u64,
    },
    /// A reader waits until rows in flight have gone on: the budget leaves no room for more.
    Waiting {
        /// The input, the source, or the step or output that reads rows between stages.
        node: Arc<str>,
    },
    /// A call failed with a `transient` error, and is made again after a pause.
    Retrying {
        /// The step.
        step: String,
        /// What it said.
        message: String,
        /// Which repetition this will be, from 1.
        attempt: u32,
        /// How many there may be.
        of: u32,
        /// Before it is made.
        pause: Duration,
    },
    /// Something that whoever runs this should know about: damage that was found and repaired, work that is done again.
    Note {
        /// A sentence without a full stop.
        message: String,
    },
    /// A stage has ended, and its components are gone.
    Ended {
        /// The stage, from 1.
        stage: usize,
        /// How long it took, loading and unloading included.
        took: Duration,
        /// Linear memory of the run's instances now, bytes.
        linear_memory: u64,
    },
    /// A step wrote to its log or to a standard stream; at level `warn` also what the host refused it, and how to allow it.
    Log {
        /// The step.
        step: Arc<str>,
        /// How much it matters.
        level: Level,
        /// What it wrote.
        message: String,
    },
}

/// Receives the events of a run.
pub type Observer = callboard_sandbox::Observer<Event>;

/// An observer of components, whose events are passed to `observer` as those of the run.
pub(crate) fn of_components(observer: &Observer) -> callboard_sandbox::Observer {
    let observer = observer.clone();
    callboard_sandbox::Observer::new(move |event| match event {
        callboard_sandbox::Event::Log { step, level, message } => observer.tell(Event::Log { step, level, message }),
        callboard_sandbox::Event::Rows { step, rows_in, rows_out } => {
            observer.tell(Event::Rows { step, rows_in, rows_out });
        }
        _ => {}
    })
}
