//! Rows of a part: in memory, or where they lie.

use arrow::array::RecordBatch;

use crate::store::Frame;

/// The least that a row takes, bytes: its place.
const ROW: u64 = 8;

/// Some rows of a part, which follow one another: in memory, or where they lie.
pub(super) enum Piece {
    Here(RecordBatch),
    There(Frame),
    /// In what another process has left, by its number among those.
    Left(usize, Frame),
}

/// Rows of an input that are in one part, in their order.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) pieces: Vec<Piece>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// The pieces of these rows, where they were cut into ranges of their order already.
    pub(super) ranges: Vec<Pieces>,
}

impl Pieces {
    /// The rows of one piece.
    pub(super) fn of(piece: Piece) -> Pieces {
        let (rows, bytes) = match &piece {
            Piece::Here(rows) => (rows.num_rows() as u64, bytes_of(rows)),
            Piece::There(frame) | Piece::Left(_, frame) => (u64::from(frame.rows), frame.length),
        };
        Pieces { pieces: vec![piece], rows, bytes, ranges: Vec::new() }
    }

    /// What is in memory of them, bytes.
    pub(super) fn held(&self) -> u64 {
        let here = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Here(rows) => Some(bytes_of(rows)),
            Piece::There(_) | Piece::Left(..) => None,
        });
        here.chain(self.ranges.iter().map(Pieces::held)).sum()
    }
}

/// A part: rows of each input.
pub(super) type Part = Vec<Pieces>;

/// What rows take here, bytes.
pub(super) fn bytes_of(rows: &RecordBatch) -> u64 {
    (crate::rows::weight(rows) / 8).max(ROW * rows.num_rows() as u64)
}
