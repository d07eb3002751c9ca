//! Which rows make a batch: shuffled and repeated, by a seed.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// Where every mix begins, so that a failure can be reproduced.
const SEED: u64 = 0x00ca_11b0_a2d0;
/// The largest batch has about this many bytes.
const LARGEST: usize = 128 << 10;

/// Draws batches of the rows of a pool.
pub(crate) struct Mix {
    random: Pcg64Mcg,
    pool: u32,
    sizes: [usize; 10],
    drawn: usize,
}

impl Mix {
    /// Over `pool` rows, which have `bytes` bytes together.
    pub(crate) fn new(pool: usize, bytes: usize) -> Mix {
        let row = (bytes / pool.max(1)).max(1);
        let large = (LARGEST / row).clamp(64, 2_000);
        let sizes = [1, 0, 2, 7, 64, large, pool.min(large), 1, 33, large / 2];
        Mix { random: Pcg64Mcg::seed_from_u64(SEED), pool: pool as u32, sizes, drawn: 0 }
    }

    /// The rows of the next batch; sizes come round, empty batches and batches of one row among them.
    pub(crate) fn draw(&mut self) -> Vec<u32> {
        let size = if self.pool == 0 { 0 } else { self.sizes[self.drawn % self.sizes.len()] };
        self.drawn += 1;
        (0..size).map(|_| self.random.next_u32() % self.pool).collect()
    }
}
