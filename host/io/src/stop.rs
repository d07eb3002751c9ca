//! How reading is stopped from outside: a question that is asked whenever more of a file is read.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use crate::error::IoError;

/// Whether to stop. Asked for each file, for each row of a sample and for each block of text, so it must be cheap. By default never.
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Stop {
    /// Stops as soon as `wanted` says so: what is being read ends with an error of [`ErrorKind::Interrupted`](crate::ErrorKind).
    pub fn when(wanted: impl Fn() -> bool + Send + Sync + 'static) -> Stop {
        Stop(Some(Arc::new(wanted)))
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.as_ref().is_some_and(|wanted| wanted())
    }

    /// An error if it is time to stop.
    pub(crate) fn check(&self) -> Result<(), IoError> {
        if self.is_wanted() { Err(IoError::interrupted()) } else { Ok(()) }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}

/// A reader that asks before each read. Text of blank lines alone ends no batch, however much of it there is.
pub(crate) struct Stopping<R> {
    pub(crate) inner: R,
    pub(crate) stop: Stop,
}

impl<R: Read> Read for Stopping<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.stop.is_wanted() {
            // Not `ErrorKind::Interrupted`, after which readers try again.
            true => Err(io::Error::other(Stopped)),
            false => self.inner.read(bytes),
        }
    }
}

/// Whether a read ended because it was stopped.
pub(crate) fn was_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;
