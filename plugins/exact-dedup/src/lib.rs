//! Keeps the first row of each distinct value.
//!
//! The host brings rows together that agree in the columns compared; none of these columns crosses.

#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 8192;

/// What makes two rows equal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The columns to compare, of any type. Two nulls are equal.
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

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        let input = Schema::only(inputs)?;
        if config.columns.is_empty() {
            return Err(StepError::config("at least 1 column is needed to compare rows by").at("/columns"));
        }
        for (i, name) in config.columns.iter().enumerate() {
            input.field(name).at(format!("/columns/{i}"))?;
        }
        Ok(())
    }

    fn bind(config: Config, _inputs: &[Schema]) -> Result<BoundGlobal> {
        Ok(Shape::new().gather(Gather::by_key(config.columns)).run(|inputs, output| {
            let mut last = None;
            let mut kept = Vec::with_capacity(KEPT_AT_ONCE);
            for batch in inputs[0].batches() {
                for (group, rows) in batch.groups() {
                    let mut rows = rows.map(|i| batch.first_row() + i as u64);
                    if last.replace(group) != Some(group) {
                        kept.extend(rows.next());
                    }
                    rows.for_each(|row| output.drop(row, "duplicate"));
                }
                if kept.len() >= KEPT_AT_ONCE {
                    output.keep(&std::mem::take(&mut kept))?;
                }
            }
            output.keep(&kept)
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
