//! Parts of files that can be read by themselves: from one place where a batch begins, whatever was read before, to another.

use serde::{Deserialize, Serialize};

/// A place in the files of a [`Dataset`](crate::Dataset) where a batch begins, whatever was read before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// The place of the file among the dataset's; behind the last is the end.
    pub file: usize,
    /// In the file: a byte of JSON Lines or CSV, a row group of Parquet.
    pub at: u64,
    /// What lies before in the file: lines of JSON Lines or CSV, rows of Parquet.
    pub before: u64,
}

impl Mark {
    /// The beginning of a file.
    pub fn beginning(file: usize) -> Mark {
        Mark { file, at: 0, before: 0 }
    }
}

/// A part of one file: from a place on to before another, or to the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Section {
    /// A byte or a row group, as of a [`Mark`].
    pub(crate) from: u64,
    /// Lines or rows before it.
    pub(crate) before: u64,
    pub(crate) to: Option<u64>,
    /// Rows at its beginning that are passed over, by formats that do so without reading all of them.
    pub(crate) skip: u64,
}

/// Marks for bytes of a file, in ascending order: the first place at or behind each.
pub(crate) struct Marks<'a> {
    file: usize,
    wanted: &'a [u64],
    found: Vec<Mark>,
}

impl<'a> Marks<'a> {
    pub(crate) fn new(file: usize, wanted: &'a [u64]) -> Marks<'a> {
        Marks { file, wanted, found: Vec::with_capacity(wanted.len()) }
    }

    /// Whether there is one for each byte.
    pub(crate) fn are_all(&self) -> bool {
        self.found.len() == self.wanted.len()
    }

    /// A batch begins there: at this byte of the file, which is `at` in the format's own count.
    pub(crate) fn begins(&mut self, byte: u64, at: u64, before: u64) {
        while self.wanted.get(self.found.len()).is_some_and(|wanted| *wanted <= byte) {
            self.found.push(Mark { file: self.file, at, before });
        }
    }

    /// The rest is the beginning of the next file.
    pub(crate) fn end(mut self) -> Vec<Mark> {
        self.found.resize(self.wanted.len(), Mark::beginning(self.file + 1));
        self.found
    }
}

/// Rows of one file that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where reading begins, at their first row or before it.
    pub from: Mark,
    /// Rows from there that are before them.
    pub skip: u64,
    /// How many there are.
    pub rows: u64,
}
