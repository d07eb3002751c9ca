//! A bit for each row of an input.

/// The words of a chunk: a chunk is given back to the system's allocator as soon as its rows have been passed on.
const CHUNK: usize = 1 << 10;

/// One bit a row, in chunks that are made when a row in them is set.
#[derive(Default)]
pub(crate) struct Bits {
    chunks: Vec<Vec<u64>>,
    words: u64,
}

impl Bits {
    pub(crate) fn get(&self, row: u64) -> bool {
        let (chunk, word, bit) = place(row);
        self.chunks.get(chunk).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
    }

    /// Sets a bit; whether it was not set before.
    pub(crate) fn set(&mut self, row: u64) -> bool {
        let (chunk, word, bit) = place(row);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, Vec::new);
        }
        let words = &mut self.chunks[chunk];
        if words.len() <= word {
            self.words += (word + 1 - words.len()) as u64;
            words.resize(word + 1, 0);
        }
        let before = words[word];
        words[word] |= bit;
        before & bit == 0
    }

    /// The rows whose bits are set, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = u64> {
        let words = self.chunks.iter().enumerate().flat_map(|(at, words)| numbered(at, words.iter().copied()));
        words.flat_map(set_in)
    }

    /// [`Bits::rows`], each chunk of which is freed when its rows were taken.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = u64> {
        self.chunks.into_iter().enumerate().flat_map(|(at, words)| numbered(at, words.into_iter())).flat_map(set_in)
    }

    /// How many bits are set.
    pub(crate) fn count(&self) -> u64 {
        self.chunks.iter().flatten().map(|word| u64::from(word.count_ones())).sum()
    }

    /// What they take in memory.
    pub(crate) fn bytes(&self) -> u64 {
        8 * self.words
    }
}

/// The chunk of a row's bit, its word there, and the bit alone.
fn place(row: u64) -> (usize, usize, u64) {
    let word = (row / 64) as usize;
    (word / CHUNK, word % CHUNK, 1 << (row % 64))
}

/// The words of a chunk, each with the row of its first bit.
fn numbered(chunk: usize, words: impl Iterator<Item = u64>) -> impl Iterator<Item = (u64, u64)> {
    (64 * (chunk * CHUNK) as u64..).step_by(64).zip(words).filter(|(_, word)| *word != 0)
}

/// The rows whose bits are set in a word.
fn set_in((first, word): (u64, u64)) -> impl Iterator<Item = u64> {
    (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_from_any_chunk() {
        let last = 64 * CHUNK as u64;
        let rows = [0, 63, 64, last - 1, last, 5 * last + 17];
        let mut bits = Bits::default();
        assert_eq!(rows.iter().rev().map(|row| bits.set(*row)).collect::<Vec<_>>(), [true; 6]);
        assert!(!bits.set(64) && bits.get(64) && !bits.get(65) && !bits.get(3 * last) && !bits.get(9 * last));
        assert_eq!((bits.count(), bits.rows().collect::<Vec<_>>()), (6, rows.to_vec()));
        // Chunks without a row take nothing.
        assert_eq!(bits.bytes(), 8 * (CHUNK as u64 + 1 + 1));
        assert_eq!(bits.into_rows().collect::<Vec<_>>(), rows);
    }
}
