//! Text for people: sizes, the system's words, names within a line, digits.

use std::borrow::Cow;

/// A size as people read it: `17 bytes`, `64 MiB`, `1.5 GiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let Some((at, unit)) = UNITS.iter().enumerate().rfind(|(at, _)| number >> (10 * (at + 1)) > 0) else {
        return format!("{number} bytes");
    };
    let rounded = format!("{:.1}", number as f64 / (1u64 << (10 * (at + 1))) as f64);
    format!("{} {unit}", rounded.trim_end_matches(".0"))
}

/// The system's words without the number that Rust appends.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// A name from a file or a component, within a line: it cannot end it.
pub fn in_a_line(name: &str) -> Cow<'_, str> {
    match name.contains(char::is_control) {
        true => name.escape_debug().to_string().into(),
        false => name.into(),
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// At most this many bytes of a text, and a mark where something is missing.
pub fn clipped(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{bytes, clipped};

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(clipped("café".to_owned(), 4), "caf…");
        assert_eq!(clipped("café".to_owned(), 5), "café");
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        let read = [0, 1023, 1024, 1536, 64 << 20, (1 << 30) + (1 << 29), 4 << 40].map(bytes);
        assert_eq!(read, ["0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "64 MiB", "1.5 GiB", "4 TiB"]);
    }
}
