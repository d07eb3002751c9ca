//! Texts as the tokens of a BERT: WordPiece, between `[CLS]` and `[SEP]`, as Hugging Face's tokenizers make them.

use std::collections::HashMap;

use callboard_sdk::{Result, StepError};
use serde::Deserialize;
use unicode_categories::UnicodeCategories;
use unicode_normalization::UnicodeNormalization;

/// Tokens of a text, if neither the configuration nor the tokenizer says how many a model was made for.
const MOST: usize = 512;

/// Makes tokens of texts.
#[derive(Debug)]
pub(crate) struct Tokens {
    normalizer: Normalizer,
    model: WordPiece,
    begin: i32,
    end: i32,
    unknown: i32,
    most: usize,
}

/// A `tokenizer.json`, as far as a BERT's has it. The words `[SEP]` and the like in a text are words.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    truncation: Option<Truncation>,
    normalizer: Normalizer,
    pre_tokenizer: PreTokenizer,
    model: Model,
}

#[derive(Deserialize)]
struct Truncation {
    max_length: usize,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename = "BertNormalizer")]
struct Normalizer {
    clean_text: bool,
    handle_chinese_chars: bool,
    strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum PreTokenizer {
    #[serde(rename = "BertPreTokenizer")]
    Bert,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Model {
    WordPiece(WordPiece),
}

#[derive(Debug, Deserialize)]
struct WordPiece {
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, i32>,
}

impl Tokens {
    /// A tokenizer from a `tokenizer.json`, that cuts texts off behind `most` tokens.
    pub(crate) fn new(json: &[u8], most: Option<usize>) -> Result<Tokens> {
        let wrong = |why: String| StepError::config(format!("it is not the `tokenizer.json` of a BERT: {why}"));
        let file: File = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        let (PreTokenizer::Bert, Model::WordPiece(model)) = (file.pre_tokenizer, file.model);
        let id = |token: &str| model.vocab.get(token).copied().ok_or_else(|| wrong(format!("it has no `{token}`")));
        let (begin, end, unknown) = (id("[CLS]")?, id("[SEP]")?, id(&model.unk_token)?);
        let most = most.or(file.truncation.map(|truncation| truncation.max_length)).unwrap_or(MOST).max(3);
        Ok(Tokens { normalizer: file.normalizer, model, begin, end, unknown, most })
    }

    /// The tokens of a text.
    pub(crate) fn of(&self, text: &str) -> Vec<i32> {
        let mut tokens = vec![self.begin];
        for word in words(&self.normalizer.normalised(text)) {
            if tokens.len() >= self.most - 1 {
                break;
            }
            self.pieces(word, &mut tokens);
        }
        tokens.truncate(self.most - 1);
        tokens.push(self.end);
        tokens
    }

    /// The longest pieces of a word that are known, from its start; one unknown token, if it is not made of such.
    fn pieces(&self, word: &str, tokens: &mut Vec<i32>) {
        let before = tokens.len();
        let mut rest = word;
        let mut piece = String::new();
        if word.chars().count() > self.model.max_input_chars_per_word {
            return tokens.push(self.unknown);
        }
        while !rest.is_empty() {
            let prefix = if rest.len() < word.len() { &*self.model.continuing_subword_prefix } else { "" };
            let ends = rest.char_indices().map(|(at, char)| at + char.len_utf8()).rev();
            let found = ends.into_iter().find_map(|end| {
                piece.clear();
                piece.extend([prefix, &rest[..end]]);
                self.model.vocab.get(&piece).map(|id| (*id, end))
            });
            match found {
                Some((id, end)) => {
                    tokens.push(id);
                    rest = &rest[end..];
                }
                None => {
                    tokens.truncate(before);
                    return tokens.push(self.unknown);
                }
            }
        }
    }
}

impl Normalizer {
    fn normalised(&self, text: &str) -> String {
        let mut cleaned = String::with_capacity(text.len());
        for char in text.chars() {
            match char {
                char if self.clean_text && is_space(char) => cleaned.push(' '),
                char if self.clean_text && (char == '\u{fffd}' || char.is_other()) => {}
                char if self.handle_chinese_chars && is_ideograph(char) => cleaned.extend([' ', char, ' ']),
                char => cleaned.push(char),
            }
        }
        if self.strip_accents.unwrap_or(self.lowercase) && !cleaned.is_ascii() {
            cleaned = cleaned.nfd().filter(|char| !char.is_mark_nonspacing()).collect();
        }
        // Letter by letter: a sigma at the end of a word is no other letter.
        if self.lowercase { cleaned.chars().flat_map(char::to_lowercase).collect() } else { cleaned }
    }
}

/// Words, and each punctuation mark as one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_mark = |char: char| char.is_ascii_punctuation() || char.is_punctuation();
    text.split(is_space).flat_map(move |word| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = if is_mark(first) { first.len_utf8() } else { rest.find(is_mark).unwrap_or(rest.len()) };
            let (word, behind) = rest.split_at(end);
            rest = behind;
            Some(word)
        })
    })
}

fn is_space(char: char) -> bool {
    char.is_whitespace()
}

fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}'
        | '\u{2a700}'..='\u{2b73f}' | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}'
        | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}
