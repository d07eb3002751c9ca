//! Bytes in lower-case hexadecimal.

/// Writes two digits for each byte: `text` is twice as long as `bytes`.
pub(crate) fn write(bytes: &[u8], text: &mut [u8]) {
    // Computed and not looked up, so that the compiler makes SIMD of it.
    let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
    for (byte, digits) in bytes.iter().zip(text.as_chunks_mut().0) {
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_the_formatter_writes() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = vec![0; 512];
        write(&bytes, &mut text);
        let want: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(str::from_utf8(&text), Ok(want.as_str()));
    }
}
