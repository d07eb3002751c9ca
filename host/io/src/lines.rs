//! Lines of a text file; none longer than the input's limits allow.

use std::io::{self, BufRead, Read};

use memchr::{memchr, memrchr};

use crate::error::IoError;
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::places::Source;
use crate::plain::Plain;
use crate::section::Section;
use crate::spec::InputSpec;

/// How much of each of `files` files a schema is inferred from, in rows: a thousand in all, and at least a hundred of each.
pub(crate) fn sample_rows(files: usize) -> usize {
    (1_000 / files).max(100)
}

/// Where rows are huge, the sample of a file ends sooner. Blank lines count too.
pub(crate) const SAMPLE_BYTES: u64 = 64 << 20;

/// A line that takes more is not kept when it has been used.
const LONG: usize = 4 << 20;

/// The lines of a text file.
pub(crate) struct Lines {
    plain: Plain,
    /// A line that did not end in what had been read.
    line: Vec<u8>,
    /// Bytes of the last line that are still to be taken.
    taken: usize,
    number: u64,
    /// Bytes of all lines so far.
    passed: u64,
    /// An error of reading that is still to be reported: a decoder says only once that its data are corrupt.
    failed: Option<io::Error>,
}

impl Lines {
    pub(crate) fn open(file: &Source, spec: &InputSpec) -> Result<Lines, IoError> {
        Plain::open(file, spec).map(Lines::of)
    }

    /// The lines of a part of an uncompressed file, which begins with a line; they have the numbers that they have in the whole.
    pub(crate) fn open_section(file: &Source, spec: &InputSpec, section: Section) -> Result<Lines, IoError> {
        let lines = Plain::open_section(file, spec, section).map(Lines::of)?;
        Ok(Lines { number: section.before, passed: section.from, ..lines })
    }

    pub(crate) fn of(plain: Plain) -> Lines {
        Lines { plain, line: Vec::new(), taken: 0, number: 0, passed: 0, failed: None }
    }

    /// The next line with its end, if it has one, and its number from 1; none after the last. A byte-order mark before the
    /// first line is left out.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, IoError> {
        let number = self.advance(Limit::Line)?;
        Ok(number.map(|number| (number, self.current())))
    }

    /// Goes to the next line, no longer than a limit allows; its number, if there is one.
    pub(crate) fn advance(&mut self, limit: Limit) -> Result<Option<u64>, IoError> {
        self.plain.bytes.consume(std::mem::take(&mut self.taken));
        self.number += 1;
        let most = self.longest(limit);
        if let Some(error) = self.failed.take() {
            return Err(self.unreadable(&error));
        }
        let end = match self.plain.bytes.fill_buf() {
            Ok(there) => memchr(b'\n', there),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => return Err(self.unreadable(&error)),
        };
        self.line.clear();
        // Most lines end in what has been read already, and need no copy.
        let (length, is_ended) = match end {
            Some(end) => {
                self.taken = end + 1;
                (end + 1, true)
            }
            None => {
                let read = (&mut self.plain.bytes).take(most.saturating_add(1)).read_until(b'\n', &mut self.line);
                read.map_err(|error| self.unreadable(&error))?;
                (self.line.len(), self.line.ends_with(b"\n"))
            }
        };
        if length as u64 - u64::from(is_ended) > most {
            return Err(too_long(&self.plain.spec, limit, self.number));
        }
        self.passed += length as u64;
        Ok((length > 0).then_some(self.number))
    }

    /// The line that [`Lines::advance`] went to.
    pub(crate) fn current(&mut self) -> &[u8] {
        let line = match self.taken {
            0 => &self.line[..],
            // It has been read: there is no more to read, and nothing to fail.
            taken => self.plain.bytes.fill_buf().unwrap_or_default().get(..taken).unwrap_or_default(),
        };
        match self.number {
            1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
            _ => line,
        }
    }

    /// The number of that line.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The line that [`Lines::advance`] went to, to keep: a long one is not copied.
    pub(crate) fn take_line(&mut self) -> Vec<u8> {
        match self.taken == 0 && self.number > 1 {
            true => std::mem::take(&mut self.line),
            false => self.current().to_vec(),
        }
    }

    /// Gives back what a long line took, which has been used.
    pub(crate) fn let_go(&mut self) {
        if self.line.capacity() > LONG {
            self.line = Vec::new();
        }
    }

    /// The most bytes that a line may have.
    pub(crate) fn longest(&self, limit: Limit) -> u64 {
        let limits = &self.plain.spec.limits;
        if limit == Limit::Header { limits.header.min(limits.line) } else { limits.line }
    }

    /// Bytes of all lines so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Lines that have been read already and end there, perhaps none, and the number of the first. [`Lines::skip`] goes past some.
    pub(crate) fn at_hand(&mut self) -> (u64, &[u8]) {
        self.plain.bytes.consume(std::mem::take(&mut self.taken));
        let there = reported_later(self.plain.bytes.fill_buf(), &mut self.failed);
        (self.number + 1, &there[..memrchr(b'\n', there).map_or(0, |end| end + 1)])
    }

    /// The first line, before any has been asked for, as far as it has been read.
    pub(crate) fn beginning(&mut self) -> &[u8] {
        let there = reported_later(self.plain.bytes.fill_buf(), &mut self.failed);
        &there[..memchr(b'\n', there).unwrap_or(there.len())]
    }

    /// The limits of the input that the file belongs to.
    pub(crate) fn spec(&self) -> &InputSpec {
        &self.plain.spec
    }

    /// Goes past this many lines at hand, of this many bytes.
    pub(crate) fn skip(&mut self, lines: u64, bytes: usize) {
        self.number += lines;
        self.taken += bytes;
        self.passed += bytes as u64;
    }

    fn unreadable(&self, error: &io::Error) -> IoError {
        self.plain.unreadable(error).at_line(self.number)
    }
}

/// What has been read; an error is reported when the next line is asked for.
fn reported_later<'a>(read: io::Result<&'a [u8]>, failed: &mut Option<io::Error>) -> &'a [u8] {
    read.unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::Interrupted {
            failed.get_or_insert(error);
        }
        &[]
    })
}

/// The error of a line that is longer than allowed.
fn too_long(spec: &InputSpec, limit: Limit, number: u64) -> IoError {
    let limits = &spec.limits;
    let error = if limit == Limit::Header && limits.header < limits.line {
        let message = format!("the header is longer than {}", limits::size(limits.header));
        limits::exceeded(spec, Limit::Header, message, limits.line)
    } else {
        let message = format!("the line is longer than {}", limits::size(limits.line));
        limits::exceeded(spec, Limit::Line, message, LONGEST_LINE)
    };
    error.at_line(number)
}
