//! A group that is larger than what is to be in memory: its rows lie on the disk, and are given from there.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::row::OwnedRow;

use super::arrange::{Place, read, sort_keys};
use super::merge::{MERGED, merge};
use super::parts::{Parts, Piece, Rows, items, positions};
use super::pile::Pile;
use super::{unread, unwritten};
use crate::error::Fault;
use crate::store::Frame;

/// The rows of an input, in the order in which they are given.
pub(super) struct Streamed {
    /// The first row of each piece, and the piece.
    pieces: Vec<(u64, Piece)>,
    rows: u64,
    first: Place,
    parts: Arc<Parts>,
    port: usize,
    /// The pieces were sorted, and lie here.
    sorted: Option<Pile>,
    /// The piece that was read last.
    last: Mutex<Option<(usize, RecordBatch)>>,
}

impl Streamed {
    /// The rows of an input, all of one group.
    pub(super) fn of(parts: &Arc<Parts>, port: usize, rows: Rows, name: &str) -> Result<Streamed, Fault> {
        let (mut first_row, mut first) = (0, (u64::MAX, 0));
        let mut pieces = Vec::with_capacity(rows.pieces.len());
        let sorts = !parts.bound.gathered.sorted[port].is_empty();
        let mut sorted = None;
        let all = match sorts {
            false => rows.pieces.into_iter().map(|(_, piece)| piece).collect(),
            true => {
                let pile = Pile::create(
                    &parts.room.folder,
                    &format!("sorted-{name}-{port}"),
                    parts.layouts[port].schema.clone(),
                    parts.room.quota.clone(),
                )
                .map_err(unwritten)?;
                let frames = sort(parts, port, &rows, &pile)?;
                sorted = Some(pile);
                frames.into_iter().map(Piece::There).collect::<Vec<_>>()
            }
        };
        for piece in all {
            let rows = match (&piece, &sorted) {
                (Piece::There(frame), Some(pile)) => pile.read(frame).map_err(unread)?,
                _ => parts.piece(port, &piece)?,
            };
            let items = items(&parts.layouts[port], &rows);
            for (at, position) in positions(&rows).iter().enumerate() {
                first = first.min((*position, items.get(at).copied().unwrap_or(0)));
            }
            pieces.push((first_row, piece));
            first_row += rows.num_rows() as u64;
        }
        Ok(Streamed { pieces, rows: first_row, first, parts: parts.clone(), port, sorted, last: Mutex::new(None) })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Where its first row stands.
    pub(super) fn first(&self) -> Place {
        self.first
    }

    fn at(&self, row: u64) -> usize {
        self.pieces.partition_point(|(first, _)| *first <= row) - 1
    }

    fn piece(&self, at: usize) -> Result<RecordBatch, Fault> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rows)) = last.as_ref().filter(|(piece, _)| *piece == at) {
            return Ok(rows.clone());
        }
        let rows = match (&self.pieces[at].1, &self.sorted) {
            (Piece::There(frame), Some(pile)) => pile.read(frame).map_err(unread)?,
            (piece, _) => self.parts.piece(self.port, piece)?,
        };
        *last = Some((at, rows.clone()));
        Ok(rows)
    }

    /// The rows from `row` to the end of the piece that it is in.
    pub(super) fn read(&self, row: u64) -> Result<(RecordBatch, u64), Fault> {
        let at = self.at(row);
        let rows = self.piece(at)?;
        let (layout, skipped) = (&self.parts.layouts[self.port], (row - self.pieces[at].0) as usize);
        let rows = rows.slice(skipped, rows.num_rows() - skipped);
        let end = row + rows.num_rows() as u64;
        Ok((read(&self.parts, self.port, layout, &rows)?, end))
    }

    /// Where rows stand.
    pub(super) fn places(&self, rows: &[u64]) -> Result<Vec<Place>, Fault> {
        let layout = &self.parts.layouts[self.port];
        let (mut places, mut rest) = (Vec::with_capacity(rows.len()), rows);
        while let Some(row) = rest.first() {
            let at = self.at(*row);
            let (from, to) = (self.pieces[at].0, self.pieces.get(at + 1).map_or(self.rows, |(first, _)| *first));
            let here = rest.iter().take_while(|row| (from..to).contains(row)).count();
            let piece = self.piece(at)?;
            let (positions, items) = (positions(&piece), items(layout, &piece));
            places.extend(rest[..here].iter().map(|row| {
                let row = (row - from) as usize;
                (positions[row], items.get(row).copied().unwrap_or(0))
            }));
            rest = &rest[here..];
        }
        Ok(places)
    }
}

/// Sorts rows on the disk: as many at a time as are to be in memory, then all of these together.
fn sort(parts: &Parts, port: usize, rows: &Rows, pile: &Pile) -> Result<Vec<Frame>, Fault> {
    let mut runs: Vec<Vec<Frame>> = Vec::new();
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    let runs_pile = Pile::create(
        &parts.room.folder,
        &format!("{}-runs", pile.name()),
        pile.schema().clone(),
        parts.room.quota.clone(),
    )
    .map_err(unwritten)?;
    for (_, piece) in &rows.pieces {
        parts.room.go_on()?;
        let piece = parts.piece(port, piece)?;
        bytes += super::parts::bytes_of(&piece);
        waiting.push(piece);
        if bytes >= parts.room.part {
            runs.push(run(parts, port, std::mem::take(&mut waiting), &runs_pile)?);
            bytes = 0;
        }
    }
    if !waiting.is_empty() {
        runs.push(run(parts, port, waiting, &runs_pile)?);
    }
    // So many at a time that a batch of each is in memory.
    while runs.len() > MERGED_RUNS {
        let mut fewer = Vec::new();
        for some in runs.chunks(MERGED_RUNS) {
            fewer.push(merged(parts, port, some, &runs_pile, &runs_pile)?);
        }
        runs = fewer;
    }
    merged(parts, port, &runs, &runs_pile, pile)
}

/// Runs that are merged at a time.
const MERGED_RUNS: usize = 64;

/// Sorts rows that are in memory, and writes them.
fn run(parts: &Parts, port: usize, rows: Vec<RecordBatch>, pile: &Pile) -> Result<Vec<Frame>, Fault> {
    let rows = concat_batches(pile.schema(), &rows)?;
    let keys = sort_keys(parts, port, &rows)?.expect("rows that are sorted have keys");
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
    drop(keys);
    let frames = order.chunks(MERGED).map(|order| {
        let sorted = take_record_batch(&rows, &UInt32Array::from(order.to_vec()))?;
        pile.push(&sorted).map_err(unwritten)
    });
    frames.collect()
}

/// Merges runs, each of which is sorted; equal rows keep the order of the runs.
fn merged(parts: &Parts, port: usize, runs: &[Vec<Frame>], from: &Pile, to: &Pile) -> Result<Vec<Frame>, Fault> {
    let runs: Vec<&[Frame]> = runs.iter().map(Vec::as_slice).collect();
    let mut frames = Vec::new();
    let keys = |rows: &RecordBatch| -> Result<Vec<OwnedRow>, Fault> {
        let keys = sort_keys(parts, port, rows)?.expect("rows that are sorted have keys");
        Ok(keys.iter().map(|key| key.owned()).collect())
    };
    merge(from, &runs, &parts.room, keys, |rows| {
        frames.push(to.push(&rows).map_err(unwritten)?);
        Ok(())
    })?;
    Ok(frames)
}
