//! The accounts of the rows of a step's first input. What a step reports about its rows is hostile until it has been through here.

use callboard_sandbox::Fate;

use super::bits::Bits;
use crate::error::Fault;
use crate::store::Removed;
use crate::store::records::StepCounts;

/// What happened to some rows of a step's first input, and what the step put out.
pub(crate) struct Fates {
    kept: Bits,
    removed: Bits,
    /// Every row that was not removed is kept: there are no bits for them.
    rest_is_kept: bool,
    /// Every row is kept or removed, and once: there are no bits at all.
    is_settled: bool,
    /// The counts of these rows alone.
    counts: StepCounts,
}

impl Fates {
    /// The accounts of this many rows, before anything happened to them.
    pub(crate) fn of(rows: u64) -> Fates {
        let counts = StepCounts { rows_in: rows, ..StepCounts::default() };
        Fates { kept: Bits::default(), removed: Bits::default(), rest_is_kept: false, is_settled: false, counts }
    }

    /// The caller sees to it that each row is kept once or removed once: nothing is noted of single rows.
    pub(crate) fn settle(&mut self) {
        self.is_settled = true;
    }

    pub(crate) fn counts(&self) -> &StepCounts {
        &self.counts
    }

    pub(crate) fn into_counts(self) -> StepCounts {
        self.counts
    }

    /// A row is put out; whether for the first time.
    pub(crate) fn keep(&mut self, row: u64) -> Result<bool, Fault> {
        self.check(row, "kept")?;
        if self.is_settled {
            self.counts.kept_once += 1;
            self.counts.rows_out += 1;
            return Ok(true);
        }
        if self.removed.get(row) {
            return Err(Fault::Contract(format!("it kept row {row}, which it had removed")));
        }
        let first = self.kept.set(row);
        match first {
            true => self.counts.kept_once += 1,
            false => self.counts.repeated += 1,
        }
        self.counts.rows_out += 1;
        Ok(first)
    }

    /// All rows that were not removed are put out, once each. Gives their numbers where some were removed.
    pub(crate) fn keep_rest(&mut self) -> Option<Vec<u64>> {
        let rest = self.unlisted();
        let rows = (rest < self.counts.rows_in).then(|| self.unlisted_from(0).collect());
        self.rest_is_kept = true;
        self.counts.kept_once += rest;
        self.counts.rows_out += rest;
        rows
    }

    /// This many rows of the step's own are put out.
    pub(crate) fn create(&mut self, rows: u64) {
        self.counts.rows_out += rows;
        self.counts.created += rows;
    }

    /// A row goes no further.
    pub(crate) fn remove(&mut self, removed: &Removed) -> Result<(), Fault> {
        let row = removed.row;
        self.check(row, "removed")?;
        if self.kept.get(row) {
            return Err(Fault::Contract(format!("it removed row {row}, which it had kept")));
        }
        if !self.is_settled && !self.removed.set(row) {
            return Err(Fault::Contract(format!("it removed row {row} twice")));
        }
        self.counts.tally.count(removed.fate(), &removed.reason, 1);
        Ok(())
    }

    /// Whether nothing was put out or removed yet.
    pub(crate) fn are_untouched(&self) -> bool {
        self.counts.rows_out == 0 && self.removed_rows() == 0
    }

    /// Rows that were neither kept nor removed are dropped without a reason; how many there are. Their numbers are
    /// [`Fates::unlisted_from`].
    pub(crate) fn drop_unlisted(&mut self) -> u64 {
        let unlisted = self.unlisted();
        if unlisted > 0 {
            self.counts.tally.count(Fate::Dropped, "", unlisted);
        }
        unlisted
    }

    /// The rows that were neither kept nor removed, from a row on.
    pub(crate) fn unlisted_from(&self, row: u64) -> impl Iterator<Item = u64> {
        let unlisted =
            |row: &u64| !self.rest_is_kept && !self.is_settled && !self.kept.get(*row) && !self.removed.get(*row);
        (row..self.counts.rows_in).filter(unlisted)
    }

    /// What the accounts take in memory, bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.kept.bytes() + self.removed.bytes()
    }

    /// How many rows were neither kept nor removed.
    pub(crate) fn unlisted(&self) -> u64 {
        self.counts.rows_in.saturating_sub(self.counts.kept_once + self.removed_rows())
    }

    /// How many were removed.
    pub(crate) fn removed_rows(&self) -> u64 {
        self.counts.tally.dropped() + self.counts.tally.rejected()
    }

    fn check(&self, row: u64, doing: &str) -> Result<(), Fault> {
        let rows = self.counts.rows_in;
        match row < rows {
            true => Ok(()),
            false => Err(Fault::Contract(format!("it {doing} row {row} of {rows}, counted from 0"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(row: u64, rejected: bool) -> Removed {
        Removed { row, rejected, reason: "short".into() }
    }

    #[test]
    fn every_row_is_counted_once_whatever_is_said_of_it() {
        let mut fates = Fates::of(200);
        fates.remove(&removed(3, false)).unwrap();
        fates.remove(&removed(199, true)).unwrap();
        assert_eq!([fates.keep(7).unwrap(), fates.keep(7).unwrap(), fates.keep(0).unwrap()], [true, false, true]);
        fates.create(5);
        assert_eq!(fates.drop_unlisted(), 196);
        assert_eq!(fates.unlisted_from(0).take(3).collect::<Vec<_>>(), [1, 2, 4]);
        let counts = fates.into_counts();
        assert_eq!((counts.kept_once, counts.repeated, counts.created, counts.rows_out), (2, 1, 5, 8));
        assert_eq!((counts.tally.dropped(), counts.tally.rejected()), (197, 1));
        assert!(counts.are_plausible());
    }

    #[test]
    fn the_rest_is_kept_without_a_list_where_nothing_was_removed() {
        let mut all = Fates::of(3);
        assert_eq!(all.keep_rest(), None);
        let mut some = Fates::of(3);
        some.remove(&removed(1, false)).unwrap();
        assert_eq!(some.keep_rest(), Some(vec![0, 2]));
        for mut fates in [all, some] {
            assert_eq!((fates.drop_unlisted(), fates.unlisted_from(0).count()), (0, 0));
            assert!(fates.into_counts().are_plausible());
        }
    }

    #[test]
    fn a_row_has_one_fate_and_is_one_of_those_that_were_given() {
        let mut fates = Fates::of(8);
        fates.keep(1).unwrap();
        fates.remove(&removed(2, false)).unwrap();
        assert!(fates.keep(2).is_err() && fates.keep(8).is_err());
        let refused = [1, 2, 8].map(|row| fates.remove(&removed(row, true)).is_err());
        assert_eq!(refused, [true; 3]);
    }
}
