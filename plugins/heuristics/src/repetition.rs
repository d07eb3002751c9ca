//! How much of a text is said more than once.

use std::hash::{BuildHasherDefault, Hasher};

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

/// A word as a number that is compared and hashed faster than it is: 64 bits of hash, among which two different words of
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

/// Odd, and without a pattern.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Runs of `n` words of a text, each as a number as words are, and how often each stands in it.
pub(crate) struct Ngrams<'a> {
    words: &'a [Word],
    runs: Vec<u64>,
    times: HashMap<u64, u32, Hashed>,
    n: usize,
}

/// What is hashed already.
type Hashed = BuildHasherDefault<Itself>;

#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("numbers of 64 bits are hashed")
    }
}

impl<'a> Ngrams<'a> {
    pub(crate) fn new(words: &'a [Word], n: usize) -> Self {
        let one = |words: &[Word]| {
            let all = words.iter().fold(0, |hash: u64, word| (hash.rotate_left(29) ^ word.hash).wrapping_mul(MIX));
            all ^ all >> 32
        };
        let runs: Vec<u64> = words.windows(n).map(one).collect();
        let mut times = HashMap::with_capacity_and_hasher(runs.len(), Hashed::default());
        runs.iter().for_each(|run| *times.entry(*run).or_default() += 1);
        Ngrams { words, runs, times, n }
    }

    /// Whether no run stands twice. Then no longer one does.
    pub(crate) fn are_distinct(&self) -> bool {
        self.times.len() == self.runs.len()
    }

    /// The bytes in the most frequent run, in all the places where it stands; 0 if none stands twice. Among equally frequent
    /// runs, the longest.
    pub(crate) fn top_bytes(&self) -> usize {
        let mut top = (1, 0);
        for (run, words) in self.runs.iter().zip(self.words.windows(self.n)) {
            let times = self.times[run] as usize;
            if times > 1 {
                top = top.max((times, bytes(words)));
            }
        }
        top.0 * top.1
    }

    /// The bytes of all words that are in some run that stands more than once, each counted once.
    pub(crate) fn duplicate_bytes(&self) -> usize {
        let mut total = 0;
        // Words before this one are counted already.
        let mut counted = 0;
        for (start, run) in self.runs.iter().enumerate() {
            if self.times[run] > 1 {
                total += bytes(&self.words[counted.max(start)..start + self.n]);
                counted = start + self.n;
            }
        }
        total
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
        // The longer one of two that are equally frequent.
        assert_eq!(top_ngram("a b ccc d a b ccc d", 2), 8);
        assert_eq!(top_ngram("all of these differ", 2), 0);
        assert_eq!(top_ngram("one", 2), 0);
    }

    /// Texts of few words, compared run by run, as they are written.
    #[test]
    fn runs_are_the_same_as_their_words() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(MIX).wrapping_add(1);
            (state >> 33) % below
        };
        for words in 0..300 {
            let kinds = 1 + random(40);
            let text: Vec<String> = (0..words % 60).map(|_| "x".repeat(1 + random(kinds) as usize)).collect();
            let hashed: Vec<Word> = text.iter().map(|word| Word::new(word)).collect();
            for n in 2..=10 {
                let runs: Vec<&[String]> = text.windows(n).collect();
                let times = |run: &[String]| runs.iter().filter(|other| **other == run).count();
                let bytes = |run: &[String]| run.iter().map(String::len).sum::<usize>();
                let top = runs.iter().filter(|run| times(run) > 1).map(|run| (times(run), bytes(run))).max();
                let ngrams = Ngrams::new(&hashed, n);
                assert_eq!(ngrams.top_bytes(), top.map_or(0, |(times, bytes)| times * bytes));
                assert_eq!(ngrams.are_distinct(), top.is_none());
            }
        }
    }

    #[test]
    fn overlapping_duplicates_count_once() {
        // "a a", three times over four words.
        assert_eq!(duplicate_ngrams("a a a a", 2), 4);
        assert_eq!(duplicate_ngrams("x ab cd y ab cd z", 2), 8);
        assert_eq!(duplicate_ngrams("all of these differ", 2), 0);
    }
}
