//! The most frequent texts of a column, in bounded memory.

use std::collections::{HashMap, HashSet};

use datasketches::frequencies::{ErrorType, FrequentItemsSketch};

use crate::store::records::FrequentValue;

/// Texts that are counted at a time, a power of two: those of more than about one in a hundred rows are never lost.
const COUNTED: usize = 512;
/// Texts whose last rows are counted together, a power of two.
const RECENT: usize = 1024;
/// No more frequent texts are named, and no more bytes of one.
const NAMED: usize = 10;
const HEAD: usize = 120;

/// What is known of the texts of a column, by their digests.
pub(super) struct Frequent {
    counts: FrequentItemsSketch<u64>,
    /// By a part of their digests, texts of rows that are still to be counted, and how many these are.
    recent: Box<[(u64, u64)]>,
    /// Beginnings of those that may be named.
    heads: HashMap<u64, Head>,
}

/// The beginning of a text.
struct Head {
    text: Box<str>,
    /// Characters of the whole, if that is not all of it.
    of: Option<u64>,
}

impl Frequent {
    pub(super) fn new() -> Frequent {
        let counts = FrequentItemsSketch::new(COUNTED).expect("a power of two");
        Frequent { counts, recent: vec![(0, 0); RECENT].into(), heads: HashMap::new() }
    }

    /// Counts rows that have the text of a digest; false if such rows have just been counted.
    #[inline]
    pub(super) fn add(&mut self, digest: u64, rows: u64) -> bool {
        let recent = &mut self.recent[digest as usize % RECENT];
        if recent.0 == digest && recent.1 > 0 {
            recent.1 += rows;
            return false;
        }
        let (before, count) = std::mem::replace(recent, (digest, rows));
        if count > 0 {
            self.counts.update_with_count(before, count);
        }
        true
    }

    /// Takes the texts that may be named from the rows that were added last. `texts` are all of these, with their digests.
    pub(super) fn name<'a>(&mut self, texts: impl Iterator<Item = (u64, &'a str)>) {
        for (digest, count) in self.recent.iter_mut().filter(|(_, count)| *count > 0) {
            self.counts.update_with_count(*digest, std::mem::take(count));
        }
        // What is among the frequent ones in the end was so when it was seen last.
        let rows = self.counts.frequent_items(ErrorType::NoFalsePositives);
        let frequent: HashSet<u64> = rows.iter().map(|row| *row.item()).collect();
        self.heads.retain(|digest, _| frequent.contains(digest));
        let mut missing = frequent.len() - self.heads.len();
        for (digest, text) in texts {
            if missing == 0 {
                break;
            }
            if frequent.contains(&digest) && !self.heads.contains_key(&digest) {
                let end = text.floor_char_boundary(HEAD);
                let of = (end < text.len()).then(|| text.chars().count() as u64);
                self.heads.insert(digest, Head { text: text[..end].into(), of });
                missing -= 1;
            }
        }
    }

    /// The most frequent texts, without those of a single row.
    pub(super) fn values(&self) -> Vec<FrequentValue> {
        let rows = self.counts.frequent_items(ErrorType::NoFalsePositives);
        let named = rows.iter().filter(|row| row.lower_bound() > 1);
        let mut named: Vec<_> = named.filter_map(|row| Some((row, self.heads.get(row.item())?))).collect();
        // Whoever is equal stands in the order of the texts: the table's own order says nothing.
        named.sort_by(|(a, head), (b, other)| {
            b.lower_bound().cmp(&a.lower_bound()).then_with(|| head.text.cmp(&other.text))
        });
        let value = |(row, head): (&datasketches::frequencies::Row<u64>, &Head)| FrequentValue {
            value: head.text.to_string(),
            characters: head.of,
            at_least: row.lower_bound(),
            at_most: row.upper_bound(),
        };
        named.into_iter().take(NAMED).map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use twox_hash::XxHash3_64;

    use super::*;

    #[test]
    fn texts_of_many_rows_are_named_wherever_these_are() {
        let mut frequent = Frequent::new();
        let mut number = 0_u64;
        for batch in 0..50 {
            let texts: Vec<String> = (0..2_000)
                .map(|row| {
                    number += 1;
                    match row % 20 {
                        0 => "often".to_owned(),
                        1 if batch < 30 => format!("long {}", "x".repeat(200)),
                        _ => format!("once {number}"),
                    }
                })
                .collect();
            let digests: Vec<u64> = texts.iter().map(|text| XxHash3_64::oneshot(text.as_bytes())).collect();
            for digest in &digests {
                frequent.add(*digest, 1);
            }
            frequent.name(digests.into_iter().zip(texts.iter().map(String::as_str)));
            assert!(frequent.heads.len() <= COUNTED);
        }
        let values = frequent.values();
        let of = |value: &FrequentValue| (value.value.len(), value.characters);
        assert_eq!(values[..2].iter().map(of).collect::<Vec<_>>(), [(5, None), (HEAD, Some(205))]);
        for (value, rows) in values.iter().zip([5_000, 3_000]) {
            assert!((value.at_least..=value.at_most).contains(&rows), "{value:?}");
        }
    }
}
