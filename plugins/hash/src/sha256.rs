//! SHA-256 of many values, four side by side: one in each lane of a SIMD register.
//!
//! WebAssembly has no instruction for SHA-256, and one value's rounds wait for each other. So every lane works on a value of
//! its own, and takes the next as soon as it is done: lengths need not be alike. The last value, where it is longer than the
//! rest, is finished alone. No intrinsics: loops over lanes are what the compiler makes SIMD of, natively too.

use sha2::block_api::compress256;

/// Values worked on side by side: 32-bit words in a SIMD register of WebAssembly.
const LANES: usize = 4;

type Block = [u8; 64];
type Words = [u32; LANES];

/// Calls `done` with the place of each value and its digest, in the order in which they get done.
pub(crate) fn digests<'v>(values: impl Iterator<Item = &'v [u8]>, mut done: impl FnMut(usize, &[u8; 32])) {
    let mut waiting = values.enumerate();
    let mut states = [[0; LANES]; 8];
    let mut lanes: [Lane<'v>; LANES] = Default::default();
    loop {
        let mut busy = 0;
        for (i, lane) in lanes.iter_mut().enumerate() {
            if lane.left == 0 {
                if let Some(value) = lane.value.take() {
                    done(value, &digest(states.map(|words| words[i])));
                }
                if let Some((at, value)) = waiting.next() {
                    lane.begin(at, value);
                    states.iter_mut().zip(START).for_each(|(words, start)| words[i] = start);
                }
            }
            busy += usize::from(lane.left > 0);
        }
        match busy {
            0 => return,
            1 => finish_alone(&mut lanes, &mut states),
            _ => compress(&mut states, lanes.each_mut().map(Lane::next)),
        }
    }
}

/// Finishes the one value that is left: four lanes take about twice as long as one value by itself.
fn finish_alone(lanes: &mut [Lane<'_>], states: &mut [Words; 8]) {
    for (i, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.left > 0) {
        let mut state = states.map(|words| words[i]);
        compress256(&mut state, lane.whole);
        compress256(&mut state, lane.tail());
        (lane.left, lane.whole) = (0, &[]);
        states.iter_mut().zip(state).for_each(|(words, word)| words[i] = word);
    }
}

/// A value on its way through a lane.
struct Lane<'v> {
    /// Its place among all; `None` where the lane is idle.
    value: Option<usize>,
    /// Blocks left, those of the end included.
    left: usize,
    /// Blocks left that the value fills.
    whole: &'v [Block],
    /// The rest of the value, the bit behind it, and its length: the last one or two blocks.
    end: [Block; 2],
}

impl Default for Lane<'_> {
    fn default() -> Self {
        Lane { value: None, left: 0, whole: &[], end: [[0; 64]; 2] }
    }
}

impl<'v> Lane<'v> {
    fn begin(&mut self, at: usize, value: &'v [u8]) {
        let (whole, rest) = value.as_chunks();
        let mut end = [0; 128];
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let (ends, bits) = (if rest.len() < 56 { 1 } else { 2 }, 8 * value.len() as u64);
        end[64 * ends - 8..64 * ends].copy_from_slice(&bits.to_be_bytes());
        // Laid so that the last block is always the second.
        if ends == 1 {
            end.copy_within(..64, 64);
        }
        let end = [*end.first_chunk().expect("128 bytes"), *end.last_chunk().expect("128 bytes")];
        *self = Lane { value: Some(at), left: whole.len() + ends, whole, end };
    }

    /// Blocks left of the end, all of the value's own being done.
    fn tail(&self) -> &[Block] {
        &self.end[2 - (self.left - self.whole.len())..]
    }

    /// The next block; of an idle lane, one that means nothing.
    fn next(&mut self) -> &Block {
        self.left = self.left.saturating_sub(1);
        match self.whole.split_first() {
            Some((block, rest)) => {
                self.whole = rest;
                block
            }
            None if self.left == 0 => &self.end[1],
            None => &self.end[0],
        }
    }
}

fn digest(state: [u32; 8]) -> [u8; 32] {
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// Takes one block of each lane into its state.
fn compress(states: &mut [Words; 8], blocks: [&Block; LANES]) {
    let mut words = [[0; LANES]; 16];
    for (i, words) in words.iter_mut().enumerate() {
        *words = blocks.map(|block| u32::from_le_bytes(block.as_chunks().0[i]));
    }
    for words in words.as_flattened_mut() {
        *words = words.swap_bytes();
    }
    let mut now = *states;
    for (turn, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
        if turn > 0 {
            schedule(&mut words);
        }
        rounds(&mut now, &words, constants);
    }
    for (word, now) in states.as_flattened_mut().iter_mut().zip(now.as_flattened()) {
        *word = word.wrapping_add(*now);
    }
}

/// `$do` for each of 16 numbers, as literals: a loop in it would keep the loop over lanes from becoming SIMD.
macro_rules! for_16 {
    ($do:expr) => {
        for_16!($do, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($do:expr, $($i:literal)*) => {
        $($do($i);)*
    };
}

/// The next 16 words of each lane's message schedule, in place of the 16 before.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "words are the outer dimension, and this goes over the inner one")]
fn schedule(words: &mut [Words; 16]) {
    for lane in 0..LANES {
        let mut w: [u32; 16] = std::array::from_fn(|i| words[i][lane]);
        for_16!(|i: usize| {
            let (second, fifteenth) = (w[(i + 1) % 16], w[(i + 14) % 16]);
            let a = second.rotate_right(7) ^ second.rotate_right(18) ^ (second >> 3);
            let b = fifteenth.rotate_right(17) ^ fifteenth.rotate_right(19) ^ (fifteenth >> 10);
            w[i] = w[i].wrapping_add(a).wrapping_add(w[(i + 9) % 16]).wrapping_add(b);
        });
        for_16!(|i: usize| words[i][lane] = w[i]);
    }
}

/// Sixteen rounds of each lane.
#[inline(always)]
fn rounds(states: &mut [Words; 8], words: &[Words; 16], constants: &[u32; 16]) {
    for lane in 0..LANES {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = std::array::from_fn(|i| states[i][lane]);
        for_16!(|i: usize| {
            let sum = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = g ^ (e & (f ^ g));
            let word = words[i][lane].wrapping_add(constants[i]);
            let first = h.wrapping_add(sum).wrapping_add(choice).wrapping_add(word);
            let sum = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let majority = (a & b) ^ (c & (a ^ b));
            let second = sum.wrapping_add(majority);
            (h, g, f, e) = (g, f, e, d.wrapping_add(first));
            (d, c, b, a) = (c, b, a, first.wrapping_add(second));
        });
        for (words, word) in states.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            words[lane] = word;
        }
    }
}

const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    fn holds_for<V: AsRef<[u8]>>(values: &[V]) {
        let mut got = vec![None; values.len()];
        digests(values.iter().map(AsRef::as_ref), |at, digest| {
            assert_eq!(got[at].replace(*digest), None, "value {at} is done twice");
        });
        let want: Vec<Option<[u8; 32]>> = values.iter().map(|value| Some(Sha256::digest(value).into())).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn of_every_length() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i * i % 251) as u8).collect();
        let prefixes: Vec<_> = (0..=bytes.len()).map(|len| &bytes[..len]).collect();
        prefixes.iter().for_each(|prefix| holds_for(&[prefix]));
        holds_for(&prefixes);
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        let of = |lengths| prop::collection::vec(any::<u8>(), lengths);
        prop_oneof![4 => of(0..300), 1 => of(1000..3000), 1 => of(50..70)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn of_mixed_lengths(values in prop::collection::vec(value(), 0..20)) {
            holds_for(&values);
        }
    }
}
