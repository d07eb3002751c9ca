//! The thresholds, by default those of the papers.

use callboard_sdk::prelude::*;

use crate::rules::{Rule, chosen};

/// Which texts, which rules, and what happens to texts that fail one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column.
    pub column: String,
    /// `drop` removes rows that fail a rule; `flag` keeps all rows and lists the failed rules in a column.
    pub mode: Mode,
    /// The column to list the failed rules in, if `mode` is `flag`.
    #[serde(rename = "as")]
    pub into: String,
    /// The rules to apply: sets (`gopher`, `c4`) or single rules, such as `gopher.stop_words`; `gopher.top_ngram` and
    /// `gopher.duplicate_ngrams` stand for the rules whose thresholds they list.
    pub rules: Vec<String>,
    /// Sets or single rules to leave out.
    pub skip: Vec<String>,
    /// Thresholds of the rules `gopher.…`.
    pub(crate) gopher: Gopher,
    /// Thresholds of the rules `c4.…`.
    pub(crate) c4: C4,
}

impl Config {
    /// The same with the thresholds of single rules in the lists that they are in.
    pub fn resolved(mut self) -> Config {
        self.gopher.resolve();
        self
    }

    /// The rules that it applies.
    ///
    /// # Errors
    ///
    /// `config`, for a name of nothing.
    pub fn applied(&self) -> Result<Vec<&'static Rule>> {
        chosen(&self.rules, &self.skip)
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            column: "text".into(),
            mode: Mode::Drop,
            into: "quality_failed".into(),
            rules: vec!["gopher".into(), "c4".into()],
            skip: vec![],
            gopher: Gopher::default(),
            c4: C4::default(),
        }
    }
}

/// What happens to rows that fail a rule.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "explained where it is used, in `Config`")]
pub enum Mode {
    Drop,
    Flag,
}

/// Thresholds of Gopher's rules: table A1 of its paper. Shares are from 0 to 1.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gopher {
    /// `gopher.words`: the fewest and the most words.
    pub(crate) words: [usize; 2],
    /// `gopher.word_length`: the smallest and the largest mean, in characters.
    pub(crate) word_length: [f64; 2],
    /// `gopher.symbols`: the most `#` for each word, and the most ellipses.
    pub(crate) symbols: f64,
    /// `gopher.bullet_lines`: the largest share of lines that begin with a bullet.
    pub(crate) bullet_lines: f64,
    /// `gopher.ellipsis_lines`: the largest share of lines that end with an ellipsis.
    pub(crate) ellipsis_lines: f64,
    /// `gopher.alphabetic_words`: the smallest share of words with a letter in them.
    pub(crate) alphabetic_words: f64,
    /// `gopher.stop_words`: the fewest of `stop_word_list`, every occurrence counted.
    pub(crate) stop_words: usize,
    /// The stop words, in lower case.
    pub(crate) stop_word_list: Vec<String>,
    /// `gopher.duplicate_lines`: the largest share of lines that are repeats of another.
    pub(crate) duplicate_lines: f64,
    /// `gopher.duplicate_line_chars`: the largest share of bytes in such lines.
    pub(crate) duplicate_line_chars: f64,
    /// `gopher.duplicate_paragraphs`: the largest share of paragraphs that are repeats of another.
    pub(crate) duplicate_paragraphs: f64,
    /// `gopher.duplicate_paragraph_chars`: the largest share of bytes in such paragraphs.
    pub(crate) duplicate_paragraph_chars: f64,
    /// The thresholds of `gopher.top_2_gram`, `gopher.top_3_gram` and `gopher.top_4_gram` at once.
    pub(crate) top_ngram: [f64; 3],
    /// `gopher.top_2_gram`: the largest share of bytes in the most frequent run of 2 words; by default the first of `top_ngram`.
    pub(crate) top_2_gram: Option<f64>,
    /// `gopher.top_3_gram`: the same of 3 words.
    pub(crate) top_3_gram: Option<f64>,
    /// `gopher.top_4_gram`: the same of 4 words.
    pub(crate) top_4_gram: Option<f64>,
    /// The thresholds of `gopher.duplicate_5_grams` to `gopher.duplicate_10_grams` at once.
    pub(crate) duplicate_ngrams: [f64; 6],
    /// `gopher.duplicate_5_grams`: the largest share of bytes in runs of 5 words that occur more than once; by default the first of
    /// `duplicate_ngrams`.
    pub(crate) duplicate_5_grams: Option<f64>,
    /// `gopher.duplicate_6_grams`: the same of 6 words.
    pub(crate) duplicate_6_grams: Option<f64>,
    /// `gopher.duplicate_7_grams`: the same of 7 words.
    pub(crate) duplicate_7_grams: Option<f64>,
    /// `gopher.duplicate_8_grams`: the same of 8 words.
    pub(crate) duplicate_8_grams: Option<f64>,
    /// `gopher.duplicate_9_grams`: the same of 9 words.
    pub(crate) duplicate_9_grams: Option<f64>,
    /// `gopher.duplicate_10_grams`: the same of 10 words.
    pub(crate) duplicate_10_grams: Option<f64>,
}

impl Default for Gopher {
    fn default() -> Self {
        Gopher {
            words: [50, 100_000],
            word_length: [3.0, 10.0],
            symbols: 0.1,
            bullet_lines: 0.9,
            ellipsis_lines: 0.3,
            alphabetic_words: 0.8,
            stop_words: 2,
            stop_word_list: ["the", "be", "to", "of", "and", "that", "have", "with"].map(String::from).to_vec(),
            duplicate_lines: 0.3,
            duplicate_line_chars: 0.2,
            duplicate_paragraphs: 0.3,
            duplicate_paragraph_chars: 0.2,
            top_ngram: [0.2, 0.18, 0.16],
            top_2_gram: None,
            top_3_gram: None,
            top_4_gram: None,
            duplicate_ngrams: [0.15, 0.14, 0.13, 0.12, 0.11, 0.1],
            duplicate_5_grams: None,
            duplicate_6_grams: None,
            duplicate_7_grams: None,
            duplicate_8_grams: None,
            duplicate_9_grams: None,
            duplicate_10_grams: None,
        }
    }
}

impl Gopher {
    /// The thresholds with those of single rules in their lists: a single one overrides its place in the list.
    fn resolve(&mut self) {
        let tops = [&mut self.top_2_gram, &mut self.top_3_gram, &mut self.top_4_gram];
        let duplicates = [
            &mut self.duplicate_5_grams,
            &mut self.duplicate_6_grams,
            &mut self.duplicate_7_grams,
            &mut self.duplicate_8_grams,
            &mut self.duplicate_9_grams,
            &mut self.duplicate_10_grams,
        ];
        let lists = self.top_ngram.iter_mut().chain(&mut self.duplicate_ngrams);
        for (listed, single) in lists.zip(tops.into_iter().chain(duplicates)) {
            *listed = single.take().unwrap_or(*listed);
        }
    }
}

/// Thresholds of C4's rules. C4 removes single lines; here a text is kept or not as a whole, by the share of such lines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct C4 {
    /// `c4.terminal_punctuation`: the smallest share of lines that end like a sentence.
    pub(crate) terminal_punctuation: f64,
    /// `c4.sentences`: the fewest sentences.
    pub(crate) sentences: usize,
    /// `c4.policy_lines`: the largest share of lines that contain one of `policy_phrases`.
    pub(crate) policy_lines: f64,
    /// The phrases of `c4.policy_lines`, in lower case.
    pub(crate) policy_phrases: Vec<String>,
    /// `c4.javascript_lines`: the largest share of lines that mention JavaScript.
    pub(crate) javascript_lines: f64,
    /// `c4.word_length`: the longest word, in characters.
    pub(crate) word_length: usize,
}

impl Default for C4 {
    fn default() -> Self {
        let phrases =
            ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];
        C4 {
            terminal_punctuation: 0.12,
            sentences: 5,
            policy_lines: 0.1,
            policy_phrases: phrases.map(String::from).to_vec(),
            javascript_lines: 0.1,
            word_length: 1000,
        }
    }
}
