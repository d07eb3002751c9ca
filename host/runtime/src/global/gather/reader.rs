//! The rows that a call is given.

use std::sync::Arc;

use callboard_plan::pipeline::BatchSize;
use callboard_sandbox::{Flat, RowReader, Rows, Run};
use twox_hash::XxHash3_128;

use super::arrange::{Arranged, Position};
use super::stream::Streamed;
use crate::error::Fault;
use crate::global::Passed;

/// The most rows of a page without columns.
const BARE: u64 = 64 << 10;
/// Places that are digested at a time.
const DIGESTED: usize = 1024;

/// The rows of an input in a call.
#[derive(Clone)]
pub(super) enum Given {
    Arranged(Arc<Arranged>),
    /// One group, larger than what is to be in memory.
    Streamed(Arc<Streamed>),
    /// All rows of an input as they stand, this many.
    Whole(u64),
}

impl Given {
    pub(super) fn rows(&self) -> u64 {
        match self {
            Given::Arranged(rows) => rows.rows(),
            Given::Streamed(rows) => rows.rows(),
            Given::Whole(rows) => *rows,
        }
    }

    /// Where rows stand, as they are given.
    pub(super) fn places(&self, rows: &[u64]) -> Result<Vec<Position>, Fault> {
        match self {
            Given::Arranged(given) => Ok(rows.iter().map(|row| given.places[*row as usize]).collect()),
            Given::Streamed(given) => given.places(rows),
            Given::Whole(_) => Ok(rows.iter().map(|row| (*row, 0)).collect()),
        }
    }

    /// What tells them from other rows of the same inputs.
    pub(super) fn digest(&self, digest: &mut XxHash3_128) {
        match self {
            Given::Arranged(given) => {
                // Many at a time: they are few bytes each.
                let mut bytes = Vec::with_capacity(16 * DIGESTED);
                for places in given.places.chunks(DIGESTED) {
                    bytes.clear();
                    for (place, item) in places {
                        bytes.extend_from_slice(&place.to_le_bytes());
                        bytes.extend_from_slice(&item.to_le_bytes());
                    }
                    digest.write(&bytes);
                }
                for groups in given.groups.chunks(DIGESTED) {
                    bytes.clear();
                    for (group, first) in groups {
                        bytes.extend_from_slice(&group.to_le_bytes());
                        bytes.extend_from_slice(&first.to_le_bytes());
                    }
                    digest.write(&bytes);
                }
            }
            // A group is known by its first row.
            Given::Streamed(given) => {
                digest.write(&given.first().0.to_le_bytes());
                digest.write(&given.first().1.to_le_bytes());
            }
            Given::Whole(_) => {}
        }
        digest.write(&self.rows().to_le_bytes());
    }

    /// Where the groups of rows begin, in the order of the input.
    pub(super) fn groups(&self, rows: &[u64]) -> Result<Vec<Position>, Fault> {
        match self {
            Given::Arranged(given) => Ok(rows.iter().map(|row| given.first_of_group(*row)).collect()),
            Given::Streamed(given) => Ok(vec![given.first(); rows.len()]),
            Given::Whole(_) => Ok(vec![(0, 0); rows.len()]),
        }
    }
}

/// For the component.
pub(super) struct PartReader {
    pub(super) given: Given,
    pub(super) cut: BatchSize,
    pub(super) grouped: bool,
    pub(super) passed: Passed,
}

impl RowReader for PartReader {
    fn rows(&self) -> u64 {
        self.given.rows()
    }

    fn read(&mut self, row: u64) -> Result<Rows, Fault> {
        let most = |columns: usize, row_bytes: u64| match columns {
            0 => BARE,
            _ => self.cut.rows.min(self.cut.bytes / row_bytes.max(1)),
        };
        let (columns, end) = match &self.given {
            Given::Arranged(given) => {
                let most = most(given.columns.num_columns(), given.row_bytes);
                let end = given.rows().min(row + most.max(1));
                (given.slice(row, end)?, end)
            }
            Given::Streamed(given) => given.read(row, most)?,
            Given::Whole(_) => return Err(Fault::Host("an input is read as it stands".to_owned())),
        };
        self.passed.to(end);
        let groups = match (&self.given, self.grouped) {
            (_, false) => Vec::new(),
            (Given::Arranged(given), true) => given.runs(row, end),
            (Given::Streamed(_) | Given::Whole(_), true) => vec![Run { group: 0, rows: (end - row) as u32 }],
        };
        Ok(Rows { columns: Flat::of(&columns).to_owned_batch(), groups, end })
    }

    fn positions(&mut self, first: u64, count: u32) -> Result<Vec<u64>, Fault> {
        let rows: Vec<u64> = (first..first + u64::from(count)).collect();
        Ok(self.given.places(&rows)?.into_iter().map(|(position, _)| position).collect())
    }
}
