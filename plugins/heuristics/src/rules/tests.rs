//! Each rule fails a text of its own making, and prose passes all.

use serde_json::json;

use super::*;

/// Prose of more than fifty words that no rule objects to.
const PROSE: &str = "The committee met in the spring to talk about the harbour. Some of its members had been there for \
    many years, and they knew every stone of it. A younger one asked whether the old wall would hold through another winter. \
    Nobody could say, so they agreed to have it looked at by somebody who builds bridges.\n\n\
    He came in June with two helpers and a long pole. What they found under the water was worse than anybody had feared: \
    half of the piles were gone! Would there be money enough to replace them before the storms began?";

fn failed(text: &str) -> Vec<&'static str> {
    let (document, config) = (Document::new(text), Config::default());
    RULES.iter().filter(|rule| rule.fails(&document, &config)).map(|rule| rule.name).collect()
}

#[test]
fn prose_passes_all_rules() {
    assert_eq!(failed(PROSE), [""; 0]);
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let sentence = "the harbour and the sea have been there to be looked at. ";
    let cases = [
        ("gopher.words", "too short to be of use".to_owned()),
        ("gopher.word_length", format!("{} {PROSE}", "x".repeat(2000))),
        ("gopher.symbols", format!("{PROSE} {}", "# ".repeat(20))),
        ("gopher.bullet_lines", format!("- {}", PROSE.replace("\n\n", " ").replace(' ', "\n- "))),
        ("gopher.ellipsis_lines", PROSE.replace(". ", " ...\n").replace('?', " …")),
        ("gopher.alphabetic_words", format!("{PROSE} {}", "1234 ".repeat(60))),
        ("gopher.stop_words", "lonely words without anything between them, nothing but nouns. ".repeat(9)),
        ("c4.terminal_punctuation", PROSE.replace(['.', '!', '?'], "")),
        ("c4.sentences", PROSE.replace(['.', '!', '?'], ",")),
        ("c4.lorem_ipsum", format!("{PROSE} Lorem ipsum dolor sit amet.")),
        ("c4.curly_bracket", format!("{PROSE} if (a) {{ b }}")),
        ("c4.policy_lines", format!("{PROSE}\nThis site uses cookies.")),
        ("c4.javascript_lines", format!("{PROSE}\nPlease turn on JavaScript.")),
        ("c4.word_length", format!("{PROSE} {}", "x".repeat(1001))),
        ("gopher.duplicate_lines", format!("{PROSE}\nhome\nhome\nhome\nhome")),
        ("gopher.duplicate_line_chars", format!("{PROSE}\n{sentence}\n{sentence}\n{sentence}\n{sentence}\n{sentence}")),
        ("gopher.duplicate_paragraphs", format!("{PROSE}\n\nhome\n\nhome\n\nhome")),
        ("gopher.duplicate_paragraph_chars", format!("{PROSE}\n\n{PROSE}")),
        ("gopher.top_2_gram", sentence.replace("sea", "the harbour and the harbour").repeat(6)),
        ("gopher.top_3_gram", format!("{PROSE} {}", "three whole words ".repeat(20))),
        ("gopher.top_4_gram", format!("{PROSE} {}", "more than four words ".repeat(20))),
    ];
    let repeated = RULES.iter().filter(|rule| rule.name.contains(".duplicate_") && rule.name.ends_with("_grams"));
    let cases: Vec<_> = cases.into_iter().chain(repeated.map(|rule| (rule.name, format!("{PROSE} {PROSE}")))).collect();
    let untested = RULES.iter().filter(|rule| !cases.iter().any(|(name, _)| *name == rule.name));
    assert_eq!(untested.map(|rule| rule.name).collect::<Vec<_>>(), [""; 0]);
    for (rule, text) in cases {
        let failed = failed(&text);
        assert!(failed.contains(&rule), "{rule} passes, {failed:?} fail: {text}");
    }
}

/// Where a rule looks no further than its threshold, too.
#[test]
fn a_text_fails_where_its_measure_is_out_of_bounds() {
    let config = Config::default();
    let texts = ["", "the", "the end of it", PROSE, &"x".repeat(1001), &"x".repeat(1000), "{ lorem ipsum"];
    for text in texts {
        for rule in RULES {
            let document = Document::new(text);
            let out = rule.bounds(&config).exclude(rule.measure(&document, &config));
            assert_eq!(rule.fails(&document, &config), out, "{}: {text}", rule.name);
        }
    }
}

#[test]
fn rules_are_chosen_by_set_and_name() {
    let names = |named: &[&str], skipped: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        chosen(&owned(named), &owned(skipped)).map(|rules| rules.iter().map(|rule| rule.name).collect::<Vec<_>>())
    };
    assert_eq!(names(&["gopher", "c4"], &[]).unwrap().len(), RULES.len());
    assert_eq!(names(&["c4.sentences", "gopher.words"], &[]).unwrap(), ["gopher.words", "c4.sentences"]);
    assert!(!names(&["c4"], &["c4.sentences"]).unwrap().contains(&"c4.sentences"));
    let error = names(&["gopher"], &["gopher.wards"]).unwrap_err();
    assert_eq!(error.at.as_deref(), Some("/skip/0"));
    assert!(error.message.starts_with("there is no rule `gopher.wards`"), "{}", error.message);
}

#[test]
fn a_list_of_thresholds_names_its_rules_too() {
    let names = |name: &str| chosen(&[name.to_owned()], &[]).unwrap().iter().map(|rule| rule.name).collect::<Vec<_>>();
    assert_eq!(names("gopher.top_ngram"), ["gopher.top_2_gram", "gopher.top_3_gram", "gopher.top_4_gram"]);
    let duplicates = names("gopher.duplicate_ngrams");
    assert_eq!(duplicates.len(), 6, "{duplicates:?}");
    assert_eq!((duplicates[0], duplicates[5]), ("gopher.duplicate_5_grams", "gopher.duplicate_10_grams"));
}

fn resolved(config: serde_json::Value) -> Config {
    let config: Config = serde_json::from_value(config).unwrap();
    config.resolved()
}

#[test]
fn a_rule_has_a_threshold_of_its_name() {
    let config =
        resolved(json!({"gopher": {"top_3_gram": 0.5, "duplicate_10_grams": 0.4, "top_ngram": [0.1, 0.2, 0.3]}}));
    assert_eq!(config.gopher.top_ngram, [0.1, 0.5, 0.3]);
    assert_eq!(config.gopher.duplicate_ngrams, [0.15, 0.14, 0.13, 0.12, 0.11, 0.4]);
}
