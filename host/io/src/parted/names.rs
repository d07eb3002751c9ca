//! The names of files by the values of columns: no two values share one, and none leads out of the folder.
//!
//! Letters and digits of ASCII, `-`, `_` and `.` stand as they are, and every other byte as `%XX`, as web addresses and Hive have it; so does
//! a dot at either end. Null is [`NULL`], an empty text [`EMPTY`], and a text that is called so is escaped. A long text is cut, and ends
//! in `~` and its digest. Where a name differs from an earlier one by case alone, or not at all, its values are escaped whole: so they
//! part on file systems that see no case, too.

use std::collections::HashSet;

use callboard_words::template::{Piece, Template};
use twox_hash::XxHash3_128;

use crate::error::IoError;

/// What Hive calls the folder of rows whose column is null.
pub(crate) const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// The name of an empty text, where a name begins with it.
const EMPTY: &str = "__EMPTY__";
/// A value takes no more bytes of a name than this.
const LONGEST_VALUE: usize = 100;
/// What is left of one that would.
const CUT: usize = 60;
/// A file system takes names of 255 bytes; a file that is copied there has a longer one meanwhile.
const LONGEST_NAME: usize = 220;
/// What a number and the key before it take.
const LONGEST_NUMBER: usize = 32;
/// The most that S3 takes of a key, and less than file systems take of a path.
const LONGEST_PATH: usize = 1000;

/// A path below the folder, but for the number of the part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    before: String,
    /// What follows the number; `None` if there is no number in it.
    after: Option<String>,
}

impl Name {
    /// The path of a part; `key` stands before the number.
    pub(crate) fn path(&self, key: Option<&str>, part: u64) -> String {
        match (&self.after, key) {
            (None, _) => self.before.clone(),
            (Some(after), None) => format!("{}{part:05}{after}", self.before),
            (Some(after), Some(key)) => format!("{}{key}-{part:05}{after}", self.before),
        }
    }
}

/// Gives names.
pub(crate) struct Namer {
    template: Template,
    /// Those that were given, without case.
    taken: HashSet<String>,
}

impl Namer {
    pub(crate) fn new(template: Template) -> Namer {
        Namer { template, taken: HashSet::new() }
    }

    /// The name for values of the template's columns.
    ///
    /// # Errors
    /// A value that a folder alone would hold and cannot; a name that is too long.
    pub(crate) fn name(&mut self, values: &[Option<String>]) -> Result<Name, IoError> {
        for whole in [false, true] {
            let name = self.filled_in(values, whole)?;
            if self.taken.insert(name.path(None, 0).to_lowercase()) {
                return Ok(name);
            }
        }
        let message = format!("{} would have the name of other values", self.shown(values));
        Err(IoError::data(message).with_help("put a `-` or a `/` between what is filled in"))
    }

    /// Values for people.
    pub(crate) fn shown(&self, values: &[Option<String>]) -> String {
        let pairs = self.template.columns().into_iter().zip(values).map(|(column, value)| match value {
            None => format!("`{column}` null"),
            Some(value) => format!("`{column}` {:?}", callboard_words::text::excerpt(value, 60)),
        });
        pairs.collect::<Vec<_>>().join(", ")
    }

    fn filled_in(&self, values: &[Option<String>], whole: bool) -> Result<Name, IoError> {
        let columns = self.template.columns();
        let in_folders = self.template.in_folders();
        let (mut before, mut after) = (String::new(), None::<String>);
        for (nth, pieces) in self.template.names.iter().enumerate() {
            let (mut name, mut length) = (if nth > 0 { "/".to_owned() } else { String::new() }, 0);
            for piece in pieces {
                match piece {
                    Piece::Text(text) => name.push_str(text),
                    Piece::Number => {
                        length += name.len() + LONGEST_NUMBER;
                        before.push_str(&name);
                        name.clear();
                        after = Some(String::new());
                    }
                    Piece::Column(column) => {
                        let value = columns.iter().position(|name| name == column).and_then(|at| values.get(at));
                        let begun = length > 0 || !name.trim_start_matches('/').is_empty();
                        let text = escaped(value.and_then(Option::as_deref), whole, begun);
                        if text.contains('~') && in_folders.contains(&column.as_str()) {
                            let shown = self.shown(values);
                            let message =
                                format!("a value is too long for a folder's name, which alone would keep it: {shown}");
                            let help = format!(
                                "write `{{{column}}}` in place of `{column}={{{column}}}`: then the column is in the files"
                            );
                            return Err(IoError::data(message).with_help(help));
                        }
                        name.push_str(&text);
                    }
                }
            }
            length += name.len();
            after.as_mut().unwrap_or(&mut before).push_str(&name);
            if length > LONGEST_NAME {
                let message = format!("a name of more than {LONGEST_NAME} bytes is made of {}", self.shown(values));
                return Err(IoError::data(message).with_help("fill in less between two `/`"));
            }
        }
        if before.len() + after.as_ref().map_or(0, String::len) + self.template.folder.len() > LONGEST_PATH {
            let message = format!("a path of more than {LONGEST_PATH} bytes is made of {}", self.shown(values));
            return Err(IoError::data(message).with_help("fill in less"));
        }
        Ok(Name { before, after })
    }
}

/// A value as a part of a name. `begun`: something of the name stands before it, so that the name is neither empty nor hidden.
fn escaped(value: Option<&str>, whole: bool, begun: bool) -> String {
    let Some(value) = value else { return NULL.to_owned() };
    if value.is_empty() {
        return if begun && !whole { String::new() } else { EMPTY.to_owned() };
    }
    let whole = whole || [NULL, EMPTY].contains(&value);
    let last = value.len() - 1;
    let mut text = String::new();
    let mut cut = 0;
    for (at, byte) in value.bytes().enumerate() {
        let plain = match byte {
            b'.' => at != 0 && at != last,
            byte => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
        };
        match plain && !whole {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
        if text.len() <= CUT {
            cut = text.len();
        }
        if text.len() > LONGEST_VALUE {
            text.truncate(cut);
            // A digest parts those that begin alike.
            let digest = XxHash3_128::oneshot(value.as_bytes());
            return format!("{text}~{digest:032x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn namer(path: &str) -> Namer {
        Namer::new(Template::of(path).unwrap().unwrap())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_value_has_a_name_of_its_own_that_stays_in_the_folder() {
        let long = "x".repeat(5000);
        let longer = "x".repeat(5001);
        let values = [
            "",
            "/",
            "..",
            ".",
            "../../etc/passwd",
            "a/b",
            "a%2Fb",
            "en",
            "EN",
            "En",
            "eN",
            "日本語",
            "é",
            "e\u{301}",
            "É",
            "a b",
            "~",
            "x.",
            ".x",
            "CON",
            "a\0b",
            "a\nb",
            "__HIVE_DEFAULT_PARTITION__",
            "__EMPTY__",
            "=",
            "a=b",
            "\\",
            &long,
            &longer,
            &"日".repeat(100),
            "part-00000",
            "null",
            "None",
            "{x}",
            "%",
            "*",
            "?",
            ":",
        ];
        for path in ["out/{v}/part-{n}.csv", "{v}.csv", "v={v}.csv", "out/x-{v}-{n}.csv", "{v}"] {
            let mut namer = namer(path);
            let mut seen = HashSet::new();
            let all = values.iter().map(|value| some(value)).chain([None]);
            for value in all {
                let name = namer.name(std::slice::from_ref(&value)).unwrap().path(None, 0);
                assert!(seen.insert(name.to_lowercase()), "{name} of {value:?} is another's");
                assert!(name.is_ascii() && name.len() < 255, "{name}");
                let parts: Vec<&str> = name.split('/').collect();
                assert_eq!(parts.len(), path.trim_start_matches("out/").split('/').count(), "{name}");
                assert!(parts.iter().all(|part| !part.is_empty() && !part.starts_with('.') && *part != ".."), "{name}");
            }
        }
    }

    #[test]
    fn names_are_what_the_page_says() {
        let mut namer = namer("out/{a}-{b}/part-{n}.csv");
        for (a, b, name) in [
            (some("en"), some("web"), "en-web/part-00007.csv"),
            (some("EN"), some("web"), "%45%4E-%77%65%62/part-00007.csv"),
            (some("a-b"), some("c"), "a-b-c/part-00007.csv"),
            (some("a"), some("b-c"), "%61-%62%2D%63/part-00007.csv"),
            (None, some(""), "__HIVE_DEFAULT_PARTITION__-/part-00007.csv"),
            (some("x/y"), some("v1.5"), "x%2Fy-v1.5/part-00007.csv"),
        ] {
            assert_eq!(namer.name(&[a, b]).unwrap().path(None, 7), name);
        }
        let name = namer.name(&[some("q"), some("r")]).unwrap();
        assert_eq!(name.path(Some("00ff"), 123_456), "q-r/part-00ff-123456.csv");
    }

    #[test]
    fn a_folder_that_alone_has_a_value_has_all_of_it() {
        let mut namer = namer("out/v={v}/part-{n}.csv");
        assert_eq!(namer.name(&[some("")]).unwrap().path(None, 0), "v=/part-00000.csv");
        let error = namer.name(&[some(&"x".repeat(101))]).unwrap_err();
        assert!(error.to_string().contains("too long for a folder's name"), "{error}");
    }
}
