//! A text, cut once for all rules.

use std::cell::{Cell, OnceCell};

use crate::repetition::{Ngrams, Word};

/// A text and its parts.
pub struct Document<'a> {
    pub(crate) text: &'a str,
    /// What white space separates.
    pub(crate) words: Vec<&'a str>,
    /// Lines with something in them, trimmed.
    pub(crate) lines: Vec<&'a str>,
    /// What empty lines separate, trimmed.
    pub(crate) paragraphs: Vec<&'a str>,
    /// The bytes of all words together.
    pub(crate) word_bytes: usize,
    /// The text in lower case, once a rule asks for it.
    lowercase: OnceCell<String>,
    /// The words to be compared, once a rule asks for runs of them.
    compared: OnceCell<Vec<Word>>,
    /// Runs of this many words are known to be distinct, and so are longer ones.
    distinct: Cell<usize>,
}

impl<'a> Document<'a> {
    /// Cuts a text.
    pub fn new(text: &'a str) -> Self {
        let words: Vec<_> = text.split_whitespace().collect();
        let not_empty = |part: &&str| !part.is_empty();
        Document {
            text,
            word_bytes: words.iter().map(|word| word.len()).sum(),
            words,
            lines: text.lines().map(str::trim).filter(not_empty).collect(),
            paragraphs: text.split("\n\n").map(str::trim).filter(not_empty).collect(),
            lowercase: OnceCell::new(),
            compared: OnceCell::new(),
            distinct: Cell::new(usize::MAX),
        }
    }

    pub(crate) fn lowercase(&self) -> &str {
        self.lowercase.get_or_init(|| self.text.to_lowercase())
    }

    /// The runs of `n` words, unless all of them are distinct.
    pub(crate) fn repeated(&self, n: usize) -> Option<Ngrams<'_>> {
        if n >= self.distinct.get() {
            return None;
        }
        let words = self.compared.get_or_init(|| self.words.iter().map(|word| Word::new(word)).collect());
        let ngrams = Ngrams::new(words, n);
        if ngrams.are_distinct() {
            self.distinct.set(n);
            return None;
        }
        Some(ngrams)
    }

    /// The share of words for which this holds; 0 if there are none.
    pub(crate) fn share_of_words(&self, holds: impl Fn(&str) -> bool) -> f64 {
        share_of(&self.words, holds)
    }

    /// The share of lines for which this holds; 0 if there are none.
    pub(crate) fn share_of_lines(&self, holds: impl Fn(&str) -> bool) -> f64 {
        share_of(&self.lines, holds)
    }
}

fn share_of(parts: &[&str], holds: impl Fn(&str) -> bool) -> f64 {
    share(parts.iter().filter(|part| holds(part)).count(), parts.len())
}

/// How much `part` is of `whole`; 0 of nothing.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
