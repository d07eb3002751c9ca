//! A few rows of all files instead of the first ones: of each file the same number, chosen by a seed among the rows at its beginning.

use std::vec;

use twox_hash::XxHash3_64;

use crate::IoError;
use crate::dataset::{Chunk, Dataset};
use crate::section::Mark;
use crate::spec::BatchPolicy;

/// Rows are chosen among this many times as many,
const AMONG: u64 = 20;
/// unless these take more, bytes.
const MOST: usize = 64 << 20;

/// The chosen rows of a [`Dataset`], file by file, in order. Ends after the first error.
pub struct Sample {
    dataset: Dataset,
    policy: BatchPolicy,
    seed: u64,
    /// Files, and how many rows of each are wanted.
    files: vec::IntoIter<(usize, u64)>,
    chosen: vec::IntoIter<Chunk>,
}

impl Dataset {
    /// This many rows, spread over all files: the same for the same seed and files. If there are more files than rows, some have none; from files with
    /// fewer rows than their share, there are fewer. Rows that cannot be read are left out where the input [rejects](crate::OnBadRow::Reject) them.
    pub fn sample(&self, rows: u64, seed: u64, policy: BatchPolicy) -> Sample {
        let all = self.files().len();
        let mut files: Vec<usize> = (0..all).collect();
        files.sort_by_key(|file| rank(seed, *file as u64, 0));
        let share = |at: usize| rows / all as u64 + u64::from((at as u64) < rows % all as u64);
        let shares = files.into_iter().enumerate().map(|(at, file)| (file, share(at)));
        let mut files: Vec<(usize, u64)> = shares.filter(|(_, share)| *share > 0).collect();
        files.sort_unstable();
        Sample { dataset: self.clone(), policy, seed, files: files.into_iter(), chosen: Vec::new().into_iter() }
    }
}

impl Sample {
    fn of_file(&self, file: usize, share: u64) -> Result<Vec<Chunk>, IoError> {
        let (mut chunks, mut rows, mut bytes) = (Vec::new(), 0, 0);
        let one = Mark::beginning(file)..Mark::beginning(file + 1);
        for chunk in self.dataset.clone().between(one).read(self.policy) {
            let chunk = chunk?;
            rows += chunk.rows.num_rows() as u64;
            bytes += chunk.rows.get_array_memory_size();
            chunks.push(chunk);
            if rows >= share.saturating_mul(AMONG) || bytes >= MOST {
                break;
            }
        }
        let ranks =
            |chunk: &Chunk| chunk.origin.values().iter().map(|row| rank(self.seed, file as u64, *row)).collect();
        let ranks: Vec<Vec<u64>> = chunks.iter().map(ranks).collect();
        let mut lowest: Vec<u64> = ranks.iter().flatten().copied().collect();
        lowest.sort_unstable();
        let last = lowest.get(usize::try_from(share - 1).unwrap_or(usize::MAX)).copied().unwrap_or(u64::MAX);
        let chosen = chunks.into_iter().zip(ranks).map(|(chunk, ranks)| {
            let rows = (0..).zip(ranks).filter(|(_, rank)| *rank <= last).map(|(row, _)| row);
            chunk.rows_at(&rows.collect::<Vec<u32>>())
        });
        chosen.collect()
    }
}

/// The rows of the lowest ranks are chosen.
fn rank(seed: u64, file: u64, row: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, &[file.to_le_bytes(), row.to_le_bytes()].concat())
}

impl Iterator for Sample {
    type Item = Result<Chunk, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(chunk) = self.chosen.find(|chunk| chunk.rows.num_rows() > 0) {
                return Some(Ok(chunk));
            }
            let (file, share) = self.files.next()?;
            match self.of_file(file, share) {
                Ok(chosen) => self.chosen = chosen.into_iter(),
                Err(error) => {
                    self.files = Vec::new().into_iter();
                    return Some(Err(error));
                }
            }
        }
    }
}
