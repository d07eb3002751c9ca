//! Text for people: the system's words, names within a line, digits.

mod hex;

use std::any::Any;
use std::borrow::Cow;

pub use hex::hex;

/// The system's words without the number that Rust appends; where a limit of this process is why, with the command that shows it.
pub fn plain(error: &std::io::Error) -> String {
    let words = words(error);
    match limit(error) {
        Some(limit) => format!("{words} (`{limit}`)"),
        None => words,
    }
}

fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The command of shells that shows, and raises, the limit of this process that an error of the system's is about. The error's kind does not
/// say it, and its number is lost where a file's name was put before its words.
pub fn limit(error: &std::io::Error) -> Option<&'static str> {
    let limits = [("Too many open files", "ulimit -n"), ("File too large", "ulimit -f")];
    limits.into_iter().find(|(why, _)| words(error).ends_with(why)).map(|(_, limit)| limit)
}

/// A name from a file or a component, within a line: it cannot end it.
pub fn in_a_line(name: &str) -> Cow<'_, str> {
    match name.contains(char::is_control) {
        true => name.escape_debug().to_string().into(),
        false => name.into(),
    }
}

/// At most this many bytes of a text, and a mark where something is missing: for what is kept.
pub fn clipped(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}

/// At most this many characters of a text, and a mark where something is missing: for what is shown in a line.
pub fn excerpt(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Whether a terminal or a browser would obey this character, or show what stands around it in another order or not at all: controls, marks of
/// direction, ends of lines and paragraphs that are not line feed, and letters that nobody sees.
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The message of a panic, if it has one.
pub fn panic(payload: &dyn Any) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{clipped, excerpt, panic, plain};

    #[test]
    fn a_limit_of_this_process_is_named() {
        let full = io::Error::from_raw_os_error(24);
        assert_eq!(plain(&full), "Too many open files (`ulimit -n`)");
        assert_eq!(plain(&io::Error::other(format!("`a`: {full}"))), "`a`: Too many open files (`ulimit -n`)");
        assert_eq!(plain(&io::Error::from_raw_os_error(2)), "No such file or directory");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(clipped("café".to_owned(), 4), "caf…");
        assert_eq!(clipped("café".to_owned(), 5), "café");
        assert_eq!([excerpt("café", 3), excerpt("café", 4), excerpt("", 0)], ["caf…", "café", ""]);
    }

    #[test]
    fn the_message_of_a_panic_is_found_whatever_it_was_made_of() {
        let caught = |work: fn()| std::panic::catch_unwind(work).unwrap_err();
        assert_eq!(panic(&*caught(|| panic!("no rows"))), Some("no rows"));
        assert_eq!(panic(&*caught(|| panic!("no {}", String::from("rows")))), Some("no rows"));
        assert_eq!(panic(&*caught(|| std::panic::panic_any(7))), None);
    }
}
