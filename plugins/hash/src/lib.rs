//! The hash of a column, in hexadecimal.
#![forbid(unsafe_code)]

mod hex;
mod sha256;

use callboard_sdk::array::Binaries;
use callboard_sdk::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

/// What is hashed, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text or binary column to hash.
    column: String,
    /// `sha256` resists deliberate collisions; `xxh3` (128 bits) is faster.
    algorithm: Algorithm,
    /// The column to write the hash to.
    #[serde(rename = "as")]
    into: String,
}

impl Default for Config {
    fn default() -> Self {
        Config { column: "text".into(), algorithm: Algorithm::Sha256, into: "hash".into() }
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Sha256,
    Xxh3,
}

/// Adds the hash of a column of text or bytes, in lower-case hexadecimal.
pub struct Hash;

impl Transform for Hash {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let column = input.bytes(&config.column).at("/column")?;
        let shape = Shape::new().reads(&column).writes(Field::utf8(&config.into));
        Ok(shape.process(move |batch| Ok(Output::new().column(hash(config.algorithm, batch.get(&column)?)))))
    }
}

/// The hashes of all values that are there, as a column that has a null where theirs has one.
fn hash(algorithm: Algorithm, values: Binaries<'_>) -> ArrayBuf {
    let digits = match algorithm {
        Algorithm::Sha256 => 64,
        Algorithm::Xxh3 => 32,
    };
    let mut offsets = Vec::with_capacity(values.len() + 1);
    let mut end = 0;
    offsets.push(0);
    offsets.extend(values.iter().map(|value| {
        end += if value.is_some() { digits } else { 0 };
        end as u32
    }));
    let mut text = vec![0; end];
    let there = values.iter().flatten();
    match algorithm {
        Algorithm::Sha256 => {
            sha256::digests(there, |at, digest| hex::write(digest, &mut text[digits * at..][..digits]));
        }
        // The canonical form of an XXH3 hash is big-endian.
        Algorithm::Xxh3 => {
            let places = text.chunks_exact_mut(digits);
            there.zip(places).for_each(|(value, place)| hex::write(&xxh3_128(value).to_be_bytes(), place));
        }
    }
    ArrayBuf::utf8(offsets, text, values.validity())
}

callboard_sdk::transform!(Hash);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    fn hashes(config: Value) -> Vec<Value> {
        let rows = json!([{ "text": "abc" }, { "text": null }, { "text": "" }]);
        let mut outcome = testing::transform::<Hash>(config, rows).unwrap();
        outcome.rows.iter_mut().map(|row| row["hash"].take()).collect()
    }

    #[test]
    fn are_those_that_everybody_computes() {
        let sha256 = hashes(json!({}));
        assert_eq!(sha256[0], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256[1], Value::Null);
        assert_eq!(sha256[2], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let xxh3 = hashes(json!({ "algorithm": "xxh3" }));
        assert_eq!(xxh3[2], "99aa06d3014798d86001c324468d497f");
    }

    #[test]
    fn wants_text_or_bytes() {
        let error = testing::transform::<Hash>(json!({ "column": "n" }), json!([{ "n": 1 }])).unwrap_err();
        assert_eq!(error.at.as_deref(), Some("/column"));
        assert!(error.message.starts_with("column `n` is int64, and utf8, binary or fixed is expected"), "{error}");
    }
}
