//! Bytes in lower-case hexadecimal.

/// Appends two digits for each byte.
pub(crate) fn push(bytes: &[u8], text: &mut String) {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_leading_zeros() {
        let mut text = String::from("x");
        push(&[0x00, 0x0a, 0xff], &mut text);
        assert_eq!(text, "x000aff");
    }
}
