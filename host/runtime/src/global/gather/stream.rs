//! A group that is larger than what is to be in memory: its rows lie on the disk, and are given from there.

use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::row::OwnedRow;

use super::arrange::{Position, read, sort_keys};
use super::merge::merge;
use super::parts::{Parts, Piece, Pieces, bytes_of, items, positions};
use super::{lock, unread, unwritten};
use crate::error::Fault;
use crate::store::{Frame, Pile};

/// The rows of an input, in the order in which they are given.
pub(super) struct Streamed {
    /// The first row of each piece, and the piece.
    pieces: Vec<(u64, Piece)>,
    rows: u64,
    /// Where the first of them, in the order of the input, stands.
    first: Position,
    parts: Arc<Parts>,
    port: usize,
    /// The pieces were sorted, and lie here.
    sorted: Option<Pile>,
    /// The piece that was read last.
    last: Mutex<Option<(usize, RecordBatch)>>,
}

impl Streamed {
    /// The rows of an input, all of one group. `number` tells it from other groups.
    pub(super) fn of(parts: &Arc<Parts>, port: usize, rows: Pieces, number: usize) -> Result<Streamed, Fault> {
        let first = match rows.pieces.first() {
            Some(piece) => place(parts, port, &parts.piece(port, piece)?, 0),
            None => (u64::MAX, 0),
        };
        let (pieces, sorted) = match parts.bound.gathered.sorted[port].is_empty() {
            true => (rows.pieces, None),
            false => {
                let (frames, pile) = sort(parts, port, &rows, number)?;
                (frames.into_iter().map(Piece::There).collect(), Some(pile))
            }
        };
        let mut row = 0;
        let pieces = pieces.into_iter().map(|piece| {
            let first = row;
            row += match &piece {
                Piece::Here(rows) => rows.num_rows() as u64,
                Piece::There(frame) => u64::from(frame.rows),
            };
            (first, piece)
        });
        let pieces = pieces.collect();
        Ok(Streamed { pieces, rows: row, first, parts: parts.clone(), port, sorted, last: Mutex::default() })
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Where the first row of the group stands.
    pub(super) fn first(&self) -> Position {
        self.first
    }

    fn at(&self, row: u64) -> usize {
        self.pieces.partition_point(|(first, _)| *first <= row) - 1
    }

    fn piece(&self, at: usize) -> Result<RecordBatch, Fault> {
        let mut last = lock(&self.last);
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
        let skipped = (row - self.pieces[at].0) as usize;
        let rows = rows.slice(skipped, rows.num_rows() - skipped);
        let end = row + rows.num_rows() as u64;
        Ok((read(&self.parts, self.port, &rows)?, end))
    }

    /// Where rows stand.
    pub(super) fn places(&self, rows: &[u64]) -> Result<Vec<Position>, Fault> {
        let (mut places, mut rest) = (Vec::with_capacity(rows.len()), rows);
        while let Some(row) = rest.first() {
            let at = self.at(*row);
            let (from, to) = (self.pieces[at].0, self.pieces.get(at + 1).map_or(self.rows, |(first, _)| *first));
            let here = rest.iter().take_while(|row| (from..to).contains(row)).count();
            let piece = self.piece(at)?;
            places.extend(rest[..here].iter().map(|row| place(&self.parts, self.port, &piece, (row - from) as usize)));
            rest = &rest[here..];
        }
        Ok(places)
    }
}

/// Where a row of a piece stands.
fn place(parts: &Parts, port: usize, piece: &RecordBatch, row: usize) -> Position {
    (positions(piece)[row], items(&parts.layouts[port], piece).get(row).copied().unwrap_or(0))
}

/// Sorts rows on the disk: parts in memory first, then these are merged.
fn sort(parts: &Parts, port: usize, rows: &Pieces, number: usize) -> Result<(Vec<Frame>, Pile), Fault> {
    let schema = &parts.layouts[port].schema;
    let pile = |what: &str| Pile::create(&parts.scratch, &format!("{what}-{number}-{port}"), schema.clone());
    let (sorted, unmerged) = (pile("sorted").map_err(unwritten)?, pile("runs").map_err(unwritten)?);
    let (mut runs, mut waiting, mut bytes) = (Vec::new(), Vec::new(), 0);
    for (at, piece) in rows.pieces.iter().enumerate() {
        parts.sorting.go_on()?;
        let piece = parts.piece(port, piece)?;
        bytes += bytes_of(&piece);
        waiting.push(piece);
        if bytes >= parts.sizes.part || at + 1 == rows.pieces.len() {
            let rows = concat_batches(schema, &std::mem::take(&mut waiting))?;
            let keys = sort_keys(parts, port, &rows)?.expect("rows that are sorted have keys");
            let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
            order.sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
            runs.push(unmerged.push_in_order(&rows, &order).map_err(unwritten)?);
            bytes = 0;
        }
    }
    let keys = |rows: &RecordBatch| -> Result<Vec<OwnedRow>, Fault> {
        let keys = sort_keys(parts, port, rows)?.expect("rows that are sorted have keys");
        Ok(keys.iter().map(|key| key.owned()).collect())
    };
    let mut frames = Vec::new();
    merge(&unmerged, runs, &parts.sorting, keys, |rows| {
        frames.push(sorted.push(&rows).map_err(unwritten)?);
        Ok(())
    })?;
    Ok((frames, sorted))
}
