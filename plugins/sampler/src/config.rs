//! Which rows are made.

use std::collections::BTreeMap;

use callboard_sdk::prelude::*;
use serde_json::Value;

/// Which rows are made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many rows.
    pub(crate) rows: u64,
    /// Other rows for another number; the same ones for the same.
    #[serde(default)]
    pub(crate) seed: u64,
    /// Columns by name, each with what its values are drawn from: `{ topic = { category = { values = ["law", "art"] } } }`.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Sampler>,
    /// Columns of a file of seed rows.
    #[serde(default)]
    pub(crate) seed_rows: Option<SeedRows>,
}

/// What a column's values are drawn from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Sampler {
    /// One of several values: all of them text, integers, numbers or booleans.
    Category {
        /// The values.
        values: Vec<Value>,
        /// How likely each is, relative to the others; by default they are equally likely.
        #[serde(default)]
        weights: Option<Vec<f64>>,
    },
    /// One of several values that depend on another column.
    Subcategory {
        /// The other column: a category or subcategory.
        of: String,
        /// The choices for each value of that column.
        choices: BTreeMap<String, Choices>,
    },
    /// An integer, each as likely as the others.
    Integer {
        /// The smallest.
        from: i64,
        /// The largest.
        to: i64,
    },
    /// A number, each as likely as the others.
    Uniform {
        /// The smallest.
        from: f64,
        /// It stays below this one.
        to: f64,
        /// Digits behind the point that it is rounded to.
        #[serde(default)]
        decimals: Option<u32>,
    },
    /// A number of the normal distribution.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        deviation: f64,
        /// Smaller ones become this one.
        #[serde(default)]
        min: Option<f64>,
        /// Larger ones become this one.
        #[serde(default)]
        max: Option<f64>,
        /// Digits behind the point that it is rounded to.
        #[serde(default)]
        decimals: Option<u32>,
    },
    /// A date, each as likely as the others.
    Date {
        /// The first, such as `2024-01-31`.
        from: String,
        /// The last.
        to: String,
    },
    /// A random UUID, as text.
    Uuid {},
}

/// The choices for a value of another column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choices {
    /// The values.
    pub(crate) values: Vec<Value>,
    /// How likely each is, relative to the others.
    #[serde(default)]
    pub(crate) weights: Option<Vec<f64>>,
}

/// A file of seed rows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedRows {
    /// A file of JSON lines that `grant.files` names.
    pub(crate) path: String,
    /// The columns that are taken, as text: what is not a string becomes JSON text, what is not there null.
    pub(crate) columns: Vec<String>,
    /// `in-turn` takes one row after another, and begins again behind the last; `random` draws each.
    #[serde(default)]
    pub(crate) order: Order,
}

/// In which order seed rows are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    #[default]
    InTurn,
    Random,
}
