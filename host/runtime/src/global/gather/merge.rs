//! Rows of several sorted runs, merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;

use super::pile::Pile;
use super::{Room, unread};
use crate::error::Fault;
use crate::store::Frame;

/// Rows of a merged batch.
pub(super) const MERGED: usize = 8192;

/// A run that is being read.
struct Open<'a, K> {
    frames: std::slice::Iter<'a, Frame>,
    keys: std::vec::IntoIter<K>,
    /// The batch at hand is this one of all that are open, and this its next row.
    batch: usize,
    row: usize,
}

/// Gives the rows of all runs away, in batches, by their keys; rows of equal keys in the order of the runs.
pub(super) fn merge<K: Ord>(
    pile: &Pile,
    runs: &[&[Frame]],
    room: &Room,
    keys: impl Fn(&RecordBatch) -> Result<Vec<K>, Fault>,
    mut to: impl FnMut(RecordBatch) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut open: Vec<Open<'_, K>> = Vec::with_capacity(runs.len());
    let mut heap = BinaryHeap::new();
    let mut picked: Vec<(usize, usize)> = Vec::with_capacity(MERGED);
    let more = |run: &mut Open<'_, K>, batches: &mut Vec<RecordBatch>| -> Result<Option<K>, Fault> {
        loop {
            if let Some(key) = run.keys.next() {
                return Ok(Some(key));
            }
            let Some(frame) = run.frames.next() else { return Ok(None) };
            let rows = pile.read(frame).map_err(unread)?;
            (run.keys, run.batch, run.row) = (keys(&rows)?.into_iter(), batches.len(), 0);
            batches.push(rows);
        }
    };
    for (at, frames) in runs.iter().enumerate() {
        let mut run = Open { frames: frames.iter(), keys: Vec::new().into_iter(), batch: 0, row: 0 };
        if let Some(key) = more(&mut run, &mut batches)? {
            heap.push(Reverse((key, at)));
        }
        open.push(run);
    }
    let mut give = |picked: &mut Vec<(usize, usize)>, batches: &[RecordBatch]| {
        room.go_on()?;
        let all: Vec<&RecordBatch> = batches.iter().collect();
        let merged = interleave_record_batch(&all, picked)?;
        picked.clear();
        to(merged)
    };
    while let Some(Reverse((_, at))) = heap.pop() {
        let run = &mut open[at];
        picked.push((run.batch, run.row));
        run.row += 1;
        if let Some(key) = more(run, &mut batches)? {
            heap.push(Reverse((key, at)));
        }
        if picked.len() == MERGED {
            give(&mut picked, &batches)?;
            // Batches that were read to their end are forgotten.
            let mut kept = Vec::with_capacity(open.len());
            for run in open.iter_mut() {
                if let Some(rows) = batches.get(run.batch).filter(|rows| run.row < rows.num_rows()) {
                    kept.push(rows.clone());
                    run.batch = kept.len() - 1;
                }
            }
            batches = kept;
        }
    }
    if picked.is_empty() { Ok(()) } else { give(&mut picked, &batches) }
}
