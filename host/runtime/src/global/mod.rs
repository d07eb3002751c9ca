//! What a global step is given: readers of whole inputs, and the [`writer`]. Everything it asks of them is checked.

mod ahead;
mod beside;
mod cores;
mod gather;
mod left;
mod line;
mod ordered;
mod passing;
mod pick;
mod shuffle;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use callboard_sandbox::{BatchResult, Bound, Fault, Removals, RowReader, RowWriter, Rows};

use crate::course::prior::Load;
use crate::rejects::removed;
use crate::rows::{Batch, conform, digest, places, widths};
use crate::store::Spill;

use ahead::Ahead;
use cores::{on_all_cores, threads};
pub(crate) use gather::{Caller, Counters, Duty, Shared, Sizes, gather, row_digests, wanted};
pub(crate) use passing::{Passed, Passing};
pub(crate) use pick::bound_copies;
pub(crate) use shuffle::{Sorting, WINDOW};
pub(crate) use writer::{GlobalWriter, Writing};
use writer::{beside_rows, own_rows};

/// Rows that a step names in one call are worked on in pieces of at most this many.
const AT_ONCE: usize = 64 << 10;

/// The rows of a port, in the spills of its feeds.
#[derive(Clone)]
pub(crate) struct Whole {
    spills: Vec<Arc<Spill>>,
    schema: SchemaRef,
    rows: u64,
}

impl Whole {
    pub(crate) fn new(spills: Vec<Arc<Spill>>, schema: SchemaRef) -> Whole {
        let rows = spills.iter().map(|spill| spill.rows()).sum();
        Whole { spills, schema, rows }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Some columns of a frame, by their places in the port's schema.
    fn columns(&self, spill: usize, frame: usize, columns: &[usize]) -> Result<RecordBatch, Fault> {
        let of = &self.spills[spill];
        let rows = match of.schema() == &self.schema {
            true => of.read(frame, Some(columns)).map_err(unreadable)?.rows,
            false => self.frame(spill, frame)?.rows.project(columns)?,
        };
        Ok(rows)
    }

    /// Digests, under a seed, of all values in these columns; `None` if the spills were not digested under it.
    pub(crate) fn digests(&self, columns: &[usize], seed: u64) -> Option<Vec<&str>> {
        let names: Vec<&str> = columns.iter().map(|column| self.schema.field(*column).name().as_str()).collect();
        let seed = digest::seed_text(seed);
        let mut all = Vec::new();
        for spill in &self.spills {
            let digests = spill.sealed().digests.get(&seed)?;
            // What is appended may have its columns in another order.
            let at = places(spill.schema());
            for name in &names {
                all.push(digests.get(*at.get(name)?)?.as_str());
            }
        }
        Some(all)
    }

    /// The spill and the frame that hold a row, and the number of the frame's first row.
    fn locate(&self, row: u64) -> (usize, usize, u64) {
        let mut base = 0;
        for (at, spill) in self.spills.iter().enumerate() {
            if row < base + spill.rows() {
                let frame = spill.frame_of(row - base);
                return (at, frame, base + spill.first_row(frame));
            }
            base += spill.rows();
        }
        unreachable!("the row was checked against the number of rows")
    }

    /// The number of a frame's first row.
    fn first_row(&self, spill: usize, frame: usize) -> u64 {
        self.spills[..spill].iter().map(|spill| spill.rows()).sum::<u64>() + self.spills[spill].first_row(frame)
    }

    /// About what all rows take.
    fn bytes(&self) -> u64 {
        self.spills.iter().flat_map(|spill| (0..spill.frames()).map(|frame| spill.frame_bytes(frame))).sum()
    }

    /// How many rows there are, and what their values take, as the first of them do.
    pub(crate) fn load(&self) -> Load {
        let first = self.spills.iter().find(|spill| spill.frames() > 0).and_then(|spill| spill.read(0, None).ok());
        let first = first.and_then(|rows| conform(rows, &self.schema).ok());
        Load {
            rows: self.rows as f64,
            widths: first.map(|batch| widths(&batch.rows)).unwrap_or_default(),
            in_file: 0.0,
        }
    }

    /// The first rows of regions, one behind another, of about `bytes` bytes each.
    fn regions(&self, bytes: u64) -> Vec<u64> {
        let (mut regions, mut row, mut so_far) = (Vec::new(), 0, bytes);
        for spill in &self.spills {
            for frame in 0..spill.frames() {
                if so_far >= bytes {
                    regions.push(row);
                    so_far = 0;
                }
                so_far += spill.frame_bytes(frame);
                row += spill.frame_rows(frame) as u64;
            }
        }
        regions
    }

    /// A frame under the port's schema.
    fn frame(&self, spill: usize, frame: usize) -> Result<Batch, Fault> {
        let batch = self.spills[spill].read(frame, None).map_err(unreadable)?;
        Ok(conform(batch, &self.schema)?)
    }
}

fn unreadable(error: std::io::Error) -> Fault {
    Fault::Host(format!("cannot read rows between stages: {error}"))
}

/// The rows of a port, for the component.
pub(crate) struct GlobalReader {
    whole: Whole,
    ahead: Ahead,
    passed: Passed,
}

impl GlobalReader {
    pub(crate) fn new(whole: Whole, bound: Arc<Bound>, port: usize, passed: Passed) -> GlobalReader {
        GlobalReader { ahead: Ahead::new(whole.clone(), bound, port), whole, passed }
    }
}

impl RowReader for GlobalReader {
    fn rows(&self) -> u64 {
        self.whole.rows
    }

    fn read(&mut self, row: u64) -> Result<Rows, Fault> {
        let (spill, frame, first) = self.whole.locate(row);
        let skipped = (row - first) as usize;
        let end = first + self.whole.spills[spill].frame_rows(frame) as u64;
        self.passed.to(end);
        let next = (end < self.whole.rows).then(|| self.whole.locate(end)).map(|(spill, frame, _)| (spill, frame));
        Ok(Rows { columns: self.ahead.read((spill, frame), skipped, next)?, groups: Vec::new(), end })
    }

    fn positions(&mut self, first: u64, count: u32) -> Result<Vec<u64>, Fault> {
        Ok((first..first + u64::from(count)).collect())
    }
}

impl RowWriter for GlobalWriter {
    fn keep(&mut self, rows: Vec<u64>, columns: Option<BatchResult>) -> Result<(), Fault> {
        let written = self.beside(&rows, columns)?;
        self.keep_rows(rows, &written)
    }

    fn write(&mut self, rows: BatchResult, at: Vec<u64>) -> Result<(), Fault> {
        if !at.is_empty() {
            let what = "it wrote rows in the places of others, and its rows are not grouped";
            return Err(Fault::Contract(what.to_owned()));
        }
        let rows = self.own(rows)?;
        self.write_rows(&rows)
    }

    fn remove(&mut self, rows: Vec<Removals>) -> Result<(), Fault> {
        // A list of numbers takes much less than what is noted of each row.
        let mut rows = rows.into_iter().flat_map(removed).peekable();
        while rows.peek().is_some() {
            let mut some: Vec<_> = rows.by_ref().take(AT_ONCE).collect();
            // They are listed by reason, and leave in their order.
            some.sort_by_key(|removed| removed.row);
            self.remove_rows(some)?;
        }
        Ok(())
    }
}
