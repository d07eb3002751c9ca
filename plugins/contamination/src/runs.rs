//! The runs of words of the second input, as hashes.

/// A sorted list behind a bitmap: most runs of the rows are in neither, and one look at the bitmap says so.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    hashes: Vec<u64>,
    /// When there are this many, repeated ones are removed.
    most: usize,
    /// Bits by the upper bits of hashes.
    bits: Vec<u64>,
    shift: u32,
}

/// Bits of the bitmap for each hash, at least.
const BITS: usize = 16;

impl Runs {
    /// Adds a run. To be looked at only when the set is [sealed](Self::seal).
    pub(crate) fn insert(&mut self, run: u64) {
        // Texts of evaluation sets repeat each other: the list is not much longer than twice the distinct runs.
        if self.hashes.len() >= self.most {
            self.sort();
            self.most = 2 * self.hashes.len().max(1 << 15);
        }
        self.hashes.push(run);
    }

    /// Ends the set.
    pub(crate) fn seal(&mut self) {
        self.sort();
        let bits = (self.hashes.len().max(4) * BITS).next_power_of_two();
        self.shift = u64::BITS - bits.trailing_zeros();
        self.bits = vec![0; bits / 64];
        for hash in &self.hashes {
            let bit = hash >> self.shift;
            self.bits[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    fn sort(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    pub(crate) fn contains(&self, run: u64) -> bool {
        let bit = run >> self.shift;
        self.bits[(bit / 64) as usize] >> (bit % 64) & 1 == 1 && self.hashes.binary_search(&run).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let hash = |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for count in [0, 1, 7, 200_000] {
            let mut runs = Runs::default();
            (0..count).chain(0..count).for_each(|n| runs.insert(hash(n)));
            runs.seal();
            assert!((0..count).all(|n| runs.contains(hash(n))));
            assert!((count..count + 1000).all(|n| !runs.contains(hash(n))));
            assert_eq!(runs.hashes.len() as u64, count);
        }
    }
}
