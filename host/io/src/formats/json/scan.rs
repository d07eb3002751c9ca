//! Where a value of a JSON text ends, found without parsing it: brackets close, quotes end, a word is followed by something else.

/// Where a value ends.
#[derive(Default)]
pub(super) struct Scan {
    depth: u64,
    in_text: bool,
    is_escaped: bool,
    /// Neither an object nor an array nor a text, which ends before what follows it.
    in_word: bool,
}

impl Scan {
    /// How many of these bytes are of the value, and whether it ends with them.
    pub(super) fn over(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_text {
                let rest = &bytes[at..];
                if self.is_escaped {
                    self.is_escaped = false;
                    at += 1;
                    continue;
                }
                let Some(end) = memchr::memchr2(b'"', b'\\', rest) else { return (bytes.len(), false) };
                self.is_escaped = rest[end] == b'\\';
                self.in_text = self.is_escaped;
                at += end + 1;
                if !self.in_text && self.depth == 0 {
                    return (at, true);
                }
                continue;
            }
            match byte {
                b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 && self.in_word => {
                    return (at, true);
                }
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ if self.depth == 0 => self.in_word = true,
                _ => {}
            }
            at += 1;
        }
        (bytes.len(), false)
    }

    /// Whether the value may end where the file does.
    pub(super) fn is_number(&self) -> bool {
        self.in_word && self.depth == 0
    }
}
