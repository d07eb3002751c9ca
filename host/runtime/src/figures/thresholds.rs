//! The numbers that a step compares with its thresholds, and what other thresholds would drop.

use arrow::array::RecordBatch;
use callboard_plan::{Kind, PlannedStep, Reader};

use super::conditions::Conditions;
use super::heuristics::Heuristics;
use super::spread::Sketched;
use crate::error::RunError;
use crate::prepare::Prepared;
use crate::store::records::{Threshold, ThresholdStats};

/// Shares of rows whose thresholds are shown beside that of the step.
const SHARES: [f64; 6] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75];

/// Looks at the rows that a step with thresholds is given.
pub(crate) struct Thresholds {
    compares: Compares,
    rows: u64,
}

/// What a step compares.
enum Compares {
    Columns(Conditions),
    Measures(Box<Heuristics>),
}

impl Thresholds {
    /// For a transform that keeps the rows for which the condition `where` of its configuration holds, and for the bundled `quality`.
    pub(crate) fn of(prepared: &Prepared, step: &PlannedStep) -> Option<Thresholds> {
        if step.kind != Kind::Transform {
            return None;
        }
        let schema = prepared.ways(&Reader::Step(step.name.clone())).first()?.schema.clone();
        let columns = || Conditions::of(step, &schema).map(Compares::Columns);
        let compares = columns().or_else(|| Heuristics::of(step).map(Box::new).map(Compares::Measures))?;
        Some(Thresholds { compares, rows: 0 })
    }

    /// How many comparisons there are.
    pub(crate) fn len(&self) -> usize {
        match &self.compares {
            Compares::Columns(conditions) => conditions.len(),
            Compares::Measures(heuristics) => heuristics.len(),
        }
    }

    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<(), RunError> {
        self.rows += rows.num_rows() as u64;
        match &mut self.compares {
            Compares::Columns(conditions) => conditions.add(rows),
            Compares::Measures(heuristics) => heuristics.add(rows),
        }
    }

    pub(crate) fn stats(self) -> Vec<ThresholdStats> {
        let compared = match self.compares {
            Compares::Columns(conditions) => conditions.compared(),
            Compares::Measures(heuristics) => heuristics.compared(),
        };
        compared.into_iter().filter_map(|compared| compared.stats(self.rows)).collect()
    }
}

/// A number of each row that is compared with one threshold.
pub(super) struct Compared {
    /// What it is called.
    pub(super) operand: String,
    /// How: `<`, `<=`, `>`, `>=`.
    pub(super) operator: &'static str,
    /// The threshold.
    pub(super) with: f64,
    pub(super) spread: Sketched,
}

impl Compared {
    /// The share of rows for which the comparison with a number does not hold, those without a number among them.
    fn dropped(&mut self, with: f64, rows: u64) -> f64 {
        let below = match self.operator {
            ">=" => self.spread.share(with, false),
            ">" => self.spread.share(with, true),
            "<=" => 1.0 - self.spread.share(with, true),
            _ => 1.0 - self.spread.share(with, false),
        };
        let numbers = self.spread.count() as f64;
        (1.0 - numbers / rows as f64 + below * numbers / rows as f64).clamp(0.0, 1.0)
    }

    fn stats(mut self, rows: u64) -> Option<ThresholdStats> {
        if self.spread.count() == 0 {
            return None;
        }
        let is_least = self.operator.starts_with('>');
        let candidates = SHARES
            .iter()
            .filter_map(|share| Some(rounded(self.spread.quantile(if is_least { *share } else { 1.0 - share })?)));
        let current = self.with;
        let mut values: Vec<f64> = candidates.chain([current]).collect();
        values.sort_by(|a, b| if is_least { a.total_cmp(b) } else { b.total_cmp(a) });
        values.dedup();
        let of = |value: f64| Threshold { value, dropped: self.dropped(value, rows), current: value == current };
        let thresholds = values.into_iter().map(of).collect();
        Some(ThresholdStats { operand: self.operand, operator: self.operator.to_owned(), rows, thresholds })
    }
}

/// A number with three digits that count, as a person writes a threshold.
fn rounded(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}
