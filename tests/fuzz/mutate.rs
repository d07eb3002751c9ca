//! Changes to kept inputs, as a fuzzer makes them, from a seed: the same in each run.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// Bytes and numbers at which code breaks.
const CURIOUS: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\x0f",
    b"\n",
    b"\"",
    b"{",
    b"]",
    b",",
    b"\\u0000",
    b"1e999",
];

/// Makes inputs of other inputs.
pub(crate) struct Mutator {
    kept: Vec<Vec<u8>>,
    longest: usize,
    random: Pcg64Mcg,
}

impl Mutator {
    pub(crate) fn new(kept: Vec<Vec<u8>>, longest: usize, seed: u64) -> Mutator {
        Mutator { kept, longest, random: Pcg64Mcg::seed_from_u64(seed) }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.random.next_u64() % end.max(1) as u64) as usize
    }

    /// A place in `bytes` and one that is not before it, close behind as a rule.
    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let begin = self.below(bytes.len() + 1);
        let most = if self.below(4) == 0 { bytes.len() } else { 16 };
        begin..begin + self.below(most.min(bytes.len() - begin) + 1)
    }

    /// The next input: a kept one, with a few changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let one = self.below(self.kept.len());
        let mut bytes = self.kept[one].clone();
        for _ in 0..1 + self.below(4) {
            self.change(&mut bytes);
        }
        bytes.truncate(self.longest);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        match self.below(7) {
            0 if !bytes.is_empty() => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
            1 => drop(bytes.drain(range)),
            2 => {
                let again = bytes[range.clone()].to_vec();
                let at = self.below(bytes.len() + 1);
                drop(bytes.splice(at..at, again));
            }
            3 => {
                let other = self.below(self.kept.len());
                let other = self.kept[other].clone();
                let from = self.range(&other);
                drop(bytes.splice(range, other[from].iter().copied()));
            }
            4 => {
                let curious = CURIOUS[self.below(CURIOUS.len())];
                let end = (range.start + curious.len()).min(bytes.len());
                drop(bytes.splice(range.start..end, curious.iter().copied()));
            }
            5 => {
                let curious = CURIOUS[self.below(CURIOUS.len())];
                drop(bytes.splice(range.start..range.start, curious.iter().copied()));
            }
            _ => bytes[range].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
        }
    }
}
