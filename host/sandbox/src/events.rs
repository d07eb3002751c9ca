//! What a component says while it runs: for logs and progress, never for the result.

use std::fmt;
use std::sync::Arc;

/// Something that a component did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// It wrote to its log or to a standard stream; at level `warn` also what the host refused it, and how to allow it.
    Log {
        /// The step.
        step: Arc<str>,
        /// How much it matters.
        level: Level,
        /// What it wrote.
        message: String,
    },
    /// Rows went through a global step.
    Rows {
        /// The step.
        step: Arc<str>,
        /// Rows of its first input that it read for the first time.
        rows_in: u64,
        /// Rows that it put out.
        rows_out: u64,
    },
}

/// How much a line of a step's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Receives the events of components. Called from many threads, and should return at once.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(Event) + Send + Sync>);

impl Observer {
    /// Calls `listener`.
    pub fn new(listener: impl Fn(Event) + Send + Sync + 'static) -> Observer {
        Observer(Arc::new(listener))
    }

    /// Forgets every event.
    pub fn nobody() -> Observer {
        Observer::new(|_| ())
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
