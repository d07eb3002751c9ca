//! Lower case and collapsed white space in one pass, 64 bytes at a time where the text is ASCII.
//!
//! What comes out is what `str::to_lowercase` and `split_whitespace().join(" ")` give; those two walk the text character by
//! character, and twice. Most text has long runs of ASCII with single spaces, which here are rewritten as they stand.

use std::ops::Range;

/// Bytes that are looked at together: four SIMD registers of WebAssembly, since one turn of the loop costs about what one of them does.
const BLOCK: usize = 64;
/// Bytes that are then gone through one by one.
const FEW: usize = 16;

/// A column's new text, all values in one buffer.
pub(crate) struct Rewriter {
    lowercase: bool,
    collapse: bool,
    text: Text,
}

impl Rewriter {
    /// For a column of about `bytes` bytes.
    pub(crate) fn new(lowercase: bool, collapse: bool, bytes: usize) -> Self {
        Rewriter { lowercase, collapse, text: Text { bytes: vec![0; bytes + BLOCK], len: 0 } }
    }

    /// Appends one value, a part of `text`. The text around it is loaded too, so that there are 64 bytes at its ends,
    /// and ignored.
    pub(crate) fn push(&mut self, text: &str, value: Range<usize>) {
        match (self.lowercase, self.collapse) {
            (false, false) => self.text.push(&text.as_bytes()[value]),
            (true, false) => self.rewrite::<true, false>(text, value),
            (false, true) => self.rewrite::<false, true>(text, value),
            (true, true) => self.rewrite::<true, true>(text, value),
        }
    }

    /// How many bytes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len
    }

    /// The bytes of all values, UTF-8.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.text.bytes.truncate(self.text.len);
        self.text.bytes
    }

    fn rewrite<const LOWERCASE: bool, const COLLAPSE: bool>(&mut self, text: &str, value: Range<usize>) {
        let (bytes, start) = (text.as_bytes(), self.text.len);
        let (begin, end) = (value.start, value.end);
        // At the beginning as after a space: leading white space is left out.
        let (mut at, mut after_space) = (begin, true);
        if COLLAPSE {
            at += bytes[value].iter().take_while(|byte| is_space(**byte)).count();
        }
        while at < end {
            if at > 0 {
                at = self.text.push_ascii::<LOWERCASE, COLLAPSE>(bytes, at..end);
                if at > begin && bytes[at - 1].is_ascii() {
                    after_space = is_space(bytes[at - 1]);
                }
            }
            // What that leaves: the first byte of the column, the last ones, and what is not ASCII.
            let stop = end.min(at + if at == 0 { 1 } else { FEW });
            while at < stop {
                let c = text[at..].chars().next().expect("the value has not ended");
                at += c.len_utf8();
                if LOWERCASE && c == 'Σ' {
                    // The one letter whose lower case depends on those around it: begin again with all of it in lower case.
                    self.text.len = start;
                    let lower = text[begin..end].to_lowercase();
                    return self.rewrite::<false, COLLAPSE>(&lower, 0..lower.len());
                }
                let is_space = COLLAPSE && c.is_whitespace();
                match is_space {
                    true if after_space => {}
                    true => self.text.push(b" "),
                    false => self.text.push_char::<LOWERCASE>(c),
                }
                after_space = is_space;
            }
        }
        if COLLAPSE && self.text.bytes[start..self.text.len].last() == Some(&b' ') {
            self.text.len -= 1;
        }
    }
}

/// A buffer that always has room for some bytes more than it holds.
struct Text {
    bytes: Vec<u8>,
    len: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_char<const LOWERCASE: bool>(&mut self, c: char) {
        let mut utf8 = [0; 4];
        if LOWERCASE {
            c.to_lowercase().for_each(|c| self.push(c.encode_utf8(&mut utf8).as_bytes()));
        } else {
            self.push(c.encode_utf8(&mut utf8).as_bytes());
        }
    }

    /// Appends these bytes as long as they, and the one before them, are ASCII, and `bytes` has a whole block. Returns where
    /// the next one begins.
    fn push_ascii<const LOWERCASE: bool, const COLLAPSE: bool>(&mut self, bytes: &[u8], value: Range<usize>) -> usize {
        let Range { start: mut at, end } = value;
        self.reserve(end - at);
        let (room, mut len) = (&mut self.bytes[self.len..], 0);
        while at < end
            && let Some(window) = bytes[at - 1..].first_chunk::<{ BLOCK + 1 }>()
        {
            // For each byte: its replacement; the top bit if it is not ASCII, the lowest bit if it is a space behind another.
            let (mut new, mut odd) = ([0; BLOCK], [0; BLOCK]);
            for i in 0..BLOCK {
                let (before, byte) = (window[i], window[i + 1]);
                new[i] = rewritten::<LOWERCASE, COLLAPSE>(byte);
                odd[i] = (before | byte) & 0x80 | u8::from(COLLAPSE & is_space(before) & (new[i] == b' '));
            }
            room[len..len + BLOCK].copy_from_slice(&new);
            let kept = BLOCK.min(end - at);
            // A branch, which is foreseen nearly always: where the next bytes begin is then known before these are looked at.
            if is_zero(&odd) {
                len += kept;
                at += kept;
                continue;
            }
            let first = odd.iter().position(|odd| *odd != 0).unwrap_or(BLOCK);
            len += first.min(kept);
            at += first.min(kept);
            if first < kept {
                if odd[first] & 0x80 != 0 {
                    break;
                }
                // A repeated space is left out.
                at += 1;
            }
        }
        self.len += len;
        at
    }

    fn reserve(&mut self, bytes: usize) {
        if self.bytes.len() < self.len + bytes + BLOCK {
            self.bytes.resize(2 * (self.len + bytes + BLOCK), 0);
        }
    }
}

/// Whether all bytes are 0: asked of 16 at a time, which a compiler does not see in a loop.
#[inline]
fn is_zero(block: &[u8; BLOCK]) -> bool {
    block.as_chunks().0.iter().fold(0, |any, few| any | u128::from_le_bytes(*few)) == 0
}

/// ASCII's white space, as `char::is_whitespace` has it.
#[inline]
fn is_space(byte: u8) -> bool {
    (byte == b' ') | (byte.wrapping_sub(b'\t') < 5)
}

#[inline]
fn rewritten<const LOWERCASE: bool, const COLLAPSE: bool>(byte: u8) -> u8 {
    let byte = if LOWERCASE { byte | u8::from(byte.wrapping_sub(b'A') < 26) << 5 } else { byte };
    if COLLAPSE & is_space(byte) { b' ' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The values as they stand behind each other in a column.
    fn rewritten(lowercase: bool, collapse: bool, values: &[String]) -> Vec<String> {
        let mut rewriter = Rewriter::new(lowercase, collapse, 0);
        let (column, mut start) = (values.concat(), 0);
        let ends: Vec<_> = values
            .iter()
            .map(|value| {
                rewriter.push(&column, start..start + value.len());
                start += value.len();
                rewriter.len()
            })
            .collect();
        let bytes = rewriter.finish();
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(&ends).map(|(start, &end)| String::from_utf8(bytes[start..end].to_vec()).unwrap()).collect()
    }

    fn expected(lowercase: bool, collapse: bool, value: &str) -> String {
        let value = if lowercase { value.to_lowercase() } else { value.to_owned() };
        if collapse { value.split_whitespace().collect::<Vec<_>>().join(" ") } else { value }
    }

    /// Any text; and what decides something here more often than chance would have it.
    fn value() -> impl Strategy<Value = String> {
        let telling = "[ aZ\t\n\r\u{b}\u{c}\u{1c}\u{85}\u{a0}\u{2003}\u{3000}\u{200b}ÄßΣσςİȺ中'.]{0,70}";
        prop_oneof![any::<String>(), telling.prop_map(String::from), "[ -~]{0,70}", "( {0,3}[a-zA-Z]{1,9}){0,9} ?"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn is_what_std_gives(values in prop::collection::vec(value(), 1..5), lowercase: bool, collapse: bool) {
            let want: Vec<_> = values.iter().map(|value| expected(lowercase, collapse, value)).collect();
            prop_assert_eq!(rewritten(lowercase, collapse, &values), want);
        }
    }

    #[test]
    fn a_run_may_cross_a_chunk() {
        let value = format!("{}  {}\t\t{}", "a".repeat(15), "b".repeat(14), "c".repeat(33));
        let want = format!("{} {} {}", "a".repeat(15), "b".repeat(14), "c".repeat(33));
        assert_eq!(rewritten(false, true, &[value]), [want]);
    }
}
