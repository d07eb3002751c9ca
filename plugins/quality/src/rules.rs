//! The rules: a line of the list and a function each.

use callboard_sdk::{Result, StepError};

use crate::config::Config;
use crate::document::{Document, share};
use crate::repetition::duplicates;

/// A rule that texts may fail.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) fails: fn(&Document<'_>, &Config) -> bool,
}

/// All rules, the cheaper ones first: the first that fails is the reason of a drop.
pub(crate) const RULES: &[Rule] = &[
    Rule { name: "gopher.words", fails: words },
    Rule { name: "gopher.word_length", fails: word_length },
    Rule { name: "gopher.symbols", fails: symbols },
    Rule { name: "gopher.bullet_lines", fails: bullet_lines },
    Rule { name: "gopher.ellipsis_lines", fails: ellipsis_lines },
    Rule { name: "gopher.alphabetic_words", fails: alphabetic_words },
    Rule { name: "gopher.stop_words", fails: stop_words },
    Rule { name: "c4.terminal_punctuation", fails: terminal_punctuation },
    Rule { name: "c4.sentences", fails: sentences },
    Rule { name: "c4.lorem_ipsum", fails: lorem_ipsum },
    Rule { name: "c4.curly_bracket", fails: curly_bracket },
    Rule { name: "c4.policy_lines", fails: policy_lines },
    Rule { name: "c4.javascript_lines", fails: javascript_lines },
    Rule { name: "c4.word_length", fails: longest_word },
    Rule { name: "gopher.duplicate_lines", fails: duplicate_lines },
    Rule { name: "gopher.duplicate_line_chars", fails: duplicate_line_chars },
    Rule { name: "gopher.duplicate_paragraphs", fails: duplicate_paragraphs },
    Rule { name: "gopher.duplicate_paragraph_chars", fails: duplicate_paragraph_chars },
    Rule { name: "gopher.top_2_gram", fails: top_gram::<2> },
    Rule { name: "gopher.top_3_gram", fails: top_gram::<3> },
    Rule { name: "gopher.top_4_gram", fails: top_gram::<4> },
    Rule { name: "gopher.duplicate_5_grams", fails: duplicate_grams::<5> },
    Rule { name: "gopher.duplicate_6_grams", fails: duplicate_grams::<6> },
    Rule { name: "gopher.duplicate_7_grams", fails: duplicate_grams::<7> },
    Rule { name: "gopher.duplicate_8_grams", fails: duplicate_grams::<8> },
    Rule { name: "gopher.duplicate_9_grams", fails: duplicate_grams::<9> },
    Rule { name: "gopher.duplicate_10_grams", fails: duplicate_grams::<10> },
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

fn words(document: &Document<'_>, config: &Config) -> bool {
    let [min, max] = config.gopher.words;
    !(min..=max).contains(&document.words.len())
}

fn word_length(document: &Document<'_>, config: &Config) -> bool {
    let [min, max] = config.gopher.word_length;
    let chars = document.words.iter().map(|word| word.chars().count()).sum();
    !(min..=max).contains(&share(chars, document.words.len()))
}

fn symbols(document: &Document<'_>, config: &Config) -> bool {
    let too_many =
        |symbol: &str| share(document.text.matches(symbol).count(), document.words.len()) > config.gopher.symbols;
    too_many("#") || too_many("...") || too_many("…")
}

fn bullet_lines(document: &Document<'_>, config: &Config) -> bool {
    document.share_of_lines(|line| line.starts_with(['•', '‣', '▪', '◦', '*', '-', '–'])) > config.gopher.bullet_lines
}

fn ellipsis_lines(document: &Document<'_>, config: &Config) -> bool {
    let has_ellipsis = |line: &str| line.ends_with("...") || line.ends_with('…');
    document.share_of_lines(has_ellipsis) > config.gopher.ellipsis_lines
}

fn alphabetic_words(document: &Document<'_>, config: &Config) -> bool {
    document.share_of_words(|word| word.chars().any(char::is_alphabetic)) < config.gopher.alphabetic_words
}

fn stop_words(document: &Document<'_>, config: &Config) -> bool {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    let is_stop_word = |word: &&&str| config.gopher.stop_word_list.contains(&bare(word));
    document.words.iter().filter(is_stop_word).take(config.gopher.stop_words).count() < config.gopher.stop_words
}

fn terminal_punctuation(document: &Document<'_>, config: &Config) -> bool {
    let ends = |line: &str| line.ends_with(['.', '!', '?', '"', '”', '。', '！', '？']) && !line.ends_with("...");
    document.share_of_lines(ends) < config.c4.terminal_punctuation
}

fn sentences(document: &Document<'_>, config: &Config) -> bool {
    let ends = |word: &&str| word.trim_end_matches(['"', '”', '’', '»', ')', ']']).ends_with(['.', '!', '?', '…']);
    let dense = document.text.matches(['。', '！', '？']).count();
    document.words.iter().copied().filter(ends).count() + dense < config.c4.sentences
}

fn lorem_ipsum(document: &Document<'_>, _: &Config) -> bool {
    document.lowercase().contains("lorem ipsum")
}

fn curly_bracket(document: &Document<'_>, _: &Config) -> bool {
    document.text.contains('{')
}

fn policy_lines(document: &Document<'_>, config: &Config) -> bool {
    let has_phrase = |text: &str| config.c4.policy_phrases.iter().any(|phrase| text.contains(phrase));
    share_of_lowercase_lines(document, has_phrase) > config.c4.policy_lines
}

fn javascript_lines(document: &Document<'_>, config: &Config) -> bool {
    share_of_lowercase_lines(document, |text| text.contains("javascript")) > config.c4.javascript_lines
}

/// The share of lines that have something in lower case. Most texts have it nowhere, and are looked at once.
fn share_of_lowercase_lines(document: &Document<'_>, has: impl Fn(&str) -> bool) -> f64 {
    match has(document.lowercase()) {
        true => document.share_of_lines(|line| has(&line.to_lowercase())),
        false => 0.0,
    }
}

fn longest_word(document: &Document<'_>, config: &Config) -> bool {
    document.words.iter().any(|word| word.chars().nth(config.c4.word_length).is_some())
}

fn duplicate_lines(document: &Document<'_>, config: &Config) -> bool {
    share(duplicates(&document.lines).count, document.lines.len()) > config.gopher.duplicate_lines
}

fn duplicate_line_chars(document: &Document<'_>, config: &Config) -> bool {
    share(duplicates(&document.lines).bytes, document.text.len()) > config.gopher.duplicate_line_chars
}

fn duplicate_paragraphs(document: &Document<'_>, config: &Config) -> bool {
    share(duplicates(&document.paragraphs).count, document.paragraphs.len()) > config.gopher.duplicate_paragraphs
}

fn duplicate_paragraph_chars(document: &Document<'_>, config: &Config) -> bool {
    share(duplicates(&document.paragraphs).bytes, document.text.len()) > config.gopher.duplicate_paragraph_chars
}

fn top_gram<const N: usize>(document: &Document<'_>, config: &Config) -> bool {
    let bytes = document.repeated(N).map_or(0, |ngrams| ngrams.top_bytes());
    share(bytes, document.word_bytes) > config.gopher.top_ngram[N - 2]
}

fn duplicate_grams<const N: usize>(document: &Document<'_>, config: &Config) -> bool {
    let bytes = document.repeated(N).map_or(0, |ngrams| ngrams.duplicate_bytes());
    share(bytes, document.word_bytes) > config.gopher.duplicate_ngrams[N - 5]
}

#[cfg(test)]
mod tests;
