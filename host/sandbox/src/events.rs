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

/// Receives events: those of components, or of whatever else tells some. Called from many threads, and should return at once.
pub struct Observer<E = Event>(Arc<dyn Fn(E) + Send + Sync>);

impl<E> Observer<E> {
    /// Calls `listener`.
    pub fn new(listener: impl Fn(E) + Send + Sync + 'static) -> Observer<E> {
        Observer(Arc::new(listener))
    }

    /// Forgets every event.
    pub fn nobody() -> Observer<E> {
        Observer::new(|_| ())
    }

    /// Passes an event to the listener.
    pub fn tell(&self, event: E) {
        (self.0)(event);
    }
}

impl<E> Clone for Observer<E> {
    fn clone(&self) -> Observer<E> {
        Observer(self.0.clone())
    }
}

impl<E> fmt::Debug for Observer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
