//! The elements of an array in a JSON text, taken apart without being parsed: where brackets close and quotes end is all that is looked at.
//! What an element holds is for its parser to judge.

use std::io::{self, BufRead};

use super::pointer::Around;
use super::scan::Scan;
use crate::error::{InFile, IoError};
use crate::formats::jsonl::{NO_NUMBER, is_no_number, kind, only_as_text, text_at};
use crate::formats::objects::Objects;
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::misfit::Misfit;
use crate::places::Source;
use crate::plain::Plain;
use crate::spec::InputSpec;

/// An element that takes more is not kept when it has been used.
const LONG: usize = 4 << 20;

/// Lines and bytes from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
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

    pub(super) fn of(self, error: IoError) -> IoError {
        error.at(InFile::Line { line: self.line, column: Some(self.column) })
    }
}

/// The elements of an array, one after the other.
pub(super) struct Elements {
    pub(super) plain: Plain,
    /// Where the next byte is.
    pub(super) place: Place,
    /// Bytes so far.
    pub(super) passed: u64,
    pub(super) element: Vec<u8>,
    /// Where `element` begins.
    pub(super) begun: Place,
    /// Elements so far.
    taken: u64,
    is_ended: bool,
    /// What is around the array, the innermost last.
    pub(super) around: Vec<Around>,
}

impl Elements {
    pub(super) fn open(file: &Source, spec: &InputSpec) -> Result<Elements, IoError> {
        let place = Place { line: 1, column: 1 };
        let mut elements = Elements {
            plain: Plain::open(file, spec)?,
            place,
            passed: 0,
            element: Vec::new(),
            begun: place,
            taken: 0,
            is_ended: false,
            around: Vec::new(),
        };
        elements.go_to(spec.at.as_deref().unwrap_or_default()).map_err(|error| error.in_file(file))?;
        Ok(elements)
    }

    pub(super) fn unexpected(&self, found: Option<u8>, expected: &str) -> IoError {
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

    pub(super) fn peek(&mut self) -> Result<Option<u8>, IoError> {
        fill(&mut self.plain, self.place).map(|there| there.first().copied())
    }

    fn consume(&mut self, bytes: usize) {
        self.plain.bytes.consume(bytes);
        self.passed += bytes as u64;
    }

    /// Goes past the next byte.
    pub(super) fn take(&mut self) -> Result<(), IoError> {
        let there = fill(&mut self.plain, self.place)?;
        let taken = there.len().min(1);
        self.place = self.place.after(&there[..taken]);
        self.consume(taken);
        Ok(())
    }

    /// The next byte that is no white space.
    pub(super) fn after_space(&mut self) -> Result<Option<u8>, IoError> {
        loop {
            let there = fill(&mut self.plain, self.place)?;
            let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let spaces = there.iter().position(|byte| !is_space(byte)).unwrap_or(there.len());
            let (next, is_over) = (there.get(spaces).copied(), there.is_empty());
            self.place = self.place.after(&there[..spaces]);
            self.consume(spaces);
            if next.is_some() || is_over {
                return Ok(next);
            }
        }
    }

    /// Takes the value that begins with the next byte.
    pub(super) fn value(&mut self) -> Result<(), IoError> {
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
    pub(super) fn skip_value(&mut self) -> Result<(), IoError> {
        match self.after_space()? {
            Some(b',' | b':' | b'}' | b']') | None => {
                let next = self.peek()?;
                return Err(self.unexpected(next, "a value"));
            }
            Some(_) => {}
        }
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

/// What the parser says, without its own place.
pub(super) fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned()
}

impl Objects for Elements {
    fn next(&mut self) -> Result<Option<&[u8]>, IoError> {
        if self.is_ended {
            return Ok(None);
        }
        let next = self.after_space()?;
        match (next, self.taken == 0) {
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
        self.taken += 1;
        Ok(Some(&self.element))
    }

    fn passed(&self) -> u64 {
        self.passed
    }

    fn number(&self) -> u64 {
        self.taken
    }

    fn text(&mut self) -> &[u8] {
        &self.element
    }

    fn let_go(&mut self) {
        if self.element.capacity() > LONG {
            self.element = Vec::new();
        }
    }

    fn fault(&mut self, error: &serde_json::Error, misfit: Option<Misfit>, spec: &InputSpec) -> IoError {
        let place = match error.line() as u64 {
            0 | 1 => Place { column: self.begun.column + (error.column() as u64).saturating_sub(1), ..self.begun },
            line => Place { line: self.begun.line + line - 1, column: (error.column() as u64).max(1) },
        };
        if let Some(misfit) = misfit {
            return place.of(misfit.into_error(spec, "json"));
        }
        let Ok(text) = std::str::from_utf8(&self.element) else { return self.is_not_utf8() };
        let first = self.element.first();
        if error.is_data() && first != Some(&b'{') {
            let what = first.map_or("nothing", |byte| kind(*byte));
            return self.begun.of(IoError::data(format!("the element is {what}, not an object")));
        }
        if let Some(misfit) = only_as_text(text, spec) {
            return place.of(misfit.into_error(spec, "json"));
        }
        let fault = IoError::data(format!("the element is not JSON: {}", said(error)));
        let line = self.element.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
        place.of(match line.is_some_and(|line| is_no_number(text_at(line, error.column()))) {
            true => fault.with_help(NO_NUMBER),
            false => fault,
        })
    }

    fn not_utf8(&mut self) -> IoError {
        self.is_not_utf8()
    }
}

impl Elements {
    /// Where the element is no UTF-8.
    pub(super) fn is_not_utf8(&self) -> IoError {
        let before = std::str::from_utf8(&self.element).err().map_or(0, |error| error.valid_up_to());
        let place = self.begun.after(&self.element[..before]);
        place.of(IoError::not_utf8("the element"))
    }
}
