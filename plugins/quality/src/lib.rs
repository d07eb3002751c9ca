//! The heuristics by which Gopher (Rae et al. 2021) and C4 (Raffel et al. 2020) separated prose from the rest of the web.
//!
//! 1. `config`: the thresholds, by default those of the papers.
//! 2. A `document::Document` is a text cut into lines, paragraphs and words, once for all rules.
//! 3. `rules::RULES` is the list of rules: a name and a function each. `repetition` has the arithmetic of the longer ones.
#![forbid(unsafe_code)]

mod config;
mod document;
mod repetition;
mod rules;

use callboard_sdk::prelude::*;

pub use config::Config;
use config::Mode;
use document::Document;

/// Drops or flags texts that fail the heuristics of Gopher and C4.
pub struct Quality;

impl Transform for Quality {
    type Config = Config;

    fn bind(mut config: Config, input: &Schema) -> Result<BoundTransform> {
        config.gopher.resolve();
        let text = input.utf8(&config.column).at("/column")?;
        let rules = rules::chosen(&config.rules, &config.skip)?;
        let shape = Shape::new().reads(&text);
        Ok(match config.mode {
            Mode::Drop => shape.process(move |batch| {
                let mut output = Output::new();
                for (row, text) in batch.get(&text)?.iter().enumerate() {
                    let first = text.map_or(Some("null"), |text| failed(&rules, &config, &Document::new(text)).next());
                    if let Some(rule) = first {
                        output.drop(row, rule);
                    }
                }
                Ok(output)
            }),
            Mode::Flag => shape.writes(Field::list(&config.into, Layout::Utf8)).process(move |batch| {
                let texts = batch.get(&text)?;
                let mut flags = ListBuilder::<StringBuilder>::with_capacity(texts.len());
                for text in texts.iter() {
                    let Some(text) = text else {
                        flags.push_null();
                        continue;
                    };
                    failed(&rules, &config, &Document::new(text)).for_each(|rule| flags.items.push(rule));
                    flags.close();
                }
                Ok(Output::new().column(flags.finish()))
            }),
        })
    }
}

/// The names of the rules that a text fails, each found when it is asked for.
fn failed(
    rules: &[&'static rules::Rule],
    config: &Config,
    document: &Document<'_>,
) -> impl Iterator<Item = &'static str> {
    rules.iter().filter(|rule| (rule.fails)(document, config)).map(|rule| rule.name)
}

callboard_sdk::transform!(Quality);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing::{self, dropped};
    use serde_json::json;

    fn rows() -> serde_json::Value {
        json!([{ "text": "a b {" }, { "text": "one and one is two" }, { "text": null }])
    }

    #[test]
    fn drops_with_the_first_failed_rule() {
        let config = json!({ "gopher": { "words": [4, 10] }, "rules": ["gopher.words", "c4.curly_bracket"] });
        let outcome = testing::transform::<Quality>(config, rows()).unwrap();
        assert_eq!(outcome.rows, [json!({ "text": "one and one is two" })]);
        assert_eq!(outcome.removed, [dropped(0, "gopher.words"), dropped(2, "null")]);
    }

    #[test]
    fn flags_all_failed_rules() {
        let config = json!({ "mode": "flag", "as": "failed", "rules": ["gopher.words", "c4"], "skip": ["c4.sentences", "c4.terminal_punctuation"] });
        let outcome = testing::transform::<Quality>(config, rows()).unwrap();
        let failed: Vec<_> = outcome.rows.iter().map(|row| &row["failed"]).collect();
        assert_eq!(failed, [&json!(["gopher.words", "c4.curly_bracket"]), &json!(["gopher.words"]), &json!(null)]);
    }
}
