//! A step's name in its three spellings, and how a template's is replaced by it.

use crate::contract::{Kind, Template};

/// The name of a step: lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why something is not a name of a step.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid step name: a name begins with a letter, and has lower-case letters, digits and hyphens (at most {most})", most = Name::MOST)]
pub struct NameError(String);

impl Name {
    /// The most characters that a name has.
    pub const MOST: usize = 64;

    /// Takes it as it is, `word-count`.
    ///
    /// # Errors
    /// If it does not begin with a letter `a`–`z`, has other characters than letters, digits and hyphens, ends with a hyphen, or is too long.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let sound =
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_part) && !name.ends_with('-');
        match sound && name.len() <= Self::MOST {
            true => Ok(Name(name.to_owned())),
            false => Err(NameError(name.to_owned())),
        }
    }

    /// What the step of a template is called.
    pub(crate) fn of_template(template: Template) -> Self {
        Name(
            match template {
                Template::Of(Kind::Transform) => "word-count",
                Template::Of(Kind::Global) => "first-of-each",
                Template::Of(Kind::Source) => "sequence",
                Template::Model => "ask-model",
            }
            .to_owned(),
        )
    }

    /// `word-count`.
    pub fn kebab(&self) -> &str {
        &self.0
    }

    /// `word_count`.
    pub fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `WordCount`.
    pub fn pascal(&self) -> String {
        let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
        self.0.split('-').filter(|part| !part.is_empty()).map(capital).collect()
    }

    /// A text with `name` in place of this, in each spelling. In a name of one word, two spellings are one: it is the name itself
    /// between quotes and before an extension, and an identifier elsewhere.
    pub(crate) fn replaced(&self, text: &str, name: &Name) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((at, found, with)) = self.first_in(rest, replaced.chars().next_back(), name) {
            replaced.push_str(&rest[..at]);
            replaced.push_str(&with);
            rest = &rest[at + found..];
        }
        replaced + rest
    }

    /// A path likewise: in file names, one word is an identifier.
    pub(crate) fn replaced_in_path(&self, path: &str, name: &Name) -> String {
        match self.0.contains('-') {
            true => self.replaced(path, name),
            false => path.replace(self.kebab(), &name.snake()),
        }
    }

    /// The first place at which this name stands in `text`, how long it is there, and what is to stand there.
    fn first_in(&self, text: &str, before: Option<char>, name: &Name) -> Option<(usize, usize, String)> {
        let spellings = [
            (self.kebab().to_owned(), name.kebab().to_owned()),
            (self.snake(), name.snake()),
            (self.pascal(), name.pascal()),
        ];
        let first = |(this, with): &(String, String)| {
            let at = text.match_indices(this.as_str()).map(|(at, _)| at).find(|at| {
                let left = text[..*at].chars().next_back().or(before);
                let right = text[at + this.len()..].chars().next();
                let longer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase());
                // `consequence` and `sequences` are other words; `WordCountConfig` and `test_word_count` have the name in them.
                !(longer(right) || longer(left) && this.starts_with(|c: char| c.is_ascii_lowercase()))
            })?;
            Some((at, this.len(), with.clone()))
        };
        let (at, length, with) = spellings.iter().filter_map(first).min_by_key(|(at, ..)| *at)?;
        let one_word = !self.0.contains('-') && with == name.kebab();
        let left = text[..at].chars().next_back().or(before);
        let right = &text[at + length..];
        let quoted = left.is_some_and(|quote| "\"'`".contains(quote) && right.starts_with(quote));
        let identifier = one_word && !quoted && !right.starts_with(".wasm");
        Some((at, length, if identifier { name.snake() } else { with }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_letters_digits_and_hyphens() {
        for name in ["a", "word-count", "c4-rules2"] {
            assert_eq!(Name::parse(name).unwrap().kebab(), name);
        }
        for name in ["", "2nd", "-a", "a-", "Word", "word_count", "../a", "a b", "é", &"a".repeat(65)] {
            assert_eq!(Name::parse(name), Err(NameError(name.to_owned())));
        }
    }

    #[test]
    fn every_spelling_of_a_templates_name_is_replaced() {
        let (template, name) = (Name::of_template(Template::Of(Kind::Transform)), Name::parse("long-lines").unwrap());
        let text = "class WordCountConfig: ... # word-count, word_count, n_words; test_word_count(word_count_free)";
        let replaced = "class LongLinesConfig: ... # long-lines, long_lines, n_words; test_long_lines(long_lines_free)";
        assert_eq!(template.replaced(text, &name), replaced);
        assert_eq!(template.replaced_in_path("src/word_count.go", &name), "src/long_lines.go");
    }

    #[test]
    fn in_a_name_of_one_word_the_place_says_which_spelling_it_is() {
        let (template, name) = (Name::of_template(Template::Of(Kind::Source)), Name::parse("all-dates").unwrap());
        let text = "name = \"sequence\"; use = './sequence.wasm'; fn sequence(Sequence) { sequence_next(sequences, consequence) }";
        let replaced = "name = \"all-dates\"; use = './all-dates.wasm'; fn all_dates(AllDates) { all_dates_next(sequences, consequence) }";
        assert_eq!(template.replaced(text, &name), replaced);
        assert_eq!(template.replaced_in_path("sequence.c", &name), "all_dates.c");
    }
}
