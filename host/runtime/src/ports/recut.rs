//! Batches cut again, to the size that a step asks for: the same cuts wherever those before were.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use callboard_plan::pipeline::{BatchSize, LARGEST_CUT};

use super::{Stop, bug};
use crate::error::RunError;
use crate::rows::flight::{Flight, Writing};
use crate::rows::{Batch, conform, fill};

/// Rows that wait until a batch is full.
pub(crate) struct Recut {
    schema: SchemaRef,
    size: BatchSize,
    /// Whether nothing may wait for rows of the next batch of a fork: those of each are cut by themselves.
    in_step: bool,
    parts: Vec<Batch>,
    rows: usize,
    /// What the rows that wait take, in bits.
    bits: u64,
    ready: VecDeque<Batch>,
    flight: Arc<Flight>,
    /// What waits: readers do not wait for it, since it waits for them.
    held: Writing,
}

impl Recut {
    pub(crate) fn new(schema: SchemaRef, size: BatchSize, in_step: bool, flight: Arc<Flight>) -> Recut {
        let held = flight.writing();
        let size = BatchSize { bytes: size.bytes.min(LARGEST_CUT), ..size };
        Recut { schema, size, in_step, parts: Vec::new(), rows: 0, bits: 0, ready: VecDeque::new(), flight, held }
    }

    /// The next batch of this size.
    pub(super) fn next_ready(&mut self) -> Option<Batch> {
        self.ready.pop_front()
    }

    pub(super) fn add(&mut self, batch: Batch) -> Result<(), Stop> {
        let more = batch.more;
        let most = usize::try_from(self.size.rows).unwrap_or(usize::MAX).max(1);
        let full = self.size.bytes.saturating_mul(8).max(1);
        if !batch.is_empty() {
            let batch = conform(batch, &self.schema).map_err(|error| bug(&error))?;
            let mut start = 0;
            while start < batch.len() {
                let (count, bits) = fill(&batch.rows, start, most - self.rows, full - self.bits);
                let part = if count == batch.len() { batch.clone() } else { batch.slice(start..start + count) };
                start += count;
                self.parts.push(part);
                self.rows += count;
                self.bits = self.bits.saturating_add(bits);
                if self.rows >= most || self.bits >= full {
                    self.cut()?;
                }
            }
        }
        if self.in_step && !more {
            self.cut()?;
            match self.ready.back_mut() {
                Some(last) => last.more = false,
                None => self.ready.push_back(Batch::nothing()),
            }
        }
        // What is left must not keep the room that whoever fills it up waits for.
        if let Some(last) = self.parts.last_mut().filter(|last| last.ticket.is_some()) {
            last.rows = callboard_io::compact(&last.rows).map_err(RunError::from)?;
            last.ticket = None;
        }
        self.hold()
    }

    /// No more rows come.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        self.cut()
    }

    fn cut(&mut self) -> Result<(), Stop> {
        let parts = std::mem::take(&mut self.parts);
        (self.rows, self.bits) = (0, 0);
        let batch = match &parts[..] {
            [] => return Ok(()),
            [one] => one.clone(),
            several => Batch::concat(&self.schema, several).map_err(|error| bug(&error))?,
        };
        drop(parts);
        let batch = self.flight.covered(&batch).map_err(RunError::from)?;
        self.ready.push_back(Batch { more: self.in_step, ..batch });
        self.hold()
    }

    fn hold(&mut self) -> Result<(), Stop> {
        self.held.set(self.bits.div_ceil(8)).map_err(RunError::from).map_err(Stop::from)
    }
}
