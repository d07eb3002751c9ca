//! What is in the columns of rows, in figures.

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// The columns of some rows. Whatever is not said to be exact is an estimate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// How many rows there are, exactly.
    pub rows: u64,
    /// Each column, and each member of a column of structs in its place: `meta.language`.
    pub columns: Vec<ColumnStats>,
    /// The same for the rows of each value of a column, where that was asked for; the most rows first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupStats>,
    /// The numbers that the step's condition compares, at other thresholds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdStats>,
    /// What whoever looks should know: sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Rows that have one value in a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupStats {
    /// The value as text; `None`: null, or rows of all other values.
    pub value: Option<String>,
    /// Whether these are the rows of all values that have no group of their own.
    pub others: bool,
    /// How many rows there are, exactly.
    pub rows: u64,
    /// Their columns.
    pub columns: Vec<ColumnStats>,
}

/// What is in a column.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnStats {
    /// Its name.
    pub column: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: String,
    /// Rows that have null, exactly.
    pub nulls: u64,
    /// How many different values there are beside null, to 2 %; `None` for lists and maps.
    pub distinct: Option<u64>,
    /// Its numbers, or the lengths of its values.
    pub spread: Option<Spread>,
    /// The most frequent texts, the first most; none if all are rare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frequent: Vec<FrequentValue>,
}

/// How numbers are spread.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Spread {
    /// What is counted.
    pub of: Measure,
    /// The smallest, exactly.
    pub min: Number,
    /// The largest, exactly.
    pub max: Number,
    /// Their mean.
    pub mean: f64,
    /// Values that are no number, or infinite, exactly: they are in no other figure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_finite: u64,
    /// Numbers that these shares of all are no larger than.
    pub quantiles: Vec<Quantile>,
    /// Ranges side by side from the smallest to the largest number; the first and the last may be wider than the others.
    pub histogram: Vec<Bin>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the numbers of a [`Spread`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The column's own numbers.
    Numbers,
    /// Its moments, in seconds since 1970.
    Moments,
    /// Its times of the day or durations, in seconds.
    Seconds,
    /// Its texts' lengths in characters.
    Characters,
    /// Its values' lengths in bytes.
    Bytes,
    /// Its lists' and maps' lengths.
    Items,
}

/// A number that a share of all is no larger than.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quantile {
    /// From 0 to 1.
    pub share: f64,
    /// The number.
    pub value: f64,
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bin {
    /// Its smallest number.
    pub from: f64,
    /// The smallest number above it; of the last range, the largest in it.
    pub to: f64,
    /// How many there are in it.
    pub rows: u64,
}

/// A text that many rows have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FrequentValue {
    /// The text, or its beginning.
    pub value: String,
    /// The characters of the whole text, where `value` is its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<u64>,
    /// At least this many rows have it.
    pub at_least: u64,
    /// No more rows have it.
    pub at_most: u64,
}

/// What other thresholds of a comparison would drop.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThresholdStats {
    /// What is compared: `n_words`, `size(text)`.
    pub operand: String,
    /// How: `<`, `<=`, `>`, `>=`.
    pub operator: String,
    /// Rows that the step was given, exactly.
    pub rows: u64,
    /// Thresholds, and the share of these rows for which the comparison does not hold; the smallest share first.
    pub thresholds: Vec<Threshold>,
}

/// A threshold.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Threshold {
    /// What the numbers are compared with.
    pub value: f64,
    /// The share of rows that it drops, from 0 to 1.
    pub dropped: f64,
    /// Whether it is that of the condition.
    pub current: bool,
}
