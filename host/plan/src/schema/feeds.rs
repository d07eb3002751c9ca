//! Where rows come from, as the schema has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{OneOrMany, OrParam};
use crate::zip::{Absent, Same};

/// Where a step's rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum StepFrom {
    /// Inputs, steps or some of their rows; several are appended, in this order.
    Rows(Rows),
    /// Branches, joined row by row.
    Zip(Zip),
    /// Several inputs of a global step, by name; the rows of the first are carried.
    Named(BTreeMap<String, Rows>),
}

/// Where an output's rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OutputFrom {
    /// Inputs, steps or some of their rows; several are appended, in this order.
    Rows(Rows),
    /// Branches, joined row by row.
    Zip(Zip),
}

/// Where rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Rows {
    /// One.
    One(Feed),
    /// Several, in this order.
    Many(#[schemars(length(min = 1))] Vec<Feed>),
}

/// Branches of one input or step, joined by the row that their rows come from.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Zip {
    /// The branches, at least two; a table gives them names.
    zip: Branched,
    /// What happens to columns that several branches write: one column of lists with an item for each branch, or a column for each branch,
    /// with its name behind the column's.
    #[serde(default)]
    #[schemars(with = "OrParam<Same>")]
    same: Option<Same>,
    /// What stands in a list for a branch that has no such row: `null`, the default, or nothing.
    #[serde(default)]
    #[schemars(with = "OrParam<Absent>")]
    absent: Option<Absent>,
}

/// The branches of a zip.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Branched {
    /// In this order.
    Listed(#[schemars(length(min = 2))] Vec<Feed>),
    /// By names of their own.
    Named(BTreeMap<String, Feed>),
}

/// An input, a step or a side door of a step (`STEP.dropped`, `STEP.rejected`; `*.dropped` of all steps); or some of its rows.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Feed {
    /// All rows.
    All(String),
    /// Those for which a condition is true.
    Where(Where),
    /// Those that are shared out to this branch.
    Share(Share),
    /// Those that no other route takes.
    Else(Else),
}

/// Rows for which a condition is true.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    /// The input, the step or the side door of a step.
    step: String,
    /// The condition, in the language of `filter`.
    #[serde(rename = "where")]
    condition: String,
}

/// Rows that are shared out by chance to several branches, each of which is such a table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Share {
    /// The input, the step or the side door of a step.
    step: String,
    /// How many branches there are.
    #[schemars(with = "OrParam<Branches>")]
    one_of: u32,
    /// How many of them each row takes; 1 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<Branches>")]
    pick: Option<u32>,
    /// What the choice depends on beside the row; 0 by default.
    #[serde(default)]
    #[schemars(with = "OrParam<u64>")]
    seed: Option<u64>,
    /// Columns whose values decide; by default the file and line that a row is from.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    by: Option<OneOrMany>,
}

/// Rows that no other route of the same rows takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Else {
    /// The input, the step or the side door of a step.
    step: String,
    /// `true`.
    #[serde(rename = "else")]
    #[schemars(with = "OrParam<bool>")]
    rest: bool,
}

#[derive(JsonSchema)]
struct Branches(#[schemars(range(min = 1, max = 1024))] u32);
