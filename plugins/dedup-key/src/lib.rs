//! Makes keys of texts: the first part of `exact-dedup` where it has a `key`, a transform, so that it works beside what makes the rows,
//! on every core.
//!
//! Rows get one more column: a digest of what is compared of their texts. The texts themselves are not changed.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::Xxh3;

/// The column that is written, which `with-key.toml` names too.
const KEY: &str = "_exact_dedup_key";
/// Bytes of a digest.
const DIGEST: usize = 16;

/// Which texts are compared, and as what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Columns of text.
    columns: Vec<String>,
    /// What makes texts equal.
    key: Key,
}

/// What makes texts equal that are not the same; `exact-dedup` explains the keys to users.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// Upper and lower case.
    lowercase: bool,
    /// Whatever is no letter.
    letters_only: bool,
    /// Unicode's compatibility form, and white space.
    normalise: bool,
}

/// Makes keys of texts.
pub struct Keys;

impl Transform for Keys {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        if config.columns.is_empty() {
            return Err(StepError::config("at least 1 column is needed to compare rows by").at("/columns"));
        }
        let of_text = |(i, name): (usize, &String)| {
            let column = input.utf8(name).map_err(|mut error| {
                error.message.push_str("; with `key`, columns of text alone are compared");
                error
            });
            column.at(format!("/columns/{i}"))
        };
        let columns = config.columns.iter().enumerate().map(of_text).collect::<Result<Vec<Column<str>>>>()?;
        if input.get(KEY).is_some() {
            return Err(StepError::input(format!("there is a column `{KEY}` already, which this step writes")));
        }
        let written = Field::new(KEY, Layout::Fixed(DIGEST as u32)).not_null();
        let shape = Shape::new().reads_all(&columns).writes(written);
        let mut compared = String::new();
        Ok(shape.process(move |batch| {
            let texts = columns.iter().map(|column| batch.get(column)).collect::<Result<Vec<_>>>()?;
            let mut digests = Vec::with_capacity(batch.rows() * DIGEST);
            for row in 0..batch.rows() {
                let mut digest = Xxh3::new();
                for texts in &texts {
                    let kind = config.key.compared(texts.get(row), &mut compared);
                    // With its kind and length, so that no two rows of several texts have the same bytes.
                    digest.update(&[kind as u8]);
                    digest.update(&(compared.len() as u64).to_le_bytes());
                    digest.update(compared.as_bytes());
                }
                digests.extend(digest.digest128().to_le_bytes());
            }
            Ok(Output::new().column(ArrayBuf::fixed(DIGEST as u32, digests.chunks_exact(DIGEST).map(Some))))
        }))
    }
}

/// What is compared of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    /// A text that is compared by its letters, and has none: numbers are not equal because they have no letters.
    WithoutLetters,
}

impl Key {
    /// Puts what is compared of a text into `compared`.
    fn compared(&self, text: Option<&str>, compared: &mut String) -> Kind {
        compared.clear();
        let Some(text) = text else { return Kind::Null };
        match self.normalise && !text.is_ascii() {
            true => self.write(text.nfkc(), compared),
            false => self.write(text.chars(), compared),
        }
        if self.letters_only && compared.is_empty() {
            compared.push_str(text);
            return Kind::WithoutLetters;
        }
        Kind::Text
    }

    fn write(&self, text: impl Iterator<Item = char>, compared: &mut String) {
        let mut space = false;
        for char in text {
            if self.letters_only && !char.is_alphabetic() {
                continue;
            }
            if self.normalise && char.is_whitespace() {
                space = !compared.is_empty();
                continue;
            }
            if std::mem::take(&mut space) {
                compared.push(' ');
            }
            match self.lowercase {
                true if char.is_ascii() => compared.push(char.to_ascii_lowercase()),
                // By way of upper case, so that ς and σ, and ß and ss, are equal.
                true => compared.extend(char.to_uppercase().flat_map(char::to_lowercase)),
                false => compared.push(char),
            }
        }
    }
}

callboard_sdk::transform!(Keys);

#[cfg(test)]
mod tests {
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    use super::*;

    fn keys(key: Value, rows: Value) -> Vec<Value> {
        let table = testing::Table::new(vec![Field::utf8("a"), Field::utf8("b")], rows.clone());
        let outcome = testing::transform::<Keys>(json!({ "columns": ["a", "b"], "key": key }), table).unwrap();
        let with = |(mut row, key): (Value, Value)| {
            row[KEY] = key;
            row
        };
        let keys: Vec<Value> = outcome.rows.iter().map(|row| row[KEY].clone()).collect();
        let rows = rows.as_array().unwrap().iter().cloned();
        assert_eq!(outcome.rows, rows.zip(keys.iter().cloned()).map(with).collect::<Vec<_>>());
        keys
    }

    fn same(key: Value, a: &str, b: &str) -> bool {
        let keys = keys(key, json!([{ "a": a, "b": null }, { "a": b, "b": null }]));
        keys[0] == keys[1]
    }

    #[test]
    fn texts_are_equal_in_what_is_asked_for() {
        let all = || json!({ "lowercase": true, "letters_only": true, "normalise": true });
        assert!(same(json!({ "lowercase": true }), "ÀB c", "àb C") && !same(json!({}), "ÀB c", "àb C"));
        assert!(same(json!({ "lowercase": true }), "ΟΔΟΣ STRASSE ÉTÉ", "οδος straße été"));
        assert!(same(json!({ "letters_only": true }), "a, b — 2c", "ab c!") && !same(json!({}), "a b", "ab"));
        let spaces = " a\u{a0}\tb ﬁ ";
        assert!(same(json!({ "normalise": true }), spaces, "a b fi") && !same(json!({}), spaces, "a b fi"));
        assert!(!same(json!({ "normalise": true }), "ab", "a b") && !same(json!({ "normalise": true }), "a", "A"));
        assert!(same(all(), "Ａ１ e\u{301}", "a É"));
        // Without letters, a text is compared as it is, and is no text of letters.
        assert!(same(all(), "12 3", "12 3") && !same(all(), "123", "456") && !same(all(), "", "1"));
    }

    #[test]
    fn several_texts_and_nulls_differ() {
        let rows = json!([
            { "a": "x", "b": "y" }, { "a": "xy", "b": "" }, { "a": "", "b": "xy" }, { "a": null, "b": "xy" },
            { "a": "xy", "b": null }, { "a": null, "b": null }
        ]);
        let mut keys: Vec<String> = keys(json!({}), rows).iter().map(Value::to_string).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
    }

    #[test]
    fn mistakes_have_their_places() {
        let of = |columns: Value, rows: Value| {
            let error = testing::transform::<Keys>(json!({ "columns": columns, "key": {} }), rows).unwrap_err();
            (error.at.unwrap_or_default(), error.message)
        };
        let (at, message) = of(json!(["a", "n"]), json!([{ "a": "x", "n": 1 }]));
        assert_eq!((at.as_str(), message.contains("int64")), ("/columns/1", true));
        assert!(message.ends_with("with `key`, columns of text alone are compared"), "{message}");
        assert_eq!(of(json!([]), json!([{ "a": "x" }])).0, "/columns");
        assert!(of(json!(["a"]), json!([{ "a": "x", "_exact_dedup_key": 1 }])).1.contains("already"));
    }
}
