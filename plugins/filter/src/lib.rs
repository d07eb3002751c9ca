//! Keeps the rows for which a condition is true, written in CEL's syntax, with SQL's three-valued logic.
//!
//! 1. `syntax` parses `where` into a tree.
//! 2. `check` finds the columns that it names, whose types are known: a wrong name or type is an error before any row is read.
//! 3. `evaluate` gives the value of what was checked for a row; `reader` reads the columns as what they stand for.
//! 4. `columnar` decides simple conditions for whole columns, with the same results.
//!
//! What values there are is in `value`, how they compare in `compare`, what may be called in `functions`.
#![forbid(unsafe_code)]

#[cfg(not(target_arch = "wasm32"))]
mod agree;
mod arithmetic;
mod calendar;
mod check;
mod columnar;
mod compare;
mod decimal;
mod evaluate;
mod expression;
mod functions;
mod node;
mod reader;
mod syntax;
mod types;
mod value;

use callboard_sdk::prelude::*;

use columnar::Truth;
use expression::{Expression, Verdict};

#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use agree::fuzz;

#[cfg(test)]
mod tests;

/// Which rows are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The condition, in CEL syntax, that is true for the rows to keep: `n_words >= 20 && language == "en"`.
    #[serde(rename = "where")]
    condition: String,
}

/// Keeps the rows for which a condition is true.
pub struct Filter;

impl Transform for Filter {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let expression = Expression::new(&config.condition, input).at("/where")?;
        let reason = expression.shortened();
        let shape = Shape::new().reads_all(expression.columns());
        Ok(shape.process(move |batch| {
            let (columns, rows) = (expression.read(&batch)?, batch.rows());
            let mut output = Output::new();
            match expression.simple() {
                Some(simple) => {
                    for (i, truth) in simple.decide(&columns, rows).into_iter().enumerate() {
                        if truth != Truth::TRUE {
                            output.drop(i, &*reason);
                        }
                    }
                }
                None => {
                    for i in 0..rows {
                        match expression.evaluate(&columns, i) {
                            Verdict::True => {}
                            Verdict::False | Verdict::Unknown => output.drop(i, &*reason),
                            Verdict::Failed(why) => output.reject(i, why),
                        }
                    }
                }
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Filter);
