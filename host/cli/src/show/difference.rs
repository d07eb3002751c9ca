//! Two values, and what is different between them: `The [-old-]{+new+} text`.

use std::fmt::Write;

use serde_json::Value;

use super::inline;
use crate::show::figures::count;

/// What is the same is shown this far around a difference, characters.
const AROUND: usize = 24;
/// No more of a value is shown, characters.
const MOST: usize = 160;

/// A value as a person reads it.
pub(crate) fn word(value: &Value) -> String {
    match value {
        Value::String(text) => cut(&inline(text), MOST),
        other => cut(&inline(&other.to_string()), MOST),
    }
}

/// The name of a column, which a file may have made as long as it likes.
pub(crate) fn named(column: &str) -> String {
    cut(&inline(column), MOST)
}

/// What changed: `None` is a value that is not there.
pub(crate) fn difference(from: Option<&Value>, to: Option<&Value>) -> String {
    match (from, to) {
        (None, None) => String::new(),
        (None, Some(to)) => format!("{{+{}+}}", word(to)),
        (Some(from), None) => format!("[-{}-]", word(from)),
        (Some(Value::String(from)), Some(Value::String(to))) => texts(from, to),
        (Some(from), Some(to)) => format!("[-{}-]{{+{}+}}", word(from), word(to)),
    }
}

/// What is the same at the beginning and at the end of two texts, and what they have between.
fn texts(from: &str, to: &str) -> String {
    let alike = from.char_indices().zip(to.chars()).take_while(|((_, a), b)| a == b);
    let start = alike.last().map_or(0, |((at, same), _)| at + same.len_utf8());
    let (old, new) = (&from[start..], &to[start..]);
    let alike = old.chars().rev().zip(new.chars().rev()).take_while(|(a, b)| a == b);
    let end: usize = alike.map(|(same, _)| same.len_utf8()).sum();
    let (old, rest) = old.split_at(old.len() - end);
    let new = &new[..new.len() - end];
    let mut text = around(&from[..start], true);
    if !old.is_empty() {
        let _ = write!(text, "[-{}-]", cut(&inline(old), MOST));
    }
    if !new.is_empty() {
        let _ = write!(text, "{{+{}+}}", cut(&inline(new), MOST));
    }
    text + &around(rest, false)
}

/// The part of what is the same that stands next to a difference.
fn around(same: &str, before: bool) -> String {
    let length = same.chars().count();
    if length <= AROUND {
        return inline(same);
    }
    match before {
        true => format!("…{}", inline(&same.chars().skip(length - AROUND).collect::<String>())),
        false => format!("{}…", inline(&same.chars().take(AROUND).collect::<String>())),
    }
}

/// A text of at most `most` characters, with its length behind it if it was cut.
fn cut(text: &str, most: usize) -> String {
    let length = text.chars().count();
    match length <= most {
        true => text.to_owned(),
        false => format!("{}… ({} characters)", text.chars().take(most).collect::<String>(), count(length as u64)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_marked_and_the_rest_is_cut() {
        let of = |from: &str, to: &str| difference(Some(&json!(from)), Some(&json!(to)));
        assert_eq!(of("The  board", "The board"), "The [- -]board");
        assert_eq!(of("naïve", "naive"), "na[-ï-]{+i+}ve");
        assert_eq!(of("", "new"), "{+new+}");
        assert_eq!(of("aaa", "aa"), "aa[-a-]");
        let long = "x".repeat(1_000_000);
        let shown = of(&format!("{long}old{long}"), &format!("{long}new{long}"));
        assert_eq!(shown, format!("…{0}[-old-]{{+new+}}{0}…", "x".repeat(AROUND)));
        assert!(of(&long, "y").len() < 400 && of(&long, "y").contains("(1,000,000 characters)"));
        assert_eq!(of("a\u{1b}[31m", "a"), "a[-�[31m-]");
        assert_eq!(difference(None, Some(&json!([1]))), "{+[1]+}");
        assert_eq!(difference(Some(&json!(1)), Some(&json!(2))), "[-1-]{+2+}");
        assert_eq!(difference(Some(&json!(null)), None), "[-null-]");
    }
}
