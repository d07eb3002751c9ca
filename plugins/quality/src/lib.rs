//! Drops or flags texts that fail the heuristics of Gopher and C4, which are in `callboard-heuristics`.
#![forbid(unsafe_code)]

use callboard_heuristics::{Document, Mode, Rule};
use callboard_sdk::prelude::*;

pub use callboard_heuristics::Config;

/// Drops or flags texts that fail the heuristics of Gopher and C4.
pub struct Quality;

impl Transform for Quality {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let config = config.resolved();
        let text = input.utf8(&config.column).at("/column")?;
        let rules = config.applied()?;
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
fn failed(rules: &[&'static Rule], config: &Config, document: &Document<'_>) -> impl Iterator<Item = &'static str> {
    rules.iter().filter(|rule| rule.fails(document, config)).map(|rule| rule.name)
}

callboard_sdk::transform!(Quality);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_heuristics::RULES;
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

    /// Each line of the page's table: the rule, and its default, which is the threshold under the rule's own name.
    #[test]
    fn the_page_lists_all_rules_in_their_order_with_their_defaults() {
        let rows = include_str!("../README.md").lines().filter(|line| line.starts_with("| `"));
        let rows: Vec<Vec<&str>> =
            rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect();
        let named: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        assert_eq!(named, RULES.iter().map(|rule| rule.name).collect::<Vec<_>>());
        let usual = format!("{:?}", Config::default().resolved());
        for (name, row) in named.iter().zip(&rows) {
            let (set, key) = name.split_once('.').unwrap();
            let with = |value: serde_json::Value| serde_json::from_value::<Config>(json!({ set: { key: value } }));
            match row[2].trim_matches('`') {
                "none" => assert!(with(json!(1)).is_err(), "{name} has a threshold"),
                text => {
                    let config = with(serde_json::from_str(text).unwrap()).unwrap().resolved();
                    assert_eq!(format!("{config:?}"), usual, "{name} is not {text} by default");
                }
            }
        }
    }
}
