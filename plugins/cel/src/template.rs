//! What is put in the place of a match: text, and groups of the pattern.

use regex::{Captures, Regex};

/// What takes the place of a match.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Template {
    /// `$1`, `${1}` and `${name}` are groups of the pattern, and `$$` is a dollar sign.
    ///
    /// # Errors
    /// A group that the pattern does not have.
    pub(crate) fn new(text: &str, pattern: &Regex) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            plain += &rest[..at];
            let behind = &rest[at + 1..];
            let digits = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (name, length) = if let Some(behind) = behind.strip_prefix('$') {
                plain.push('$');
                rest = behind;
                continue;
            } else if let Some((name, _)) = behind.strip_prefix('{').and_then(|named| named.split_once('}')) {
                (name, name.len() + 2)
            } else if digits > 0 {
                (&behind[..digits], digits)
            } else {
                return Err("a `$` names a group, as `$1` or `${name}`; for the sign itself, write `$$`".to_owned());
            };
            let group = match name.parse::<usize>() {
                Ok(number) => Some(number).filter(|number| *number < pattern.captures_len()),
                Err(_) => pattern.capture_names().position(|known| known == Some(name)),
            };
            let group = group.ok_or_else(|| match pattern.captures_len() {
                1 => format!("the pattern has no group `{name}`: it has none, and `$0` is all that it matches"),
                groups => format!("the pattern has no group `{name}`: it has {} of them", groups - 1),
            })?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Group(group));
            rest = &behind[length..];
        }
        pieces.push(Piece::Text(plain + rest));
        Ok(Template(pieces))
    }

    /// Appends what takes the place of this match; a group that is not in it is nothing.
    pub(crate) fn expand(&self, found: &Captures<'_>, made: &mut String) {
        for piece in &self.0 {
            *made += match piece {
                Piece::Text(text) => text,
                Piece::Group(group) => found.get(*group).map_or("", |part| part.as_str()),
            };
        }
    }
}
