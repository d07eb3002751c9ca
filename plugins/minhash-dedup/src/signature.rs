//! Signatures: of each of many permutations of all shingles, 16 bits of the smallest shingle.
//!
//! The share of equal places in two signatures estimates the Jaccard index of the two sets of shingles.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Permutations worked on together: their smallest values fit the registers, four to each of 128 bits.
const LANES: usize = 16;

/// Permutations of the numbers of 32 bits: `(shingle ^ xor) * odd`.
pub struct Permutations {
    count: usize,
    blocks: Vec<Block>,
}

struct Block {
    xor: [u32; LANES],
    odd: [u32; LANES],
}

impl Permutations {
    /// The first `count` permutations of a seed.
    pub fn new(count: usize, seed: u64) -> Self {
        let number = |which: usize| xxh3_64_with_seed(&(which as u64).to_le_bytes(), seed);
        let block = |block: usize| {
            let numbers: [u64; LANES] = std::array::from_fn(|lane| number(block * LANES + lane));
            Block { xor: numbers.map(|number| number as u32), odd: numbers.map(|number| (number >> 32) as u32 | 1) }
        };
        Permutations { count, blocks: (0..count.div_ceil(LANES)).map(block).collect() }
    }

    /// Writes the signature of a set of shingles, of which some may be named twice.
    pub fn sign(&self, shingles: &[u32], signature: &mut [u16]) {
        debug_assert_eq!(signature.len(), self.count);
        for (block, places) in self.blocks.iter().zip(signature.chunks_mut(LANES)) {
            let smallest = block.smallest(shingles);
            // The upper bits of a smallest value are mostly zero, its lower ones depend on those of the shingle alone: mixed.
            let bits = smallest.map(|value| (value.wrapping_mul(0x9e37_79b1) >> 16) as u16);
            places.copy_from_slice(&bits[..places.len()]);
        }
    }
}

impl Block {
    /// The smallest value of each permutation. Written so that it compiles to four vectors of four.
    fn smallest(&self, shingles: &[u32]) -> [u32; LANES] {
        let (xor, odd) = (self.xor, self.odd);
        let mut smallest = [u32::MAX; LANES];
        for &shingle in shingles {
            for lane in 0..LANES {
                smallest[lane] = smallest[lane].min((shingle ^ xor[lane]).wrapping_mul(odd[lane]));
            }
        }
        smallest
    }
}

/// In how many places two signatures are equal, each place two bytes.
pub fn equal_places(a: &[u8], b: &[u8]) -> usize {
    let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
    usize::from(a.iter().zip(b).map(|(a, b)| u16::from(a == b)).sum::<u16>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(places: &[u16]) -> Vec<u8> {
        places.iter().flat_map(|place| place.to_le_bytes()).collect()
    }

    /// The estimate is without bias, and strays as that of independent permutations would.
    #[test]
    fn estimates_the_jaccard_index() {
        const COUNT: usize = 128;
        for shared in [20, 50, 80, 95] {
            // Two sets of which `shared` are in both, and 100 in either.
            let errors: Vec<f64> = (0..400u32)
                .map(|round| {
                    let permutations = Permutations::new(COUNT, u64::from(round));
                    let number = |i: u32| xxh3_64_with_seed(&i.to_le_bytes(), u64::from(round)) as u32;
                    let a: Vec<u32> = (0..shared + (100 - shared) / 2).map(number).collect();
                    let b: Vec<u32> = (0..shared).chain(shared + (100 - shared) / 2..100).map(number).collect();
                    let mut signatures = [[0; COUNT]; 2];
                    permutations.sign(&a, &mut signatures[0]);
                    permutations.sign(&b, &mut signatures[1]);
                    equal_places(&bytes(&signatures[0]), &bytes(&signatures[1])) as f64 / COUNT as f64
                        - f64::from(shared) / 100.0
                })
                .collect();
            let mean = errors.iter().sum::<f64>() / 400.0;
            let deviation = (errors.iter().map(|error| error * error).sum::<f64>() / 400.0).sqrt();
            let share = f64::from(shared) / 100.0;
            let expected = (share * (1.0 - share) / COUNT as f64).sqrt();
            assert!(mean.abs() < expected / 4.0, "{shared}: mean error {mean}");
            assert!(
                (0.85..1.15).contains(&(deviation / expected)),
                "{shared}: {deviation}, and {expected} is expected"
            );
        }
    }

    #[test]
    fn any_number_of_permutations() {
        let (mut few, mut many) = ([0; 5], [0; 40]);
        Permutations::new(5, 7).sign(&[3, 1, 2], &mut few);
        Permutations::new(40, 7).sign(&[2, 2, 1, 3], &mut many);
        assert_eq!(few[..], many[..5]);
        Permutations::new(40, 8).sign(&[1, 2, 3], &mut many);
        assert!(equal_places(&bytes(&few), &bytes(&many[..5])) < 5);
    }
}
