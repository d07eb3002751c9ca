//! Selection sampling: each row is chosen with the share of rows still wanted among those still to come. That gives every
//! sample of that size the same chance, in one pass.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many of some rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Rows(u64),
    Fraction(f64),
}

impl Size {
    /// How many of this many rows.
    pub(crate) fn of(self, rows: u64) -> u64 {
        match self {
            Size::Rows(wanted) => wanted.min(rows),
            Size::Fraction(fraction) => (fraction * rows as f64).round() as u64,
        }
    }
}

/// Random numbers that are the same on every machine.
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds are small numbers, and the generator starts where its state says: spread over all its bits.
        let spread = |n: u64| u128::from(seed.wrapping_add(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mut random = Pcg64Mcg::new(spread(1) ^ spread(2).rotate_left(64));
        random.next_u64();
        Random(random)
    }

    /// Those of a stratum, known by where its first row stands.
    pub(crate) fn of_stratum(seed: u64, position: u64) -> Self {
        Random::new(xxh3_64_with_seed(&position.to_le_bytes(), seed))
    }

    /// A number below `bound`, all of them as good as equally likely.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// Chooses among a known number of rows, one after another.
#[derive(Debug)]
pub(crate) struct Draw {
    wanted: u64,
    to_come: u64,
}

impl Draw {
    pub(crate) fn new(size: Size, rows: u64) -> Self {
        Draw { wanted: size.of(rows), to_come: rows }
    }

    /// Whether the next row is chosen. To be called as often as there are rows.
    pub(crate) fn next(&mut self, random: &mut Random) -> bool {
        let is_chosen = random.below(self.to_come) < self.wanted;
        self.to_come -= 1;
        self.wanted -= u64::from(is_chosen);
        is_chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(size: Size, rows: u64, seed: u64) -> Vec<u64> {
        let (mut draw, mut random) = (Draw::new(size, rows), Random::new(seed));
        (0..rows).filter(|_| draw.next(&mut random)).collect()
    }

    #[test]
    fn a_sample_has_the_size_asked_for() {
        assert_eq!(chosen(Size::Rows(10), 1000, 0).len(), 10);
        assert_eq!(chosen(Size::Rows(10), 4, 0), [0, 1, 2, 3]);
        assert_eq!(chosen(Size::Rows(0), 4, 0), [0; 0]);
        assert_eq!(chosen(Size::Fraction(0.25), 1001, 0).len(), 250);
        assert_eq!(chosen(Size::Fraction(1.0), 7, 0).len(), 7);
        assert_eq!(chosen(Size::Fraction(0.5), 0, 0), [0; 0]);
    }

    #[test]
    fn a_seed_gives_one_sample_for_ever() {
        assert_eq!(chosen(Size::Rows(5), 100, 7), [23, 34, 62, 82, 97]);
        assert_ne!(chosen(Size::Rows(5), 100, 0), chosen(Size::Rows(5), 100, 1));
    }

    #[test]
    fn every_row_has_the_same_chance() {
        let mut times = [0u32; 20];
        (0..10_000).for_each(|seed| chosen(Size::Rows(5), 20, seed).iter().for_each(|&row| times[row as usize] += 1));
        // 2,500 each are expected, with a standard deviation of 43.
        assert!(times.iter().all(|&times| times.abs_diff(2500) < 220), "{times:?}");
    }
}
