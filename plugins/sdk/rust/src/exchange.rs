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

/// The rows of an input that a call is given, kept by the host: all of them, or whole groups. A row is named by its place
/// among them, from 0.
pub struct Reader {
    rows: Rows,
    next_row: u64,
}

enum Rows {
    Host(exchange::Reader),
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "made by `testing`, which is native"))]
    /// Natively: batches as the host would give them.
    Memory(Given),
}

/// Rows in memory, as the host would give them.
pub(crate) struct Given {
    pub(crate) batches: Vec<RawBatch>,
    /// The group of each row; empty if rows are not grouped.
    pub(crate) groups: Vec<u32>,
    /// Where each row stands in the whole input.
    pub(crate) positions: Vec<u64>,
}

impl Reader {
    pub(crate) fn host(reader: exchange::Reader) -> Self {
        Reader { rows: Rows::Host(reader), next_row: 0 }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn memory(given: Given) -> Self {
        Reader { rows: Rows::Memory(given), next_row: 0 }
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        match &self.rows {
            Rows::Host(reader) => reader.rows(),
            Rows::Memory(given) => given.batches.iter().map(|batch| u64::from(batch.rows)).sum(),
        }
    }

    /// The next rows, in the plan's batch size; `None` at the end.
    #[allow(clippy::should_implement_trait, reason = "`batches` is the iterator; this is the contract's word")]
    pub fn next(&mut self) -> Option<Batch> {
        let first_row = self.next_row;
        let (raw, groups) = match &mut self.rows {
            Rows::Host(reader) => {
                let page = reader.next()?;
                (page.rows, page.groups)
            }
            Rows::Memory(given) => {
                let raw = rest_of_batch(&given.batches, first_row)?;
                let here = given.groups.iter().skip(first_row as usize).take(raw.rows as usize);
                (raw, runs(here.copied()))
            }
        };
        self.next_row += u64::from(raw.rows);
        Some(Batch { raw, first_row, groups })
    }

    /// Where `count` rows (at most 1,048,576), from row `first` on, stand in the whole input, from 0: what tells a row from all
    /// others, whatever rows a call is given.
    pub fn positions(&self, first: u64, count: u32) -> Vec<u64> {
        match &self.rows {
            Rows::Host(reader) => reader.positions(first, count),
            Rows::Memory(given) => given.positions[first as usize..first as usize + count as usize].to_vec(),
        }
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
        }
        self.next_row = row;
    }
}

/// The groups of rows, one behind another.
fn runs(groups: impl Iterator<Item = u32>) -> Vec<exchange::Run> {
    let mut runs: Vec<exchange::Run> = vec![];
    for group in groups {
        match runs.last_mut() {
            Some(run) if run.group == group => run.rows += 1,
            _ => runs.push(exchange::Run { group, rows: 1 }),
        }
    }
    runs
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

/// The way out of a global step. Rows come out in the order of the calls; where rows are grouped, in the order of the input,
/// unless the step's [`Gather`](crate::Gather) asks for another.
pub struct Writer {
    sink: Sink,
    written: Written,
    removed: Removals,
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
    Write(RawBatch, Vec<u64>),
    Remove(Vec<Removal>),
}

impl Sink {
    fn keep(&mut self, rows: &[u64], columns: Option<RawBatch>) {
        match self {
            Sink::Host(writer) => writer.keep(rows, columns.as_ref()),
            Sink::Memory(calls) => calls.push(Call::Keep(rows.to_vec(), columns)),
        }
    }

    fn write(&mut self, rows: RawBatch, at: &[u64]) {
        match self {
            Sink::Host(writer) => writer.write(&rows, at),
            Sink::Memory(calls) => calls.push(Call::Write(rows, at.to_vec())),
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
        Writer { sink, written, removed: Removals::default() }
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
        self.write_at(&[], columns)
    }

    /// As [`write`](Self::write), where rows are grouped: each is put out in the place of a row of the first input.
    ///
    /// # Errors
    /// As there.
    pub fn write_at(&mut self, at: &[u64], columns: Vec<ArrayBuf>) -> Result<()> {
        let rows = self.written.batch(None, columns)?;
        self.sink.write(rows, at);
        Ok(())
    }

    /// Says that a row of the first input is left out, as this step is meant to. Each row at most once, and none that is kept.
    pub fn drop(&mut self, row: u64, reason: impl AsRef<str>) {
        self.remove(row, Fate::Dropped, reason.as_ref());
    }

    /// Says that the step cannot handle a row of the first input. Each row at most once, and none that is kept.
    pub fn reject(&mut self, row: u64, reason: impl AsRef<str>) {
        self.remove(row, Fate::Rejected, reason.as_ref());
    }

    fn remove(&mut self, row: u64, fate: Fate, reason: &str) {
        self.removed.push(row, fate, reason);
        if self.removed.rows == CHUNK {
            self.sink.remove(std::mem::take(&mut self.removed).all);
        }
    }

    pub(crate) fn finish(mut self) -> Sink {
        if self.removed.rows > 0 {
            self.sink.remove(self.removed.all);
        }
        self.sink
    }
}

/// Rows that go no further, by their reasons.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    pub(crate) all: Vec<Removal>,
    pub(crate) rows: usize,
}

impl Removals {
    /// Only the last reasons are looked at for another row with the same one.
    const LAST: usize = 8;

    pub(crate) fn push(&mut self, row: u64, fate: Fate, reason: &str) {
        self.rows += 1;
        let mut last = self.all.iter_mut().rev().take(Self::LAST);
        match last.find(|removal| removal.fate == fate && removal.reason == reason) {
            Some(removal) => removal.rows.push(row),
            None => self.all.push(Removal { rows: vec![row], fate, reason: reason.into() }),
        }
    }
}
