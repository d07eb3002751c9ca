//! What is different between two runs.

use serde::Serialize;
use serde_json::{Map, Value};

/// What is different between two runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RunsDiff {
    /// The folder of the one.
    pub before: String,
    /// The folder of the other.
    pub after: String,
    /// Inputs, steps and outputs that differ, by kind and name.
    pub plan: Vec<PlanChange>,
    /// What each step did to rows, as far as both runs have a report.
    pub steps: Vec<StepDiff>,
    /// The rows of each output that both have.
    pub outputs: Vec<OutputDiff>,
    /// What whoever looks should know: sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A part of the plan that differs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PlanChange {
    /// `input`, `step` or `output`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Only the later plan has it.
    pub added: bool,
    /// Only the earlier plan has it.
    pub removed: bool,
    /// Its settings that differ, where both have it.
    pub settings: Vec<SettingChange>,
}

/// A setting that differs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SettingChange {
    /// Where it is: `config.min`.
    pub setting: String,
    /// As it was; `None` if it was not there.
    pub from: Option<Value>,
    /// As it is; `None` if it is not there.
    pub to: Option<Value>,
}

/// What a step did to rows in both runs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepDiff {
    /// The step.
    pub step: String,
    /// In the earlier run; `None` if that has no such step, or no report.
    pub before: Option<MovedRows>,
    /// In the later run.
    pub after: Option<MovedRows>,
}

/// What a step did to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MovedRows {
    /// Rows that it was given.
    pub rows_in: u64,
    /// Rows that it put out.
    pub rows_out: u64,
    /// Rows that it dropped.
    pub rows_dropped: u64,
    /// Rows that it rejected.
    pub rows_rejected: u64,
}

/// The rows of an output in both runs. They are compared by the file and the line that they are from.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct OutputDiff {
    /// The output.
    pub output: String,
    /// Its rows in the earlier run.
    pub rows_before: u64,
    /// Its rows in the later run.
    pub rows_after: u64,
    /// Rows that are the same.
    pub same: u64,
    /// Rows that are from the same place and have other values.
    pub changed: u64,
    /// Rows that only the later run has.
    pub came: u64,
    /// Rows that only the earlier run has.
    pub went: u64,
    /// Columns, with their types, that only the later run has: their values are not compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns_added: Vec<String>,
    /// Columns, with their types, that only the earlier run has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns_removed: Vec<String>,
    /// Some of the rows that changed.
    pub examples_changed: Vec<ChangedRow>,
    /// Some of the rows that came.
    pub examples_came: Vec<OneRow>,
    /// Some of the rows that went.
    pub examples_went: Vec<OneRow>,
}

/// A row.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct OneRow {
    /// Where it is from: `docs.jsonl:12`; empty for a row that a step made.
    pub place: String,
    /// Its values.
    pub row: Map<String, Value>,
}

/// A row that changed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ChangedRow {
    /// Where it is from.
    pub place: String,
    /// The values that differ.
    pub values: Vec<ChangedValue>,
}

/// A value that differs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ChangedValue {
    /// The column.
    pub column: String,
    /// As it was; `None` if there was no such column.
    pub from: Option<Value>,
    /// As it is; `None` if there is no such column.
    pub to: Option<Value>,
}
