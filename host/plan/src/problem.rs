//! What is wrong with a pipeline: where, what, and how to fix it.

use callboard_words::Help;
use callboard_words::text::clipped;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A place in a pipeline's text as a range of bytes; `None` for what stands in no text (a default, a `--set`).
pub type At = Option<Range<usize>>;

/// The text of a pipeline and the name to call it by; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As shown to a person: a path, or `<stdin>`.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
}

impl Source {
    /// A source of this name and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// A source of these bytes.
    ///
    /// # Errors
    /// They are not UTF-8; the place is that of the first byte that is not.
    pub fn from_bytes(name: impl Into<Arc<str>>, bytes: &[u8]) -> Result<Self, Box<Problems>> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Self::new(name, text)),
            Err(error) => error,
        };
        let source = Self::new(name, String::from_utf8_lossy(bytes));
        let at = error.valid_up_to();
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let (message, help) = match is_utf16 {
            true => ("the file is UTF-16, and a pipeline is UTF-8".to_owned(), "save it as UTF-8".to_owned()),
            false => {
                let byte = bytes[at];
                let latin = char::from(byte);
                (
                    format!("the file is not UTF-8: found the byte 0x{byte:02x}"),
                    match latin.is_control() {
                        true => "save it as UTF-8".to_owned(),
                        false => format!("save it as UTF-8; in Latin-1 this byte is `{latin}`"),
                    },
                )
            }
        };
        let at = Some(source.span(at..at + 1));
        Err(Box::new(Problems { source, problems: vec![Problem { message, at, help: Some(help.into()) }] }))
    }

    /// The line and column of a range of bytes; a range beyond the text is cut to it.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.floor_char_boundary(range.end.max(range.start)).max(start);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Span {
            start,
            end,
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            // A mark of the byte order is not a character that anybody sees.
            column: before[line_start..].chars().filter(|c| *c != '\u{feff}').count() + 1,
        }
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A lower-case phrase.
    pub message: String,
    /// Where, if it is anywhere in the text.
    pub at: Option<Span>,
    /// What to do about it, with text that can be pasted.
    pub help: Option<Help>,
}

/// Everything that is wrong with a pipeline, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// What the places point into.
    pub source: Source,
    /// At least one; at most [`Problems::MOST`].
    pub problems: Vec<Problem>,
}

impl Problems {
    /// If there are more problems than this, the first of them are shown.
    pub const MOST: usize = 50;
}

/// `file:3:7: what is wrong`, then `  help: …`, for each.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:", self.source.name)?;
            if let Some(Span { line, column, .. }) = problem.at {
                write!(f, "{line}:{column}:")?;
            }
            write!(f, " {}", problem.message)?;
            if let Some(help) = &problem.help {
                write!(f, "\n  help: {}", help.replace('\n', "\n        "))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The longest message, bytes: names and values of a pipeline are part of messages, and may be of any length.
const LONGEST: usize = 2 << 10;

/// Problems while they are being found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) source: Source,
    problems: Vec<Problem>,
}

impl Findings {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, problems: Vec::new() }
    }

    pub(crate) fn add(&mut self, at: &At, message: impl Into<String>) {
        self.push(at, message.into(), None::<Help>);
    }

    pub(crate) fn add_with_help(&mut self, at: &At, message: impl Into<String>, help: impl Into<Help>) {
        self.push(at, message.into(), Some(help));
    }

    pub(crate) fn push(&mut self, at: &At, message: String, help: Option<impl Into<Help>>) {
        if !self.is_full() {
            let at = at.clone().map(|range| self.source.span(range));
            self.problems.push(Problem {
                message: clipped(message, LONGEST),
                at,
                help: help.map(|help| help.into().clipped(LONGEST)),
            });
        }
    }

    /// Whether nothing more is added: what is wrong beyond that is not shown.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= Problems::MOST
    }

    /// Adds those of `other`, each message behind `prefix`.
    pub(crate) fn take(&mut self, other: Self, prefix: &str) {
        for Problem { message, at, help } in other.problems {
            let at = at.map(|span| span.start..span.end);
            self.push(&at, format!("{prefix}{message}"), help);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether each is somewhere in the text.
    pub(crate) fn all_have_places(&self) -> bool {
        self.problems.iter().all(|problem| problem.at.is_some())
    }

    /// `value` if nothing was found.
    pub(crate) fn or<T>(mut self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.problems.is_empty() => return Ok(value),
            // Whoever makes no value says why; should one forget, it is still no success.
            None if self.problems.is_empty() => self.add(&None, "the pipeline cannot be read"),
            _ => {}
        }
        self.problems.sort_by_key(|problem| problem.at.map_or(0, |at| at.start));
        self.problems.dedup();
        Err(Problems { source: self.source, problems: self.problems })
    }
}
