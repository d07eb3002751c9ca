//! How an output is compressed: text around its bytes, as its name says; binary formats inside.

use std::path::Path;
use std::str::FromStr;

use crate::error::IoError;
use crate::format::Format;
use crate::text::Compression;

/// A way to compress what a binary format holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    None,
    /// Snappy: fast, and read everywhere.
    Snappy,
    /// DEFLATE.
    Gzip,
    /// LZ4: the fastest.
    Lz4,
    /// Zstandard.
    Zstd,
    /// Brotli: small, and slow to write.
    Brotli,
}

/// The key of an output that says how it is compressed.
const COMPRESSION: &str = "/compression";

const CODECS: [(&str, Codec); 6] = [
    ("none", Codec::None),
    ("snappy", Codec::Snappy),
    ("gzip", Codec::Gzip),
    ("lz4", Codec::Lz4),
    ("zstd", Codec::Zstd),
    ("brotli", Codec::Brotli),
];

impl FromStr for Codec {
    type Err = IoError;

    fn from_str(name: &str) -> Result<Codec, IoError> {
        let found = CODECS.into_iter().find(|(listed, _)| *listed == name);
        found.map(|(_, codec)| codec).ok_or_else(|| {
            let names = CODECS.map(|(name, _)| name).join(", ");
            IoError::spec(format!("there is no compression `{name}`"))
                .with_help(format!("it is one of {names}"))
                .of_key(COMPRESSION)
        })
    }
}

impl Codec {
    fn name(self) -> &'static str {
        CODECS.into_iter().find(|(_, codec)| *codec == self).map_or("none", |(name, _)| name)
    }

    /// The levels that there are, from the fastest to the smallest.
    fn levels(self) -> Option<(u32, u32)> {
        match self {
            Codec::Gzip => Some((0, 9)),
            Codec::Zstd => Some((1, 22)),
            Codec::Brotli => Some((0, 11)),
            Codec::None | Codec::Snappy | Codec::Lz4 => None,
        }
    }
}

/// A way to compress, and how hard; a level of null is the codec's usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    pub(crate) codec: Codec,
    pub(crate) level: Option<u32>,
}

impl Packing {
    /// That of an output.
    ///
    /// # Errors
    /// What the format cannot have.
    pub(crate) fn of(
        path: &Path,
        format: Format,
        codec: Option<Codec>,
        level: Option<u32>,
    ) -> Result<Packing, IoError> {
        let (stem, compression) = Compression::split(path);
        let by_name = match compression {
            Compression::None => Codec::None,
            Compression::Gzip => Codec::Gzip,
            Compression::Zstd => Codec::Zstd,
        };
        let no = |message: String, help: String| IoError::spec(message).in_file(path).with_help(help);
        let cannot = |message, help| Err(no(message, help).of_key(COMPRESSION));
        let chosen = match (format, codec) {
            (Format::Parquet, codec) => codec.unwrap_or(Codec::Zstd),
            (Format::Arrow, None) => Codec::None,
            (Format::Arrow, Some(codec @ (Codec::None | Codec::Lz4 | Codec::Zstd))) => codec,
            (Format::Arrow, Some(codec)) => {
                let message = format!("`compression` is {}, which arrow does not have", codec.name());
                return cannot(message, "compression = \"zstd\" or \"lz4\"".to_owned());
            }
            (_, None) => by_name,
            (_, Some(codec)) if codec == by_name => codec,
            (_, Some(codec)) => {
                let help = match codec {
                    Codec::Gzip => format!("call the output {:?}", format!("{stem}.gz")),
                    Codec::Zstd => format!("call the output {:?}", format!("{stem}.zst")),
                    Codec::None => format!("call the output {stem:?}"),
                    _ => "remove `compression`: text is compressed as gzip (`.gz`) or zstd (`.zst`)".to_owned(),
                };
                let message =
                    format!("`compression` is {}, and the name of a text file says how it is compressed", codec.name());
                return cannot(message, help);
            }
        };
        let levels = if format == Format::Arrow { None } else { chosen.levels() };
        match (level, levels) {
            (Some(_), None) => Err(no(
                format!("`level` is set, and {format} compressed as {} has no levels", chosen.name()),
                "remove `level`".to_owned(),
            )
            .of_key("/level")),
            (Some(level), Some((least, most))) if !(least..=most).contains(&level) => {
                let help = format!("{} has levels from {least} to {most}", chosen.name());
                Err(no(format!("`level` is {level}"), help).of_key("/level"))
            }
            _ => Ok(Packing { codec: chosen, level }),
        }
    }
}
