//! Counts the words and characters of a text column.
#![forbid(unsafe_code)]

mod counts;

use callboard_sdk::prelude::*;

/// Which text is counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column.
    column: String,
}

impl Default for Config {
    fn default() -> Self {
        Config { column: "text".into() }
    }
}

/// Adds `n_words` (separated by white space) and `n_chars` (Unicode scalar values) of a text column.
pub struct TextStats;

impl Transform for TextStats {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        let shape = Shape::new().reads(&text).writes(Field::int64("n_words")).writes(Field::int64("n_chars"));
        Ok(shape.process(move |batch| {
            let texts = batch.get(&text)?;
            let builder = || NumberBuilder::<i64>::with_capacity(texts.len());
            let (mut n_words, mut n_chars) = (builder(), builder());
            for text in texts.iter() {
                let (words, chars) = text.map(counts::words_and_chars).unzip();
                n_words.push_option(words.map(|words| words as i64));
                n_chars.push_option(chars.map(|chars| chars as i64));
            }
            Ok(Output::new().column(n_words.finish()).column(n_chars.finish()))
        }))
    }
}

callboard_sdk::transform!(TextStats);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing;
    use serde_json::json;

    #[test]
    fn counts_beside_the_text() {
        let rows = json!([{ "body": " Zwei  Wörter" }, { "body": null }, { "body": "" }]);
        let outcome = testing::transform::<TextStats>(json!({ "column": "body" }), rows).unwrap();
        assert_eq!(outcome.rows[0], json!({ "body": " Zwei  Wörter", "n_words": 2, "n_chars": 13 }));
        assert_eq!(outcome.rows[1], json!({ "body": null, "n_words": null, "n_chars": null }));
        assert_eq!(outcome.rows[2], json!({ "body": "", "n_words": 0, "n_chars": 0 }));
    }
}
