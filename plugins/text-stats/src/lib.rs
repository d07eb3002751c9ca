//! Counts the words and characters of a text column.

mod counts;

use callboard_sdk::prelude::*;

/// Which text is counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The column of text.
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
            let count = |of: fn(&str) -> usize| -> ArrayBuf { texts.iter().map(|t| t.map(|t| of(t) as i64)).collect() };
            Ok(Output::new().column(count(counts::words)).column(count(counts::chars)))
        }))
    }
}

callboard_sdk::transform!(TextStats);
