//! What becomes of the rows of a global step's first input: what the step says of them is hostile until it has been through here.

use crate::error::Fault;
use crate::store::record::Tally;

/// What became of the rows of a global step's first input, and what it put out.
pub(crate) struct Fates {
    /// Rows of the input.
    rows: u64,
    kept: Bits,
    removed: Bits,
    /// Rows of the input that were put out at least once.
    pub(crate) kept_once: u64,
    /// Rows put out.
    pub(crate) rows_out: u64,
    /// Rows of the input put out again, beyond the first time.
    pub(crate) repeated: u64,
    /// Rows put out that came from no row of the input.
    pub(crate) created: u64,
    pub(crate) tally: Tally,
}

impl Fates {
    /// Of so many rows, of which nothing has been said yet.
    pub(super) fn of(rows: u64) -> Fates {
        Fates {
            rows,
            kept: Bits::default(),
            removed: Bits::default(),
            kept_once: 0,
            rows_out: 0,
            repeated: 0,
            created: 0,
            tally: Tally::default(),
        }
    }

    /// A row is kept; whether for the first time.
    pub(super) fn keep(&mut self, row: u64) -> Result<bool, Fault> {
        self.check(row, "kept")?;
        if self.removed.get(row) {
            return Err(Fault::Contract(format!("it kept row {row}, which it had removed")));
        }
        let first = self.kept.set(row);
        match first {
            true => self.kept_once += 1,
            false => self.repeated += 1,
        }
        Ok(first)
    }

    /// A row is removed.
    pub(super) fn remove(&mut self, row: u64) -> Result<(), Fault> {
        self.check(row, "removed")?;
        if self.kept.get(row) {
            return Err(Fault::Contract(format!("it removed row {row}, which it had kept")));
        }
        match self.removed.set(row) {
            true => Ok(()),
            false => Err(Fault::Contract(format!("it removed row {row} twice"))),
        }
    }

    /// How many rows nothing was said of.
    pub(super) fn unlisted(&self) -> u64 {
        self.rows.saturating_sub(self.kept_once + self.tally.dropped() + self.tally.rejected())
    }

    /// What is noted here, bytes.
    pub(super) fn bytes(&self) -> u64 {
        8 * (self.kept.0.len() + self.removed.0.len()) as u64
    }

    /// The rows that nothing was said of, from a row on.
    pub(super) fn unlisted_from(&self, row: u64) -> impl Iterator<Item = u64> {
        (row..self.rows).filter(|row| !self.kept.get(*row) && !self.removed.get(*row))
    }

    fn check(&self, row: u64, doing: &str) -> Result<(), Fault> {
        match row < self.rows {
            true => Ok(()),
            false => Err(Fault::Contract(format!("it {doing} row {row} of {}, counted from 0", self.rows))),
        }
    }
}

/// One bit a row.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn get(&self, row: u64) -> bool {
        self.0.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Sets a bit; whether it was not set before.
    fn set(&mut self, row: u64) -> bool {
        let word = (row / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let (before, bit) = (self.0[word], 1 << (row % 64));
        self.0[word] |= bit;
        before & bit == 0
    }
}
