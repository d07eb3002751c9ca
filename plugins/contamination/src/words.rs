//! The words of a text, as hashes, and those of each run of them.

use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_64;

/// Odd, and without a pattern: what a run's hash is multiplied by for each word.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes texts apart.
pub(crate) struct Words {
    ngram: usize,
    lowercase: bool,
    letters_only: bool,
    same_numbers: bool,
    /// What the first word of a run has been multiplied by when the last one is added.
    lead: u64,
    hashes: Vec<u64>,
    /// The word at hand.
    word: Vec<u8>,
}

impl Words {
    pub(crate) fn new(ngram: usize, lowercase: bool, letters_only: bool, same_numbers: bool) -> Self {
        let lead = BASE.wrapping_pow(ngram.saturating_sub(1) as u32);
        Words { ngram, lowercase, letters_only, same_numbers, lead, hashes: vec![], word: vec![] }
    }

    /// Forgets all words.
    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
    }

    /// Adds the words of a text behind those that are there.
    pub(crate) fn add(&mut self, text: &str) {
        if text.is_ascii() {
            text.bytes().for_each(|byte| self.ascii(byte));
        } else if self.letters_only {
            // Taken apart, an accent is no letter.
            text.nfd().for_each(|char| self.char(char));
        } else {
            text.chars().for_each(|char| self.char(char));
        }
        self.end_word();
    }

    fn char(&mut self, char: char) {
        match u8::try_from(u32::from(char)).ok().filter(u8::is_ascii) {
            Some(byte) => self.ascii(byte),
            None if char.is_whitespace() => self.end_word(),
            None if self.letters_only && !char.is_alphanumeric() => {}
            None if self.lowercase => char.to_lowercase().for_each(|char| self.push(char)),
            None => self.push(char),
        }
    }

    fn push(&mut self, char: char) {
        self.word.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn ascii(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t'..=b'\r' => self.end_word(),
            b'0'..=b'9' if self.same_numbers => {
                if self.word.last() != Some(&b'0') {
                    self.word.push(b'0');
                }
            }
            b'A'..=b'Z' if self.lowercase => self.word.push(byte.to_ascii_lowercase()),
            _ if self.letters_only && !byte.is_ascii_alphanumeric() => {}
            _ => self.word.push(byte),
        }
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() {
            self.hashes.push(xxh3_64(&self.word));
            self.word.clear();
        }
    }

    /// Calls `see` with the hash of each run of words; with none if there are too few words.
    pub(crate) fn each_run(&self, mut see: impl FnMut(u64)) {
        let Some(first) = self.hashes.get(..self.ngram) else { return };
        let mut hash = first.iter().fold(0, |hash: u64, word| hash.wrapping_mul(BASE).wrapping_add(*word));
        see(mix(hash));
        // Each next one from the one before: without its first word, with one more behind.
        for (gone, new) in self.hashes.iter().zip(&self.hashes[self.ngram..]) {
            hash = hash.wrapping_sub(gone.wrapping_mul(self.lead)).wrapping_mul(BASE).wrapping_add(*new);
            see(mix(hash));
        }
    }
}

/// Spreads a hash over all bits.
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ hash >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, settings: [bool; 3]) -> Vec<u64> {
        let mut words = Words::new(1, settings[0], settings[1], settings[2]);
        words.add(text);
        words.hashes
    }

    fn same(a: &str, b: &str, settings: [bool; 3]) -> bool {
        words(a, settings) == words(b, settings)
    }

    #[test]
    fn texts_are_compared_as_they_are_asked_to_be() {
        assert!(same("Don't  STOP,\n(it's) 1,234 …", "dont stop its 0", [true; 3]));
        assert!(same("Crème brûlée — ÉTÉ", "creme brulee ete", [true; 3]));
        assert!(same("Ünïcode\u{a0}two", "unicode two", [true; 3]));
        assert!(!same("ab c", "a bc", [true; 3]));
        assert!(!same("A", "a", [false, true, true]) && !same("É", "é", [false, true, true]));
        assert!(!same("a,", "a", [true, false, true]) && !same("é", "e", [true, false, true]));
        assert!(!same("12", "13", [true, true, false]) && same("12", "345", [true; 3]));
        assert_eq!(words(" — , ", [true; 3]), [0; 0]);
    }

    #[test]
    fn a_run_has_one_hash_wherever_it_stands() {
        let runs = |text: &str, ngram| {
            let mut words = Words::new(ngram, true, true, true);
            words.add(text);
            let mut runs = vec![];
            words.each_run(|run| runs.push(run));
            runs
        };
        for ngram in [1, 2, 3, 5] {
            let all = runs("a b c d e f a b c d e", ngram);
            assert_eq!(all.len(), 12 - ngram);
            assert_eq!(all[0], all[6]);
            assert_eq!(runs("c d e f a b", ngram)[0], all[2]);
        }
        assert!(runs("a b", 3).is_empty() && runs("", 1).is_empty());
    }
}
