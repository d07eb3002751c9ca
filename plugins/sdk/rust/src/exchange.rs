//! A global step's way to its inputs and out: readers and the writer, over the host or over memory.

use crate::array::Array;
use crate::array_buf::ArrayBuf;
use crate::batch::{Batch, assemble};
use crate::error::Result;
use crate::raw::columns::{Batch as RawBatch, Column as RawColumn};
use crate::raw::global::callboard::step::exchange;
use crate::raw::types::{Fate, Removal};
use crate::shape::Written;

/// Rows put out or removed in one call to the host, so that neither side holds a list of all rows.
const CHUNK: usize = 64 * 1024;

/// The rows of a whole input, kept by the host.
pub struct Reader {
    rows: Rows,
    next_row: u64,
}

enum Rows {
    Host(exchange::Reader),
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "made by `testing`, which is native"))]
    /// Natively: batches as the host would give them.
    Memory(Vec<RawBatch>),
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "made by `testing`, which is native"))]
    /// Natively: so many rows in batches that are handed over as they are, once.
    Once(u64, std::vec::IntoIter<RawBatch>),
}

impl Reader {
    pub(crate) fn host(reader: exchange::Reader) -> Self {
        Reader { rows: Rows::Host(reader), next_row: 0 }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn memory(batches: Vec<RawBatch>) -> Self {
        Reader { rows: Rows::Memory(batches), next_row: 0 }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn once(batches: Vec<RawBatch>) -> Self {
        let rows = batches.iter().map(|batch| u64::from(batch.rows)).sum();
        Reader { rows: Rows::Once(rows, batches.into_iter()), next_row: 0 }
    }

    /// How many rows the input has.
    pub fn rows(&self) -> u64 {
        match &self.rows {
            Rows::Host(reader) => reader.rows(),
            Rows::Once(rows, _) => *rows,
            Rows::Memory(batches) => batches.iter().map(|batch| u64::from(batch.rows)).sum(),
        }
    }

    /// The next rows, as many as the plan says; `None` at the end.
    #[allow(clippy::should_implement_trait, reason = "`batches` is the iterator; this is the contract's word")]
    pub fn next(&mut self) -> Option<Batch> {
        let raw = match &mut self.rows {
            Rows::Host(reader) => reader.next()?,
            Rows::Memory(batches) => rest_of_batch(batches, self.next_row)?,
            Rows::Once(_, batches) => batches.next()?,
        };
        let first_row = self.next_row;
        self.next_row += u64::from(raw.rows);
        Some(Batch { raw, first_row })
    }

    /// The remaining batches.
    pub fn batches(&mut self) -> impl Iterator<Item = Batch> {
        std::iter::from_fn(|| self.next())
    }

    /// Lets [`next`](Self::next) begin with this row: 0 to read again from the start.
    pub fn seek(&mut self, row: u64) {
        match &mut self.rows {
            Rows::Host(reader) => reader.seek(row),
            Rows::Memory(_) => {}
            Rows::Once(..) => assert_eq!(row, self.next_row, "rows that are given once are read in order"),
        }
        self.next_row = row;
    }
}

/// From this row to the end of the batch that it is in.
fn rest_of_batch(batches: &[RawBatch], row: u64) -> Option<RawBatch> {
    let mut first = 0;
    for batch in batches {
        let end = first + u64::from(batch.rows);
        if (first..end).contains(&row) {
            let rows: Vec<u32> = ((row - first) as u32..batch.rows).collect();
            let column = |column: &RawColumn| {
                (column.name.clone(), Array::new(&batch.arrays, column.values as usize).take(&rows))
            };
            return Some(assemble(rows.len(), batch.columns.iter().map(column)));
        }
        first = end;
    }
    None
}

/// The way out of a global step. Rows come out in the order of the calls.
pub struct Writer {
    sink: Sink,
    written: Written,
    removed: Vec<Removal>,
}

/// Where the writer's calls go.
#[doc(hidden)]
pub enum Sink {
    Host(exchange::Writer),
    Memory(Vec<Call>),
}

/// A call to the writer, kept natively.
#[doc(hidden)]
pub enum Call {
    Keep(Vec<u64>, Option<RawBatch>),
    Write(RawBatch),
    Remove(Vec<Removal>),
}

impl Sink {
    fn keep(&mut self, rows: &[u64], columns: Option<RawBatch>) {
        match self {
            Sink::Host(writer) => writer.keep(rows, columns.as_ref()),
            Sink::Memory(calls) => calls.push(Call::Keep(rows.to_vec(), columns)),
        }
    }

    fn write(&mut self, rows: RawBatch) {
        match self {
            Sink::Host(writer) => writer.write(&rows),
            Sink::Memory(calls) => calls.push(Call::Write(rows)),
        }
    }

    fn remove(&mut self, rows: Vec<Removal>) {
        match self {
            Sink::Host(writer) => writer.remove(&rows),
            Sink::Memory(calls) => calls.push(Call::Remove(rows)),
        }
    }
}

impl Writer {
    pub(crate) fn new(sink: Sink, written: Written) -> Self {
        Writer { sink, written, removed: vec![] }
    }

    /// Puts out these rows of the first input with all their columns, in this order and as often as they are named. For a
    /// step that writes nothing; [`keep_with`](Self::keep_with) is for one that does.
    ///
    /// # Errors
    /// `failed`, if the step's shape writes columns.
    pub fn keep(&mut self, rows: &[u64]) -> Result<()> {
        if !self.written.is_empty() {
            return self.keep_with(rows, vec![]);
        }
        for rows in rows.chunks(CHUNK) {
            self.sink.keep(rows, None);
        }
        Ok(())
    }

    /// Puts out these rows of the first input with their other columns, and beside them the columns that the shape writes,
    /// in its order. Some ten thousand rows a call at most: `columns` has to fit into memory.
    ///
    /// # Errors
    /// `failed`, if `columns` are not what the shape writes, or of another length than `rows`.
    pub fn keep_with(&mut self, rows: &[u64], columns: Vec<ArrayBuf>) -> Result<()> {
        let columns = self.written.batch(Some(rows.len()), columns)?;
        self.sink.keep(rows, Some(columns));
        Ok(())
    }

    /// Puts out rows that come from no one row of the input: for a step that drops or writes every column of the first input.
    ///
    /// # Errors
    /// `failed`, if `columns` are not what the shape writes, or of different lengths.
    pub fn write(&mut self, columns: Vec<ArrayBuf>) -> Result<()> {
        let rows = self.written.batch(None, columns)?;
        self.sink.write(rows);
        Ok(())
    }

    /// Says that a row of the first input is left out, as this step is meant to. Each row at most once, and none that is kept.
    pub fn drop(&mut self, row: u64, reason: impl Into<String>) {
        self.remove(row, Fate::Dropped, reason.into());
    }

    /// Says that the step cannot handle a row of the first input. Each row at most once, and none that is kept.
    pub fn reject(&mut self, row: u64, reason: impl Into<String>) {
        self.remove(row, Fate::Rejected, reason.into());
    }

    fn remove(&mut self, row: u64, fate: Fate, reason: String) {
        self.removed.push(Removal { row, fate, reason });
        if self.removed.len() == CHUNK {
            self.sink.remove(std::mem::take(&mut self.removed));
        }
    }

    pub(crate) fn finish(mut self) -> Sink {
        if !self.removed.is_empty() {
            self.sink.remove(self.removed);
        }
        self.sink
    }
}
