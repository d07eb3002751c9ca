//! Rows that the only reader of a feed has already: an output, a part of which an earlier process wrote. The node that puts rows out need
//! not make these again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// The end of the node that puts the rows out.
pub(crate) struct Had {
    /// `None` once the reader has said how many.
    said: Option<Receiver<u64>>,
    left: u64,
    is_whole: bool,
    passed: Arc<AtomicU64>,
    /// How many rows the reader has for good.
    written: Arc<AtomicU64>,
}

/// The end of the reader.
pub(crate) struct Has {
    /// `None` once it has said how many.
    say: Option<Sender<u64>>,
    passed: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

/// Both ends.
pub(crate) fn had() -> (Had, Has) {
    let ((say, said), passed, written) = (channel(), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let had = Had { said: Some(said), left: 0, is_whole: true, passed: passed.clone(), written: written.clone() };
    (had, Has { say: Some(say), passed, written })
}

impl Had {
    /// How many of the next rows the reader has. Waits until it says so.
    pub(super) fn left(&mut self) -> u64 {
        if let Some(said) = self.said.take() {
            // A reader that failed has none.
            self.left = said.recv().unwrap_or(0);
        }
        self.left
    }

    /// Whether none was passed over.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Says how many rows the reader has by now, such that a process that resumes the run finds them.
    pub(super) fn written(&self) -> impl Fn() -> u64 + use<> {
        let written = self.written.clone();
        move || written.load(Ordering::Acquire)
    }

    /// Passes over this many of them.
    ///
    /// # Panics
    ///
    /// The reader has not as many: the others would be lost.
    pub(super) fn pass(&mut self, rows: u64) {
        assert!(rows <= self.left, "{rows} rows are passed over, and the output has {}", self.left);
        (self.left, self.is_whole) = (self.left - rows, self.is_whole && rows == 0);
        self.passed.fetch_add(rows, Ordering::Release);
    }
}

impl Has {
    /// Says how many rows the reader has. Only what is said first counts.
    pub(crate) fn say(&mut self, rows: u64) {
        if let Some(say) = self.say.take() {
            // Nobody need want to know.
            let _ = say.send(rows);
        }
    }

    /// The reader has this many rows for good.
    pub(crate) fn wrote(&self, rows: u64) {
        self.written.store(rows, Ordering::Release);
    }

    /// How many rows were passed over since this was last asked. All of them stand before the first that is received.
    pub(crate) fn take_passed(&self) -> u64 {
        self.passed.swap(0, Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reader_says_first_is_passed_over_at_most() {
        let (mut had, mut has) = had();
        has.say(7);
        has.say(9);
        assert_eq!(had.left(), 7);
        had.pass(4);
        had.pass(1);
        assert_eq!((had.left(), has.take_passed(), has.take_passed()), (2, 5, 0));
    }

    #[test]
    fn a_reader_that_is_gone_has_nothing() {
        let (mut had, has) = had();
        drop(has);
        assert_eq!(had.left(), 0);
    }
}
