//! A group that is larger than what is to be in memory: its rows are given piece by piece. Where it is sorted, a piece is a range of
//! its order, which other threads put in order while the step works on the ones before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;

use super::arrange::{Position, read};
use super::layout::{items, positions};
use super::lock;
use super::parts::Parts;
use super::pieces::Pieces;
use super::ranges::{self, place};
use callboard_io::Task;

use crate::error::Fault;
use crate::global::threads;
use crate::rows::weight;

/// Pieces that are kept once they have been read: what a step keeps or removes was read a moment ago.
const KEPT: usize = 2;
/// Pieces that are put in order ahead, at most.
const AHEAD: usize = 4;

/// The rows of an input, in the order in which they are given.
pub(super) struct Streamed {
    source: Arc<Source>,
    rows: u64,
    /// Where the first of them, in the order of the input, stands.
    first: Position,
    open: Mutex<Open>,
}

/// The pieces.
struct Source {
    /// The first row of each, and what it is made of.
    pieces: Vec<(u64, Pieces)>,
    parts: Arc<Parts>,
    port: usize,
    sorted: bool,
}

/// Pieces in memory, or on their way.
#[derive(Default)]
struct Open {
    kept: VecDeque<(usize, RecordBatch)>,
    coming: VecDeque<(usize, Task<Result<RecordBatch, Fault>>)>,
}

impl Streamed {
    /// The rows of an input, all of one group.
    pub(super) fn of(parts: &Arc<Parts>, port: usize, mut rows: Pieces) -> Result<Streamed, Fault> {
        let sorted = !parts.bound.gathered.sorted[port].is_empty();
        let first = match rows.pieces.first() {
            Some(piece) => place(parts, port, &parts.piece(port, piece)?, 0),
            // They are all rows of the input, unless there are none.
            None if rows.rows > 0 => (0, 0),
            None => (u64::MAX, 0),
        };
        let ranges = std::mem::take(&mut rows.ranges);
        let pieces = match (sorted, ranges.is_empty()) {
            (false, _) => rows.pieces.into_iter().map(Pieces::of).collect(),
            (true, false) => ranges::cut_again(parts, port, ranges, parts.sizes.range())?,
            (true, true) => ranges::cut_again(parts, port, vec![rows], parts.sizes.range())?,
        };
        let mut row = 0;
        let pieces = pieces.into_iter().map(|piece| {
            let first = row;
            row += piece.rows;
            (first, piece)
        });
        let pieces = pieces.collect();
        let source = Arc::new(Source { pieces, parts: parts.clone(), port, sorted });
        Ok(Streamed { source, rows: row, first, open: Mutex::default() })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Where the first row of the group stands.
    pub(super) fn first(&self) -> Position {
        self.first
    }

    fn piece(&self, at: usize) -> Result<RecordBatch, Fault> {
        let open = &mut *lock(&self.open);
        if let Some((_, rows)) = open.kept.iter().find(|(piece, _)| *piece == at) {
            return Ok(rows.clone());
        }
        // Whoever goes on from piece to piece finds the next ones put in order; those that were passed over are of no use.
        while open.coming.pop_front_if(|(piece, _)| *piece != at).is_some() {}
        let rows = match open.coming.pop_front() {
            Some((_, rows)) => rows.wait()?,
            None => self.source.piece(at)?,
        };
        if open.kept.len() == KEPT {
            open.kept.pop_front();
        }
        open.kept.push_back((at, rows.clone()));
        self.source.look_ahead(at + 1, &mut open.coming);
        Ok(rows)
    }

    /// Rows from `row` on, in the piece that it is in; `most` says how many at most, by the number of columns and the bytes of a row.
    pub(super) fn read(&self, row: u64, most: impl Fn(usize, u64) -> u64) -> Result<(RecordBatch, u64), Fault> {
        let at = self.source.at(row);
        let rows = read(&self.source.parts, self.source.port, &self.piece(at)?)?;
        let skipped = (row - self.source.pieces[at].0) as usize;
        let row_bytes = weight(&rows) / 8 / rows.num_rows().max(1) as u64;
        let most = usize::try_from(most(rows.num_columns(), row_bytes)).unwrap_or(usize::MAX).max(1);
        let rows = rows.slice(skipped, most.min(rows.num_rows() - skipped));
        let end = row + rows.num_rows() as u64;
        Ok((rows, end))
    }

    /// Where rows stand.
    pub(super) fn places(&self, rows: &[u64]) -> Result<Vec<Position>, Fault> {
        let Source { pieces, parts, port, .. } = &*self.source;
        let (mut places, mut rest) = (Vec::with_capacity(rows.len()), rows);
        while let Some(row) = rest.first() {
            let at = self.source.at(*row);
            let (from, to) = (pieces[at].0, pieces.get(at + 1).map_or(self.rows, |(first, _)| *first));
            let here = rest.iter().take_while(|row| (from..to).contains(row)).count();
            let piece = self.piece(at)?;
            let (positions, items) = (positions(&piece), items(&parts.layouts[*port], &piece));
            let place = |row: usize| (positions[row], items.get(row).copied().unwrap_or(0));
            places.extend(rest[..here].iter().map(|row| place((row - from) as usize)));
            rest = &rest[here..];
        }
        Ok(places)
    }
}

impl Source {
    fn at(&self, row: u64) -> usize {
        self.pieces.partition_point(|(first, _)| *first <= row) - 1
    }

    fn piece(&self, at: usize) -> Result<RecordBatch, Fault> {
        self.parts.sorting.go_on()?;
        let piece = &self.pieces[at].1;
        if self.sorted { ranges::sorted(&self.parts, self.port, piece) } else { self.parts.rows(self.port, piece) }
    }

    /// Has pieces from `next` on put in order by other threads.
    fn look_ahead(self: &Arc<Self>, next: usize, coming: &mut VecDeque<(usize, Task<Result<RecordBatch, Fault>>)>) {
        if !self.sorted || threads() == 1 {
            return;
        }
        let first = coming.back().map_or(next, |(last, _)| last + 1);
        for at in first..self.pieces.len().min(next + threads().min(AHEAD)) {
            let source = self.clone();
            coming.push_back((at, Task::begin(move || source.piece(at))));
        }
    }
}
