//! The names of formats: of files by their extensions, and as a pipeline file says them.

use std::fmt;
use std::path::Path;

use crate::error::IoError;
use crate::text::Compression;

/// A file format of inputs and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON Lines: one object a line.
    Jsonl,
    /// JSON: an array of objects, or one within an object. Read only.
    Json,
    /// Comma-separated values with a header (tabs in a `.tsv`).
    Csv,
    /// Plain text: a row for each line, or for each file. Read only.
    Text,
    /// WARC: what crawlers keep of the web. Read only.
    Warc,
    /// A tar archive of samples of JSON and text. Read only.
    Tar,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC: the file format, and the stream format when read.
    Arrow,
}

struct Listed {
    format: Format,
    /// As the pipeline writes it.
    name: &'static str,
    extensions: &'static [&'static str],
    /// Text may be compressed as a whole; binary formats compress inside.
    text: bool,
    /// Outputs may have it.
    written: bool,
}

#[rustfmt::skip]
const FORMATS: &[Listed] = &[
    Listed { format: Format::Jsonl,   name: "jsonl",   extensions: &["jsonl", "ndjson"],         text: true,  written: true },
    Listed { format: Format::Json,    name: "json",    extensions: &["json"],                    text: true,  written: false },
    Listed { format: Format::Csv,     name: "csv",     extensions: &["csv", "tsv"],              text: true,  written: true },
    Listed { format: Format::Text,    name: "text",    extensions: &["txt"],                     text: true,  written: false },
    Listed { format: Format::Warc,    name: "warc",    extensions: &["warc"],                    text: true,  written: false },
    Listed { format: Format::Tar,     name: "tar",     extensions: &["tar"],                     text: true,  written: false },
    Listed { format: Format::Parquet, name: "parquet", extensions: &["parquet"],                 text: false, written: true },
    Listed { format: Format::Arrow,   name: "arrow",   extensions: &["arrow", "ipc", "feather"], text: false, written: true },
];

impl Format {
    fn listed(self) -> &'static Listed {
        FORMATS.iter().find(|listed| listed.format == self).expect("every format is listed")
    }

    /// As the pipeline file writes it: `jsonl`, `json`, `csv`, `text`, `warc`, `tar`, `parquet`, `arrow`.
    pub fn name(self) -> &'static str {
        self.listed().name
    }

    /// All names, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FORMATS.iter().map(|listed| listed.name)
    }

    /// The format of a file: `given`, or what its extension says (before a `.gz` or `.zst`).
    ///
    /// # Errors
    /// An extension that says nothing; a compressed binary format.
    pub fn of(path: &Path, given: Option<Format>) -> Result<Format, IoError> {
        Format::one_of(path, given, |_| true)
    }

    /// As [`Format::of`], of those that can be meant.
    fn one_of(path: &Path, given: Option<Format>, can: impl Fn(&&Listed) -> bool) -> Result<Format, IoError> {
        let (stem, compression) = Compression::split(path);
        let extension = Path::new(&stem).extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let by_extension = || FORMATS.iter().find(|listed| listed.extensions.contains(&extension.as_str()));
        let Some(listed) = given.map(Format::listed).or_else(by_extension) else {
            let message = match extension.as_str() {
                "" => "there is no extension to name the format".to_owned(),
                extension => format!("the extension `{extension}` names no format"),
            };
            return Err(IoError::spec(message).in_file(path).with_help(say_which(can)));
        };
        if compression != Compression::None && !listed.text {
            let message = format!("{} cannot be read or written as {compression}: it compresses inside", listed.name);
            return Err(IoError::spec(message)
                .in_file(path)
                .with_help(format!("call an output {stem:?}; unpack an input first")));
        }
        Ok(listed.format)
    }
}

impl Format {
    /// Whether files that are written under this name, one after another, are one such file: lines, as they are.
    pub fn can_be_appended(path: &Path, given: Option<Format>) -> bool {
        Format::of(path, given).is_ok_and(|format| format == Format::Jsonl)
            && Compression::split(path).1 == Compression::None
    }

    /// Whether it is text, which people can read.
    pub fn is_text(self) -> bool {
        self.listed().text
    }

    /// The format that a file is written in, as [`Format::of`] has it.
    ///
    /// # Errors
    /// Those of [`Format::of`], and a format that is only read.
    pub fn of_output(path: &Path, given: Option<Format>) -> Result<Format, IoError> {
        // Standard output has no name.
        let given = given.or_else(|| (path == Path::new("-")).then_some(Format::Jsonl));
        let format = Format::one_of(path, given, |listed| listed.written)?;
        if !format.listed().written {
            let message = format!("{format} is read, and not written");
            return Err(IoError::spec(message).in_file(path).with_help(say_which(|listed| listed.written)));
        }
        Ok(format)
    }
}

/// The key of the pipeline file, with the formats that can stand there.
fn say_which(can: impl Fn(&&Listed) -> bool) -> String {
    let names: Vec<_> = FORMATS.iter().filter(can).map(|listed| format!("\"{}\"", listed.name)).collect();
    format!("say which: format = {}", names.join(" or "))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Format {
    type Err = IoError;

    fn from_str(name: &str) -> Result<Self, IoError> {
        let names = || Format::names().collect::<Vec<_>>().join(", ");
        let listed = FORMATS.iter().find(|listed| listed.name == name);
        listed.map(|listed| listed.format).ok_or_else(|| {
            IoError::spec(format!("there is no format `{name}`")).with_help(format!("formats: {}", names()))
        })
    }
}
