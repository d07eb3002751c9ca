//! A set of hashes.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// The hashes seen so far, at 17 bytes for each place of a table between half and fully occupied.
#[derive(Default)]
pub(crate) struct Seen(HashTable<u128>);

impl Seen {
    /// Whether this hash is new.
    pub(crate) fn insert(&mut self, hash: u128) -> bool {
        // Hashes already: the table needs no hash of its own.
        match self.0.entry(hash as u64, |other| *other == hash, |hash| *hash as u64) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(hash);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_differ_only_in_their_upper_half_are_two() {
        let mut seen = Seen::default();
        let hash = 7 | 1 << 100;
        assert!(seen.insert(hash) && seen.insert(7));
        assert!(!seen.insert(hash) && !seen.insert(7));
    }

    #[test]
    fn stays_small() {
        let mut seen = Seen::default();
        assert_eq!((0..160_000u64).filter(|i| seen.insert(u128::from(i * 0x9e37_79b9_7f4a_7c15))).count(), 160_000);
        assert!(seen.0.allocation_size() < 8 << 20, "{} bytes", seen.0.allocation_size());
    }
}
