//! The rows of a global step: whoever runs one gives it readers of its inputs and a writer, and takes the writer back.

use std::any::Any;

use crate::bindings::callboard::step::columns::BatchResult;
use crate::bindings::callboard::step::types::Removal;
use crate::error::Fault;

/// All rows of one input of a global step.
pub trait RowReader: Send + 'static {
    /// How many there are.
    fn rows(&self) -> u64;

    /// The columns that the step reads, of the rows from `row` on, which is below [`RowReader::rows`]; and the number of the
    /// row behind the last of them. How many there are is the reader's choice, and at least one.
    ///
    /// # Errors
    ///
    /// Rows that cannot be read.
    fn read(&mut self, row: u64) -> Result<(BatchResult, u64), Fault>;
}

/// What a global step does with its rows. Nothing that is passed here has been checked.
pub trait RowWriter: Any + Send {
    /// Keeps rows of the first input, with the columns that the step writes beside them.
    ///
    /// # Errors
    ///
    /// What the contract or a limit does not allow, and what the host cannot do.
    fn keep(&mut self, rows: Vec<u64>, columns: Option<BatchResult>) -> Result<(), Fault>;

    /// Writes rows that come from none of the input.
    ///
    /// # Errors
    ///
    /// As [`RowWriter::keep`].
    fn write(&mut self, rows: BatchResult) -> Result<(), Fault>;

    /// Removes rows of the first input.
    ///
    /// # Errors
    ///
    /// As [`RowWriter::keep`].
    fn remove(&mut self, rows: Vec<Removal>) -> Result<(), Fault>;
}

/// A `reader` of the contract: a place among the rows of an input.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Reader {
    pub(crate) rows: Box<dyn RowReader>,
    /// Whether it is that of the first input, whose rows are counted.
    pub(crate) is_first: bool,
    pub(crate) row: u64,
    /// The furthest row that was read, for progress.
    pub(crate) furthest: u64,
}

impl Reader {
    pub(crate) fn new(rows: Box<dyn RowReader>, is_first: bool) -> Reader {
        Reader { rows, is_first, row: 0, furthest: 0 }
    }

    /// The next rows, and how many of them were never read before.
    pub(crate) fn next(&mut self) -> Result<Option<(BatchResult, u64)>, Fault> {
        if self.row >= self.rows.rows() {
            return Ok(None);
        }
        let (rows, end) = self.rows.read(self.row)?;
        self.row = end;
        let new = end.saturating_sub(self.furthest);
        self.furthest += new;
        Ok(Some((rows, new)))
    }

    pub(crate) fn seek(&mut self, row: u64) -> Result<(), Fault> {
        let rows = self.rows.rows();
        if row > rows {
            return Err(Fault::Contract(format!("it sought row {row} of {rows}, counted from 0")));
        }
        self.row = row;
        Ok(())
    }
}

/// A `writer` of the contract.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Writer(pub(crate) Box<dyn RowWriter>);
