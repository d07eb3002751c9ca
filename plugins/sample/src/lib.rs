//! A random sample of the rows, the same for the same seed.
//!
//! How many rows there are is known before the first is looked at, so rows are chosen as they pass (see `draw`): nothing is
//! kept of them, and without strata nothing is read.
#![forbid(unsafe_code)]

mod draw;

use std::collections::HashMap;

use callboard_sdk::Keys;
use callboard_sdk::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use draw::{Draw, Random, Size};

/// How large a sample, and of what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The number of rows, or all if there are fewer. Either this or `fraction`.
    rows: Option<u64>,
    /// The share of the rows, from 0 to 1, rounded to a whole row. Either this or `rows`.
    #[schemars(range(min = 0, max = 1))]
    fraction: Option<f64>,
    /// The seed: the same seed gives the same sample.
    seed: u64,
    /// A column to stratify by: `rows` or `fraction` then applies to each of its values (null is one of them).
    by: Option<String>,
}

impl Config {
    fn size(&self) -> Result<Size> {
        match (self.rows, self.fraction) {
            (Some(rows), None) => Ok(Size::Rows(rows)),
            (None, Some(fraction)) if (0.0..=1.0).contains(&fraction) => Ok(Size::Fraction(fraction)),
            (None, Some(fraction)) => {
                Err(StepError::config(format!("`fraction` is {fraction}, and 0 to 1 is expected")).at("/fraction"))
            }
            _ => Err(StepError::config("either `rows` or `fraction` is needed, and not both").at("")),
        }
    }
}

/// Takes a random sample of the rows, in their order.
pub struct Sample;

impl Global for Sample {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let (size, seed) = (config.size()?, config.seed);
        let Some(by) = config.by else {
            return Ok(Shape::new().run(move |inputs, output| simple(size, Random::new(seed), &inputs[0], output)));
        };
        let by = input.any(&by).at("/by")?;
        Ok(Shape::new()
            .reads(&by)
            .run(move |inputs, output| stratified(size, Random::new(seed), &by, &mut inputs[0], output)))
    }
}

fn simple(size: Size, mut random: Random, input: &Reader, output: &mut Writer) -> Result<()> {
    let mut draw = Draw::new(size, input.rows());
    put_out(output, (0..input.rows()).map(|row| (row, draw.next(&mut random))))
}

fn stratified(size: Size, mut random: Random, by: &Column<Any>, input: &mut Reader, output: &mut Writer) -> Result<()> {
    let mut counts: HashMap<u128, u64> = HashMap::new();
    for batch in input.batches() {
        strata(&batch, by)?.for_each(|stratum| *counts.entry(stratum).or_default() += 1);
    }
    let mut draws: HashMap<_, _> = counts.into_iter().map(|(stratum, rows)| (stratum, Draw::new(size, rows))).collect();
    input.seek(0);
    for batch in input.batches() {
        let draw = |stratum| draws.get_mut(&stratum).is_some_and(|draw| draw.next(&mut random));
        put_out(output, (batch.first_row()..).zip(strata(&batch, by)?.map(draw)))?;
    }
    Ok(())
}

/// The stratum of each row: the hash of its value, whatever its type.
fn strata<'a>(batch: &'a Batch, by: &Column<Any>) -> Result<impl Iterator<Item = u128> + use<'a>> {
    let keys = Keys::new([batch.get(by)?])?;
    let mut key = vec![];
    Ok((0..batch.rows()).map(move |row| {
        key.clear();
        keys.write(row, &mut key);
        xxh3_128(&key)
    }))
}

fn put_out(output: &mut Writer, rows: impl Iterator<Item = (u64, bool)>) -> Result<()> {
    const CHUNK: usize = 1 << 16;
    let mut kept = vec![];
    for (row, is_chosen) in rows {
        if is_chosen {
            kept.push(row);
        } else {
            output.drop(row, "not in the sample");
        }
        if kept.len() == CHUNK {
            output.keep(&kept)?;
            kept.clear();
        }
    }
    output.keep(&kept)
}

callboard_sdk::global!(Sample);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    fn rows() -> Value {
        let languages = [Some("en"), Some("de"), None];
        (0..90).map(|id| json!({ "id": id, "language": languages[id % 3] })).collect()
    }

    fn sample(config: Value) -> Vec<Value> {
        let outcome = testing::global::<Sample>(config, [rows()]).unwrap();
        assert_eq!(outcome.rows.len() + outcome.removed.len(), 90);
        assert!(outcome.rows.is_sorted_by_key(|row| row["id"].as_u64()));
        outcome.rows
    }

    #[test]
    fn is_the_same_for_the_same_seed() {
        let first = sample(json!({ "rows": 9 }));
        assert_eq!(first.len(), 9);
        assert_eq!(first, sample(json!({ "rows": 9, "seed": 0 })));
        assert_ne!(first, sample(json!({ "rows": 9, "seed": 1 })));
        assert_eq!(sample(json!({ "fraction": 0.5 })).len(), 45);
        assert_eq!(sample(json!({ "rows": 100 })).len(), 90);
    }

    #[test]
    fn takes_as_many_of_each_stratum() {
        for (config, each) in
            [(json!({ "rows": 4, "by": "language" }), 4), (json!({ "fraction": 0.1, "by": "language" }), 3)]
        {
            let rows = sample(config);
            for language in [json!("en"), json!("de"), json!(null)] {
                assert_eq!(rows.iter().filter(|row| row["language"] == language).count(), each);
            }
        }
    }

    #[test]
    fn wants_one_size() {
        let error = |config| testing::global::<Sample>(config, [rows()]).unwrap_err();
        assert_eq!(error(json!({})).message, "either `rows` or `fraction` is needed, and not both");
        assert_eq!(
            error(json!({ "rows": 1, "fraction": 0.1 })).message,
            "either `rows` or `fraction` is needed, and not both"
        );
        assert_eq!(error(json!({ "fraction": 1.5 })).at.as_deref(), Some("/fraction"));
        assert_eq!(error(json!({ "rows": 1, "by": "z" })).at.as_deref(), Some("/by"));
    }
}
