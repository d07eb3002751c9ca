//! Keeps the first row of each distinct value.
//!
//! Rows are told apart by 128 bits of hash: among a billion distinct values, the chance that any two are taken for equal is
//! about 1 in 10^21. Memory is bounded: when as many distinct rows are remembered as may be, the rows that are not among
//! them wait for another pass over the input, which begins with nothing remembered.

mod seen;

use std::num::NonZero;

use callboard_sdk::Keys;
use callboard_sdk::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use seen::{Bits, Found, Seen};

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 8192;

/// What makes two rows equal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The columns to compare, of any type. Two nulls are equal.
    #[schemars(length(min = 1))]
    columns: Vec<String>,
    /// The number of distinct rows to remember at a time, about 20 bytes each. If there are more, the rows are read again.
    #[schemars(range(min = 1))]
    at_once: NonZero<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Config { columns: vec!["text".into()], at_once: NonZero::new(900_000).expect("not 0") }
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
            let rows = inputs[0].rows();
            let mut seen = Seen::new(config.at_once.get().min(usize::try_from(rows)?));
            let (mut first, mut undecided) = (Bits::new(rows, false), Bits::new(rows, true));
            let mut waiting = rows > 0;
            while waiting {
                waiting = false;
                seen.clear();
                inputs[0].seek(0);
                for batch in inputs[0].batches() {
                    waiting |= pass(&config, &batch, &mut seen, &mut first, &mut undecided)?;
                }
            }
            put_out(output, rows, &first)
        }))
    }
}

/// Decides the rows of a batch that are still to be; whether some have to wait for the next pass.
fn pass(config: &Config, batch: &Batch, seen: &mut Seen, first: &mut Bits, undecided: &mut Bits) -> Result<bool> {
    let mut waiting = false;
    let mut scratch = vec![];
    let arrays: Vec<_> = config.columns.iter().map(|name| batch.array(name)).collect::<Result<_>>()?;
    let keys = Keys::new(arrays)?;
    let rows = (0..batch.rows()).map(|i| (i, batch.first_row() + i as u64)).filter(|(_, row)| undecided.get(*row));
    // All hashes before any is looked up: the processor waits for the table's memory for several of them at a time then.
    let hashes: Vec<(u64, u128)> = rows.map(|(i, row)| (row, xxh3_128(keys.get(i, &mut scratch)))).collect();
    for (row, hash) in hashes {
        match seen.insert(hash) {
            Found::Full => {
                waiting = true;
                continue;
            }
            Found::New => first.set(row, true),
            Found::Known => {}
        }
        undecided.set(row, false);
    }
    Ok(waiting)
}

/// Keeps the rows that are the first of their value, in order, and drops the others.
fn put_out(output: &mut Writer, rows: u64, first: &Bits) -> Result<()> {
    let mut kept = Vec::with_capacity(KEPT_AT_ONCE);
    for row in 0..rows {
        if !first.get(row) {
            output.drop(row, "duplicate");
            continue;
        }
        kept.push(row);
        if kept.len() == KEPT_AT_ONCE {
            output.keep(&kept)?;
            kept.clear();
        }
    }
    output.keep(&kept)
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
    fn any_bound_on_memory_gives_the_same_rows() {
        let rows: Vec<_> = (0..200).map(|i| json!({ "text": (i * i % 37).to_string() })).collect();
        let all = testing::global::<ExactDedup>(json!({}), [json!(rows)]).unwrap();
        assert!(all.rows.len() < 37, "there are duplicates");
        for at_once in [1, 2, 7, 19] {
            let bounded = testing::global::<ExactDedup>(json!({ "at_once": at_once }), [json!(rows)]).unwrap();
            assert_eq!((&bounded.rows, &bounded.removed), (&all.rows, &all.removed), "{at_once} at once");
        }
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
