//! The records of a CSV file, each with its line. As RFC 4180 has them, and strict where it matters: what a parser makes of text behind a
//! closing quote is a guess, and a wrong one takes other rows with it.

use memchr::{memchr, memchr_iter, memchr2};

use super::delimiter;
use super::header;
use super::other;
use crate::error::{InFile, IoError};
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::lines::Lines;
use crate::misfit::excerpt;
use crate::places::Source;
use crate::section::Section;
use crate::spec::InputSpec;

pub(super) struct Records {
    lines: Lines,
    delimiter: u8,
    /// How many fields a record has.
    width: usize,
    /// Behind this many bytes of the file no record begins any more.
    until: u64,
    /// A record with quotes: its fields without them, a delimiter between two.
    text: Vec<u8>,
    /// Where each field ends; one byte further, the next begins.
    ends: Vec<usize>,
}

/// One row.
pub(super) struct Record<'a> {
    pub(super) text: &'a str,
    ends: &'a [usize],
    /// The line it begins on.
    pub(super) line: u64,
    /// Its length in the file.
    pub(super) bytes: usize,
}

impl<'a> Record<'a> {
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> {
        let (text, mut start) = (self.text, 0);
        self.ends.iter().map(move |end| &text[std::mem::replace(&mut start, end + 1)..*end])
    }
}

/// A row that is none: why, and what it is.
pub(super) struct BadRecord {
    pub(super) error: IoError,
    pub(super) line: u64,
    pub(super) text: Vec<u8>,
}

/// Where in a field the parser stands.
enum State {
    Begin,
    /// Within quotes, and the line on which they were opened.
    Quoted(u64),
    /// Behind the quotes.
    Closed(u64),
}

/// A record that has been taken apart into `ends`, and into `text` if it has quotes.
struct Parsed {
    /// How long it is where it lies in its line, without quotes.
    plain: Option<usize>,
    /// All of its fields, also those that `ends` leaves out.
    count: usize,
    line: u64,
    bytes: usize,
}

impl Records {
    /// Opens a file and reads its header.
    pub(super) fn open(file: &Source, spec: &InputSpec) -> Result<(Records, Vec<String>), IoError> {
        let lines = Lines::open(file, spec)?;
        let most = usize::try_from(spec.limits.columns).unwrap_or(usize::MAX);
        let mut records = Records {
            lines,
            delimiter: spec.delimiter.unwrap_or_else(|| delimiter(file.path())),
            width: most,
            until: u64::MAX,
            text: Vec::new(),
            ends: Vec::new(),
        };
        let header = records.header().map_err(|error| error.in_file(file))?;
        records.width = header.len();
        Ok((records, header))
    }

    /// Goes to where a record begins, past the header of an uncompressed file.
    pub(super) fn go_to(&mut self, file: &Source, spec: &InputSpec, section: Section) -> Result<(), IoError> {
        self.lines = Lines::open_section(file, spec, section)?;
        Ok(())
    }

    /// Bytes and lines before the next record, and before blank lines in front of it.
    pub(super) fn passed(&self) -> (u64, u64) {
        (self.lines.passed(), self.lines.number())
    }

    fn header(&mut self) -> Result<Vec<String>, IoError> {
        let most = self.width;
        if let Some(error) = other::json(self.lines.beginning()) {
            return Err(error.at_line(1));
        }
        if let Some(delimiter) = other::said(self.lines.beginning()) {
            self.delimiter = self.lines.spec().delimiter.unwrap_or(delimiter);
            self.lines.advance(Limit::Header)?;
        }
        let found = self.parse(Limit::Header)?;
        let found = found.ok_or_else(|| IoError::data("the file is empty: CSV needs a header"))?;
        let (line, count) = (found.line, found.count);
        if count > most {
            let message = format!("the header has {count} columns, and {most} are allowed");
            return Err(limits::exceeded(self.lines.spec(), Limit::Columns, message, count as u64).at_line(line));
        }
        let record = self.record(&found).map_err(|bad| bad.error)?;
        let names = header::names(record.fields()).map_err(|error| error.at_line(line));
        let [alone] = record.ends else { return names };
        let alone = record.text[..*alone].to_owned();
        match other::instead(&alone, self.lines.spec(), self.delimiter) {
            Some(error) => Err(error.at_line(line)),
            None => names,
        }
    }

    /// The next record, or what is wrong with it; none behind the last.
    ///
    /// # Errors
    /// What leaves it open where the record ends, and the next one begins.
    pub(super) fn next_record(&mut self) -> Result<Option<Result<Record<'_>, BadRecord>>, IoError> {
        let Some(found) = self.parse(Limit::Line)? else { return Ok(None) };
        if found.count != self.width {
            let error = header::wrong_width(found.count, self.width).at_line(found.line);
            let text = text_of(&mut self.lines, &self.text, &found).to_owned();
            return Ok(Some(Err(BadRecord { error, line: found.line, text })));
        }
        Ok(Some(self.record(&found)))
    }

    /// The records that begin within the first bytes of the file alone, blank lines counted too.
    pub(super) fn up_to(&mut self, bytes: u64) {
        self.until = bytes;
    }

    fn record(&mut self, parsed: &Parsed) -> Result<Record<'_>, BadRecord> {
        let text = text_of(&mut self.lines, &self.text, parsed);
        match simdutf8::basic::from_utf8(text) {
            Ok(text) => Ok(Record { text, ends: &self.ends, line: parsed.line, bytes: parsed.bytes }),
            Err(_) => {
                let error = IoError::not_utf8("the row").at_line(parsed.line);
                Err(BadRecord { error, line: parsed.line, text: text.to_owned() })
            }
        }
    }

    /// Takes the next record apart, past blank lines.
    fn parse(&mut self, limit: Limit) -> Result<Option<Parsed>, IoError> {
        self.ends.clear();
        let line = loop {
            if self.lines.passed() >= self.until {
                return Ok(None);
            }
            match self.lines.advance(limit)? {
                None => return Ok(None),
                // Without an end, it is a file of a byte-order mark alone.
                Some(_) if matches!(self.lines.current(), b"" | b"\n" | b"\r\n") => {}
                Some(line) => break line,
            }
        };
        let whole = self.lines.current();
        let content = without_end(whole);
        if memchr2(b'"', b'\r', content).is_some() {
            return self.parse_quoted(limit, line).map(Some);
        }
        let mut count = 0;
        for end in memchr_iter(self.delimiter, content).chain([content.len()]) {
            if count <= self.width {
                self.ends.push(end);
            }
            count += 1;
        }
        Ok(Some(Parsed { plain: Some(content.len()), count, line, bytes: whole.len() }))
    }

    /// As [`Records::parse`], of a record that begins on the current line and has quotes.
    fn parse_quoted(&mut self, limit: Limit, first: u64) -> Result<Parsed, IoError> {
        self.text.clear();
        let (mut count, mut bytes, mut number) = (0, 0, first);
        let mut state = State::Begin;
        loop {
            let whole = self.lines.current();
            let content = without_end(whole);
            bytes += whole.len();
            let mut at = 0;
            let opened = loop {
                let ends = match state {
                    State::Begin if content.get(at) == Some(&b'"') => {
                        at += 1;
                        state = State::Quoted(number);
                        false
                    }
                    State::Begin => {
                        let end = memchr2(self.delimiter, b'\r', &content[at..]).map_or(content.len(), |end| at + end);
                        if content.get(end) == Some(&b'\r') {
                            let message = "a carriage return ends a row within the line: lines end with a line feed";
                            let help = "if it ends all of them, convert the file: tr '\\r' '\\n'";
                            return Err(IoError::data(message).at_line(number).with_help(help));
                        }
                        self.text.extend_from_slice(&content[at..end]);
                        at = end;
                        true
                    }
                    State::Quoted(opened) => {
                        let Some(end) = memchr(b'"', &content[at..]) else { break opened };
                        self.text.extend_from_slice(&content[at..at + end]);
                        at += end + 1;
                        match content.get(at) == Some(&b'"') {
                            true => {
                                self.text.push(b'"');
                                at += 1;
                            }
                            false => state = State::Closed(opened),
                        }
                        false
                    }
                    State::Closed(opened) => match content.get(at).is_some_and(|byte| *byte != self.delimiter) {
                        true => return Err(behind_quote(&content[at..], number, at, opened)),
                        false => true,
                    },
                };
                if !ends {
                    continue;
                }
                if count <= self.width {
                    self.ends.push(self.text.len());
                }
                count += 1;
                if at == content.len() {
                    return Ok(Parsed { plain: None, count, line: first, bytes });
                }
                self.text.push(self.delimiter);
                at += 1;
                state = State::Begin;
            };
            self.text.extend_from_slice(&whole[at..]);
            let most = self.lines.longest(limit);
            let next = if bytes as u64 > most { None } else { Some(self.lines.advance(limit)?) };
            number = match next {
                Some(Some(number)) => number,
                Some(None) => {
                    let error = IoError::data("a quote is opened on this line and never closed");
                    return Err(error.at_line(opened).with_help(TWICE));
                }
                None => {
                    let (spec, size) = (self.lines.spec(), limits::size(most));
                    let message = format!("a quote is opened on this line, and the row continues for more than {size}");
                    let error = match most < spec.limits.line {
                        true => limits::exceeded(spec, Limit::Header, message, spec.limits.line),
                        false => limits::exceeded(spec, Limit::Line, message, LONGEST_LINE),
                    };
                    return Err(error.at_line(opened));
                }
            };
        }
    }
}

/// The text of a record: where it lies in its line, or without its quotes.
fn text_of<'a>(lines: &'a mut Lines, unquoted: &'a [u8], parsed: &Parsed) -> &'a [u8] {
    match parsed.plain {
        Some(length) => &lines.current()[..length],
        None => unquoted,
    }
}

const TWICE: &str = "a quote within a quoted field is written twice: `\"\"`";

/// The line without what ends it.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn behind_quote(rest: &[u8], line: u64, at: usize, opened: u64) -> IoError {
    let rest = excerpt(&String::from_utf8_lossy(&rest[..rest.len().min(200)]));
    let message = match opened == line {
        true => format!("text follows the closing quote of a field: {rest:?}"),
        false => format!("text follows the closing quote of a field that begins on line {opened}: {rest:?}"),
    };
    IoError::data(message).at(InFile::Line { line, column: Some(at as u64 + 1) }).with_help(TWICE)
}
