//! The comparisons of a condition: columns, or their sizes, with constants.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use callboard_cel::{Comparison, Expression};
use callboard_plan::PlannedStep;
use callboard_sandbox::native_schema;

use super::columns::places;
use super::sketch::{lengths, numbers};
use super::spread::Sketched;
use super::thresholds::Compared;
use crate::error::RunError;

/// Looks at what the condition `where` of a step's configuration compares.
pub(super) struct Conditions(Vec<OfColumn>);

struct OfColumn {
    /// The column, as the pipeline calls it.
    column: String,
    of_size: bool,
    compared: Compared,
}

impl Conditions {
    /// For a step that is given rows with these columns, if it has a condition that compares something.
    pub(super) fn of(step: &PlannedStep, schema: &SchemaRef) -> Option<Conditions> {
        let condition = step.config.get("where")?.as_str()?;
        let schema = renamed(schema, step);
        let expression = Expression::new(condition, &native_schema(&schema)).ok()?;
        let places = places(&schema);
        let compared = expression.comparisons().into_iter().map(|comparison| {
            let Comparison { mut path, of_size, operator, with } = comparison;
            let own = path.join(".");
            if let Some(name) = step.columns.get(&path[0]) {
                path[0].clone_from(name);
            }
            let column = path.join(".");
            let whole = of_size || places.iter().any(|place| place.name == own && place.holds_integers());
            let operand = if of_size { format!("size({column})") } else { column.clone() };
            OfColumn { column, of_size, compared: Compared { operand, operator, with, spread: Sketched::new(whole) } }
        });
        let compared: Vec<OfColumn> = compared.collect();
        (!compared.is_empty()).then_some(Conditions(compared))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, rows: &RecordBatch) -> Result<(), RunError> {
        let places = places(rows.schema_ref());
        for of in &mut self.0 {
            if let Some(place) = places.iter().find(|place| place.name == of.column) {
                of.add(&place.of(rows)?);
            }
        }
        Ok(())
    }

    pub(super) fn compared(self) -> Vec<Compared> {
        self.0.into_iter().map(|of| of.compared).collect()
    }
}

/// The columns as the step calls them.
fn renamed(schema: &SchemaRef, step: &PlannedStep) -> SchemaRef {
    let name = |of: &str| step.columns.iter().find(|(_, to)| *to == of).map_or(of, |(own, _)| own).to_owned();
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_name(name(field.name())));
    std::sync::Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl OfColumn {
    fn add(&mut self, column: &ArrayRef) {
        let spread = &mut self.compared.spread;
        match (self.of_size, column.data_type()) {
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
}
