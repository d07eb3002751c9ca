//! Lower case and collapsed white space in one pass, 16 bytes at a time where the text is ASCII.
//!
//! What comes out is what `str::to_lowercase` and `split_whitespace().join(" ")` give; those two walk the text character by
//! character, and twice. Most text has long runs of ASCII with single spaces, which here are copied as they are.

/// Bytes that are looked at together: as many as fit one SIMD register of WebAssembly.
const LANES: usize = 16;

/// A column's new text, all values in one buffer.
pub(crate) struct Rewriter {
    lowercase: bool,
    collapse: bool,
    text: Text,
}

impl Rewriter {
    /// For a column of about `bytes` bytes.
    pub(crate) fn new(lowercase: bool, collapse: bool, bytes: usize) -> Self {
        Rewriter { lowercase, collapse, text: Text { bytes: vec![0; bytes + LANES], len: 0 } }
    }

    /// Appends one value.
    pub(crate) fn push(&mut self, value: &str) {
        match (self.lowercase, self.collapse) {
            (false, false) => self.text.push(value.as_bytes()),
            (true, false) => self.rewrite::<true, false>(value),
            (false, true) => self.rewrite::<false, true>(value),
            (true, true) => self.rewrite::<true, true>(value),
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

    fn rewrite<const LOWERCASE: bool, const COLLAPSE: bool>(&mut self, value: &str) {
        let start = self.text.len;
        // At the start as after a space: leading white space is left out.
        let mut after_space = true;
        let mut rest = value;
        while !rest.is_empty() {
            let (chunk, len) = ascii_chunk(rest.as_bytes());
            self.text.push_ascii::<LOWERCASE, COLLAPSE>(chunk, len, &mut after_space);
            rest = &rest[len..];
            while let Some(c) = rest.chars().next().filter(|c| !c.is_ascii()) {
                rest = &rest[c.len_utf8()..];
                if LOWERCASE && c == 'Σ' {
                    // The one letter whose lower case depends on those around it: begin again with all of it in lower case.
                    self.text.len = start;
                    return self.rewrite::<false, COLLAPSE>(&value.to_lowercase());
                }
                if COLLAPSE && c.is_whitespace() {
                    if !after_space {
                        self.text.push(b" ");
                    }
                    after_space = true;
                } else {
                    self.text.push_char::<LOWERCASE>(c);
                    after_space = false;
                }
            }
        }
        if COLLAPSE && after_space && self.text.len > start {
            self.text.len -= 1;
        }
    }
}

/// A buffer that always has room for one chunk more than it holds.
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

    /// Appends the first `len` bytes of an ASCII chunk. `after_space` tells whether the byte before was white space.
    #[inline]
    fn push_ascii<const LOWERCASE: bool, const COLLAPSE: bool>(
        &mut self,
        mut chunk: Chunk,
        len: usize,
        after_space: &mut bool,
    ) {
        self.reserve(LANES);
        if LOWERCASE {
            chunk.iter_mut().for_each(|byte| *byte |= u8::from(byte.wrapping_sub(b'A') < 26) << 5);
        }
        let mut kept = len;
        if COLLAPSE && len > 0 {
            chunk.iter_mut().for_each(|byte| *byte = if matches!(*byte, b'\t'..=b'\r') { b' ' } else { *byte });
            let ends_in_space = chunk[len - 1] == b' ';
            let repeated = repeated_spaces(&chunk, *after_space);
            if repeated != 0 {
                kept -= take_out(&mut chunk, repeated);
            }
            *after_space = ends_in_space;
        }
        self.bytes[self.len..self.len + LANES].copy_from_slice(&chunk);
        self.len += kept;
    }

    fn reserve(&mut self, bytes: usize) {
        if self.bytes.len() < self.len + bytes + LANES {
            self.bytes.resize(2 * (self.len + bytes + LANES), 0);
        }
    }
}

type Chunk = [u8; LANES];

const fn every(byte: u8) -> u128 {
    u128::from_le_bytes([byte; LANES])
}

/// The ASCII that `bytes` begin with, at most a chunk of it, filled up with zeros; and its length.
#[inline]
fn ascii_chunk(bytes: &[u8]) -> (Chunk, usize) {
    let (mut chunk, mut len) = match bytes.first_chunk::<LANES>() {
        Some(chunk) => (*chunk, LANES),
        None => {
            let mut chunk = [0; LANES];
            chunk[..bytes.len()].copy_from_slice(bytes);
            (chunk, bytes.len())
        }
    };
    if u128::from_le_bytes(chunk) & every(0x80) != 0 {
        len = chunk.iter().take_while(|byte| byte.is_ascii()).count();
        chunk[len..].fill(0);
    }
    (chunk, len)
}

/// The top bit of each byte that is a space behind another.
#[inline]
fn repeated_spaces(chunk: &Chunk, after_space: bool) -> u128 {
    // ASCII leaves the top bit free: adding 0x7f sets it in each byte that is not 0, and carries into no other.
    let not_space = (u128::from_le_bytes(*chunk) ^ every(b' ')) + every(0x7f);
    let spaces = !not_space & every(0x80);
    spaces & (spaces << 8 | u128::from(after_space) << 7)
}

/// Takes the marked bytes out, the last one first; how many there were.
fn take_out(chunk: &mut Chunk, mut marks: u128) -> usize {
    let count = marks.count_ones() as usize;
    let mut text = u128::from_le_bytes(*chunk);
    while marks != 0 {
        let before = (1 << (marks.ilog2() - 7)) - 1;
        text = text & before | (text >> 8) & !before;
        marks &= before;
    }
    *chunk = text.to_le_bytes();
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewritten(lowercase: bool, collapse: bool, values: &[String]) -> Vec<String> {
        let mut rewriter = Rewriter::new(lowercase, collapse, 0);
        let ends: Vec<_> = values
            .iter()
            .map(|value| {
                rewriter.push(value);
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
        fn is_what_std_gives(values in prop::collection::vec(value(), 1..4), lowercase: bool, collapse: bool) {
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
