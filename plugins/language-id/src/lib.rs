//! The language that a text is written in.
#![forbid(unsafe_code)]

mod detect;
mod script;

use callboard_sdk::prelude::*;

/// Which text, and which languages it may be in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column.
    column: String,
    /// The codes of the languages to choose from, such as `["en", "de"]`; if empty, all known languages.
    languages: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config { column: "text".into(), languages: vec![] }
    }
}

/// Adds the language of a text column (ISO 639) and how sure that is.
pub struct LanguageId;

impl Transform for LanguageId {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        let among = config.languages.iter().enumerate().map(|(i, code)| {
            let message =
                || format!("`{code}` is not a known language; known languages are {}", detect::codes().join(", "));
            detect::language(code).ok_or_else(|| StepError::config(message()).at(format!("/languages/{i}")))
        });
        let among: Vec<_> = among.collect::<Result<_>>()?;
        let detector = detect::detector(among.clone());
        let find = move |text: &str| {
            let (telling, share) = script::telling(text);
            let found = detector.detect(&telling).map(|found| (found.lang(), found.confidence() * share));
            // A script may be that of no language to choose from: then the whole text tells.
            let is_allowed = |language| among.is_empty() || among.contains(&language);
            match found {
                Some((language, _)) if share < 1.0 && !is_allowed(language) => {
                    detector.detect(text).map(|found| (found.lang(), found.confidence()))
                }
                found => found,
            }
        };
        let shape = Shape::new().reads(&text).writes(Field::utf8("language")).writes(Field::float64("language_score"));
        Ok(shape.process(move |batch| {
            let texts = batch.get(&text)?;
            let (mut codes, mut scores) = (StringBuilder::with_capacity(texts.len()), NumberBuilder::<f64>::new());
            for found in texts.iter().map(|text| find(text?)) {
                codes.push_option(found.map(|(language, _)| detect::code(language)));
                scores.push_option(found.map(|(_, confidence)| confidence));
            }
            Ok(Output::new().column(codes.finish()).column(scores.finish()))
        }))
    }
}

callboard_sdk::transform!(LanguageId);

#[cfg(test)]
mod tests {
    use super::*;
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    #[test]
    fn adds_code_and_score() {
        let rows = json!([{ "text": "Все люди рождаются свободными и равными в своем достоинстве и правах." }, { "text": "42" }, { "text": null }]);
        let outcome = testing::transform::<LanguageId>(json!({}), rows).unwrap();
        assert_eq!(outcome.rows[0]["language"], "ru");
        assert!(outcome.rows[0]["language_score"].as_f64().unwrap() > 0.9);
        for row in &outcome.rows[1..] {
            assert_eq!((&row["language"], &row["language_score"]), (&Value::Null, &Value::Null));
        }
    }

    #[test]
    fn code_and_names_in_latin_letters_do_not_hide_the_language() {
        let rows = json!([
            { "text": "`app.dock.setMenu(menu)` アプリケーションの Dock メニューを設定します。" },
            { "text": "BrowserWindow 和 ipcRenderer 模块使用说明" },
            { "text": "Electron app.getPath(name) возвращает путь" }
        ]);
        let outcome = testing::transform::<LanguageId>(json!({}), rows.clone()).unwrap();
        let found: Vec<_> = outcome.rows.iter().map(|row| row["language"].as_str().unwrap()).collect();
        assert_eq!(found, ["ja", "zh", "ru"]);
        let score = outcome.rows[0]["language_score"].as_f64().unwrap();
        assert!((0.5..0.9).contains(&score), "a text of two scripts is not a sure one: {score}");
        let outcome = testing::transform::<LanguageId>(json!({ "languages": ["en", "de"] }), rows).unwrap();
        assert!(outcome.rows[0]["language"] != "ja", "only languages to choose from are found");
    }

    #[test]
    fn names_the_languages_there_are() {
        let config = json!({ "languages": ["en", "tlh"] });
        let error = testing::transform::<LanguageId>(config, json!([{ "text": "" }])).unwrap_err();
        assert_eq!(error.at.as_deref(), Some("/languages/1"));
        assert!(error.message.contains("known languages are af, ak,"), "{}", error.message);
    }
}
