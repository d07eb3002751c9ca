//! Text files, compressed or not: lines in, bytes out.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use memchr::{memchr, memrchr};

use crate::digesting::Digesting;
use crate::error::IoError;

/// How a whole file is compressed; its last extension says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "plain text",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        })
    }
}

impl Compression {
    /// The file's name without the extension of its compression, and the compression.
    pub(crate) fn split(path: &Path) -> (String, Compression) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let lower = name.to_lowercase();
        for (extension, compression) in [(".gz", Compression::Gzip), (".zst", Compression::Zstd)] {
            if lower.ends_with(extension) {
                return (name[..name.len() - extension.len()].to_owned(), compression);
            }
        }
        (name.into_owned(), Compression::None)
    }
}

/// How much of each of `files` files a schema is inferred from, in rows: a thousand in all, and at least a hundred of each.
pub(crate) fn sample_rows(files: usize) -> usize {
    (1_000 / files).max(100)
}

/// Where rows are huge, the sample of a file ends sooner.
pub(crate) const SAMPLE_BYTES: usize = 64 << 20;

const BUFFER: usize = 256 << 10;
/// A column's text is addressed by 31-bit offsets, so no line may be longer; half, for what stands in the batch before it.
pub(crate) const LONGEST_LINE: u64 = 1 << 30;

/// The lines of a text file, decompressed as they are read.
pub(crate) struct Lines {
    bytes: Box<dyn BufRead + Send>,
    compression: Compression,
    /// A line that did not end in what had been read.
    line: Vec<u8>,
    /// Bytes of the last line that are still to be taken from `bytes`.
    taken: usize,
    number: u64,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Lines, IoError> {
        Self::try_open(path).map_err(|error| IoError::system("cannot open", &error).in_file(path))?
    }

    fn try_open(path: &Path) -> io::Result<Result<Lines, IoError>> {
        let file = File::open(path)?;
        let (_, compression) = Compression::split(path);
        let mut raw = BufReader::with_capacity(BUFFER, file);
        // A decoder takes no bytes for no rows: a file cut to nothing would pass unseen.
        if compression != Compression::None && raw.fill_buf()?.is_empty() {
            return Ok(Err(IoError::data(format!("the file is empty, not {compression}")).in_file(path)));
        }
        let bytes: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(raw),
            Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
            Compression::Zstd => Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::with_buffer(raw)?)),
        };
        Ok(Ok(Lines { bytes, compression, line: Vec::new(), taken: 0, number: 0 }))
    }

    /// The next line with its end, if it has one, and its number from 1; none after the last. A byte-order mark before the
    /// first line is left out.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, IoError> {
        self.bytes.consume(std::mem::take(&mut self.taken));
        self.number += 1;
        let end = match self.bytes.fill_buf() {
            Ok(there) => memchr(b'\n', there),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => return Err(self.unreadable(&error)),
        };
        let line = match end {
            // Most lines end in what has been read already, and need no copy.
            Some(end) => {
                self.taken = end + 1;
                let there = self.bytes.fill_buf().expect("what has been read is there");
                &there[..=end]
            }
            None => {
                self.line.clear();
                let read = (&mut self.bytes).take(LONGEST_LINE).read_until(b'\n', &mut self.line);
                let length = read.map_err(|error| self.unreadable(&error))?;
                if length as u64 == LONGEST_LINE && self.line.last() != Some(&b'\n') {
                    return Err(IoError::data("the line is longer than 1 GiB").at_line(self.number));
                }
                &self.line
            }
        };
        let text = match self.number {
            1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
            _ => line,
        };
        Ok((!line.is_empty()).then_some((self.number, text)))
    }

    /// Lines that have been read already and end there, perhaps none, and the number of the first. [`Lines::skip`] goes past some.
    pub(crate) fn at_hand(&mut self) -> (u64, &[u8]) {
        self.bytes.consume(std::mem::take(&mut self.taken));
        // What cannot be read is said by who asks for the next line.
        let there = self.bytes.fill_buf().unwrap_or_default();
        (self.number + 1, &there[..memrchr(b'\n', there).map_or(0, |end| end + 1)])
    }

    /// Goes past lines that are at hand: so many, of so many bytes.
    pub(crate) fn skip(&mut self, lines: u64, bytes: usize) {
        self.number += lines;
        self.taken += bytes;
    }

    fn unreadable(&self, error: &io::Error) -> IoError {
        let error = match (self.compression, error.kind()) {
            (Compression::None, _) => IoError::system("cannot read", error),
            (compression, io::ErrorKind::UnexpectedEof) => {
                IoError::data(format!("the {compression} data end too early: the file was cut short"))
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

/// Where a format's bytes go: a file, through its compression.
pub(crate) enum Sink {
    Plain(BufWriter<Digesting>),
    Gzip(Blocks<GzEncoder<BufWriter<Digesting>>>),
    Zstd(Blocks<zstd::Encoder<'static, BufWriter<Digesting>>>),
}

impl Sink {
    pub(crate) fn new(file: Digesting, compression: Compression) -> Result<Sink, IoError> {
        // What is longer is written as it is, without being copied here first.
        let file = BufWriter::with_capacity(BUFFER / 4, file);
        Ok(match compression {
            Compression::None => Sink::Plain(file),
            // The header holds neither name nor time.
            Compression::Gzip => Sink::Gzip(Blocks::new(GzEncoder::new(file, flate2::Compression::default()))),
            Compression::Zstd => {
                let encoder = zstd::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL);
                Sink::Zstd(Blocks::new(encoder.map_err(|error| IoError::system("cannot write", &error))?))
            }
        })
    }

    /// What has been written so far, all of it in the file: its size and digest. None where the file is compressed, and has no such place.
    pub(crate) fn position(&mut self) -> io::Result<Option<(u64, u128)>> {
        let Sink::Plain(file) = self else { return Ok(None) };
        file.flush()?;
        Ok(Some(file.get_ref().position()))
    }

    /// Everything to the file, and that to the disk. Gives it back, and the digest of its bytes.
    pub(crate) fn finish(self) -> Result<(File, u128), IoError> {
        let file = match self {
            Sink::Plain(file) => Ok(file),
            Sink::Gzip(blocks) => blocks.finish().and_then(GzEncoder::finish),
            Sink::Zstd(blocks) => blocks.finish().and_then(zstd::Encoder::finish),
        };
        file.and_then(|file| file.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(Digesting::finish)
            .map_err(|error| IoError::system("cannot write", &error))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(file) => file.write(bytes),
            Sink::Gzip(blocks) => blocks.write(bytes),
            Sink::Zstd(blocks) => blocks.write(bytes),
        }
    }

    /// Nothing: a flush would show in compressed bytes, and only a finished file counts.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives an encoder blocks of one size: what it makes depends on how its input is cut, and must not show how the rows were.
pub(crate) struct Blocks<W> {
    encoder: W,
    block: Vec<u8>,
}

impl<W: Write> Blocks<W> {
    fn new(encoder: W) -> Blocks<W> {
        Blocks { encoder, block: Vec::with_capacity(BUFFER) }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BUFFER - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BUFFER {
            self.encoder.write_all(&self.block)?;
            self.block.clear();
        }
        Ok(taken)
    }

    fn finish(mut self) -> io::Result<W> {
        self.encoder.write_all(&self.block)?;
        Ok(self.encoder)
    }
}
