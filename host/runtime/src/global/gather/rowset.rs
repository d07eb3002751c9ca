//! Rows of an input, few or many.

use crate::fates::Bits;

/// Rows: a list while they are few, and a bit for each row of the input once that takes less.
pub(super) struct RowSet {
    /// The rows of the input.
    rows: u64,
    list: Vec<u64>,
    bits: Bits,
}

impl RowSet {
    /// An empty set of rows of an input with this many rows.
    pub(super) fn of(rows: u64) -> RowSet {
        RowSet { rows, list: Vec::new(), bits: Bits::default() }
    }

    pub(super) fn extend(&mut self, rows: impl Iterator<Item = u64>) {
        self.list.extend(rows);
        if self.list.len() as u64 * 64 > self.rows {
            for row in self.list.drain(..) {
                self.bits.set(row);
            }
        }
    }

    /// Whether there may be more of them than `most`.
    pub(super) fn exceeds(&self, most: usize) -> bool {
        self.list.len() > most || self.bits.bytes() > most as u64
    }

    /// Sets the bits of all of them.
    pub(super) fn set_in(&self, bits: &mut Bits) {
        for row in self.rows() {
            bits.set(row);
        }
    }

    /// All of them, in any order.
    pub(super) fn rows(&self) -> impl Iterator<Item = u64> {
        self.bits.rows().chain(self.list.iter().copied())
    }
}
