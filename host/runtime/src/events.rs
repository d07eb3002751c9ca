//! What a run tells while it goes on: for progress lines and logs, never for the result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use callboard_sandbox::Level;
use callboard_sandbox::{ServerCalls, StepCalls};

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
    /// How far a stage is: twice a second.
    Going {
        /// The stage, from 1.
        stage: usize,
        /// How long it has taken until now.
        took: Duration,
        /// Linear memory of the run's instances now, bytes.
        linear_memory: u64,
        /// Rows in flight now, bytes.
        in_flight: u64,
        /// What both may take, with the process, bytes.
        budget: Option<u64>,
        /// What part of it is done, from 0 to 1: of its rows that are read, or, with a global step, of its time, if that can be known.
        part: Option<f64>,
        /// How long the rest of the stage is going to take: at the pace of the later half of the time, or, with a global step, by what such a
        /// step took in an earlier run or is expected to take.
        left: Option<Duration>,
        /// How long the rest of the run is going to take, if that can be known.
        run_left: Option<Duration>,
    },
    /// How far the requests to servers are: twice a second, while that changes.
    Calls {
        /// Each server that was asked.
        servers: Vec<CallsNow>,
        /// How long the rest is going to take, if it is known how many rows that is.
        left: Option<Duration>,
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

/// The requests to a server, so far and now.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CallsNow {
    /// The server, as `[calls]` names it.
    pub server: String,
    /// Requests that were sent, repetitions among them.
    pub sent: u64,
    /// Replies that came.
    pub replies: u64,
    /// Replies from the journal: nothing was sent.
    pub known: u64,
    /// Requests that failed after all repetitions.
    pub failed: u64,
    /// Requests that steps have handed over and have no outcome of yet: in flight, or waiting.
    pub under_way: u32,
    /// Requests that were sent and have no reply yet.
    pub in_flight: u32,
    /// Requests that wait, by what they wait for: `at_once`, `rate`, `tokens` or `cost`, a pause that the `server` asked for, or that
    /// before a repetition (`retry`).
    pub waiting: BTreeMap<&'static str, u32>,
    /// Tokens of the requests that were replied to.
    pub input_tokens: u64,
    /// Tokens of the replies.
    pub output_tokens: u64,
    /// What the replies cost, in the unit of `price`.
    pub cost: f64,
}

impl CallsNow {
    pub(crate) fn of((server, calls): (String, ServerCalls)) -> CallsNow {
        let sum = |of: fn(&StepCalls) -> u64| calls.steps.values().map(of).fold(0, u64::saturating_add);
        CallsNow {
            server,
            sent: calls.sent,
            replies: sum(|step| step.replies),
            known: sum(|step| step.known),
            failed: sum(|step| step.failed),
            under_way: calls.under_way,
            in_flight: calls.in_flight,
            input_tokens: sum(|step| step.input_tokens),
            output_tokens: sum(|step| step.output_tokens),
            cost: sum(|step| step.cost) as f64 / callboard_plan::PARTS as f64,
            waiting: calls.waiting,
        }
    }
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
