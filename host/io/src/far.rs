//! How far a file is read.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many of a file's bytes, or rows, have been read.
#[derive(Debug, Default)]
pub(crate) struct Far {
    done: AtomicU64,
    of: AtomicU64,
}

impl Far {
    /// None of these, which are all there are.
    pub(crate) fn begin(&self, of: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
    }

    /// This many more.
    pub(crate) fn add(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    /// From 0 to 1; 0 as long as it is not known.
    pub(crate) fn part(&self) -> f64 {
        match self.of.load(Ordering::Relaxed) {
            0 => 0.0,
            of => (self.done.load(Ordering::Relaxed) as f64 / of as f64).min(1.0),
        }
    }
}

/// Counts the bytes that are read.
pub(crate) struct Counted<R> {
    pub(crate) inner: R,
    pub(crate) far: Arc<Far>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.far.add(read as u64);
        Ok(read)
    }
}
