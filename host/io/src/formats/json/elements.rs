//! The elements of an array in a JSON text, taken apart without being parsed: where brackets close and quotes end is all that is looked at.
//! What an element holds is for its parser to judge.

use std::io::{self, BufRead};
use std::path::Path;

use callboard_words::text::excerpt;

use crate::error::{InFile, IoError};
use crate::formats::jsonl::{Objects, kind, only_as_text};
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::misfit::Misfit;
use crate::plain::Plain;
use crate::spec::InputSpec;

/// An element that takes more is not kept when it has been used.
const LONG: usize = 4 << 20;

/// Lines and bytes from 1.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: u64,
    column: u64,
}

impl Place {
    fn after(self, bytes: &[u8]) -> Place {
        match memchr::memrchr(b'\n', bytes) {
            None => Place { column: self.column + bytes.len() as u64, ..self },
            Some(last) => Place {
                line: self.line + memchr::memchr_iter(b'\n', bytes).count() as u64,
                column: (bytes.len() - last) as u64,
            },
        }
    }

    fn of(self, error: IoError) -> IoError {
        error.at(InFile::Line { line: self.line, column: Some(self.column) })
    }
}

/// The elements of an array, one after the other.
pub(super) struct Elements {
    plain: Plain,
    /// Where the next byte is.
    place: Place,
    /// Bytes so far.
    passed: u64,
    element: Vec<u8>,
    /// Where `element` begins.
    begun: Place,
    /// Whether no element has been taken yet.
    is_first: bool,
    is_ended: bool,
    /// Objects and arrays around the array.
    around: Vec<u8>,
}

impl Elements {
    pub(super) fn open(path: &Path, spec: &InputSpec) -> Result<Elements, IoError> {
        let place = Place { line: 1, column: 1 };
        let mut elements = Elements {
            plain: Plain::open(path, spec)?,
            place,
            passed: 0,
            element: Vec::new(),
            begun: place,
            is_first: true,
            is_ended: false,
            around: Vec::new(),
        };
        elements.go_to(spec.at.as_deref().unwrap_or_default()).map_err(|error| error.in_file(path))?;
        Ok(elements)
    }

    /// Gives back what a long element took, which has been used.
    pub(super) fn let_go(&mut self) {
        if self.element.capacity() > LONG {
            self.element = Vec::new();
        }
    }

    /// Goes to the first element of the array that a JSON pointer names.
    fn go_to(&mut self, pointer: &str) -> Result<(), IoError> {
        if self.plain.bytes.fill_buf().is_ok_and(|there| there.starts_with(b"\xef\xbb\xbf")) {
            self.plain.bytes.consume(3);
        }
        let keys: Vec<String> =
            pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
        for (depth, key) in keys.iter().enumerate() {
            let so_far = pointer.split('/').take(depth + 2).collect::<Vec<_>>().join("/");
            match self.after_space()? {
                Some(b'{') => self.go_to_member(key, &so_far)?,
                Some(b'[') => self.go_to_item(key, &so_far)?,
                other => {
                    let what = other.map_or("nothing", kind);
                    let error = IoError::data(format!("there is nothing at `{so_far}`, but {what} before it"));
                    return Err(self.place.of(error.with_help(AT)));
                }
            }
        }
        match self.after_space()? {
            Some(b'[') => self.take(),
            None => Err(self.place.of(IoError::data("the file is empty, and an array is expected"))),
            Some(other) => {
                let what = kind(other);
                let message = match pointer {
                    "" => format!("the file is {what}, not an array"),
                    pointer => format!("`{pointer}` is {what}, not an array"),
                };
                let help = match other {
                    b'{' if pointer.is_empty() => {
                        format!("{AT}; if there is an object a line: format = \"jsonl\"")
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
        self.around.push(b'{');
        let mut is_first = true;
        loop {
            match self.after_space()? {
                Some(b'}') if is_first => return Err(begun.of(missing(pointer))),
                Some(b'"') => {}
                other => return Err(self.unexpected(other, "a key")),
            }
            self.value()?;
            let key = serde_json::from_slice::<String>(&self.element);
            let key = key.map_err(|error| self.begun.of(IoError::data(format!("a key is not JSON: {error}"))))?;
            match self.after_space()? {
                Some(b':') => self.take()?,
                other => return Err(self.unexpected(other, "`:`")),
            }
            if key == wanted {
                return Ok(());
            }
            self.skip_value()?;
            is_first = false;
            match self.after_space()? {
                Some(b',') => self.take()?,
                Some(b'}') => return Err(begun.of(missing(pointer))),
                other => return Err(self.unexpected(other, "`,` or `}`")),
            }
        }
    }

    /// Goes into an array, to one of its items.
    fn go_to_item(&mut self, wanted: &str, pointer: &str) -> Result<(), IoError> {
        let begun = self.place;
        let Ok(wanted) = wanted.parse::<u64>() else { return Err(begun.of(missing(pointer))) };
        self.take()?;
        self.around.push(b'[');
        for _ in 0..wanted {
            if self.after_space()? == Some(b']') {
                return Err(begun.of(missing(pointer)));
            }
            self.skip_value()?;
            match self.after_space()? {
                Some(b',') => self.take()?,
                Some(b']') => return Err(begun.of(missing(pointer))),
                other => return Err(self.unexpected(other, "`,` or `]`")),
            }
        }
        match self.after_space()? {
            Some(b']') => Err(begun.of(missing(pointer))),
            _ => Ok(()),
        }
    }

    /// What stands behind the array: the rest of what is around it, so that a file that was cut short is noticed.
    fn end(&mut self) -> Result<(), IoError> {
        while let Some(around) = self.around.pop() {
            let close = if around == b'{' { b'}' } else { b']' };
            loop {
                match self.after_space()? {
                    Some(byte) if byte == close => {
                        self.take()?;
                        break;
                    }
                    Some(b',' | b':') => self.take()?,
                    Some(b'}' | b']') | None => {
                        let next = self.peek()?;
                        return Err(self.unexpected(next, if close == b'}' { "`}`" } else { "`]`" }));
                    }
                    Some(_) => self.skip_value()?,
                }
            }
        }
        match self.after_space()? {
            None => Ok(()),
            next => Err(self.unexpected(next, "the end of the file")),
        }
    }

    fn unexpected(&self, found: Option<u8>, expected: &str) -> IoError {
        let error = match found {
            None => IoError::data(format!("the file ends where {expected} is expected: it was cut short")),
            Some(byte) => {
                let found = char::from(byte);
                let found = if byte.is_ascii_graphic() { format!("`{found}`") } else { format!("the byte {byte}") };
                IoError::data(format!("the file is not JSON: {found} stands where {expected} is expected"))
            }
        };
        self.place.of(error)
    }

    fn peek(&mut self) -> Result<Option<u8>, IoError> {
        fill(&mut self.plain, self.place).map(|there| there.first().copied())
    }

    fn consume(&mut self, bytes: usize) {
        self.plain.bytes.consume(bytes);
        self.passed += bytes as u64;
    }

    /// Goes past the next byte.
    fn take(&mut self) -> Result<(), IoError> {
        let there = fill(&mut self.plain, self.place)?;
        let taken = there.len().min(1);
        self.place = self.place.after(&there[..taken]);
        self.consume(taken);
        Ok(())
    }

    /// The next byte that is no white space.
    fn after_space(&mut self) -> Result<Option<u8>, IoError> {
        loop {
            let there = fill(&mut self.plain, self.place)?;
            let spaces = there.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
            let (next, is_over) = (there.get(spaces).copied(), there.is_empty());
            self.place = self.place.after(&there[..spaces]);
            self.consume(spaces);
            if next.is_some() || is_over {
                return Ok(next);
            }
        }
    }

    /// Takes the value that begins with the next byte.
    fn value(&mut self) -> Result<(), IoError> {
        self.element.clear();
        self.begun = self.place;
        let mut scan = Scan::default();
        loop {
            let longest = self.plain.spec.limits.line;
            let there = fill(&mut self.plain, self.place)?;
            if there.is_empty() {
                return match scan.is_number() {
                    true => Ok(()),
                    false => Err(self.unexpected(None, "the end of a value")),
                };
            }
            let (taken, is_ended) = scan.over(there);
            self.place = self.place.after(&there[..taken]);
            self.element.extend_from_slice(&there[..taken]);
            self.consume(taken);
            if self.element.len() as u64 > longest {
                let message = format!("the element is longer than {}", limits::size(longest));
                let error = limits::exceeded(&self.plain.spec, Limit::Line, message, LONGEST_LINE);
                return Err(self.begun.of(error));
            }
            if is_ended {
                return Ok(());
            }
        }
    }

    /// Goes past the value that begins with the next byte, of any length.
    fn skip_value(&mut self) -> Result<(), IoError> {
        let mut scan = Scan::default();
        loop {
            let there = fill(&mut self.plain, self.place)?;
            if there.is_empty() {
                return Err(self.unexpected(None, "the end of a value"));
            }
            let (taken, is_ended) = scan.over(there);
            self.place = self.place.after(&there[..taken]);
            self.consume(taken);
            if is_ended {
                return Ok(());
            }
        }
    }
}

/// What has been read and not taken; nothing at the end of the file.
fn fill(plain: &mut Plain, place: Place) -> Result<&[u8], IoError> {
    loop {
        match plain.bytes.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(place.of(plain.unreadable(&error))),
        }
    }
    // It has been read.
    Ok(plain.bytes.fill_buf().unwrap_or_default())
}

const AT: &str = "say where the array of rows is, by its JSON pointer: at = \"/KEY\"";

fn missing(pointer: &str) -> IoError {
    IoError::data(format!("there is nothing at `{}`", excerpt(pointer, 60))).with_help(AT)
}

/// Where a value ends.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_text: bool,
    is_escaped: bool,
    /// Neither an object nor an array nor a text, which ends before what follows it.
    in_word: bool,
}

impl Scan {
    /// How many of these bytes are of the value, and whether it ends with them.
    fn over(&mut self, bytes: &[u8]) -> (usize, bool) {
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
    fn is_number(&self) -> bool {
        self.in_word && self.depth == 0
    }
}

impl Objects for Elements {
    fn next(&mut self) -> Result<Option<&[u8]>, IoError> {
        if self.is_ended {
            return Ok(None);
        }
        let next = self.after_space()?;
        match (next, std::mem::take(&mut self.is_first)) {
            (Some(b']'), _) => {
                self.take()?;
                self.is_ended = true;
                self.end()?;
                return Ok(None);
            }
            (_, true) => {}
            (Some(b','), false) => {
                self.take()?;
                if let Some(b']') = self.after_space()? {
                    return Err(self.unexpected(Some(b']'), "an element"));
                }
            }
            (other, false) => return Err(self.unexpected(other, "`,` or `]`")),
        }
        match self.after_space()? {
            None => return Err(self.unexpected(None, "an element")),
            Some(byte @ (b',' | b':' | b'}')) => return Err(self.unexpected(Some(byte), "an element")),
            Some(_) => self.value()?,
        }
        Ok(Some(&self.element))
    }

    fn passed(&self) -> u64 {
        self.passed
    }

    fn fault(&mut self, error: &serde_json::Error, misfit: Option<Misfit>, spec: &InputSpec) -> IoError {
        let place = match error.line() as u64 {
            0 | 1 => Place { column: self.begun.column + (error.column() as u64).saturating_sub(1), ..self.begun },
            line => Place { line: self.begun.line + line - 1, column: (error.column() as u64).max(1) },
        };
        if let Some(misfit) = misfit {
            return place.of(misfit.into_error(spec, "json"));
        }
        let Ok(text) = std::str::from_utf8(&self.element) else { return self.not_utf8() };
        let first = self.element.first();
        if error.is_data() && first != Some(&b'{') {
            let what = first.map_or("nothing", |byte| kind(*byte));
            return self.begun.of(IoError::data(format!("the element is {what}, not an object")));
        }
        if let Some(misfit) = only_as_text(text, spec) {
            return place.of(misfit.into_error(spec, "json"));
        }
        let said = error.to_string();
        let message = said.rsplit_once(" at line ").map_or(said.as_str(), |(message, _)| message);
        place.of(IoError::data(format!("the element is not JSON: {message}")))
    }

    fn not_utf8(&mut self) -> IoError {
        let before = std::str::from_utf8(&self.element).err().map_or(0, |error| error.valid_up_to());
        let help = "convert the file to UTF-8: iconv -f LATIN1 -t UTF-8, if that is what it is in";
        let place = self.begun.after(&self.element[..before]);
        place.of(IoError::data("the element is not UTF-8").with_help(help))
    }
}
