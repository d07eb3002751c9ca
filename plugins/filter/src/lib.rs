//! Keeps the rows for which a CEL expression is true.
//!
//! 1. `expression` parses `where` once and finds the columns that it names; only these are read.
//! 2. It is tried on a row of made-up values of the columns' types, so that a wrong type is an error before any row is read.
//! 3. `row` gives the evaluation a row's values as it asks for them.

mod expression;
mod row;

use callboard_sdk::prelude::*;

use expression::{Expression, Verdict};
use row::Row;

#[cfg(test)]
mod tests;

/// Which rows are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A CEL expression over the columns' names, true for the rows to keep: `n_words >= 20 && language == "en"`.
    #[serde(rename = "where")]
    condition: String,
}

/// Keeps the rows for which an expression is true.
pub struct Filter;

impl Transform for Filter {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let expression = Expression::parse(&config.condition).at("/where")?;
        let columns: Vec<Column<Any>> =
            expression.columns().iter().map(|name| input.any(name)).collect::<Result<_>>().at("/where")?;
        expression.try_on(columns.iter().map(Column::field)).at("/where")?;
        let shape = Shape::new().reads_all(&columns);
        Ok(shape.process(move |batch| {
            let values = columns.iter().map(|column| batch.get(column)?.values()).collect::<Result<Vec<_>>>()?;
            let mut output = Output::new();
            for i in 0..batch.rows() {
                match expression.evaluate(&Row::new(expression.columns(), &values, i)) {
                    Verdict::True => {}
                    Verdict::NotTrue => output.drop(i, expression.shortened()),
                    Verdict::Failed(reason) => output.reject(i, reason),
                }
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Filter);
