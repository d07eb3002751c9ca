//! Words and characters, counted over bytes where the text is ASCII.

/// Bytes that are looked at together: one SIMD register of WebAssembly.
const LANES: usize = 16;

/// How many words, as `split_whitespace` finds them, and how many Unicode scalar values.
pub(crate) fn words_and_chars(text: &str) -> (usize, usize) {
    match words_of_ascii(text.as_bytes()) {
        Some(words) => (words, text.len()),
        None => (text.split_whitespace().count(), text.chars().count()),
    }
}

/// How many words; `None` if it is not ASCII.
fn words_of_ascii(text: &[u8]) -> Option<usize> {
    let Some(first) = text.first() else { return Some(0) };
    if text.len() <= LANES {
        let spaces = text.iter().map(|byte| is_space(*byte));
        let starts = spaces.clone().zip(spaces.skip(1)).filter(|(before, here)| *before && !here).count();
        return text.is_ascii().then_some(usize::from(!is_space(*first)) + starts);
    }
    let mut words = usize::from(!is_space(*first));
    // Each time the largest number that a lane can count.
    let (mut at, mut any) = (0, [*first; LANES]);
    while at + LANES < text.len() {
        let stop = (at + 200 * LANES).min(text.len() - LANES);
        let mut starts = [0; LANES];
        // Four at a time: of so little work, asking whether time is over would be a good part.
        while let Some(window) = text[at..stop + LANES].first_chunk::<{ 4 * LANES + 1 }>() {
            for part in [0, LANES, 2 * LANES, 3 * LANES] {
                look(window[part..].first_chunk().expect("65 bytes"), &[1; LANES], &mut starts, &mut any);
            }
            at += 4 * LANES;
        }
        while at < stop {
            look(text[at..].first_chunk().expect("more than 16 bytes"), &[1; LANES], &mut starts, &mut any);
            at += LANES;
        }
        words += sum(&starts);
    }
    // The last ones, together with some that were counted.
    let left = text.len() - 1 - at;
    let mut starts = [0; LANES];
    let new = std::array::from_fn(|i| u8::from(i + left >= LANES));
    look(text.last_chunk().expect("more than 16 bytes"), &new, &mut starts, &mut any);
    any.is_ascii().then_some(words + sum(&starts))
}

/// Counts where a word begins, a byte that is not white space behind one that is, in those lanes that are `new`.
#[inline(always)]
fn look(window: &[u8; LANES + 1], new: &[u8; LANES], starts: &mut [u8; LANES], any: &mut [u8; LANES]) {
    for i in 0..LANES {
        starts[i] += u8::from(is_space(window[i]) & !is_space(window[i + 1])) & new[i];
        any[i] |= window[i + 1];
    }
}

fn sum(counts: &[u8; LANES]) -> usize {
    usize::from(counts.iter().map(|count| u16::from(*count)).sum::<u16>())
}

#[inline]
fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte.wrapping_sub(b'\t') < 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = String> {
        let telling = "[ a\t\n\u{b}\u{c}\r\u{1c}\u{1f}\u{85}\u{a0}\u{2003}\u{3000}é中]{0,300}";
        prop_oneof![any::<String>(), telling, "[ a\t-~]{0,600}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn are_what_std_counts(text in text()) {
            prop_assert_eq!(words_and_chars(&text), (text.split_whitespace().count(), text.chars().count()));
        }
    }

    #[test]
    fn of_more_than_a_lane_can_count() {
        let text = " a".repeat(16 * 1000);
        assert_eq!(words_and_chars(&text), (16_000, 32_000));
    }
}
