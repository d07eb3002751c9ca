//! What is remembered of rows: a bounded set of hashes, and bits.

use hashbrown::HashTable;

/// The hashes seen so far, at 17 bytes for each place of a table between half and fully occupied.
pub(crate) struct Seen {
    hashes: HashTable<u128>,
    limit: usize,
}

/// What a set says of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was not there, and is now.
    New,
    /// It was there.
    Known,
    /// It is not there, and there is no room for it.
    Full,
}

impl Seen {
    /// A set of at most `limit` hashes. Its table is made at once: growing it would hold the old and the new.
    pub(crate) fn new(limit: usize) -> Self {
        Seen { hashes: HashTable::with_capacity(limit), limit }
    }

    pub(crate) fn insert(&mut self, hash: u128) -> Found {
        let full = self.hashes.len() == self.limit;
        // Hashes already: the table needs no hash of its own.
        match self.hashes.find_entry(hash as u64, |other| *other == hash) {
            Ok(_) => Found::Known,
            Err(_) if full => Found::Full,
            Err(_) => {
                self.hashes.insert_unique(hash as u64, hash, |hash| *hash as u64);
                Found::New
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.hashes.clear();
    }
}

/// One bit a row.
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn new(rows: u64, value: bool) -> Self {
        Bits(vec![if value { u64::MAX } else { 0 }; rows.div_ceil(64) as usize])
    }

    pub(crate) fn get(&self, row: u64) -> bool {
        self.0[(row / 64) as usize] >> (row % 64) & 1 == 1
    }

    pub(crate) fn set(&mut self, row: u64, value: bool) {
        let (word, bit) = (&mut self.0[(row / 64) as usize], 1 << (row % 64));
        if value { *word |= bit } else { *word &= !bit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_that_differ_only_in_their_upper_half_are_two() {
        let mut seen = Seen::new(2);
        let hash = 7 | 1 << 100;
        assert_eq!([seen.insert(hash), seen.insert(7)], [Found::New, Found::New]);
        assert_eq!([seen.insert(hash), seen.insert(7), seen.insert(8)], [Found::Known, Found::Known, Found::Full]);
    }

    #[test]
    fn is_as_large_as_its_limit_from_the_beginning() {
        let mut seen = Seen::new(160_000);
        let size = seen.hashes.allocation_size();
        let hashes = (0..200_000u64).map(|i| u128::from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        assert_eq!(hashes.filter(|hash| seen.insert(*hash) == Found::New).count(), 160_000);
        assert_eq!(seen.hashes.allocation_size(), size);
        assert!(size < 8 << 20, "{size} bytes");
    }
}
