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
    /// Comma-separated values with a header (tabs in a `.tsv`).
    Csv,
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
}

#[rustfmt::skip]
const FORMATS: &[Listed] = &[
    Listed { format: Format::Jsonl,   name: "jsonl",   extensions: &["jsonl", "ndjson"],         text: true },
    Listed { format: Format::Csv,     name: "csv",     extensions: &["csv", "tsv"],              text: true },
    Listed { format: Format::Parquet, name: "parquet", extensions: &["parquet"],                 text: false },
    Listed { format: Format::Arrow,   name: "arrow",   extensions: &["arrow", "ipc", "feather"], text: false },
];

impl Format {
    fn listed(self) -> &'static Listed {
        FORMATS.iter().find(|listed| listed.format == self).expect("every format is listed")
    }

    /// As the pipeline file writes it: `jsonl`, `csv`, `parquet`, `arrow`.
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
        let (stem, compression) = Compression::split(path);
        let extension = Path::new(&stem).extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let by_extension = || FORMATS.iter().find(|listed| listed.extensions.contains(&extension.as_str()));
        let Some(listed) = given.map(Format::listed).or_else(by_extension) else {
            let names: Vec<_> = Format::names().map(|name| format!("\"{name}\"")).collect();
            let message = match extension.as_str() {
                "" => "there is no extension to name the format".to_owned(),
                extension => format!("the extension `{extension}` names no format"),
            };
            let aside = match extension.as_str() {
                "json" => "\na list of objects is made one object a line by: jq -c '.[]' OLD.json > NEW.jsonl",
                _ => "",
            };
            let help = format!("say which: format = {}{aside}", names.join(" or "));
            return Err(IoError::spec(message).in_file(path).with_help(help));
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
