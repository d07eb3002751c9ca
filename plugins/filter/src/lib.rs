//! Keeps the rows for which a condition is true, written in CEL's syntax, with SQL's three-valued logic. The language is the crate
//! `callboard-cel`.
#![forbid(unsafe_code)]

use callboard_cel::{Expression, Truth};
use callboard_sdk::prelude::*;

#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use callboard_cel::fuzz;

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
            let decided = expression.decide(&batch)?;
            let mut output = Output::new();
            let mut failed = decided.failed.into_iter().peekable();
            for (i, truth) in decided.truths.into_iter().enumerate() {
                match failed.next_if(|(row, _)| *row == i) {
                    Some((_, why)) => output.reject(i, why),
                    None if truth == Truth::TRUE => {}
                    None => output.drop(i, &*reason),
                }
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Filter);
