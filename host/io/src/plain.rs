//! The bytes of a text file, decompressed as they are read.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use crate::error::{Fault, IoError};
use crate::far::Counted;
use crate::gzip::{Members, is_trailing};
use crate::limits::{self, Limit};
use crate::magic::{self, Holds};
use crate::places::Source;
use crate::section::Section;
use crate::spec::InputSpec;
use crate::stop::{Stopping, was_stopped};
use crate::text::Compression;
use crate::zstandard::Frames;

const BUFFER: usize = 256 << 10;

/// What is read at once of a file of this size: of thousands of small ones, no more than there is.
fn buffer(size: u64) -> usize {
    usize::try_from(size).unwrap_or(BUFFER).clamp(8 << 10, BUFFER)
}

/// The bytes of a text file, decompressed as they are read.
pub(crate) struct Plain {
    pub(crate) bytes: Box<dyn BufRead + Send>,
    compression: Compression,
    pub(crate) spec: InputSpec,
}

impl Plain {
    /// # Errors
    /// The system's; a file that is not text, as its first bytes show.
    pub(crate) fn open(file: &Source, spec: &InputSpec) -> Result<Plain, IoError> {
        Self::opened(file, spec, Holds::Rows, Section::default())
    }

    /// As [`Plain::open`], of what holds something else than rows.
    pub(crate) fn open_as(file: &Source, spec: &InputSpec, holds: Holds) -> Result<Plain, IoError> {
        Self::opened(file, spec, holds, Section::default())
    }

    /// As [`Plain::open`], of a part; of a file that is compressed, only the whole.
    pub(crate) fn open_section(file: &Source, spec: &InputSpec, section: Section) -> Result<Plain, IoError> {
        Self::opened(file, spec, Holds::Rows, section)
    }

    fn opened(file: &Source, spec: &InputSpec, holds: Holds, section: Section) -> Result<Plain, IoError> {
        let opened = Self::try_open(file, spec, holds, section);
        let opened = opened.map_err(|error| IoError::system("cannot open", &error));
        opened.and_then(|plain| plain).map_err(|error| error.in_file(file))
    }

    fn try_open(
        source: &Source,
        spec: &InputSpec,
        holds: Holds,
        section: Section,
    ) -> io::Result<Result<Plain, IoError>> {
        let path = source.path();
        let mut file = source.open(&spec.stop)?;
        file.seek(SeekFrom::Start(section.from))?;
        let most = section.to.map_or(u64::MAX, |to| to.saturating_sub(section.from));
        let size = file.size()?.saturating_sub(section.from).min(most);
        source.far.begin(size);
        let file = Counted { inner: file.take(most), far: source.far.clone() };
        let file = Stopping { inner: file, stop: spec.stop.clone() };
        let (_, compression) = Compression::split(path);
        let mut raw = BufReader::with_capacity(buffer(size), file);
        let head = raw.fill_buf()?;
        // A decoder takes no bytes for no rows: a file cut to nothing would pass unseen.
        if compression != Compression::None && head.is_empty() {
            return Ok(Err(IoError::data(format!("the file is empty, not {compression}"))));
        }
        // Only the beginning of a file shows what it is.
        if section.from == 0
            && let Err(error) = magic::check(path, head, compression, holds)
        {
            return Ok(Err(error));
        }
        let bytes: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(raw),
            Compression::Gzip => decompressed(Members::new(raw), spec),
            Compression::Zstd => {
                if let Some(window) = window(head).filter(|window| *window > spec.limits.window) {
                    return Ok(Err(too_large_a_window(spec, Some(window))));
                }
                decompressed(Frames::new(raw, window_log(spec.limits.window))?, spec)
            }
        };
        let mut plain = Plain { bytes, compression, spec: spec.clone() };
        if compression != Compression::None {
            match plain.bytes.fill_buf() {
                Ok(head) => {
                    if let Err(error) = magic::check_inside(path, head, compression, holds) {
                        return Ok(Err(error));
                    }
                }
                Err(error) => return Ok(Err(plain.unreadable(&error).at_line(1))),
            }
        }
        Ok(Ok(plain))
    }

    /// Goes past a byte-order mark at the beginning.
    pub(crate) fn skip_mark(&mut self) {
        // What cannot be read is reported when it is read.
        for byte in b"\xef\xbb\xbf" {
            match self.bytes.fill_buf() {
                Ok(there) if there.first() == Some(byte) => self.bytes.consume(1),
                _ => return,
            }
        }
    }

    /// Why the bytes cannot be read.
    pub(crate) fn unreadable(&self, error: &io::Error) -> IoError {
        if was_stopped(error) || Fault::of(error).is_some() {
            return IoError::system("cannot read", error);
        }
        match (self.compression, error.kind()) {
            (Compression::None, _) => IoError::system("cannot read", error),
            (compression, io::ErrorKind::UnexpectedEof) => {
                IoError::data(format!("the {compression} data end too early: the file was cut short"))
            }
            // The name of zstd's error 16, `frameParameter_windowTooLarge`.
            (Compression::Zstd, _) if error.to_string().contains("too much memory") => {
                too_large_a_window(&self.spec, None)
            }
            (compression, _) if is_trailing(error) => {
                let command = if compression == Compression::Zstd { "zstd" } else { "gzip" };
                let help = format!(
                    "{compression} data are followed by more of them, or by zeros: cut off what is appended, or \
                     decompress the file (`{command} -dc` writes what comes before it) and check it"
                );
                IoError::data(format!("bytes that are not {compression} follow the {compression} data")).with_help(help)
            }
            // The name of zstd's error 32, `dictionary_wrong`.
            (Compression::Zstd, _) if error.to_string().contains("Dictionary") => {
                let help = "compress it again without a dictionary: zstd -dc -D DICTIONARY OLD.zst | zstd > NEW.zst";
                IoError::data("the zstd data need the dictionary that they were compressed with").with_help(help)
            }
            // Decoders report what they do not understand without the system's number.
            (compression, _) if error.raw_os_error().is_none() => {
                IoError::data(format!("the {compression} data are corrupt: {error}"))
            }
            _ => IoError::system("cannot read", error),
        }
    }
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
