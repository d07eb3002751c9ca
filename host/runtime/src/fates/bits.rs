//! A bit for each row of an input.

/// The words of a chunk.
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

    /// The rows, of this many, whose bits are set in none of these, in order.
    pub(crate) fn rows_in_none(all: &[&Bits], rows: u64) -> impl Iterator<Item = u64> {
        let word = |at: u64| !all.iter().fold(0, |set, bits| set | bits.word(at));
        let in_order = (0..rows.div_ceil(64)).map(move |at| (64 * at, word(at)));
        in_order.flat_map(set_in).take_while(move |row| *row < rows)
    }

    fn word(&self, at: u64) -> u64 {
        let (chunk, word, _) = place(64 * at);
        self.chunks.get(chunk).and_then(|words| words.get(word)).copied().unwrap_or(0)
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
fn set_in((first, mut word): (u64, u64)) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| u64::from(word.trailing_zeros()))?;
        word &= word - 1;
        Some(first + bit)
    })
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
    }

    #[test]
    fn rows_in_none_are_all_others() {
        let (mut bits, mut others) = (Bits::default(), Bits::default());
        assert!([0, 64, 129].iter().all(|row| bits.set(*row)));
        others.set(1);
        let right: Vec<u64> = (0..200).filter(|row| ![0, 1, 64, 129].contains(row)).collect();
        assert_eq!(Bits::rows_in_none(&[&bits, &others], 200).collect::<Vec<_>>(), right);
        assert_eq!(Bits::rows_in_none(&[], 65).collect::<Vec<_>>(), (0..65).collect::<Vec<_>>());
    }
}
