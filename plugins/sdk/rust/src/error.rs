//! How a step says that it cannot go on.

use std::fmt;
use std::panic::Location;

use crate::raw::types;

/// What a step's functions return.
pub type Result<T, E = StepError> = std::result::Result<T, E>;

/// Whose fault it is, which decides what the host does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration is wrong.
    Config,
    /// This step cannot work on these rows.
    Input,
    /// The same call may succeed later.
    Transient,
    /// Anything else.
    Failed,
}

/// Why a step cannot go on.
///
/// Any [`std::error::Error`] turns into one with `?`, as [`ErrorKind::Failed`], with its causes and with the file and line of
/// the `?`; so this type, like `anyhow::Error`, is not an [`std::error::Error`] itself.
#[derive(Clone, PartialEq, Eq)]
pub struct StepError {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What is wrong: a lower-case phrase, names in backticks, no full stop.
    pub message: String,
    /// A JSON pointer into the configuration.
    pub at: Option<String>,
    /// Where `?` met an error that was not made for the step's users.
    pub(crate) place: Option<&'static Location<'static>>,
}

impl StepError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        StepError { kind, message: message.into(), at: None, place: None }
    }

    /// The configuration is wrong; name the place with [`at`](Self::at).
    pub fn config(message: impl Into<String>) -> Self {
        StepError::new(ErrorKind::Config, message)
    }

    /// This step cannot work on these rows, or on rows of this schema.
    pub fn input(message: impl Into<String>) -> Self {
        StepError::new(ErrorKind::Input, message)
    }

    /// The same call may succeed later.
    pub fn transient(message: impl Into<String>) -> Self {
        StepError::new(ErrorKind::Transient, message)
    }

    /// Anything else.
    pub fn failed(message: impl Into<String>) -> Self {
        StepError::new(ErrorKind::Failed, message)
    }

    /// Blames the value at this JSON pointer (`/rules/0/min`) of the configuration: the error's kind is `config` from now on.
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.kind = ErrorKind::Config;
        self.at = Some(pointer.into());
        self
    }
}

/// Blames a value of the configuration for whatever went wrong.
pub trait At<T> {
    /// The same result, its error (if it is one) of kind `config` and at this JSON pointer.
    fn at(self, pointer: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<StepError>> At<T> for std::result::Result<T, E> {
    fn at(self, pointer: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().at(pointer))
    }
}

impl<E: std::error::Error> From<E> for StepError {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        StepError { place: Some(Location::caller()), ..StepError::failed(message) }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{} (at `{at}`)", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl StepError {
    pub(crate) fn into_raw(self) -> types::Error {
        let kind = match self.kind {
            ErrorKind::Config => types::ErrorKind::Config,
            ErrorKind::Input => types::ErrorKind::Input,
            ErrorKind::Transient => types::ErrorKind::Transient,
            ErrorKind::Failed => types::ErrorKind::Failed,
        };
        let message = match self.place {
            Some(place) if self.kind == ErrorKind::Failed => {
                format!("{}, at {}:{}:{}", self.message, place.file(), place.line(), place.column())
            }
            _ => self.message,
        };
        types::Error { kind, message, at: self.at }
    }
}
