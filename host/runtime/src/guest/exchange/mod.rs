//! What a global step holds: readers of whole inputs, and the [`writer`]. Everything it asks of them is checked.

mod ahead;
mod beside;
mod fates;
mod line;
mod pick;
mod shuffle;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use wasmtime::component::Resource;

use super::state::State;
use crate::bindings::callboard::step::columns::BatchResult;
use crate::bindings::callboard::step::exchange;
use crate::bindings::callboard::step::types::Removal;
use crate::bound::{Bound, conform};
use crate::disk::{Removed, Spill, digest};
use crate::error::Fault;
use crate::rows::{Batch, places};

use ahead::Ahead;
pub(crate) use pick::bound_copies;
pub(crate) use shuffle::{Sorting, WINDOW};
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub use writer::WriterEnd;
pub(crate) use writer::Writing;

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

    /// Digests, under a seed, of all values in these columns; none where the spills were not digested under it.
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

    /// The first rows of regions, one behind another, of about so many bytes each.
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

/// A `reader` of the contract.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct ReaderEnd {
    whole: Whole,
    port: usize,
    ahead: Ahead,
    row: u64,
    /// The furthest row that was read, for progress.
    furthest: u64,
}

impl ReaderEnd {
    pub(crate) fn new(whole: Whole, bound: Arc<Bound>, port: usize) -> ReaderEnd {
        ReaderEnd { ahead: Ahead::new(whole.clone(), bound, port), whole, port, row: 0, furthest: 0 }
    }

    fn next(&mut self) -> Result<Option<BatchResult>, Fault> {
        if self.row >= self.whole.rows {
            return Ok(None);
        }
        let (spill, frame, first) = self.whole.locate(self.row);
        let skipped = (self.row - first) as usize;
        let end = first + self.whole.spills[spill].frame_rows(frame) as u64;
        let next = (end < self.whole.rows).then(|| self.whole.locate(end)).map(|(spill, frame, _)| (spill, frame));
        let rows = self.ahead.read((spill, frame), skipped, next)?;
        self.row = end;
        Ok(Some(rows))
    }
}

impl exchange::HostReader for State {
    fn rows(&mut self, reader: Resource<ReaderEnd>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&reader)?.whole.rows)
    }

    fn next(&mut self, reader: Resource<ReaderEnd>) -> wasmtime::Result<Option<BatchResult>> {
        let began = Instant::now();
        let reader = self.table.get_mut(&reader)?;
        let rows = reader.next().map_err(wasmtime::Error::new)?;
        let rows_in = reader.row.saturating_sub(reader.furthest);
        reader.furthest += rows_in;
        if reader.port == 0 && rows_in > 0 {
            self.moved(rows_in, 0);
        }
        self.hosted(began);
        Ok(rows)
    }

    fn seek(&mut self, reader: Resource<ReaderEnd>, row: u64) -> wasmtime::Result<()> {
        let reader = self.table.get_mut(&reader)?;
        if row > reader.whole.rows {
            let what = format!("it sought row {row} of {}, counted from 0", reader.whole.rows);
            return Err(wasmtime::Error::new(Fault::Contract(what)));
        }
        reader.row = row;
        Ok(())
    }

    fn drop(&mut self, _reader: Resource<ReaderEnd>) -> wasmtime::Result<()> {
        // The host takes it back when `run` has returned.
        Ok(())
    }
}

impl exchange::HostWriter for State {
    fn keep(
        &mut self,
        writer: Resource<WriterEnd>,
        rows: Vec<u64>,
        columns: Option<BatchResult>,
    ) -> wasmtime::Result<()> {
        let began = Instant::now();
        let end = self.table.get_mut(&writer)?;
        let count = rows.len() as u64;
        let kept = end.beside(&rows, columns).and_then(|written| end.keep(rows, &written));
        kept.map_err(wasmtime::Error::new)?;
        self.moved(0, count);
        self.hosted(began);
        Ok(())
    }

    fn write(&mut self, writer: Resource<WriterEnd>, rows: BatchResult) -> wasmtime::Result<()> {
        let (began, count) = (Instant::now(), u64::from(rows.rows));
        let end = self.table.get_mut(&writer)?;
        let written = end.own(rows).and_then(|rows| end.write(&rows));
        written.map_err(wasmtime::Error::new)?;
        self.moved(0, count);
        self.hosted(began);
        Ok(())
    }

    fn remove(&mut self, writer: Resource<WriterEnd>, rows: Vec<Removal>) -> wasmtime::Result<()> {
        let began = Instant::now();
        let rows = rows.into_iter().map(Removed::from).collect();
        self.table.get_mut(&writer)?.remove(rows).map_err(wasmtime::Error::new)?;
        self.hosted(began);
        Ok(())
    }

    fn drop(&mut self, _writer: Resource<WriterEnd>) -> wasmtime::Result<()> {
        // The host takes it back when `run` has returned.
        Ok(())
    }
}

impl exchange::Host for State {}
