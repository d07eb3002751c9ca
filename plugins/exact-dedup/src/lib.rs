//! Keeps the first row of each distinct value.
//!
//! Rows are told apart by 128 bits of hash: among a billion distinct values, the chance that any two are taken for equal is
//! about 1 in 10^21.

mod seen;

use callboard_sdk::Keys;
use callboard_sdk::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use seen::Seen;

/// What makes two rows equal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The columns whose values have to be equal, of any type; a null equals a null.
    #[schemars(length(min = 1))]
    columns: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config { columns: vec!["text".into()] }
    }
}

/// Keeps the first row of each distinct value of some columns, in order.
pub struct ExactDedup;

impl Global for ExactDedup {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        if config.columns.is_empty() {
            return Err(StepError::config("at least 1 column is needed to compare rows by").at("/columns"));
        }
        for (i, name) in config.columns.iter().enumerate() {
            input.field(name).at(format!("/columns/{i}"))?;
        }
        let shape = Shape::new().reads_all(config.columns.iter().map(String::as_str));
        Ok(shape.run(move |inputs, output| {
            let (mut seen, mut key, mut first) = (Seen::default(), vec![], vec![]);
            for batch in inputs[0].batches() {
                let arrays: Vec<_> = config.columns.iter().map(|name| batch.array(name)).collect::<Result<_>>()?;
                let keys = Keys::new(arrays)?;
                first.clear();
                for i in 0..batch.rows() {
                    key.clear();
                    keys.write(i, &mut key);
                    let row = batch.first_row() + i as u64;
                    if seen.insert(xxh3_128(&key)) {
                        first.push(row);
                    } else {
                        output.drop(row, "duplicate");
                    }
                }
                output.keep(&first)?;
            }
            Ok(())
        }))
    }
}

callboard_sdk::global!(ExactDedup);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing::{self, dropped};
    use serde_json::json;

    #[test]
    fn the_first_of_each_stays() {
        let rows = json!([
            { "id": 1, "text": "a" }, { "id": 2, "text": null }, { "id": 3, "text": "" }, { "id": 4, "text": "a" },
            { "id": 5, "text": null }, { "id": 6, "text": "b" }
        ]);
        let outcome = testing::global::<ExactDedup>(json!({}), [rows]).unwrap();
        let ids: Vec<_> = outcome.rows.iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, [1, 2, 3, 6]);
        assert_eq!(outcome.removed, [dropped(3, "duplicate"), dropped(4, "duplicate")]);
    }

    #[test]
    fn compares_several_columns_of_any_type() {
        let rows = json!([
            { "a": ["x", "y"], "b": { "c": 1.0 } }, { "a": ["xy"], "b": { "c": 1.0 } }, { "a": ["x", "y"], "b": { "c": null } },
            { "a": ["x", "y"], "b": null }, { "a": ["x", "y"], "b": { "c": 1.0 } }, { "a": [], "b": { "c": 0.0 } },
            { "a": null, "b": { "c": 0.0 } }, { "a": [], "b": { "c": -0.0 } }
        ]);
        let outcome = testing::global::<ExactDedup>(json!({ "columns": ["a", "b"] }), [rows]).unwrap();
        assert_eq!(outcome.removed, [dropped(4, "duplicate"), dropped(7, "duplicate")]);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert_eq!(testing::global::<ExactDedup>(json!({}), [json!([{ "text": "a" }])]).unwrap().rows.len(), 1);
        let error = testing::global::<ExactDedup>(json!({ "columns": ["text", "id"] }), [json!([{ "text": "a" }])]);
        assert_eq!(error.unwrap_err().at.as_deref(), Some("/columns/1"));
        let error = testing::global::<ExactDedup>(json!({ "columns": [] }), [json!([{ "text": "a" }])]);
        assert_eq!(error.unwrap_err().at.as_deref(), Some("/columns"));
    }
}
