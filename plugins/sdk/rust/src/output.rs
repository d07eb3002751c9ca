//! What a transform makes of a batch, and a source of a cursor.

use crate::array_buf::ArrayBuf;
use crate::error::Result;
use crate::exchange::Removals;
use crate::raw::transform::exports::callboard::step::transform::Output as RawOutput;
use crate::raw::types::Fate;
use crate::shape::Written;

/// What a transform makes of a batch: the columns it writes, and which rows go on.
///
/// Without [`keep`](Self::keep), every row goes on that is not dropped or rejected; a written column has one value for each
/// row that goes on.
#[derive(Debug, Default)]
pub struct Output {
    origins: Option<Vec<u32>>,
    columns: Vec<ArrayBuf>,
    removed: Removals,
}

impl Output {
    /// All rows go on, nothing is written yet.
    pub fn new() -> Self {
        Output::default()
    }

    /// Puts out a column: the next of those that the shape writes.
    pub fn column(mut self, values: impl Into<ArrayBuf>) -> Self {
        self.columns.push(values.into());
        self
    }

    /// Puts out exactly these rows of the batch, in this order: rows may be left out, repeated and reordered.
    pub fn keep(mut self, rows: Vec<u32>) -> Self {
        self.origins = Some(rows);
        self
    }

    /// Leaves a row out, as this step is meant to. Each row at most once.
    pub fn drop(&mut self, row: usize, reason: impl AsRef<str>) {
        self.removed.push(row as u64, Fate::Dropped, reason.as_ref());
    }

    /// Leaves a row out that the step cannot handle. Each row at most once.
    pub fn reject(&mut self, row: usize, reason: impl AsRef<str>) {
        self.removed.push(row as u64, Fate::Rejected, reason.as_ref());
    }

    /// Leaves a row out that the step cannot handle now, for a reason that passes, such as a server that is down: it counts as
    /// rejected, and the next run gives it to the step again. Each row at most once.
    pub fn postpone(&mut self, row: usize, reason: impl AsRef<str>) {
        crate::http::try_again();
        self.reject(row, reason);
    }

    pub(crate) fn into_raw(self, rows: usize, written: &Written) -> Result<RawOutput> {
        let kept = match &self.origins {
            Some(origins) => origins.len(),
            None => rows.saturating_sub(self.removed.rows),
        };
        let columns = written.batch(Some(kept), self.columns)?;
        Ok(RawOutput { origins: self.origins, columns, removed: self.removed.all })
    }
}

/// Rows that a source makes, and where to go on after them.
#[derive(Debug)]
pub struct Page<C> {
    pub(crate) columns: Vec<ArrayBuf>,
    pub(crate) cursor: C,
}

impl<C> Page<C> {
    /// A page without columns; the next one begins at `next`.
    pub fn new(next: C) -> Self {
        Page { columns: vec![], cursor: next }
    }

    /// Adds a column: the next of those that the shape writes.
    pub fn column(mut self, values: impl Into<ArrayBuf>) -> Self {
        self.columns.push(values.into());
        self
    }
}
