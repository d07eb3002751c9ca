//! Keeps the rows for which a CEL expression is true.
//!
//! 1. `expression` parses `where` once and finds the columns that it names; only these are read.
//! 2. It is tried on a row of made-up values of the columns' types, so that a wrong type is an error before any row is read.
//! 3. `columnar` decides simple expressions for whole columns.
//! 4. `row` gives the evaluation of any other a row's values as it asks for them.

mod columnar;
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
        let fields: Vec<&Field> = columns.iter().map(Column::field).collect();
        expression.try_on(fields.iter().copied()).at("/where")?;
        let (simple, reason) = (expression.simple(&fields), expression.shortened());
        let shape = Shape::new().reads_all(&columns);
        Ok(shape.process(move |batch| {
            let arrays = columns.iter().map(|column| batch.get(column)).collect::<Result<Vec<_>>>()?;
            let values = arrays.iter().map(|array| array.values()).collect::<Result<Vec<_>>>()?;
            let rows = batch.rows();
            let decided = simple.as_ref().map_or(vec![None; rows], |simple| simple.decide(&arrays, &values, rows));
            let mut output = Output::new();
            for (i, decided) in decided.into_iter().enumerate() {
                match decided {
                    Some(true) => {}
                    Some(false) => output.drop(i, &*reason),
                    None => match expression.evaluate(&Row::new(expression.columns(), &values, i)) {
                        Verdict::True => {}
                        Verdict::NotTrue => output.drop(i, &*reason),
                        Verdict::Failed(reason) => output.reject(i, reason),
                    },
                }
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Filter);
