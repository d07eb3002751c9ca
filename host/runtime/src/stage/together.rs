//! Rows of small files, put together to batches: one for each file would take longer than its rows.
//!
//! Where a batch ends depends on the names of the files and on their rows alone. After some names one always ends, so that a file which is
//! added changes the batches near it, and what follows is known to the logs as it was.

use std::path::Path;

use arrow::error::ArrowError;
use callboard_plan::pipeline::BatchSize;
use twox_hash::XxHash3_64;

use crate::rows::{Batch, weight};

/// Rows of a file that are more than this part of a batch are a batch of their own.
const SMALL: u64 = 4;
/// After one of this many names a batch ends.
const NAMES: u64 = 32;

/// Rows that wait for those of the next files.
pub(super) struct Together {
    size: BatchSize,
    parts: Vec<Batch>,
    rows: u64,
    bits: u64,
}

impl Together {
    pub(super) fn new(size: BatchSize) -> Together {
        Together { size, parts: Vec::new(), rows: 0, bits: 0 }
    }

    /// Adds rows of a file. Batches to which nothing more belongs are returned.
    pub(super) fn add(
        &mut self,
        batch: Batch,
        of_file: &Path,
        is_new: bool,
    ) -> Result<impl Iterator<Item = Batch> + use<>, ArrowError> {
        let (rows, bits, most) = (batch.len() as u64, weight(&batch.rows), self.size.bytes.saturating_mul(8));
        let is_small = rows.saturating_mul(SMALL) <= self.size.rows && bits.saturating_mul(SMALL) <= most;
        let fits = self.rows + rows <= self.size.rows && self.bits.saturating_add(bits) <= most;
        let before = if is_small && is_new && fits { None } else { self.take()? };
        self.parts.push(batch);
        (self.rows, self.bits) = (self.rows + rows, self.bits.saturating_add(bits));
        let whole = if !is_small || ends_behind(of_file) { self.take()? } else { None };
        Ok(before.into_iter().chain(whole))
    }

    /// What is there.
    pub(super) fn take(&mut self) -> Result<Option<Batch>, ArrowError> {
        (self.rows, self.bits) = (0, 0);
        let parts = std::mem::take(&mut self.parts);
        match &parts[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            [first, ..] => Batch::concat(first.rows.schema_ref(), &parts).map(Some),
        }
    }
}

/// Whether a batch ends behind the file of this name.
fn ends_behind(name: &Path) -> bool {
    let name = name.file_name().unwrap_or_default().as_encoded_bytes();
    XxHash3_64::oneshot(name).is_multiple_of(NAMES)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, UInt32Array, UInt64Array};

    use super::*;

    /// The batches of files with these numbers of rows, as the files that their rows are of.
    fn batches(files: &[(&str, usize)]) -> Vec<Vec<u32>> {
        let mut together = Together::new(BatchSize { rows: 100, bytes: 1 << 20 });
        let mut whole = Vec::new();
        for (at, (name, rows)) in files.iter().enumerate() {
            let values = Int64Array::from_iter_values(0..*rows as i64);
            let columns = RecordBatch::try_from_iter([("a", Arc::new(values) as _)]).unwrap();
            let lines = UInt64Array::from_iter_values(1..=*rows as u64);
            let batch = Batch::new(columns, UInt32Array::from_value(at as u32, *rows), lines);
            whole.extend(together.add(batch, name.as_ref(), true).unwrap());
        }
        whole.extend(together.take().unwrap());
        whole.iter().map(|batch| batch.file.values().to_vec()).collect()
    }

    fn of(files: &[(u32, usize)]) -> Vec<u32> {
        files.iter().flat_map(|(file, rows)| std::iter::repeat_n(*file, *rows)).collect()
    }

    #[test]
    fn small_files_share_a_batch_as_far_as_it_has_room() {
        assert_eq!(batches(&[("a", 20), ("b", 5), ("c", 25)]), [of(&[(0, 20), (1, 5), (2, 25)])]);
        // A large one stands alone, and so does what follows it.
        assert_eq!(batches(&[("a", 20), ("b", 26), ("c", 25)]), [of(&[(0, 20)]), of(&[(1, 26)]), of(&[(2, 25)])]);
        let five = [("a", 25), ("b", 25), ("c", 25), ("d", 25), ("e", 25)];
        assert_eq!(batches(&five), [of(&[(0, 25), (1, 25), (2, 25), (3, 25)]), of(&[(4, 25)])]);
    }

    #[test]
    fn a_file_more_changes_few_batches() {
        let names: Vec<String> = (0..1000).map(|at| format!("{at:04}.jsonl")).collect();
        let lengths = |without: usize| {
            let kept = names.iter().enumerate().filter(|(at, _)| *at != without);
            let files: Vec<(&str, usize)> = kept.map(|(at, name)| (name.as_str(), 1 + at % 7)).collect();
            batches(&files).iter().map(Vec::len).collect::<Vec<_>>()
        };
        let (all, fewer) = (lengths(usize::MAX), lengths(500));
        let same = all.iter().zip(&fewer).take_while(|(a, b)| a == b).count()
            + all.iter().rev().zip(fewer.iter().rev()).take_while(|(a, b)| a == b).count();
        assert!(all.len() > 40 && same + 8 > all.len(), "{same} of {}", all.len());
    }
}
