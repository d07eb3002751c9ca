//! The hash of a column, in hexadecimal.

mod hex;

use callboard_sdk::prelude::*;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

/// What is hashed, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The column of text or bytes.
    column: String,
    /// `sha256` where nobody may be able to make two values of one hash; `xxh3` (128 bits) where speed matters.
    algorithm: Algorithm,
    /// The column that the hash goes into.
    #[serde(rename = "as")]
    into: String,
}

impl Default for Config {
    fn default() -> Self {
        Config { column: "text".into(), algorithm: Algorithm::Sha256, into: "hash".into() }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
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
        let column = input.any(&config.column).at("/column")?;
        if !matches!(column.field().ty.layout, Layout::Utf8 | Layout::Binary | Layout::Fixed(_)) {
            let (name, ty) = (column.name(), &column.field().ty);
            return Err(
                StepError::config(format!("column `{name}` is {ty}, and text or bytes are expected")).at("/column")
            );
        }
        let shape = Shape::new().reads(&column).writes(Field::utf8(&config.into));
        Ok(shape.process(move |batch| {
            let hashes = match batch.get(&column)?.values()? {
                Values::Strings(texts) => hash(config.algorithm, texts.iter().map(|text| text.map(str::as_bytes))),
                Values::Binaries(bytes) => hash(config.algorithm, bytes.iter()),
                _ => unreachable!("neither text nor bytes"),
            };
            Ok(Output::new().column(hashes))
        }))
    }
}

fn hash<'a>(algorithm: Algorithm, values: impl ExactSizeIterator<Item = Option<&'a [u8]>>) -> ArrayBuf {
    let mut hashes = StringBuilder::with_capacities(values.len(), values.len() * 64);
    for value in values {
        match (value, algorithm) {
            (None, _) => hashes.push_null(),
            (Some(value), Algorithm::Sha256) => hashes.push_with(|text| hex::push(&Sha256::digest(value), text)),
            // The canonical form of an XXH3 hash is big-endian.
            (Some(value), Algorithm::Xxh3) => hashes.push_with(|text| hex::push(&xxh3_128(value).to_be_bytes(), text)),
        }
    }
    hashes.finish()
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
        assert_eq!(error.message, "column `n` is int64, and text or bytes are expected");
    }
}
