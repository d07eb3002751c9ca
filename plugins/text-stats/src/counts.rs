//! Words and characters, counted over bytes where the text is ASCII.

/// How many words, as `split_whitespace` finds them.
pub(crate) fn words(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !text.is_ascii() {
        return text.split_whitespace().count();
    }
    let Some((first, rest)) = bytes.split_first() else { return 0 };
    // A word begins where a byte is no white space and the one before it is. In blocks that a `u8` can count, so that
    // sixteen are compared at once.
    let starts = bytes.chunks(BLOCK).zip(rest.chunks(BLOCK)).map(|(before, bytes)| {
        let starts = before.iter().zip(bytes).map(|(&before, &byte)| u8::from(is_space(before) & !is_space(byte)));
        usize::from(starts.sum::<u8>())
    });
    usize::from(!is_space(*first)) + starts.sum::<usize>()
}

/// How many Unicode scalar values.
pub(crate) fn chars(text: &str) -> usize {
    // Every byte but those that continue a character.
    let chars = |block: &[u8]| block.iter().map(|&byte| u8::from(byte as i8 >= -0x40)).sum::<u8>();
    text.as_bytes().chunks(BLOCK).map(|block| usize::from(chars(block))).sum()
}

const BLOCK: usize = 128;

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
            prop_assert_eq!(words(&text), text.split_whitespace().count());
            prop_assert_eq!(chars(&text), text.chars().count());
        }
    }

    #[test]
    fn of_more_than_a_block() {
        let text = "ab ".repeat(1000);
        assert_eq!((words(&text), chars(&text)), (1000, 3000));
    }
}
