//! Chance that depends on nothing but the seed, the column, the row and which number of it is drawn: a row is the same wherever
//! a run begins again, and adding a column changes no other.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The numbers of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(column: &str, seed: u64) -> Chance {
        Chance(xxh3_64_with_seed(column.as_bytes(), seed))
    }

    /// Draw `draw` for a row: all bits.
    pub(crate) fn bits(self, row: u64, draw: u32) -> u64 {
        let mut key = [0; 12];
        key[..8].copy_from_slice(&row.to_le_bytes());
        key[8..].copy_from_slice(&draw.to_le_bytes());
        xxh3_64_with_seed(&key, self.0)
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(self, row: u64, draw: u32) -> f64 {
        (self.bits(row, draw) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An integer below a bound above 0, all of them as good as equally likely.
    pub(crate) fn below(self, row: u64, draw: u32, bound: u128) -> u128 {
        let bits = u128::from(self.bits(row, draw));
        // With a bound of 2^64 every number is below it.
        (bits * bound) >> 64
    }

    /// A number of the standard normal distribution: Box and Muller.
    pub(crate) fn normal(self, row: u64) -> f64 {
        // Above 0, so that it has a logarithm.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit(row, 0)));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit(row, 1))
    }
}
