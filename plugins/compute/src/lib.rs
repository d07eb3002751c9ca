//! Sets columns to the values of expressions, in the language of `filter`: the crate `callboard-cel`.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use callboard_cel::Formula;
use callboard_sdk::prelude::*;

#[cfg(test)]
mod tests;

/// What is computed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Column to expression, in CEL syntax: `{ key = "lower(text)", score = "a * b", dump = "'CC-23'" }`. An expression reads the
    /// columns as they come in; a column that is there already is replaced.
    set: BTreeMap<String, String>,
}

/// Sets columns to the values of expressions.
pub struct Compute;

impl Transform for Compute {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        if config.set.is_empty() {
            return Err(StepError::config("`set` is empty: name a column, such as key = \"lower(text)\"")).at("/set");
        }
        let mut formulas = Vec::with_capacity(config.set.len());
        let mut shape = Shape::new();
        for (name, source) in &config.set {
            let at = format!("/set/{}", name.replace('~', "~0").replace('/', "~1"));
            if name.is_empty() {
                return Err(StepError::config("a column has no name")).at(&at);
            }
            let formula = Formula::new(source, input).at(&at)?;
            shape = shape.reads_all(formula.columns()).writes(Field::new(name, formula.ty()));
            formulas.push((name.clone(), formula));
        }
        Ok(shape.process(move |batch| {
            let mut failed: BTreeMap<usize, String> = BTreeMap::new();
            let mut columns = Vec::with_capacity(formulas.len());
            for (name, formula) in &formulas {
                let (column, without) = formula.compute(&batch)?;
                columns.push((name.clone(), column));
                for (row, why) in without {
                    failed.entry(row).or_insert_with(|| format!("`{name}`: {why}"));
                }
            }
            let mut output = Output::new();
            if failed.is_empty() {
                return Ok(columns.into_iter().fold(output, |output, (_, column)| output.column(column)));
            }
            // A row that is rejected has no values.
            let kept: Vec<u32> =
                (0..batch.rows()).filter(|row| !failed.contains_key(row)).map(|row| row as u32).collect();
            let columns = Batch::of(columns);
            output = columns.columns().fold(output, |output, (_, column)| output.column(column.take(&kept)));
            failed.into_iter().for_each(|(row, why)| output.reject(row, why));
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Compute);
