//! The numbers that a step's condition compares, and what other thresholds would drop.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use callboard_cel::{Comparison, Expression};
use callboard_plan::{Kind, PlannedStep, Reader};
use callboard_sandbox::native_schema;

use super::columns::places;
use super::sketch::{lengths, numbers};
use super::spread::Sketched;
use crate::error::RunError;
use crate::prepare::Prepared;
use crate::store::records::{Threshold, ThresholdStats};

/// Shares of rows whose thresholds are shown beside that of the condition.
const SHARES: [f64; 6] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75];

/// Looks at the rows that a step with a condition is given.
pub(crate) struct Thresholds {
    compared: Vec<Compared>,
    rows: u64,
}

struct Compared {
    comparison: Comparison,
    name: String,
    spread: Sketched,
}

impl Thresholds {
    /// For a transform that keeps the rows for which the condition `where` of its configuration holds.
    pub(crate) fn of(prepared: &Prepared, step: &PlannedStep) -> Option<Thresholds> {
        let condition = step.config.get("where")?.as_str().filter(|_| step.kind == Kind::Transform)?;
        let reader = Reader::Step(step.name.clone());
        let schema = renamed(&prepared.ways(&reader).first()?.schema, step);
        let expression = Expression::new(condition, &native_schema(&schema)).ok()?;
        let compared = expression.comparisons().into_iter().map(|comparison| {
            let mut path = comparison.path.clone();
            if let Some(name) = step.columns.get(&path[0]) {
                path[0].clone_from(name);
            }
            let name = comparison.path.join(".");
            let whole =
                comparison.of_size || places(&schema).iter().any(|place| place.name == name && place.holds_integers());
            Compared { comparison, name: path.join("."), spread: Sketched::new(whole) }
        });
        let compared: Vec<Compared> = compared.collect();
        (!compared.is_empty()).then_some(Thresholds { compared, rows: 0 })
    }

    /// How many comparisons there are.
    pub(crate) fn len(&self) -> usize {
        self.compared.len()
    }

    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<(), RunError> {
        self.rows += rows.num_rows() as u64;
        let places = places(rows.schema_ref());
        for compared in &mut self.compared {
            let Some(place) = places.iter().find(|place| place.name == compared.name) else { continue };
            compared.add(&place.of(rows)?);
        }
        Ok(())
    }

    pub(crate) fn stats(self) -> Vec<ThresholdStats> {
        let rows = self.rows;
        self.compared.into_iter().filter_map(|compared| compared.stats(rows)).collect()
    }
}

/// The columns as the step calls them.
fn renamed(schema: &SchemaRef, step: &PlannedStep) -> SchemaRef {
    let name = |of: &str| step.columns.iter().find(|(_, to)| *to == of).map_or(of, |(own, _)| own).to_owned();
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_name(name(field.name())));
    std::sync::Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
}

impl Compared {
    fn add(&mut self, column: &ArrayRef) {
        let spread = &mut self.spread;
        match (self.comparison.of_size, column.data_type()) {
            (false, _) => {
                numbers(column).iter().flat_map(|numbers| numbers.iter().flatten()).for_each(|value| spread.add(value))
            }
            (true, DataType::Utf8) => {
                let texts = column.as_string::<i32>().iter().flatten();
                texts.for_each(|text| spread.add(text.chars().count() as f64));
            }
            (true, DataType::Binary) => {
                column.as_binary::<i32>().iter().flatten().for_each(|bytes| spread.add(bytes.len() as f64));
            }
            (true, _) => lengths(column, |length| spread.add(length as f64)),
        }
    }

    /// The share of rows for which the comparison with a number does not hold, those without a number among them.
    fn dropped(&mut self, with: f64, rows: u64) -> f64 {
        let below = match self.comparison.operator {
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
        let is_least = self.comparison.operator.starts_with('>');
        let candidates = SHARES
            .iter()
            .filter_map(|share| Some(rounded(self.spread.quantile(if is_least { *share } else { 1.0 - share })?)));
        let current = self.comparison.with;
        let mut values: Vec<f64> = candidates.chain([current]).collect();
        values.sort_by(|a, b| if is_least { a.total_cmp(b) } else { b.total_cmp(a) });
        values.dedup();
        let of = |value: f64| Threshold { value, dropped: self.dropped(value, rows), current: value == current };
        let thresholds = values.into_iter().map(of).collect();
        let operand = if self.comparison.of_size { format!("size({})", self.name) } else { self.name.clone() };
        Some(ThresholdStats { operand, operator: self.comparison.operator.to_owned(), rows, thresholds })
    }
}

/// A number with three digits that count, as a person writes a threshold.
fn rounded(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}
