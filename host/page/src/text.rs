//! Texts of strangers, fit for a line of a page.

use callboard_words::figures::count;
use callboard_words::text::acts;

/// At most this many characters of a text, and how long it is where some are missing. Ends of lines are spaces, and what would turn the line around
/// or is not seen is replaced.
pub(crate) fn short(text: &str, most: usize) -> String {
    let kept = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if acts(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let mut short: String = text.chars().take(most).map(kept).collect();
    if text.char_indices().nth(most).is_some() {
        short.push_str(&format!("… ({} characters)", count(text.chars().count() as u64)));
    }
    short
}

/// As [`short`], with its lines.
pub(crate) fn lines(text: &str, most: usize) -> String {
    text.lines().take(60).map(|line| short(line, most)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_writes_fits_a_line() {
        assert_eq!(short("a\nb\u{202e}c\u{1b}[31m", 80), "a b�c�[31m");
        assert_eq!(short("ééé", 3), "ééé");
        assert_eq!(short(&"é".repeat(1 << 20), 2), "éé… (1,048,576 characters)");
        assert_eq!(lines("a\tb\nc", 9), "a b\nc");
    }
}
