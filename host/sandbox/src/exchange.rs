//! The rows of a global step: whoever runs one gives it readers of its inputs and a writer, and takes the writer back.

use std::any::Any;

use crate::bindings::callboard::step::columns::BatchResult;
use crate::bindings::callboard::step::exchange::Run;
use crate::bindings::callboard::step::types::Removal as Removals;
use crate::error::Fault;

/// The rows of one input that a call of a global step is given, by their positions among them, from 0.
pub trait RowReader: Send + 'static {
    /// How many there are.
    fn rows(&self) -> u64;

    /// The rows from `row` on, which is below [`RowReader::rows`].
    ///
    /// # Errors
    ///
    /// Rows that cannot be read.
    fn read(&mut self, row: u64) -> Result<Rows, Fault>;

    /// Where `count` rows from `first` on stand in the whole input. There are as many.
    ///
    /// # Errors
    ///
    /// As [`RowReader::read`].
    fn positions(&mut self, first: u64, count: u32) -> Result<Vec<u64>, Fault>;
}

/// Rows that a global step is given at a time: at least one; the reader chooses how many.
pub struct Rows {
    /// The columns that the step reads.
    pub columns: BatchResult,
    /// The groups that they are of, in ascending order; empty if rows are not grouped.
    pub groups: Vec<Run>,
    /// The row behind the last of them.
    pub end: u64,
}

/// What a global step does with its rows. Nothing that is passed here has been checked.
pub trait RowWriter: Any + Send {
    /// Keeps rows of the first input, with the columns that the step writes beside them.
    ///
    /// # Errors
    ///
    /// What the contract or a limit does not allow, and what the host cannot do.
    fn keep(&mut self, rows: Vec<u64>, columns: Option<BatchResult>) -> Result<(), Fault>;

    /// Writes rows that come from none of the input; where rows are grouped, each in the place of a row that `at` names.
    ///
    /// # Errors
    ///
    /// As [`RowWriter::keep`].
    fn write(&mut self, rows: BatchResult, at: Vec<u64>) -> Result<(), Fault>;

    /// Removes rows of the first input.
    ///
    /// # Errors
    ///
    /// As [`RowWriter::keep`].
    fn remove(&mut self, rows: Vec<Removals>) -> Result<(), Fault>;
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

/// The most rows whose positions are asked for in one call: what they take is the host's memory.
const POSITIONS: u32 = 1 << 20;

impl Reader {
    pub(crate) fn new(rows: Box<dyn RowReader>, is_first: bool) -> Reader {
        Reader { rows, is_first, row: 0, furthest: 0 }
    }

    /// The next rows, and how many of them were never read before.
    pub(crate) fn next(&mut self) -> Result<Option<(Rows, u64)>, Fault> {
        if self.row >= self.rows.rows() {
            return Ok(None);
        }
        let rows = self.rows.read(self.row)?;
        self.row = rows.end;
        let new = rows.end.saturating_sub(self.furthest);
        self.furthest += new;
        Ok(Some((rows, new)))
    }

    /// Where rows stand in the whole input.
    pub(crate) fn positions(&mut self, first: u64, count: u32) -> Result<Vec<u64>, Fault> {
        if count > POSITIONS {
            let what = format!("it asked for the positions of {count} rows in one call, and {POSITIONS} are allowed");
            return Err(Fault::Contract(what));
        }
        let rows = self.rows.rows();
        if first.checked_add(u64::from(count)).is_none_or(|end| end > rows) {
            let what = format!("it asked for the positions of {count} rows from row {first}, and there are {rows}");
            return Err(Fault::Contract(what));
        }
        self.rows.positions(first, count)
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
