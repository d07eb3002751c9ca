//! Something that looks on while rows leave nodes.

use std::sync::Arc;

use callboard_plan::Feed;

use super::Batch;
use crate::error::RunError;

/// Looks at the rows that inputs and steps put out, and at those that leave by side doors, whether or not anything reads them.
pub(crate) trait Tap: Send + Sync {
    /// Whether it looks at these rows. Asked again and again: it may have seen enough.
    fn wants(&self, feed: &Feed) -> bool;

    /// Rows that a node puts out, in order.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn put_out(&self, _feed: &Feed, _batch: &Batch) -> Result<(), RunError> {
        Ok(())
    }

    /// Rows of a batch that leave by a door, by their places in it, each with its reason, if it has one.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn removed(&self, _door: &Feed, _batch: &Batch, _rows: &[(u32, Option<&str>)]) -> Result<(), RunError> {
        Ok(())
    }

    /// A row of a file that its input could not read: the file, by its place in the run's table, its line, and why.
    fn unread(&self, _input: &str, _place: (u32, u64), _reason: &str) {}

    /// Whether it looks at the rows that a transform is given.
    fn wants_given(&self, _step: &str) -> bool {
        false
    }

    /// Rows that a transform is given, in order.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn given(&self, _step: &str, _batch: &Batch) -> Result<(), RunError> {
        Ok(())
    }

    /// Whether it looks at the rows of an output.
    fn wants_written(&self, _output: &str) -> bool {
        true
    }

    /// Rows of an output with its columns, in order: also in a replay, where no output is written.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn written(&self, _output: &str, _batch: &Batch) -> Result<(), RunError> {
        Ok(())
    }
}

/// What looks on at one feed.
#[derive(Clone)]
pub(crate) struct Tapped {
    pub(crate) feed: Feed,
    pub(crate) tap: Arc<dyn Tap>,
}

impl Tapped {
    pub(crate) fn wants(&self) -> bool {
        self.tap.wants(&self.feed)
    }

    /// Shows it rows that are put out, if it wants them.
    pub(crate) fn put_out(&self, batch: &Batch) -> Result<(), RunError> {
        match batch.is_empty() || !self.wants() {
            true => Ok(()),
            false => self.tap.put_out(&self.feed, batch),
        }
    }
}
