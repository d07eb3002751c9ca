//! Divides rows into named parts by the hash of a key: train, validation and test, say.
//!
//! The hash is a number from 0 up to 1, and the parts lie one behind the other in the order of their names. So the part of a row
//! depends on its key, the seed and the shares alone: rows that are added later move no others.
#![forbid(unsafe_code)]

mod key;

use std::collections::BTreeMap;

use callboard_sdk::prelude::*;
use key::StableKeys;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The parts, and what decides between them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column, or columns, whose values decide: rows that agree in them are in the same part.
    by: By,
    /// The parts and their shares, which make 1 together.
    #[serde(default = "usual")]
    parts: BTreeMap<String, f64>,
    /// The column to write the name of the part to.
    #[serde(default = "split", rename = "as")]
    into: String,
    /// Another seed gives another division.
    #[serde(default)]
    seed: u64,
}

/// One column or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum By {
    /// Its name.
    Column(String),
    /// Their names.
    Columns(Vec<String>),
}

fn usual() -> BTreeMap<String, f64> {
    [("test", 0.1), ("train", 0.8), ("validation", 0.1)].map(|(name, share)| (name.to_owned(), share)).into()
}

fn split() -> String {
    "split".into()
}

/// How far the shares may be from 1 together: `0.7`, `0.2` and `0.1` are not exact.
const TOLERANCE: f64 = 1e-9;

/// Where each part ends, of 2^64.
struct Parts(Vec<(u128, String)>);

impl Parts {
    /// # Errors
    /// What is wrong with the shares.
    fn new(shares: &BTreeMap<String, f64>) -> Result<Self> {
        let (mut end, mut parts) = (0.0, Vec::with_capacity(shares.len()));
        for (name, share) in shares {
            if !(*share > 0.0 && *share <= 1.0) {
                let at = format!("/parts/{}", name.replace('~', "~0").replace('/', "~1"));
                return Err(StepError::config(format!("the share {share} is not above 0 and at most 1"))).at(&at);
            }
            end += share;
            parts.push(((end * 2f64.powi(64)) as u128, name.clone()));
        }
        if (end - 1.0).abs() > TOLERANCE {
            let shown = (end * 1e9).round() / 1e9;
            return Err(StepError::config(format!("the shares make {shown} together, and 1 is expected"))).at("/parts");
        }
        if let Some(last) = parts.last_mut() {
            last.0 = 1 << 64;
        }
        Ok(Parts(parts))
    }

    fn of(&self, hash: u64) -> &str {
        let place = self.0.partition_point(|(end, _)| *end <= u128::from(hash));
        &self.0[place].1
    }
}

/// Writes for each row the name of the part that it is in.
pub struct Split;

impl Transform for Split {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let names: Vec<(String, String)> = match config.by {
            By::Column(name) => vec![(name, "/by".to_owned())],
            By::Columns(names) => {
                names.into_iter().enumerate().map(|(nth, name)| (name, format!("/by/{nth}"))).collect()
            }
        };
        if names.is_empty() {
            return Err(StepError::config("`by` is empty: name the columns whose values decide")).at("/by");
        }
        if config.into.is_empty() {
            return Err(StepError::config("a column has no name")).at("/as");
        }
        let columns = names.iter().map(|(name, at)| input.any(name).at(at)).collect::<Result<Vec<_>>>()?;
        let (parts, seed) = (Parts::new(&config.parts)?, config.seed);
        let shape = Shape::new().reads_all(&columns).writes(Field::utf8(&config.into).not_null());
        Ok(shape.process(move |batch| {
            let arrays = columns.iter().map(|column| batch.get(column)).collect::<Result<Vec<_>>>()?;
            let keys = StableKeys::new(arrays)?;
            let mut key = Vec::new();
            let part = |row| {
                key.clear();
                // Apart from other hashes of the same values, such as those of a route.
                key.extend(b"split");
                keys.write(row, &mut key);
                Some(parts.of(xxh3_64_with_seed(&key, seed)))
            };
            Ok(Output::new().column((0..batch.rows()).map(part).collect::<ArrayBuf>()))
        }))
    }
}

callboard_sdk::transform!(Split);

#[cfg(test)]
mod tests;
