//! Where each row of an output is from, and a digest of it: on the disk, in the order of these.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rayon::slice::ParallelSliceMut;

/// Rows that are put in order in memory at a time, for all outputs of a run together.
const SORTED: usize = 1 << 20;
/// Bytes of a mark in a file.
const BYTES: usize = 40;

/// A row of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// The file that it is from, by a digest of its path, and the line; zero for one that a step made.
    pub(super) from: (u64, u64),
    /// A digest of its values.
    pub(super) values: u128,
    /// Which row of the output it is.
    pub(super) number: u64,
}

impl Mark {
    fn bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&self.from.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.from.1.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.values.to_le_bytes());
        bytes[32..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    fn of(bytes: &[u8; BYTES]) -> Mark {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let values = u128::from_le_bytes(bytes[16..32].try_into().expect("sixteen bytes"));
        Mark { from: (number(0), number(8)), values, number: number(32) }
    }
}

/// Marks of an output, as they come.
pub(super) struct Marks {
    /// Where files without a name are made.
    folder: PathBuf,
    waiting: Vec<Mark>,
    most: usize,
    sorted: Vec<File>,
    rows: u64,
}

impl Marks {
    /// For one of this many outputs; files lie in `folder`, without a name.
    pub(super) fn new(outputs: usize, folder: &Path) -> Marks {
        let most = (SORTED / outputs.max(1)).max(1024);
        Marks { folder: folder.to_owned(), waiting: Vec::new(), most, sorted: Vec::new(), rows: 0 }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn add(&mut self, from: (u64, u64), values: u128) -> io::Result<()> {
        self.waiting.push(Mark { from, values, number: self.rows });
        self.rows += 1;
        if self.waiting.len() == self.most { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        match callboard_io::cores() {
            Some(cores) => cores.install(|| self.waiting.par_sort_unstable()),
            None => self.waiting.sort_unstable(),
        }
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.folder)?);
        self.waiting.drain(..).try_for_each(|mark| file.write_all(&mark.bytes()))?;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.sorted.push(file);
        Ok(())
    }

    /// All of them, in order.
    pub(super) fn in_order(mut self) -> io::Result<InOrder> {
        if !self.waiting.is_empty() {
            self.write()?;
        }
        let mut order =
            InOrder { files: self.sorted.into_iter().map(BufReader::new).collect(), next: BinaryHeap::new() };
        (0..order.files.len()).try_for_each(|file| order.read(file))?;
        Ok(order)
    }
}

/// Marks in order.
pub(super) struct InOrder {
    files: Vec<BufReader<File>>,
    next: BinaryHeap<Reverse<(Mark, usize)>>,
}

impl InOrder {
    fn read(&mut self, file: usize) -> io::Result<()> {
        let mut bytes = [0; BYTES];
        match self.files[file].read_exact(&mut bytes) {
            Ok(()) => self.next.push(Reverse((Mark::of(&bytes), file))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn peek(&self) -> Option<Mark> {
        self.next.peek().map(|Reverse((mark, _))| *mark)
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Mark>> {
        let Some(Reverse((mark, file))) = self.next.pop() else { return Ok(None) };
        self.read(file)?;
        Ok(Some(mark))
    }
}

/// What happened to rows from one run to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    Same,
    Changed(u64, u64),
    Went(u64),
    Came(u64),
}

/// Compares two outputs, row by row, by where rows are from. Rows of one origin are paired if they are the same, and then in their order.
pub(super) fn compare(mut before: InOrder, mut after: InOrder, mut each: impl FnMut(Pair)) -> io::Result<()> {
    loop {
        let from = match (before.peek(), after.peek()) {
            (None, None) => return Ok(()),
            (Some(one), Some(other)) => one.from.min(other.from),
            (Some(one), None) | (None, Some(one)) => one.from,
        };
        let is_made = from == (0, 0);
        let (mut went, mut came) = (Vec::new(), Vec::new());
        let of_this = |mark: &Option<Mark>| mark.is_some_and(|mark| mark.from == from);
        // Those of an origin are in the order of their values.
        while of_this(&before.peek()) || of_this(&after.peek()) {
            match (before.peek().filter(|mark| mark.from == from), after.peek().filter(|mark| mark.from == from)) {
                (Some(one), Some(other)) if one.values == other.values => {
                    before.next()?;
                    after.next()?;
                    each(Pair::Same);
                }
                (Some(one), other) if other.is_none_or(|other| one.values < other.values) => {
                    before.next()?;
                    if is_made { each(Pair::Went(one.number)) } else { went.push(one.number) }
                }
                (_, Some(other)) => {
                    after.next()?;
                    if is_made { each(Pair::Came(other.number)) } else { came.push(other.number) }
                }
                _ => unreachable!("one of them is of this origin"),
            }
        }
        went.sort_unstable();
        came.sort_unstable();
        let both = went.len().min(came.len());
        went.iter().zip(&came).for_each(|(one, other)| each(Pair::Changed(*one, *other)));
        went[both..].iter().for_each(|number| each(Pair::Went(*number)));
        came[both..].iter().for_each(|number| each(Pair::Came(*number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(rows: &[(u64, u64, u128)], most: usize) -> InOrder {
        let mut marks = Marks { most, ..Marks::new(1, &std::env::temp_dir()) };
        rows.iter().for_each(|(file, line, values)| marks.add((*file, *line), *values).unwrap());
        marks.in_order().unwrap()
    }

    #[test]
    fn rows_are_paired_by_where_they_are_from_whatever_their_order() {
        let before = [(1, 1, 10), (1, 2, 20), (1, 3, 30), (1, 3, 31), (2, 1, 40), (0, 0, 5), (0, 0, 6)];
        let after = [(2, 1, 41), (1, 3, 31), (1, 3, 32), (1, 3, 33), (0, 0, 7), (0, 0, 5), (1, 1, 10)];
        for most in [1, 2, 100] {
            let mut pairs = Vec::new();
            compare(marks(&before, most), marks(&after, most), |pair| pairs.push(pair)).unwrap();
            use Pair::*;
            let expected = [Same, Went(6), Came(4), Same, Went(1), Same, Changed(2, 2), Came(3), Changed(4, 0)];
            assert_eq!(pairs, expected, "{most}");
        }
    }
}
