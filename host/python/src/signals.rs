//! Ctrl-C during a call of a step, and every other signal that Python has a handler for. Handlers run in Python's main thread alone, so a call
//! that this thread makes looks for them itself, from time to time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_runtime::Look;
use pyo3::prelude::*;

/// Between two looks, where short calls follow each other.
pub(crate) const BETWEEN: Duration = Duration::from_millis(50);

thread_local! {
    /// What a handler raised.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// Whether this thread looks: a handler must not call the step whose call goes on.
    static LOOKING: Cell<bool> = const { Cell::new(false) };
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// What a step's calls ask.
pub(crate) fn look() -> Look {
    Arc::new(has_raised)
}

/// Whether a handler has raised something, as that of Ctrl-C does.
fn has_raised() -> bool {
    if !rustix::thread::gettid().eq(&rustix::process::getpid()) {
        return false;
    }
    LOOKING.set(true);
    let raised = Python::attach(|py| py.check_signals().err());
    LOOKING.set(false);
    LOOKED.set(Some(Instant::now()));
    let has_raised = raised.is_some();
    RAISED.set(raised);
    has_raised
}

/// As the look of one long call, between many short ones.
pub(crate) fn has_raised_between() -> bool {
    let since = LOOKED.get().map(|looked| looked.elapsed());
    match since {
        Some(since) if since < BETWEEN => false,
        _ => has_raised(),
    }
}

/// What ended a call of this thread, if a handler did.
pub(crate) fn raised() -> Option<PyErr> {
    RAISED.take()
}

/// Whether a handler runs that a call of this thread has let run.
pub(crate) fn is_looking() -> bool {
    LOOKING.get()
}
