//! What can go wrong at the edge: where, what, and what fixes it.

use callboard_words::Help;
use callboard_words::text::{limit, plain};
use std::fmt;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

use crate::stop::was_stopped;

/// Who has to act on an error; the exit code of the command depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The pipeline asks for what cannot be: no such file, an unknown format or type.
    Spec,
    /// The rows are not what the schema, or their format, says.
    Data,
    /// The system refused: permissions, a full disk, a failing device.
    System,
    /// A text file takes more than its input's [`InputLimits`](crate::InputLimits) allow.
    Limit,
    /// Reading was stopped from outside, by the input's [`Stop`](crate::Stop).
    Interrupted,
}

/// Where in a file; all numbers begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InFile {
    /// A line of a text file, and the byte in it where known.
    Line {
        /// The line, of the text when decompressed.
        line: u64,
        /// The byte of the line.
        column: Option<u64>,
    },
    /// A row group of a Parquet file.
    RowGroup(u64),
    /// A record batch of an Arrow file.
    Batch(u64),
    /// A row of a file, where it has no lines, and of an output.
    Row(u64),
}

impl fmt::Display for InFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InFile::Line { line, column: None } => write!(f, "line {line}"),
            InFile::Line { line, column: Some(column) } => write!(f, "line {line}, column {column}"),
            InFile::RowGroup(n) => write!(f, "row group {n}"),
            InFile::Batch(n) => write!(f, "record batch {n}"),
            InFile::Row(n) => write!(f, "row {n}"),
        }
    }
}

/// An error of reading or writing a dataset. It prints as one line, `` `file`, place: message ``; what fixes it stands
/// beside it, in [`IoError::help`].
#[derive(Debug)]
pub struct IoError(Box<Inner>);

impl std::error::Error for IoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| cause as _)
    }
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    path: Option<PathBuf>,
    place: Option<InFile>,
    written: Option<String>,
    key: Option<String>,
    message: String,
    help: Option<Help>,
    cause: Option<std::io::Error>,
}

impl IoError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        IoError(Box::new(Inner {
            kind,
            path: None,
            place: None,
            written: None,
            key: None,
            message,
            help: None,
            cause: None,
        }))
    }

    pub(crate) fn spec(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Spec, message)
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Text that is not UTF-8; `what` is the part of the file that is said to be it.
    pub(crate) fn not_utf8(what: &str) -> Self {
        let help = "convert the file to UTF-8: iconv -f LATIN1 -t UTF-8, if that is what it is in";
        Self::data(format!("{what} is not UTF-8")).with_help(help)
    }

    /// The first of many errors of a sample.
    pub(crate) fn of_many(mut self, bad: u64, rows: u64) -> Self {
        self.0.message = format!(
            "{} ({bad} of the {rows} rows of the sample cannot be read, and only a few may be)",
            self.0.message
        );
        self
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// The system's error, after what was being done (`cannot open`).
    pub(crate) fn system(doing: &str, error: &std::io::Error) -> Self {
        if was_stopped(error) {
            return Self::interrupted();
        }
        if let Some(fault) = Fault::of(error) {
            return fault.to_error(doing);
        }
        let mut system = Self::new(ErrorKind::System, format!("{doing}: {}", plain(error)));
        system.0.cause = Some(match error.raw_os_error() {
            Some(number) => std::io::Error::from_raw_os_error(number),
            None => std::io::Error::new(error.kind(), error.to_string()),
        });
        if let Some(limit) = limit(error) {
            return system.with_help(format!("raise that limit: `{limit}`"));
        }
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => system.with_help("make room there"),
            _ => system,
        }
    }

    /// An error of Arrow's libraries while writing, or of rows that are too much for one batch.
    pub(crate) fn from_arrow(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::system("cannot write", &error),
            other => Self::data(arrow_words(other)),
        }
    }

    pub(crate) fn in_file(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// The key of the input or output that is wrong, as a JSON pointer.
    pub(crate) fn of_key(mut self, pointer: impl Into<String>) -> Self {
        self.0.key = Some(pointer.into());
        self
    }

    /// An input's path or pattern, as it is written.
    pub(crate) fn of_path(mut self, written: &str) -> Self {
        self.0.written.get_or_insert_with(|| written.to_owned());
        self
    }

    pub(crate) fn at(mut self, place: InFile) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    pub(crate) fn at_line(self, line: u64) -> Self {
        self.at(InFile::Line { line, column: None })
    }

    pub(crate) fn with_help(mut self, help: impl Into<Help>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Who has to act.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file or folder it is about.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The path or pattern of the input that it is about, as the input has it.
    pub fn written(&self) -> Option<&str> {
        self.0.written.as_deref()
    }

    /// The key of the input or output that is wrong, as a JSON pointer: `/types/id`.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Where in the file.
    pub fn place(&self) -> Option<InFile> {
        self.0.place
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How to fix it: text that can be pasted into the pipeline, or a hint.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The same, with the settings that it names.
    pub fn hint(&self) -> Option<&Help> {
        self.0.help.as_ref()
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "`{}`", path.display())?;
            if let Some(place) = &self.0.place {
                write!(f, ", {place}")?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.0.message)
    }
}

/// Arrow's message without the name of its kind.
pub(crate) fn arrow_words(error: ArrowError) -> String {
    match error {
        ArrowError::IoError(message, _) | ArrowError::IpcError(message) | ArrowError::ParquetError(message) => message,
        ArrowError::InvalidArgumentError(message) | ArrowError::CastError(message) => message,
        ArrowError::ParseError(message) | ArrowError::JsonError(message) | ArrowError::SchemaError(message) => message,
        other => other.to_string(),
    }
}

/// An error of a place that is not the disk. It travels in an [`std::io::Error`], since formats read through [`std::io::Read`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// Whether it is a server's refusal, or that nobody listens: what is final.
    pub(crate) is_answer: bool,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Fault {
        Fault { kind, message: message.into(), help: None, status: None, is_answer: false }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Fault {
        Fault { help: Some(help.into()), ..self }
    }

    /// The one that an error of a reader carries, if it is from a place.
    pub(crate) fn of(error: &std::io::Error) -> Option<&Fault> {
        error.get_ref()?.downcast_ref()
    }

    /// The error, behind what was being done (`cannot open`).
    pub(crate) fn to_error(&self, doing: &str) -> IoError {
        let error = IoError::new(self.kind, format!("{doing}: {}", self.message));
        match &self.help {
            Some(help) => error.with_help(help.clone()),
            None => error,
        }
    }
}

impl From<Fault> for std::io::Error {
    fn from(fault: Fault) -> std::io::Error {
        std::io::Error::other(fault)
    }
}
