//! What an input may take: bounds that a file cannot exceed, each with a key in the pipeline file.

use crate::error::{ErrorKind, IoError};
use crate::spec::InputSpec;

/// The longest line that `limits.line` can allow: a column's text has 31-bit offsets, and a batch may hold more than one line.
pub const LONGEST_LINE: u64 = 1 << 30;
/// The largest window that `limits.window` can allow: the largest that zstd has.
pub const LARGEST_WINDOW: u64 = 1 << 31;
/// The most that `limits.batch` can allow: text of one row has 31-bit offsets, and more than its bytes is counted.
pub const LARGEST_BATCH: u64 = 1 << 30;

/// What helps against a row that takes too much.
pub(crate) const SPLIT: &str = "split the row's longest lists or texts over several rows";

/// What a file may take before it is refused; all but `batch` are of text files (JSON Lines, CSV). The defaults are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputLimits {
    /// `limits.line`: bytes of one line of JSON Lines, or of one row of CSV, decompressed; at most [`LONGEST_LINE`].
    pub line: u64,
    /// `limits.columns`: columns of the input, and members of the objects inside them.
    pub columns: u64,
    /// `limits.header`: bytes of a CSV header; in JSON Lines, of the names of all columns and members together.
    pub header: u64,
    /// `limits.window`: bytes that zstd must keep to decompress (`zstd --long`); at most [`LARGEST_WINDOW`].
    pub window: u64,
    /// `limits.batch`: bytes in memory of rows that cannot be divided: one row, a compressed record batch of Arrow, a page of each
    /// column of a Parquet row group; in JSON Lines, of the members that one row leaves out of its objects, and of its lists' items; at most [`LARGEST_BATCH`].
    pub batch: u64,
}

impl Default for InputLimits {
    fn default() -> InputLimits {
        InputLimits { line: 64 << 20, columns: 10_000, header: 4 << 20, window: 128 << 20, batch: 256 << 20 }
    }
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Line,
    Columns,
    Header,
    Window,
    Batch,
}

impl InputLimits {
    fn of(&mut self, limit: Limit) -> &mut u64 {
        match limit {
            Limit::Line => &mut self.line,
            Limit::Columns => &mut self.columns,
            Limit::Header => &mut self.header,
            Limit::Window => &mut self.window,
            Limit::Batch => &mut self.batch,
        }
    }
}

/// The line of the pipeline that allows `wanted`: the limits that the input sets, with this one.
pub(crate) fn raise(spec: &InputSpec, limit: Limit, wanted: u64) -> String {
    let (mut limits, mut usual) = (spec.limits, InputLimits::default());
    *limits.of(limit) = wanted;
    let mut entries = Vec::new();
    let keys = [
        ("line", Limit::Line),
        ("columns", Limit::Columns),
        ("header", Limit::Header),
        ("window", Limit::Window),
        ("batch", Limit::Batch),
    ];
    for (key, limit) in keys {
        let set = *limits.of(limit);
        if set != *usual.of(limit) {
            entries.push(match limit {
                Limit::Columns => format!("{key} = {set}"),
                _ => format!("{key} = \"{}\"", written(set)),
            });
        }
    }
    format!("under `[inputs.{}]`: limits = {{ {} }}", spec.name, entries.join(", "))
}

/// An error about a limit, with the line that raises it as far as it can be raised.
pub(crate) fn exceeded(spec: &InputSpec, limit: Limit, message: String, wanted: u64) -> IoError {
    let most = match limit {
        Limit::Line | Limit::Header => LONGEST_LINE,
        Limit::Window => LARGEST_WINDOW,
        Limit::Batch => LARGEST_BATCH,
        Limit::Columns => u64::MAX,
    };
    let error = IoError::new(ErrorKind::Limit, message);
    match wanted <= most && wanted > *spec.limits.clone().of(limit) {
        true => error.with_help(raise(spec, limit, wanted)),
        false => error,
    }
}

/// An error about rows that take more than [`InputLimits::batch`] and cannot be divided: `wanted` bytes, or null if nobody knows.
/// `otherwise` fixes the file instead.
pub(crate) fn indivisible(spec: &InputSpec, message: String, wanted: Option<u64>, otherwise: &str) -> IoError {
    let wanted = wanted.map_or(LARGEST_BATCH, |bytes| bytes.checked_next_power_of_two().unwrap_or(u64::MAX));
    let error = exceeded(spec, Limit::Batch, message, wanted);
    match error.help().map(str::to_owned) {
        Some(raise) => error.with_help(format!("{raise}\nor {otherwise}")),
        None => error.with_help(otherwise),
    }
}

/// A size as people read it: `64 MiB`, `1000 bytes`.
pub(crate) fn size(bytes: u64) -> String {
    match unit(bytes) {
        Some((number, unit)) => format!("{number} {unit}"),
        None => format!("{bytes} bytes"),
    }
}

/// A size as a pipeline file has it: `64MiB`, `1000B`.
fn written(bytes: u64) -> String {
    match unit(bytes) {
        Some((number, unit)) => format!("{number}{unit}"),
        None => format!("{bytes}B"),
    }
}

fn unit(bytes: u64) -> Option<(u64, &'static str)> {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let (shift, unit) = units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift)?;
    Some((bytes >> shift, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_raises_a_limit_keeps_what_the_input_sets() {
        let limits = InputLimits { columns: 77, ..Default::default() };
        let spec = InputSpec { name: "docs".into(), limits, ..Default::default() };
        let line = "under `[inputs.docs]`: limits = { line = \"1GiB\", columns = 77 }";
        assert_eq!(raise(&spec, Limit::Line, 1 << 30), line);
        assert_eq!([size(1000), size(3 << 19)], ["1000 bytes", "1536 KiB"]);
    }

    #[test]
    fn what_cannot_be_raised_has_no_such_line() {
        let spec = InputSpec::default();
        assert!(exceeded(&spec, Limit::Line, String::new(), LONGEST_LINE).help().is_some());
        assert!(exceeded(&spec, Limit::Line, String::new(), LONGEST_LINE + 1).help().is_none());
    }
}
