//! How much of a text is said more than once.

use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// Parts that stand somewhere before already.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Duplicates {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

pub(crate) fn duplicates(parts: &[&str]) -> Duplicates {
    let mut seen = HashSet::with_capacity(parts.len());
    let again = parts.iter().filter(|part| !seen.insert(**part));
    again.fold(Duplicates::default(), |all, part| Duplicates { count: all.count + 1, bytes: all.bytes + part.len() })
}

/// Words as numbers that are compared and hashed faster than they are: 64 bits of hash, among which two different words of
/// one text are not to be expected to meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    hash: u64,
    bytes: usize,
}

impl Word {
    pub(crate) fn new(word: &str) -> Self {
        Word { hash: xxh3_64(word.as_bytes()), bytes: word.len() }
    }
}

/// Runs of `n` words of a text, and how often each stands in it.
pub(crate) struct Ngrams<'a> {
    words: &'a [Word],
    hashes: Vec<u64>,
    n: usize,
}

impl<'a> Ngrams<'a> {
    pub(crate) fn new(words: &'a [Word], n: usize) -> Self {
        Ngrams { words, hashes: words.iter().map(|word| word.hash).collect(), n }
    }

    /// The bytes in the most frequent run, in all the places where it stands; 0 if none stands twice. Among equally frequent
    /// runs, the longest.
    pub(crate) fn top_bytes(&self) -> usize {
        let mut top = (1, 0);
        let counts = self.counts();
        for (hashes, words) in self.hashes.windows(self.n).zip(self.words.windows(self.n)) {
            let times = counts[hashes];
            if times > 1 {
                top = top.max((times, bytes(words)));
            }
        }
        top.0 * top.1
    }

    /// The bytes of all words that are in some run that stands more than once, each counted once.
    pub(crate) fn duplicate_bytes(&self) -> usize {
        let counts = self.counts();
        let mut total = 0;
        // Words before this one are counted already.
        let mut counted = 0;
        for (start, ngram) in self.hashes.windows(self.n).enumerate() {
            if counts[ngram] > 1 {
                total += bytes(&self.words[counted.max(start)..start + self.n]);
                counted = start + self.n;
            }
        }
        total
    }

    fn counts(&self) -> HashMap<&[u64], usize> {
        let mut counts = HashMap::with_capacity(self.words.len());
        self.hashes.windows(self.n).for_each(|ngram| *counts.entry(ngram).or_default() += 1);
        counts
    }
}

fn bytes(words: &[Word]) -> usize {
    words.iter().map(|word| word.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top_ngram(text: &str, n: usize) -> usize {
        Ngrams::new(&text.split(' ').map(Word::new).collect::<Vec<_>>(), n).top_bytes()
    }

    fn duplicate_ngrams(text: &str, n: usize) -> usize {
        Ngrams::new(&text.split(' ').map(Word::new).collect::<Vec<_>>(), n).duplicate_bytes()
    }

    #[test]
    fn duplicates_are_those_after_the_first() {
        assert_eq!(duplicates(&["ab", "c", "ab", "ab"]), Duplicates { count: 2, bytes: 4 });
        assert_eq!(duplicates(&[]), Duplicates::default());
    }

    #[test]
    fn the_top_ngram_counts_in_every_place() {
        assert_eq!(top_ngram("to be or not to be", 2), 8);
        // Of two equally frequent, the longer one.
        assert_eq!(top_ngram("a b ccc d a b ccc d", 2), 8);
        assert_eq!(top_ngram("all of these differ", 2), 0);
        assert_eq!(top_ngram("one", 2), 0);
    }

    #[test]
    fn overlapping_duplicates_count_once() {
        // "a a", three times over four words.
        assert_eq!(duplicate_ngrams("a a a a", 2), 4);
        assert_eq!(duplicate_ngrams("x ab cd y ab cd z", 2), 8);
        assert_eq!(duplicate_ngrams("all of these differ", 2), 0);
    }
}
