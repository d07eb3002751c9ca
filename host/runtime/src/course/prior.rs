//! How long the phases of a step take that never ran here, as far as that is known: how they compare is known for the host's part of them,
//! and for bundled steps. What is measured as soon as the step runs scales all of it, and takes its place.

use std::sync::Arc;

use super::{Phase, Seconds};

/// Nanoseconds of a row, and of a byte of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) row: f64,
    pub(crate) byte: f64,
}

impl Cost {
    const fn of(row: f64, byte: f64) -> Cost {
        Cost { row, byte }
    }

    /// What this many rows of this many bytes each take, seconds.
    pub(crate) fn seconds(self, rows: f64, bytes: f64) -> f64 {
        rows * (self.row + self.byte * bytes) / 1e9
    }
}

// Measured on two cores, with JSON Lines, of rows of 80 and of 2,000 bytes. Only how they compare counts.
const READ: Cost = Cost::of(100.0, 0.8);
/// Rows are brought together by key; the bytes are those of the columns that are read.
const BY_KEY: Cost = Cost::of(40.0, 0.1);
const SORTED: Cost = Cost::of(60.0, 1.25);
const REMOVE: Cost = Cost::of(38.0, 0.0);
/// Rows are kept as they are, in their order.
const KEEP: Cost = Cost::of(90.0, 0.75);
/// Rows are kept that lie far apart, or have columns written beside them.
const PICK: Cost = Cost::of(240.0, 0.85);
/// Rows that others are picked from are read.
const SCAN: Cost = Cost::of(0.0, 0.15);
const MERGE: Cost = Cost::of(75.0, 0.0);
const SCATTER: Cost = Cost::of(105.0, 1.35);
const ORDER: Cost = Cost::of(60.0, 1.65);
/// Rows that were given are removed from the disk.
const END: Cost = Cost::of(0.0, 0.15);
/// What rows for later stages take, as a part of what those of an output do: they refer to what is there.
const SPILLED: f64 = 0.1;

/// What it takes to write these rows to an output, seconds.
pub(crate) fn written(rows: f64, bytes: f64) -> f64 {
    KEEP.seconds(rows, bytes)
}

/// What it takes to read rows of an input of lines, seconds.
pub(crate) fn read(rows: f64, in_file: f64) -> f64 {
    READ.seconds(rows, in_file)
}

/// How the rows of a step are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// They are not: one call is given all of them as they are.
    Plain,
    ByKey,
    /// They are sorted, for one call.
    Sorted,
}

/// What is known of a step before it runs.
#[derive(Clone, Debug)]
pub(crate) struct Prior {
    pub(crate) together: Together,
    /// What calls take of a row; none if that is not known.
    pub(crate) call: Option<Cost>,
    /// How many rows go out for each of the first input, if that is known.
    pub(crate) keeps: f64,
    /// Whether rows go out as they were, in their order.
    pub(crate) as_they_were: bool,
    /// Whether rows go out in an order of their own.
    pub(crate) as_written: bool,
    /// What puts out the rows of each input.
    pub(crate) inputs: Vec<Vec<Arc<str>>>,
    /// The columns that these rows have.
    pub(crate) columns: Vec<Vec<String>>,
    /// The columns of each input that are read, or by which rows are brought together.
    pub(crate) reads: Vec<Vec<usize>>,
    /// The columns of the first input that go out, and the bytes of what is written beside them.
    pub(crate) carries: Vec<usize>,
    pub(crate) writes: f64,
    /// Whether what goes out is an output's.
    pub(crate) is_output: bool,
    /// Whether how fast its inputs are read says anything about the machine.
    pub(crate) reads_text: bool,
}

/// The rows that a step is given at a port.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) rows: f64,
    /// What a value takes, bytes, by column.
    pub(crate) widths: Vec<f64>,
    /// What a row takes in the file that it is read from, bytes; 0 if it is not.
    pub(crate) in_file: f64,
}

impl Load {
    fn bytes(&self, columns: &[usize]) -> f64 {
        columns.iter().filter_map(|column| self.widths.get(*column)).sum()
    }
}

impl Prior {
    /// What the phases are expected to take of these rows, where the step was seen to put out `kept` rows for each of the first input.
    pub(crate) fn seconds(&self, loads: &[Load], kept: Option<f64>) -> Seconds {
        let mut all = Seconds::default();
        let mut add = |phase: Phase, seconds: f64| all[phase as usize] += seconds;
        for (load, reads) in loads.iter().zip(&self.reads) {
            let (rows, bytes) = (load.rows, load.bytes(reads));
            if self.reads_text {
                add(Phase::Read, READ.seconds(rows, load.in_file));
            }
            match self.together {
                Together::Plain => {}
                Together::ByKey => add(Phase::Gather, BY_KEY.seconds(rows, bytes)),
                Together::Sorted => add(Phase::Gather, SORTED.seconds(rows, bytes)),
            }
            add(Phase::Call, self.call.unwrap_or_default().seconds(rows, bytes));
        }
        let Some(first) = loads.first() else { return all };
        let (out, bytes) = (self.rows_out(first.rows, kept), first.bytes(&self.carries) + self.writes);
        let times = if self.is_output { 1.0 } else { SPILLED };
        let whole = first.widths.iter().sum();
        let put_out = match self.as_they_were && self.keeps(kept) > 0.5 {
            true => KEEP.seconds(out, bytes),
            false => PICK.seconds(out, bytes) + SCAN.seconds(first.rows, whole),
        };
        match (self.together, self.as_written) {
            // It puts out while it is called.
            (Together::Plain, _) => add(Phase::Call, times * put_out),
            (_, false) => {
                add(Phase::Remove, REMOVE.seconds((first.rows - out).max(0.0), 0.0));
                add(Phase::Merge, times * put_out);
            }
            (_, true) => {
                add(Phase::Merge, MERGE.seconds(out, 0.0));
                add(Phase::Scatter, SCATTER.seconds(out, bytes));
                add(Phase::Order, (0.4 + 0.6 * times) * ORDER.seconds(out, bytes));
            }
        }
        add(Phase::End, END.seconds(first.rows, whole));
        all
    }

    /// What all of it is expected to take but reading, seconds.
    pub(crate) fn sum(&self, loads: &[Load]) -> f64 {
        self.seconds(loads, None).iter().skip(Phase::Read as usize + 1).sum()
    }

    fn keeps(&self, kept: Option<f64>) -> f64 {
        kept.unwrap_or(self.keeps)
    }

    /// How many rows go out for `rows` of the first input.
    pub(crate) fn rows_out(&self, rows: f64, kept: Option<f64>) -> f64 {
        rows * self.keeps(kept)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What is known of a step that is given two columns by the first of them.
    pub(crate) fn by_key(call: Option<Cost>) -> Prior {
        Prior {
            together: Together::ByKey,
            call,
            keeps: 0.6,
            as_they_were: true,
            as_written: false,
            inputs: vec![vec![Arc::from("docs")]],
            columns: vec![vec!["id".to_owned(), "text".to_owned()]],
            reads: vec![vec![0]],
            carries: vec![0, 1],
            writes: 0.0,
            is_output: true,
            reads_text: true,
        }
    }

    pub(crate) fn load(rows: f64) -> Load {
        Load { rows, widths: vec![8.0, 100.0], in_file: 120.0 }
    }

    #[test]
    fn what_a_step_takes_grows_with_its_rows_and_with_what_it_does_to_them() {
        let of = |prior: &Prior, kept: Option<f64>| prior.seconds(&[load(1e6)], kept);
        let prior = by_key(Some(Cost::of(100.0, 0.0)));
        let seconds = of(&prior, None);
        for phase in [Phase::Read, Phase::Gather, Phase::Call, Phase::Remove, Phase::Merge, Phase::End] {
            assert!(seconds[phase as usize] > 0.0, "{phase:?}");
        }
        assert_eq!(seconds[Phase::Order as usize], 0.0);
        let twice = prior.seconds(&[load(2e6)], None);
        assert!(seconds.iter().zip(twice).all(|(once, twice)| (2.0 * once - twice).abs() < 1e-9));
        let all = of(&prior, Some(1.0));
        assert_eq!(all[Phase::Remove as usize], 0.0, "no row is removed");
        assert!(all[Phase::Merge as usize] > 1.6 * seconds[Phase::Merge as usize]);
        let spilled = of(&Prior { is_output: false, ..prior.clone() }, None);
        assert!(spilled[Phase::Merge as usize] < 0.5 * seconds[Phase::Merge as usize]);
        let ordered = of(&Prior { together: Together::Sorted, as_written: true, ..prior.clone() }, None);
        assert!(ordered[Phase::Scatter as usize] > 0.0 && ordered[Phase::Order as usize] > 0.0);
        let plain = of(&Prior { together: Together::Plain, ..prior }, None);
        assert_eq!((plain[Phase::Gather as usize], plain[Phase::Merge as usize]), (0.0, 0.0));
    }
}
