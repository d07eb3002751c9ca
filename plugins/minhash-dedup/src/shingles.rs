//! Shingles: each run of `ngram` words of a text, as a hash of 32 bits.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

/// Odd, and without a pattern: what a shingle's hash is multiplied by for each word.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes texts apart.
pub struct Shingler {
    ngram: usize,
    lowercase: bool,
    /// What the first word of a shingle has been multiplied by when the last one is added.
    lead: u64,
    words: Vec<u64>,
}

impl Shingler {
    /// Shingles of `ngram` words, in lower case if asked.
    pub fn new(ngram: usize, lowercase: bool) -> Self {
        let lead = (1..ngram).fold(1, |lead: u64, _| lead.wrapping_mul(BASE));
        Shingler { ngram, lowercase, lead, words: vec![] }
    }

    /// Puts the shingles of a text into `into`, in place of what was there, as they come; gives a hash of all its words in
    /// order. A text of fewer words than a shingle has is one shingle; one without words has none.
    pub fn shingles(&mut self, text: &str, into: &mut Vec<u32>) -> u32 {
        into.clear();
        let text = if self.lowercase { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) };
        hash_words(&text, &mut self.words);
        if self.words.is_empty() {
            return 0;
        }
        let first = self.words.len().min(self.ngram);
        let mut hash = whole(&self.words[..first]);
        into.push(mix(hash));
        // Each next one from the one before: without its first word, with one more behind.
        for (gone, new) in self.words.iter().zip(&self.words[first..]) {
            hash = hash.wrapping_sub(gone.wrapping_mul(self.lead)).wrapping_mul(BASE).wrapping_add(*new);
            into.push(mix(hash));
        }
        mix(whole(&self.words))
    }
}

fn whole(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash: u64, word| hash.wrapping_mul(BASE).wrapping_add(*word))
}

/// All bits of a hash in its 32 upper ones.
fn mix(hash: u64) -> u32 {
    ((hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}

/// The hash of each word, words being what white space (as Unicode defines it) separates.
fn hash_words(text: &str, words: &mut Vec<u64>) {
    words.clear();
    if !text.is_ascii() {
        words.extend(text.split_whitespace().map(|word| xxh3_64(word.as_bytes())));
        return;
    }
    let parts = text.as_bytes().split(|&byte| byte == b' ' || byte.wrapping_sub(b'\t') < 5);
    words.extend(parts.filter(|word| !word.is_empty()).map(xxh3_64));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shingles(ngram: usize, text: &str) -> Vec<u32> {
        let mut found = vec![];
        Shingler::new(ngram, false).shingles(text, &mut found);
        found
    }

    #[test]
    fn one_for_each_run_of_words_wherever_it_stands() {
        let all = shingles(3, "a b c d e b c d");
        assert_eq!(all.len(), 6);
        assert_eq!(all[1], all[5], "b c d");
        let single: Vec<_> = ["a b c", "b c d", "c d e", "d e b", "e b c"].map(|text| shingles(3, text)[0]).into();
        assert_eq!(all[..5], single);
        assert_ne!(shingles(3, "a b c"), shingles(3, "c b a"));
    }

    #[test]
    fn words_are_what_unicode_white_space_separates() {
        let words = shingles(1, "a b c");
        assert_eq!(words, shingles(1, "\u{b}a\t b\r\n\u{c}c "));
        assert_eq!(words, shingles(1, "a\u{2003}b\u{85}c\u{3000}"));
        assert_eq!(shingles(1, "a\u{1f}b").len(), 1, "a separator of units is not white space");
        assert!(shingles(5, " \n\u{2003}").is_empty());
    }

    #[test]
    fn a_short_text_is_one_shingle() {
        assert_eq!(shingles(5, "a b c").len(), 1);
        assert_eq!(shingles(5, "a b c"), shingles(3, "a b c"));
    }

    #[test]
    fn case_is_folded_where_that_is_asked_for() {
        let mut found = (vec![], vec![]);
        let hashes = [
            Shingler::new(2, true).shingles("Éa Bc", &mut found.0),
            Shingler::new(2, false).shingles("éa bc", &mut found.1),
        ];
        assert_eq!((&found.0, hashes[0]), (&found.1, hashes[1]));
        assert_ne!(shingles(2, "Éa Bc"), found.0);
    }
}
