//! How a frame of a spill refers to rows that it does not hold itself.
//!
//! Such a frame begins with a [`Reference`], padded to 64 bytes; behind it stand the columns that are its own, if there are any.

use std::io;

use arrow::buffer::{BooleanBuffer, Buffer};
use serde::{Deserialize, Serialize};

use super::Frame;
use crate::store::head;

/// Where the columns of a frame are, and of which frames its rows are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// For each column of the spill, the two hidden ones first.
    pub(crate) columns: Vec<Column>,
    /// The rows, one after another; `None` if no column is picked.
    pub(crate) picks: Vec<Pick>,
    /// The frames of logs that columns are in.
    pub(crate) logged: Vec<InLog>,
}

/// A frame of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InLog {
    /// Which of the logs that the spill refers to.
    pub(crate) log: u32,
    pub(crate) frame: Frame,
}

/// Where a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Column {
    /// In the frame itself.
    Own,
    /// In the frames that rows are picked from, under its name.
    Picked,
    /// In a frame of a log, which holds the same rows: which of [`Reference::logged`], and which of its columns.
    Logged { frame: u32, column: u32 },
}

/// Rows of a frame of another spill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pick {
    /// Which of the spills that the spill refers to.
    pub(crate) base: u32,
    pub(crate) frame: u32,
    pub(crate) rows: Chosen,
}

/// Some rows of a frame, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Chosen {
    All,
    /// A bit a row, the lowest of each byte first.
    Some(Vec<u8>),
}

impl Chosen {
    /// These rows, which ascend, out of `all`.
    pub(crate) fn of(rows: &[u32], all: u32) -> Chosen {
        if rows.len() == all as usize {
            return Chosen::All;
        }
        let mut bits = vec![0; (all as usize).div_ceil(8)];
        rows.iter().for_each(|row| bits[*row as usize / 8] |= 1 << (row % 8));
        Chosen::Some(bits)
    }

    /// A bit for each of `all` rows; `None` if the number of bits is different.
    pub(crate) fn bits(&self, all: usize) -> Option<BooleanBuffer> {
        match self {
            Chosen::All => Some(BooleanBuffer::new_set(all)),
            Chosen::Some(bits) if bits.len() == all.div_ceil(8) => {
                Some(BooleanBuffer::new(Buffer::from_slice_ref(bits), 0, all))
            }
            Chosen::Some(_) => None,
        }
    }
}

impl Reference {
    /// Its bytes, padded.
    pub(crate) fn encode(&self) -> io::Result<Buffer> {
        head::encode(self)
    }

    /// The reference that a body begins with, and what follows it; `None` if there is none.
    pub(crate) fn decode(body: &Buffer) -> Option<(Reference, Buffer)> {
        head::decode(body)
    }

    /// Which of the columns that are the frame's own a column is, if it is one.
    pub(crate) fn own(&self, column: usize) -> Option<usize> {
        let before = self.columns.get(..column)?.iter().filter(|column| **column == Column::Own).count();
        (*self.columns.get(column)? == Column::Own).then_some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let picks = vec![
            Pick { base: 1, frame: 70_000, rows: Chosen::of(&[0, 3, 8], 9) },
            Pick { base: 0, frame: 0, rows: Chosen::of(&[0, 1], 2) },
        ];
        let columns = vec![Column::Picked, Column::Own, Column::Picked, Column::Own];
        let reference = Reference { columns, picks, logged: Vec::new() };
        let mut body = reference.encode().unwrap().to_vec();
        body.extend(b"columns");
        let (read, columns) = Reference::decode(&Buffer::from_vec(body.clone())).unwrap();
        assert_eq!((&read, columns.as_slice()), (&reference, &b"columns"[..]));
        assert_eq!([0, 1, 2, 3, 4].map(|column| read.own(column)), [None, Some(0), None, Some(1), None]);
        let bits = read.picks[0].rows.bits(9).unwrap();
        assert_eq!(bits.set_indices().collect::<Vec<_>>(), [0, 3, 8]);
        assert_eq!((read.picks[0].rows.bits(17), read.picks[1].rows.bits(2).unwrap().count_set_bits()), (None, 2));
        assert!((0..64).all(|cut| Reference::decode(&Buffer::from(&body[..cut])).is_none()));
    }
}
