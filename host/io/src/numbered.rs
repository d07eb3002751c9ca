//! Rows of a dataset by their numbers: what lies before them is passed over, where the format lets it.

use arrow::array::{AsArray, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::UInt64Type;

use crate::IoError;
use crate::dataset::{Chunk, Dataset};
use crate::formats::implementation;
use crate::section::{Mark, Stretch};
use crate::spec::{BatchPolicy, OnBadRow};

/// Bytes of text or values that are read at a time; few rows are wanted.
const BYTES: usize = 4 << 20;
/// Rows that are read at a time.
const ROWS: usize = 1024;

impl Dataset {
    /// All rows, cut where files can be read from: row groups of Parquet, by the footers; lines of JSON, which are counted. `None` if a format, or
    /// compression, lets nothing be passed over, or if not all rows of the files are wanted.
    ///
    /// # Errors
    /// Those of reading.
    pub fn stretches(&self) -> Result<Option<Vec<Stretch>>, IoError> {
        if self.spec.rows.is_some() || self.spec.rows_per_file.is_some() || self.spec.on_bad_row == OnBadRow::Reject {
            return Ok(None);
        }
        let mut all = Vec::new();
        for (place, file) in self.files.iter().enumerate() {
            let stretches = implementation(self.format).stretches(file, place, &self.read, &self.spec);
            match stretches.map_err(|error| error.in_file(file))? {
                Some(stretches) => all.extend(stretches),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// Rows of a stretch, by their numbers in it from 0, in ascending order. Fewer if there are not as many.
    ///
    /// # Errors
    /// Those of reading.
    pub fn rows_of(&self, stretch: &Stretch, rows: &[u64]) -> Result<Vec<Chunk>, IoError> {
        let (Some(least), Some(most)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
        let Stretch { from, skip, .. } = *stretch;
        // A line that is no row is found where it is read.
        let skips = implementation(self.format).skips_rows() && self.spec.on_bad_row != OnBadRow::Reject;
        let passed = if skips { skip + least } else { 0 };
        let part = self.clone().between(from..Mark::beginning(from.file + 1)).behind(passed);
        let most_rows = usize::try_from(skip + most + 1 - passed).unwrap_or(ROWS).min(ROWS);
        let mut wanted = rows.iter().map(|row| skip + row).peekable();
        let (mut chunks, mut first) = (Vec::new(), passed);
        for chunk in part.read(BatchPolicy { rows: most_rows, bytes: BYTES }) {
            let chunk = chunk?;
            let end = first + chunk.rows.num_rows() as u64;
            let here: Vec<u32> =
                std::iter::from_fn(|| wanted.next_if(|row| *row < end)).map(|row| (row - first) as u32).collect();
            if !here.is_empty() {
                chunks.push(chunk.rows_at(&here)?);
            }
            first = end;
            if wanted.peek().is_none() {
                break;
            }
        }
        Ok(chunks)
    }
}

impl Chunk {
    /// Some of its rows, by their places in it.
    ///
    /// # Errors
    /// Rows that are too large for one batch.
    pub fn rows_at(&self, rows: &[u32]) -> Result<Chunk, IoError> {
        let rows = UInt32Array::from(rows.to_vec());
        let origin = take(&self.origin, &rows, None).map_err(IoError::from_arrow)?;
        let origin = origin.as_primitive::<UInt64Type>().clone();
        let rows = take_record_batch(&self.rows, &rows).map_err(IoError::from_arrow)?;
        Ok(Chunk { origin, rows, bad: Vec::new(), from: None, file: self.file, part: self.part })
    }
}
