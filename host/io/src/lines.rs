//! Lines of a text file, decompressed as they are read; none longer than the input's limits allow.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use callboard_files::open_regular;
use memchr::{memchr, memrchr};

use crate::error::IoError;
use crate::gzip::{Members, is_trailing};
use crate::limits::{self, LONGEST_LINE, Limit};
use crate::magic;
use crate::spec::InputSpec;
use crate::stop::{Stopping, was_stopped};
use crate::text::Compression;

/// How much of each of `files` files a schema is inferred from, in rows: a thousand in all, and at least a hundred of each.
pub(crate) fn sample_rows(files: usize) -> usize {
    (1_000 / files).max(100)
}

/// Where rows are huge, the sample of a file ends sooner. Blank lines count too.
pub(crate) const SAMPLE_BYTES: u64 = 64 << 20;

const BUFFER: usize = 256 << 10;
/// A line that takes more is not kept when it has been used.
const LONG: usize = 4 << 20;

/// The lines of a text file, decompressed as they are read.
pub(crate) struct Lines {
    bytes: Box<dyn BufRead + Send>,
    compression: Compression,
    spec: InputSpec,
    /// A line that did not end in what had been read.
    line: Vec<u8>,
    /// Bytes of the last line that are still to be taken from `bytes`.
    taken: usize,
    number: u64,
    /// Bytes of all lines so far.
    passed: u64,
    /// An error of reading that is still to be reported: a decoder says only once that its data are corrupt.
    failed: Option<io::Error>,
}

impl Lines {
    pub(crate) fn open(path: &Path, spec: &InputSpec) -> Result<Lines, IoError> {
        let opened = Self::try_open(path, spec);
        let opened = opened.map_err(|error| match was_stopped(&error) {
            true => IoError::interrupted(),
            false => IoError::system("cannot open", &error),
        });
        opened.and_then(|lines| lines).map_err(|error| error.in_file(path))
    }

    fn try_open(path: &Path, spec: &InputSpec) -> io::Result<Result<Lines, IoError>> {
        let file = Stopping { inner: open_regular(path)?, stop: spec.stop.clone() };
        let (_, compression) = Compression::split(path);
        let mut raw = BufReader::with_capacity(BUFFER, file);
        let head = raw.fill_buf()?;
        // A decoder takes no bytes for no rows: a file cut to nothing would pass unseen.
        if compression != Compression::None && head.is_empty() {
            return Ok(Err(IoError::data(format!("the file is empty, not {compression}"))));
        }
        if let Err(error) = magic::check(path, head, compression) {
            return Ok(Err(error));
        }
        let bytes: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(raw),
            Compression::Gzip => decompressed(Members::new(raw), spec),
            Compression::Zstd => {
                if let Some(window) = window(head).filter(|window| *window > spec.limits.window) {
                    return Ok(Err(too_large_a_window(spec, Some(window))));
                }
                let mut decoder = zstd::Decoder::with_buffer(raw)?;
                decoder.window_log_max(window_log(spec.limits.window))?;
                decompressed(decoder, spec)
            }
        };
        let mut lines = Lines {
            bytes,
            compression,
            spec: spec.clone(),
            line: Vec::new(),
            taken: 0,
            number: 1,
            passed: 0,
            failed: None,
        };
        if compression != Compression::None {
            match lines.bytes.fill_buf() {
                Ok(head) => {
                    if let Err(error) = magic::check_inside(path, head, compression) {
                        return Ok(Err(error));
                    }
                }
                Err(error) => return Ok(Err(lines.unreadable(&error))),
            }
        }
        lines.number = 0;
        Ok(Ok(lines))
    }

    /// The next line with its end, if it has one, and its number from 1; none after the last. A byte-order mark before the
    /// first line is left out.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, IoError> {
        let number = self.advance(Limit::Line)?;
        Ok(number.map(|number| (number, self.current())))
    }

    /// Goes to the next line, no longer than a limit allows; its number, if there is one.
    pub(crate) fn advance(&mut self, limit: Limit) -> Result<Option<u64>, IoError> {
        self.bytes.consume(std::mem::take(&mut self.taken));
        self.number += 1;
        let most = self.longest(limit);
        if let Some(error) = self.failed.take() {
            return Err(self.unreadable(&error));
        }
        let end = match self.bytes.fill_buf() {
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
                let read = (&mut self.bytes).take(most.saturating_add(1)).read_until(b'\n', &mut self.line);
                read.map_err(|error| self.unreadable(&error))?;
                (self.line.len(), self.line.ends_with(b"\n"))
            }
        };
        if length as u64 - u64::from(is_ended) > most {
            return Err(too_long(&self.spec, limit, self.number));
        }
        self.passed += length as u64;
        Ok((length > 0).then_some(self.number))
    }

    /// The line that [`Lines::advance`] went to.
    pub(crate) fn current(&mut self) -> &[u8] {
        let line = match self.taken {
            0 => &self.line[..],
            // It has been read: there is no more to read, and nothing to fail.
            taken => self.bytes.fill_buf().unwrap_or_default().get(..taken).unwrap_or_default(),
        };
        match self.number {
            1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
            _ => line,
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
        let limits = &self.spec.limits;
        if limit == Limit::Header { limits.header.min(limits.line) } else { limits.line }
    }

    /// Bytes of all lines so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Lines that have been read already and end there, perhaps none, and the number of the first. [`Lines::skip`] goes past some.
    pub(crate) fn at_hand(&mut self) -> (u64, &[u8]) {
        self.bytes.consume(std::mem::take(&mut self.taken));
        let there = reported_later(self.bytes.fill_buf(), &mut self.failed);
        (self.number + 1, &there[..memrchr(b'\n', there).map_or(0, |end| end + 1)])
    }

    /// The first line, before any has been asked for, as far as it has been read.
    pub(crate) fn beginning(&mut self) -> &[u8] {
        let there = reported_later(self.bytes.fill_buf(), &mut self.failed);
        &there[..memchr(b'\n', there).unwrap_or(there.len())]
    }

    /// The limits of the input that the file belongs to.
    pub(crate) fn spec(&self) -> &InputSpec {
        &self.spec
    }

    /// Goes past this many lines at hand, of this many bytes.
    pub(crate) fn skip(&mut self, lines: u64, bytes: usize) {
        self.number += lines;
        self.taken += bytes;
        self.passed += bytes as u64;
    }

    fn unreadable(&self, error: &io::Error) -> IoError {
        if was_stopped(error) {
            return IoError::interrupted();
        }
        let error = match (self.compression, error.kind()) {
            (Compression::None, _) => IoError::system("cannot read", error),
            (compression, io::ErrorKind::UnexpectedEof) => {
                IoError::data(format!("the {compression} data end too early: the file was cut short"))
            }
            // The name of zstd's error 16, `frameParameter_windowTooLarge`.
            (Compression::Zstd, _) if error.to_string().contains("too much memory") => {
                too_large_a_window(&self.spec, None)
            }
            (Compression::Gzip, _) if is_trailing(error) => {
                let help = "gzip data are followed by more of them, or by zeros: cut off what is appended, \
                            or decompress the file (`gzip -dc` leaves out what follows) and check it";
                IoError::data("bytes that are not gzip follow the gzip data").with_help(help)
            }
            // Decoders report what they do not understand without the system's number.
            (compression, _) if error.raw_os_error().is_none() => {
                IoError::data(format!("the {compression} data are corrupt: {error}"))
            }
            _ => IoError::system("cannot read", error),
        };
        error.at_line(self.number)
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

fn decompressed(decoder: impl Read + Send + 'static, spec: &InputSpec) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER, Stopping { inner: decoder, stop: spec.stop.clone() }))
}

/// The window that the first frame of zstd needs, in bytes, if it says so: RFC 8878, 3.1.1.1.
fn window(head: &[u8]) -> Option<u64> {
    let (&descriptor, rest) = head.strip_prefix(b"\x28\xb5\x2f\xfd")?.split_first()?;
    if descriptor & 0x20 == 0 {
        let window = *rest.first()?;
        let base = 1u64 << (10 + u32::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // One segment: all that it holds.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (length, more) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
    let size = rest.get(dictionary..dictionary + length)?;
    let mut bytes = [0; 8];
    bytes[..length].copy_from_slice(size);
    Some(u64::from_le_bytes(bytes).saturating_add(more))
}

/// The least power of two that a window of this size fits in, as zstd wants it.
fn window_log(window: u64) -> u32 {
    window.max(1).next_power_of_two().trailing_zeros().clamp(10, 31)
}

fn too_large_a_window(spec: &InputSpec, needed: Option<u64>) -> IoError {
    let allowed = limits::size(spec.limits.window);
    let message = match needed {
        Some(needed) => {
            format!(
                "the zstd data need a window of {} (`zstd --long`), and {allowed} are allowed",
                limits::size(needed)
            )
        }
        None => format!("the zstd data need a window (`zstd --long`) of more than the {allowed} allowed"),
    };
    // As far as a power of two, so that it can be read.
    let wanted = needed.map_or(limits::LARGEST_WINDOW, |needed| needed.checked_next_power_of_two().unwrap_or(u64::MAX));
    let error = limits::exceeded(spec, Limit::Window, message, wanted);
    match error.help() {
        Some(_) => error,
        None => error.with_help("compress it again with a smaller window: zstd without `--long`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_read_as_zstd_does() {
        assert_eq!(window(b"\x28\xb5\x2f\xfd\x00\xa8"), Some(1 << 31));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\x00\x01"), Some(1024 + 128));
        // One segment, its size in one, two, four and eight bytes, without and with a dictionary's number.
        assert_eq!(window(b"\x28\xb5\x2f\xfd\x20\x05"), Some(5));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\x63\0\0\0\0\x01\0"), Some(257));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\xa0\0\0\0\x40"), Some(1 << 30));
        assert_eq!(window(b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\x01\0\0\0"), Some(1 << 32));
        for cut in [&b""[..], b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\xe0\0", b"\x50\x2a\x4d\x18\0"] {
            assert_eq!(window(cut), None);
        }
        assert_eq!([1, 1024, 1025, 128 << 20, u64::MAX >> 1].map(window_log), [10, 10, 11, 27, 31]);
    }
}
