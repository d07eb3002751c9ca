//! The way to the array that a JSON pointer (RFC 6901) names, and what is left of the file behind it.

use callboard_words::text::excerpt;

use super::elements::{Elements, said};
use crate::error::IoError;
use crate::formats::jsonl::kind;

/// What the array is in.
pub(super) enum Around {
    /// A member of this key.
    Object(String),
    /// An item.
    Array,
}

impl Elements {
    /// Goes to the first element of the array that a JSON pointer names.
    pub(super) fn go_to(&mut self, pointer: &str) -> Result<(), IoError> {
        self.plain.skip_mark();
        let keys: Vec<String> =
            pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
        let mut length = 0;
        for (key, written) in keys.iter().zip(pointer.split('/').skip(1)) {
            length += "/".len() + written.len();
            let so_far = &pointer[..length];
            match self.after_space()? {
                Some(b'{') => self.go_to_member(key, so_far)?,
                Some(b'[') => self.go_to_item(key, so_far)?,
                other => {
                    let what = other.map_or("nothing", kind);
                    let error = IoError::data(format!("there is nothing at `{so_far}`, but {what} before it"));
                    return Err(self.place.of(error.with_help(AT)));
                }
            }
        }
        match self.after_space()? {
            Some(b'[') => {
                // Samples count the bytes of elements alone.
                self.passed = 0;
                self.take()
            }
            None => Err(self.place.of(IoError::data("the file is empty, and an array is expected"))),
            Some(other) => {
                let what = kind(other);
                let message = match pointer {
                    "" => format!("the file is {what}, not an array"),
                    pointer => format!("`{pointer}` is {what}, not an array"),
                };
                let help = match other {
                    b'{' if pointer.is_empty() => {
                        format!(
                            "{AT}; if there is an object a line: format = \"jsonl\"; if the object is a row itself, or one of \
                             several over more than a line each: jq -c . FILE > NAME.jsonl"
                        )
                    }
                    _ => AT.to_owned(),
                };
                Err(self.place.of(IoError::data(message).with_help(help)))
            }
        }
    }

    /// Goes into an object, to the value of a member.
    fn go_to_member(&mut self, wanted: &str, pointer: &str) -> Result<(), IoError> {
        let begun = self.place;
        self.take()?;
        let mut keys = Vec::new();
        loop {
            let Some(key) = self.key(keys.is_empty())? else { return Err(begun.of(missing(pointer, &keys))) };
            if key == wanted {
                self.around.push(Around::Object(key));
                return Ok(());
            }
            keys.push(excerpt(&key, 40).into_owned());
            keys.truncate(SHOWN);
            self.skip_value()?;
            if !self.goes_on(b'}')? {
                return Err(begun.of(missing(pointer, &keys)));
            }
        }
    }

    /// Goes into an array, to one of its items.
    fn go_to_item(&mut self, wanted: &str, pointer: &str) -> Result<(), IoError> {
        let begun = self.place;
        let is_number = wanted.bytes().all(|byte| byte.is_ascii_digit()) && (wanted == "0" || !wanted.starts_with('0'));
        let Some(wanted) = wanted.parse::<u64>().ok().filter(|_| is_number) else {
            return Err(begun.of(missing(pointer, &[])));
        };
        self.take()?;
        self.around.push(Around::Array);
        for _ in 0..wanted {
            if self.after_space()? == Some(b']') {
                return Err(begun.of(missing(pointer, &[])));
            }
            self.skip_value()?;
            if !self.goes_on(b']')? {
                return Err(begun.of(missing(pointer, &[])));
            }
        }
        match self.after_space()? {
            Some(b']') => Err(begun.of(missing(pointer, &[]))),
            _ => Ok(()),
        }
    }

    /// Takes the next key of an object and its colon; none at the end of an object that has none.
    fn key(&mut self, is_first: bool) -> Result<Option<String>, IoError> {
        match self.after_space()? {
            Some(b'}') if is_first => {
                self.take()?;
                return Ok(None);
            }
            Some(b'"') => {}
            other => return Err(self.unexpected(other, "a key")),
        }
        self.value()?;
        let key = serde_json::from_slice::<String>(&self.element);
        let key = key.map_err(|error| match std::str::from_utf8(&self.element) {
            Ok(_) => self.begun.of(IoError::data(format!("a key is not JSON: {}", said(&error)))),
            Err(_) => self.is_not_utf8(),
        })?;
        match self.after_space()? {
            Some(b':') => self.take()?,
            other => return Err(self.unexpected(other, "`:`")),
        }
        Ok(Some(key))
    }

    /// Whether a comma follows, and not what closes the object or the array; either is taken.
    fn goes_on(&mut self, close: u8) -> Result<bool, IoError> {
        let next = self.after_space()?;
        if next != Some(b',') && next != Some(close) {
            return Err(self.unexpected(next, if close == b'}' { "`,` or `}`" } else { "`,` or `]`" }));
        }
        self.take()?;
        Ok(next == Some(b','))
    }

    /// What stands behind the array: the rest of what is around it, so that a file that was cut short is noticed.
    pub(super) fn end(&mut self) -> Result<(), IoError> {
        while let Some(around) = self.around.pop() {
            match around {
                Around::Array => {
                    while self.goes_on(b']')? {
                        self.after_space()?;
                        self.skip_value()?;
                    }
                }
                Around::Object(array) => {
                    while self.goes_on(b'}')? {
                        let key = self.key(false)?.unwrap_or_default();
                        if key == array {
                            let message = format!("`{}` occurs twice in one object", excerpt(&key, 60));
                            return Err(self.begun.of(IoError::data(message)));
                        }
                        self.skip_value()?;
                    }
                }
            }
        }
        match self.after_space()? {
            None => Ok(()),
            Some(b'[') => {
                let error = self.unexpected(Some(b'['), "the end of the file");
                Err(error.with_help("an array follows the first: make one of them: jq -s 'add' OLD.json > NEW.json"))
            }
            next => Err(self.unexpected(next, "the end of the file")),
        }
    }
}

const AT: &str = "say where the array of rows is, by its JSON pointer: at = \"/KEY\"";

/// Keys that are shown of an object.
const SHOWN: usize = 10;

fn missing(pointer: &str, keys: &[String]) -> IoError {
    let there = match keys {
        [] => String::new(),
        keys => format!("; there is {}", keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
    };
    IoError::data(format!("there is nothing at `{}`{there}", excerpt(pointer, 60))).with_help(AT)
}
