//! Rows of several sorted runs, merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::mpsc::sync_channel;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use callboard_sandbox::{caught, spawn_scoped};

use super::{unread, unwritten};
use crate::error::Fault;
use crate::global::{Sorting, threads};
use crate::rows::weight;
use crate::store::{Frame, Pile};

/// Rows, and about the bytes, of a merged batch.
const MERGED: usize = 8192;
const MERGED_BYTES: u64 = 1 << 20;
/// Rows of one batch that are passed on before another is begun.
const ENOUGH: usize = 1024;
/// Runs that are merged at a time: a frame of each is in memory.
const RUNS: usize = 512;

/// Merged batches that wait until those before them are passed on.
const WAITING: usize = 2;

/// A run that is being read.
struct Open<'a, K> {
    frames: std::slice::Iter<'a, Frame>,
    /// Those of the batch at hand.
    keys: Vec<K>,
    /// That batch is this one of all that are open, and this its next row; about what each takes, bytes.
    batch: usize,
    row: usize,
    row_bytes: u64,
}

/// Passes the rows of all runs of a pile on in batches, ordered by their keys; equal keys keep the order of the runs. They are merged
/// beside what is done with them.
pub(super) fn merge<K: Ord + Copy>(
    pile: &Pile,
    mut runs: Vec<Vec<Frame>>,
    sorting: &Sorting,
    keys: impl Fn(&RecordBatch) -> Result<Vec<K>, Fault> + Sync,
    to: impl FnMut(RecordBatch) -> Result<(), Fault>,
) -> Result<(), Fault> {
    while runs.len() > RUNS {
        let mut fewer = Vec::new();
        for some in runs.chunks(RUNS) {
            let mut run = Vec::new();
            merge_some(pile, some, sorting, &keys, |rows| {
                let order: Vec<u32> = (0..rows.num_rows() as u32).collect();
                run.extend(pile.push_in_order(&rows, &order).map_err(unwritten)?);
                Ok(())
            })?;
            fewer.push(run);
        }
        runs = fewer;
    }
    if runs.len() < 2 || threads() == 1 {
        return merge_some(pile, &runs, sorting, &keys, to);
    }
    std::thread::scope(|scope| {
        let (send, merged) = sync_channel(WAITING);
        let (runs, keys) = (&runs, &keys);
        let merging = spawn_scoped(scope, move || {
            // Whoever takes no more of them has an error of its own.
            let send = |rows| send.send(rows).map_err(|_| Fault::Interrupted);
            caught(|| merge_some(pile, runs, sorting, keys, send))
        })?;
        merged.into_iter().try_for_each(to)?;
        merging.join().map_err(|_| Fault::Host("rows were not merged to their end".to_owned()))??
    })
}

fn merge_some<K: Ord + Copy>(
    pile: &Pile,
    runs: &[Vec<Frame>],
    sorting: &Sorting,
    keys: &impl Fn(&RecordBatch) -> Result<Vec<K>, Fault>,
    mut to: impl FnMut(RecordBatch) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    let more = |run: &mut Open<'_, K>, batches: &mut Vec<RecordBatch>| -> Result<Option<K>, Fault> {
        loop {
            if let Some(key) = run.keys.get(run.row) {
                return Ok(Some(*key));
            }
            let Some(frame) = run.frames.next() else { return Ok(None) };
            let rows = pile.read(frame).map_err(unread)?;
            run.row_bytes = weight(&rows) / 8 / rows.num_rows().max(1) as u64;
            (run.keys, run.batch, run.row) = (keys(&rows)?, batches.len(), 0);
            batches.push(rows);
        }
    };
    let (mut open, mut heap) = (Vec::with_capacity(runs.len()), BinaryHeap::new());
    for (at, frames) in runs.iter().enumerate() {
        let mut run = Open { frames: frames.iter(), keys: Vec::new(), batch: 0, row: 0, row_bytes: 0 };
        if let Some(key) = more(&mut run, &mut batches)? {
            heap.push(Reverse((key, at)));
        }
        open.push(run);
    }
    let (mut picked, mut bytes, mut last) = (Vec::with_capacity(MERGED), 0, None);
    while let Some(Reverse((_, at))) = heap.peek().copied() {
        let run = &mut open[at];
        let from = run.row;
        run.row += 1;
        // Where a run has the next row again and again, all of its rows before those of the others are taken at once.
        if last.replace(at) == Some(at) {
            heap.pop();
            let before = |key: &K| heap.peek().is_none_or(|Reverse(other)| (*key, at) < *other);
            let most = (MERGED - picked.len()).min(((MERGED_BYTES - bytes) / run.row_bytes.max(1)) as usize);
            let more_rows = run.keys[run.row..].iter().take(most.saturating_sub(1)).take_while(|key| before(key));
            run.row += more_rows.count();
            bytes += run.row_bytes * (run.row - from) as u64;
            picked.extend((from..run.row).map(|row| (run.batch, row)));
            if let Some(key) = more(run, &mut batches)? {
                heap.push(Reverse((key, at)));
            }
        } else {
            bytes += run.row_bytes;
            picked.push((run.batch, from));
            let more = more(run, &mut batches)?;
            if let Some(mut next) = heap.peek_mut() {
                match more {
                    Some(key) => next.0.0 = key,
                    None => drop(PeekMut::pop(next)),
                }
            }
        }
        let is_all = picked.len() >= ENOUGH && open[at].row == 0;
        if is_all || picked.len() >= MERGED || bytes >= MERGED_BYTES {
            sorting.go_on()?;
            to(taken(&batches, &picked)?)?;
            (bytes, batches) = (0, still_open(&mut open, &batches));
            picked.clear();
        }
    }
    if picked.is_empty() { Ok(()) } else { to(taken(&batches, &picked)?) }
}

/// These rows of batches; not copied if they lie side by side.
fn taken(batches: &[RecordBatch], picked: &[(usize, usize)]) -> Result<RecordBatch, Fault> {
    let (batch, first) = picked[0];
    match picked.iter().enumerate().all(|(at, of)| *of == (batch, first + at)) {
        true => Ok(batches[batch].slice(first, picked.len())),
        false => Ok(interleave_record_batch(&batches.iter().collect::<Vec<_>>(), picked)?),
    }
}

/// The batches that are not read to their end.
fn still_open<K>(open: &mut [Open<'_, K>], batches: &[RecordBatch]) -> Vec<RecordBatch> {
    let mut still = Vec::with_capacity(open.len());
    for run in open {
        if let Some(rows) = batches.get(run.batch).filter(|rows| run.row < rows.num_rows()) {
            still.push(rows.clone());
            run.batch = still.len() - 1;
        }
    }
    still
}
