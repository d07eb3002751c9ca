//! The rules: a line of the list and a function each.

use callboard_sdk::{Result, StepError};

use crate::config::Config;
use crate::document::{Document, share};
use crate::repetition::duplicates;

/// A rule that texts may fail.
pub struct Rule {
    /// Its name: `gopher.words`.
    pub name: &'static str,
    /// Whether its measure is a whole number.
    pub counts: bool,
    measure: fn(&Document<'_>, &Config) -> f64,
    bounds: fn(&Config) -> Bounds,
    /// Whether a text fails it, where that is found out sooner than its measure is.
    fails: Option<fn(&Document<'_>, &Config) -> bool>,
}

/// What a text's measure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
    /// Neither less than the first, nor more than the second.
    Between(f64, f64),
    /// Nothing: a text fails that has any of it, and there is no threshold.
    None,
}

impl Bounds {
    fn exclude(self, measure: f64) -> bool {
        match self {
            Bounds::AtLeast(least) => measure < least,
            Bounds::AtMost(most) => measure > most,
            Bounds::Between(least, most) => !(least..=most).contains(&measure),
            Bounds::None => measure > 0.0,
        }
    }
}

impl Rule {
    /// Whether a text fails it.
    pub fn fails(&self, document: &Document<'_>, config: &Config) -> bool {
        match self.fails {
            Some(fails) => fails(document, config),
            None => (self.bounds)(config).exclude((self.measure)(document, config)),
        }
    }

    /// What it compares with its threshold.
    pub fn measure(&self, document: &Document<'_>, config: &Config) -> f64 {
        (self.measure)(document, config)
    }

    /// Its thresholds.
    pub fn bounds(&self, config: &Config) -> Bounds {
        (self.bounds)(config)
    }
}

const fn rule(name: &'static str, measure: fn(&Document<'_>, &Config) -> f64, bounds: fn(&Config) -> Bounds) -> Rule {
    Rule { name, counts: false, measure, bounds, fails: None }
}

/// All rules, the cheaper ones first: the first that fails is the reason of a drop.
pub const RULES: &[Rule] = &[
    Rule {
        counts: true,
        ..rule("gopher.words", words, |config| {
            Bounds::Between(config.gopher.words[0] as f64, config.gopher.words[1] as f64)
        })
    },
    rule("gopher.word_length", word_length, |config| {
        Bounds::Between(config.gopher.word_length[0], config.gopher.word_length[1])
    }),
    rule("gopher.symbols", symbols, |config| Bounds::AtMost(config.gopher.symbols)),
    rule("gopher.bullet_lines", bullet_lines, |config| Bounds::AtMost(config.gopher.bullet_lines)),
    rule("gopher.ellipsis_lines", ellipsis_lines, |config| Bounds::AtMost(config.gopher.ellipsis_lines)),
    rule("gopher.alphabetic_words", alphabetic_words, |config| Bounds::AtLeast(config.gopher.alphabetic_words)),
    Rule {
        counts: true,
        fails: Some(too_few_stop_words),
        ..rule(
            "gopher.stop_words",
            |document, config| stop_words(document, config).count() as f64,
            |config| Bounds::AtLeast(config.gopher.stop_words as f64),
        )
    },
    rule("c4.terminal_punctuation", terminal_punctuation, |config| Bounds::AtLeast(config.c4.terminal_punctuation)),
    Rule { counts: true, ..rule("c4.sentences", sentences, |config| Bounds::AtLeast(config.c4.sentences as f64)) },
    rule("c4.lorem_ipsum", lorem_ipsum, |_| Bounds::None),
    rule("c4.curly_bracket", curly_bracket, |_| Bounds::None),
    rule("c4.policy_lines", policy_lines, |config| Bounds::AtMost(config.c4.policy_lines)),
    rule("c4.javascript_lines", javascript_lines, |config| Bounds::AtMost(config.c4.javascript_lines)),
    Rule {
        counts: true,
        fails: Some(too_long_a_word),
        ..rule("c4.word_length", longest_word, |config| Bounds::AtMost(config.c4.word_length as f64))
    },
    rule("gopher.duplicate_lines", duplicate_lines, |config| Bounds::AtMost(config.gopher.duplicate_lines)),
    rule("gopher.duplicate_line_chars", duplicate_line_chars, |config| {
        Bounds::AtMost(config.gopher.duplicate_line_chars)
    }),
    rule("gopher.duplicate_paragraphs", duplicate_paragraphs, |config| {
        Bounds::AtMost(config.gopher.duplicate_paragraphs)
    }),
    rule("gopher.duplicate_paragraph_chars", duplicate_paragraph_chars, |config| {
        Bounds::AtMost(config.gopher.duplicate_paragraph_chars)
    }),
    rule("gopher.top_2_gram", top_gram::<2>, most_top::<2>),
    rule("gopher.top_3_gram", top_gram::<3>, most_top::<3>),
    rule("gopher.top_4_gram", top_gram::<4>, most_top::<4>),
    rule("gopher.duplicate_5_grams", duplicate_grams::<5>, most_duplicate::<5>),
    rule("gopher.duplicate_6_grams", duplicate_grams::<6>, most_duplicate::<6>),
    rule("gopher.duplicate_7_grams", duplicate_grams::<7>, most_duplicate::<7>),
    rule("gopher.duplicate_8_grams", duplicate_grams::<8>, most_duplicate::<8>),
    rule("gopher.duplicate_9_grams", duplicate_grams::<9>, most_duplicate::<9>),
    rule("gopher.duplicate_10_grams", duplicate_grams::<10>, most_duplicate::<10>),
];

/// The rules that are named, or whose set is, less those skipped.
///
/// # Errors
/// `config`, for a name of nothing.
pub(crate) fn chosen(named: &[String], skipped: &[String]) -> Result<Vec<&'static Rule>> {
    for (key, names) in [("rules", named), ("skip", skipped)] {
        for (i, name) in names.iter().enumerate() {
            if !RULES.iter().any(|rule| is_of(rule, name)) {
                let known: Vec<_> = RULES.iter().map(|rule| format!("`{}`", rule.name)).collect();
                let message = format!("there is no rule `{name}`; there are `gopher`, `c4`, {}", known.join(", "));
                return Err(StepError::config(message).at(format!("/{key}/{i}")));
            }
        }
    }
    let is_among = |rule: &Rule, names: &[String]| names.iter().any(|name| is_of(rule, name));
    Ok(RULES.iter().filter(|rule| is_among(rule, named) && !is_among(rule, skipped)).collect())
}

fn is_of(rule: &Rule, name: &str) -> bool {
    let in_list = match name {
        "gopher.top_ngram" => rule.name.starts_with("gopher.top_"),
        "gopher.duplicate_ngrams" => rule.name.starts_with("gopher.duplicate_") && rule.name.ends_with("_grams"),
        _ => false,
    };
    in_list || rule.name == name || rule.name.split_once('.').is_some_and(|(set, _)| set == name)
}

fn words(document: &Document<'_>, _: &Config) -> f64 {
    document.words.len() as f64
}

fn word_length(document: &Document<'_>, _: &Config) -> f64 {
    let chars = document.words.iter().map(|word| word.chars().count()).sum();
    share(chars, document.words.len())
}

fn symbols(document: &Document<'_>, _: &Config) -> f64 {
    let of = |symbol: &str| share(document.text.matches(symbol).count(), document.words.len());
    of("#").max(of("...")).max(of("…"))
}

fn bullet_lines(document: &Document<'_>, _: &Config) -> f64 {
    document.share_of_lines(|line| line.starts_with(['•', '‣', '▪', '◦', '*', '-', '–']))
}

fn ellipsis_lines(document: &Document<'_>, _: &Config) -> f64 {
    document.share_of_lines(|line| line.ends_with("...") || line.ends_with('…'))
}

fn alphabetic_words(document: &Document<'_>, _: &Config) -> f64 {
    document.share_of_words(|word| word.chars().any(char::is_alphabetic))
}

fn stop_words<'a>(document: &'a Document<'_>, config: &'a Config) -> impl Iterator<Item = &'a &'a str> {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    document.words.iter().filter(move |word| config.gopher.stop_word_list.contains(&bare(word)))
}

fn too_few_stop_words(document: &Document<'_>, config: &Config) -> bool {
    stop_words(document, config).take(config.gopher.stop_words).count() < config.gopher.stop_words
}

fn terminal_punctuation(document: &Document<'_>, _: &Config) -> f64 {
    let ends = |line: &str| line.ends_with(['.', '!', '?', '"', '”', '。', '！', '？']) && !line.ends_with("...");
    document.share_of_lines(ends)
}

fn sentences(document: &Document<'_>, _: &Config) -> f64 {
    let ends = |word: &&str| word.trim_end_matches(['"', '”', '’', '»', ')', ']']).ends_with(['.', '!', '?', '…']);
    let dense = document.text.matches(['。', '！', '？']).count();
    (document.words.iter().copied().filter(ends).count() + dense) as f64
}

fn lorem_ipsum(document: &Document<'_>, _: &Config) -> f64 {
    f64::from(document.lowercase().contains("lorem ipsum"))
}

fn curly_bracket(document: &Document<'_>, _: &Config) -> f64 {
    f64::from(document.text.contains('{'))
}

fn policy_lines(document: &Document<'_>, config: &Config) -> f64 {
    share_of_lowercase_lines(document, |text| config.c4.policy_phrases.iter().any(|phrase| text.contains(phrase)))
}

fn javascript_lines(document: &Document<'_>, _: &Config) -> f64 {
    share_of_lowercase_lines(document, |text| text.contains("javascript"))
}

/// The share of lines that have something in lower case. Most texts have it nowhere, and are looked at once.
fn share_of_lowercase_lines(document: &Document<'_>, has: impl Fn(&str) -> bool) -> f64 {
    match has(document.lowercase()) {
        true => document.share_of_lines(|line| has(&line.to_lowercase())),
        false => 0.0,
    }
}

fn longest_word(document: &Document<'_>, _: &Config) -> f64 {
    document.words.iter().map(|word| word.chars().count()).max().unwrap_or(0) as f64
}

fn too_long_a_word(document: &Document<'_>, config: &Config) -> bool {
    document.words.iter().any(|word| word.chars().nth(config.c4.word_length).is_some())
}

fn duplicate_lines(document: &Document<'_>, _: &Config) -> f64 {
    share(duplicates(&document.lines).count, document.lines.len())
}

fn duplicate_line_chars(document: &Document<'_>, _: &Config) -> f64 {
    share(duplicates(&document.lines).bytes, document.text.len())
}

fn duplicate_paragraphs(document: &Document<'_>, _: &Config) -> f64 {
    share(duplicates(&document.paragraphs).count, document.paragraphs.len())
}

fn duplicate_paragraph_chars(document: &Document<'_>, _: &Config) -> f64 {
    share(duplicates(&document.paragraphs).bytes, document.text.len())
}

fn top_gram<const N: usize>(document: &Document<'_>, _: &Config) -> f64 {
    share(document.repeated(N).map_or(0, |ngrams| ngrams.top_bytes()), document.word_bytes)
}

fn most_top<const N: usize>(config: &Config) -> Bounds {
    Bounds::AtMost(config.gopher.top_ngram[N - 2])
}

fn duplicate_grams<const N: usize>(document: &Document<'_>, _: &Config) -> f64 {
    share(document.repeated(N).map_or(0, |ngrams| ngrams.duplicate_bytes()), document.word_bytes)
}

fn most_duplicate<const N: usize>(config: &Config) -> Bounds {
    Bounds::AtMost(config.gopher.duplicate_ngrams[N - 5])
}

#[cfg(test)]
mod tests;
