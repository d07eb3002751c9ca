//! Rows of files that are read from the beginning alone, such as compressed ones: what lies before them is read and passed over, once.

use callboard_io::{BatchPolicy, Chunk, Dataset, Mark, Reader, Stretch};

/// Rows that are read at a time.
const POLICY: BatchPolicy = BatchPolicy { rows: 8192, bytes: 4 << 20 };
/// As often as rows are wanted before those that were read: a replay does not begin again.
const BACK: u32 = 2;

/// Reads an input, and stops where rows were found: rows behind them are read on from there.
pub(super) struct Through {
    dataset: Dataset,
    /// The number of the first row of each file that has rows.
    files: Vec<(usize, u64)>,
    reading: Option<Reading>,
    back: u32,
}

/// A chunk, and what is behind it.
struct Reading {
    chunk: Option<Chunk>,
    /// The number of its first row.
    first: u64,
    rest: Reader,
}

impl Through {
    pub(super) fn new(dataset: &Dataset, stretches: &[Stretch]) -> Through {
        let (mut files, mut first): (Vec<(usize, u64)>, u64) = (Vec::new(), 0);
        for stretch in stretches {
            if files.last().is_none_or(|(file, _)| *file != stretch.from.file) {
                files.push((stretch.from.file, first));
            }
            first = first.saturating_add(stretch.rows);
        }
        Through { dataset: dataset.clone(), files, reading: None, back: 0 }
    }

    /// Rows by their numbers, in ascending order; `None` if they cannot be read, or not without beginning again and again.
    pub(super) fn rows(&mut self, numbers: &[u64]) -> Option<Vec<Chunk>> {
        let (Some(least), mut wanted) = (numbers.first(), numbers.iter().peekable()) else { return Some(Vec::new()) };
        let (file, before) =
            *self.files.get(self.files.partition_point(|(_, first)| first <= least).checked_sub(1)?)?;
        let at = self.reading.as_ref().map(|reading| reading.first);
        self.back += u32::from(at.is_some_and(|at| at > *least));
        if self.back > BACK {
            return None;
        }
        // A file that is behind those that were read is opened by itself.
        if at.is_none_or(|at| at > *least || at < before) {
            let end = Mark::beginning(self.dataset.files().len());
            let rest = self.dataset.clone().between(Mark::beginning(file)..end).read(POLICY);
            self.reading = Some(Reading { chunk: None, first: before, rest });
        }
        let reading = self.reading.as_mut()?;
        let mut found = Vec::new();
        loop {
            if let Some(chunk) = &reading.chunk {
                let end = reading.first + chunk.rows.num_rows() as u64;
                let here: Vec<u32> = super::within(&mut wanted, reading.first..end).map(|row| row as u32).collect();
                if !here.is_empty() {
                    found.push(chunk.rows_at(&here).ok()?);
                }
                if wanted.peek().is_none() {
                    return Some(found);
                }
                reading.first = end;
            }
            reading.chunk = Some(reading.rest.next()?.ok()?);
        }
    }
}
