//! Text files, compressed or not: what their names say, and bytes out. Lines in are in `lines.rs`.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::write::GzEncoder;

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

/// Extensions, what they stand for before that of the compression, and the compression.
const COMPRESSED: &[(&str, &str, Compression)] = &[
    (".gz", "", Compression::Gzip),
    (".zst", "", Compression::Zstd),
    (".tgz", ".tar", Compression::Gzip),
    (".tzst", ".tar", Compression::Zstd),
];

impl Compression {
    /// The file's name without the extension of its compression, and the compression.
    pub(crate) fn split(path: &Path) -> (String, Compression) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let lower = name.to_lowercase();
        for (extension, before, compression) in COMPRESSED {
            if lower.ends_with(extension) {
                return (name[..name.len() - extension.len()].to_owned() + before, *compression);
            }
        }
        (name.into_owned(), Compression::None)
    }
}

const BUFFER: usize = 256 << 10;

/// Where a format's bytes go: a file, through its compression.
pub(crate) enum Sink {
    Plain(BufWriter<Digesting>),
    Gzip(Blocks<GzEncoder<BufWriter<Digesting>>>),
    Zstd(Blocks<zstd::Encoder<'static, BufWriter<Digesting>>>),
}

impl Sink {
    pub(crate) fn new(file: Digesting, compression: Compression, level: Option<u32>) -> Result<Sink, IoError> {
        // What is longer is written as it is, without being copied here first.
        let file = BufWriter::with_capacity(BUFFER / 4, file);
        Ok(match compression {
            Compression::None => Sink::Plain(file),
            // The header holds neither name nor time.
            Compression::Gzip => {
                let level = level.map_or_else(flate2::Compression::default, flate2::Compression::new);
                Sink::Gzip(Blocks::new(GzEncoder::new(file, level)))
            }
            Compression::Zstd => {
                let level = level.map_or(zstd::DEFAULT_COMPRESSION_LEVEL, |level| level as i32);
                let encoder = zstd::Encoder::new(file, level);
                Sink::Zstd(Blocks::new(encoder.map_err(|error| IoError::system("cannot write", &error))?))
            }
        })
    }

    /// What has been written so far, all of it in the file: its size and digest. `None` if the file is compressed, and has no such place.
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
