//! Rows of a global step's first input, read to be put out: each frame that holds some of them is read once.

use std::sync::Arc;

use arrow::array::UInt32Array;
use callboard_plan::pipeline::BatchSize;

use super::Whole;
use super::line::Stretch;
use super::writer::Writing;
use crate::error::{Fault, LimitExceeded};
use crate::rows::{Batch, only_carried};
use callboard_sandbox::Bound;

/// Bytes of rows that are gathered at a time where they are out of order: they lie in many frames, and each of these is read
/// once for all of them, not once for each batch.
const GATHERED: u64 = 32 << 20;

/// Reads rows of the first input.
pub(super) struct Picker {
    whole: Whole,
    bound: Arc<Bound>,
    cut: BatchSize,
    /// The most bytes of rows that are carried in one call, where rows are named again and again.
    carried_bytes: u64,
    /// The frame that rows were taken from last.
    frame: Option<((usize, usize), Batch)>,
}

impl Picker {
    pub(super) fn of(writing: &Writing) -> Picker {
        let Writing { whole, cut, limits, bound, .. } = writing;
        let (whole, bound) = (whole.clone(), bound.clone());
        Picker { whole, bound, cut: *cut, carried_bytes: limits.carried_bytes, frame: None }
    }

    /// Forgets the frame that was read last.
    pub(super) fn forget(&mut self) {
        self.frame = None;
    }

    /// Rows of the first input, by frame.
    pub(super) fn take(&mut self, runs: &[Stretch]) -> Result<Batch, Fault> {
        let mut pieces = Vec::with_capacity(runs.len());
        for Stretch { spill, frame, rows } in runs {
            let batch = self.frame(*spill, *frame)?;
            pieces.push(match rows.len() == batch.len() {
                true => batch.clone(),
                false => batch.take(&UInt32Array::from(rows.clone()))?,
            });
        }
        self.one_of(pieces)
    }

    fn one_of(&self, mut pieces: Vec<Batch>) -> Result<Batch, Fault> {
        match pieces.len() {
            1 => Ok(pieces.remove(0)),
            _ => Ok(Batch::concat(&self.whole.schema, &pieces)?),
        }
    }

    /// A frame of the first input; the last one is kept.
    fn frame(&mut self, spill: usize, frame: usize) -> Result<&Batch, Fault> {
        if self.frame.as_ref().is_none_or(|(at, _)| *at != (spill, frame)) {
            self.frame = Some(((spill, frame), self.whole.frame(spill, frame)?));
        }
        Ok(&self.frame.as_ref().expect("it was just read").1)
    }

    /// How many of these rows make a batch: as the plan cuts, by the average size of the rows of each frame.
    pub(super) fn chunk(&self, rows: &[u64]) -> usize {
        let mut bytes = 0;
        for (count, row) in rows.iter().enumerate().take(self.cut.rows as usize) {
            let (spill, frame, _) = self.whole.locate(*row);
            bytes += self.whole.spills[spill].row_bytes(frame);
            if bytes >= self.cut.bytes {
                return count + 1;
            }
        }
        rows.len().min(self.cut.rows as usize)
    }

    /// How many of these rows make each of the next batches that are gathered at a time.
    pub(super) fn batches(&self, rows: &[u64]) -> Vec<usize> {
        let most = (GATHERED / self.cut.bytes.max(1)).max(1);
        let mut rest = rows;
        let next = |_| {
            let length = self.chunk(rest);
            rest = &rest[length..];
            (length > 0).then_some(length)
        };
        (0..most).map_while(next).collect()
    }

    /// Rows of the first input, in the order they are named: each frame that holds some of them is read once. `copies` is what the call
    /// has carried of rows that it named more than once.
    pub(super) fn gather(&mut self, rows: &[u64], copies: &mut u64) -> Result<Gathered, Fault> {
        let in_order = rows.is_sorted();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if !in_order {
            order.sort_by_key(|at| rows[*at]);
        }
        let repeated = order.windows(2).any(|pair| rows[pair[0]] == rows[pair[1]]);
        let mut pieces = Vec::new();
        let mut next = 0;
        while next < order.len() {
            let (spill, frame, first) = self.whole.locate(rows[order[next]]);
            let (carried, bound) = (self.carried_bytes, self.bound.clone());
            let batch = self.frame(spill, frame)?;
            let end = first + batch.len() as u64;
            let count = order[next..].iter().take_while(|at| rows[**at] < end).count();
            let local: Vec<u32> = order[next..next + count].iter().map(|at| (rows[*at] - first) as u32).collect();
            if repeated {
                bound_copies(&only_carried(&bound, batch)?, &local, copies, carried)?;
            }
            pieces.push(batch.take(&UInt32Array::from(local))?);
            next += count;
        }
        let rows = self.one_of(pieces)?;
        let places = (!in_order).then(|| {
            let mut places = vec![0u32; order.len()];
            order.iter().enumerate().for_each(|(sorted_at, at)| places[*at] = sorted_at as u32);
            places
        });
        Ok(Gathered { rows, places })
    }
}

/// Rows that were read together.
pub(super) struct Gathered {
    rows: Batch,
    /// Where each of those that were named is among them; `None` if they are in order.
    places: Option<Vec<u32>>,
}

impl Gathered {
    /// `length` of the rows that were named, from the one at `first`.
    pub(super) fn part(&self, first: usize, length: usize) -> Result<Batch, Fault> {
        match &self.places {
            Some(places) => Ok(self.rows.take(&UInt32Array::from(places[first..first + length].to_vec()))?),
            None => Ok(self.rows.slice(first..first + length)),
        }
    }
}

/// Refuses to copy rows that are named so often that the copies are out of all proportion.
pub(crate) fn bound_copies(batch: &Batch, rows: &[u32], so_far: &mut u64, limit: u64) -> Result<(), Fault> {
    let mut last = None;
    for row in rows {
        let bytes = match last {
            Some((same, bytes)) if same == *row => bytes,
            _ => batch.row_bytes(*row as usize),
        };
        last = Some((*row, bytes));
        if *so_far + bytes > limit {
            let (present, requested) = (*so_far, bytes);
            let what = "bytes of rows carried in one call";
            return Err(LimitExceeded { what, limit, present, requested, key: Some("limits.carried") }.into());
        }
        *so_far += bytes;
    }
    Ok(())
}
