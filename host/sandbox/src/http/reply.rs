//! What comes of a request: a reply, or why there is none.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use wasmtime_wasi_http::Error;

/// The reply of a server, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200, 404 …
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What came.
    pub body: Bytes,
}

impl Reply {
    /// Whether it is what was asked for, and so what was paid for.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The text of the first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok()).map(str::trim)
    }

    /// About what it takes of memory, bytes.
    pub(super) fn bytes(&self) -> u64 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        (self.body.len() + headers) as u64
    }
}

/// Why there is no reply.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) kind: FailedKind,
    /// As `wasi:http` has it.
    error: Arc<Error>,
    pub(crate) message: String,
}

/// The words for a request that an offline batch has, or is to have.
const IN_A_BATCH: &str = "the request is part of an offline batch";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedKind {
    /// No grant is for it, or it cannot be sent.
    Refused,
    /// The server was not reached, or broke off.
    Unreachable,
    /// It took too long.
    Timeout,
    /// The reply is too large.
    TooLarge,
    /// It is part of an offline batch, which has not ended.
    Deferred,
}

impl Failed {
    pub(super) fn new(kind: FailedKind, error: Error, message: impl Into<String>) -> Failed {
        Failed { kind, error: Arc::new(error), message: message.into() }
    }

    /// For a request that was not sent.
    pub(super) fn refused(message: impl Into<String>) -> Failed {
        Failed::new(FailedKind::Refused, Error::HttpRequestDenied, message)
    }

    pub(super) fn deferred() -> Failed {
        Failed::new(FailedKind::Deferred, Error::InternalError(Some(IN_A_BATCH.to_owned())), IN_A_BATCH)
    }

    pub(super) fn too_large(most: u64) -> Failed {
        let message = format!("the reply has more than the {} allowed", callboard_words::sizes::bytes(most));
        Failed::new(FailedKind::TooLarge, Error::HttpResponseBodySize(None), message)
    }

    pub(super) fn late(what: &str, limit: Duration, error: Error) -> Failed {
        Failed::new(FailedKind::Timeout, error, format!("{what} within {} s", limit.as_secs_f64()))
    }

    /// Whether the server may be reached when it is asked again.
    pub(super) fn is_passing(&self) -> bool {
        match self.kind {
            // What is wrong with a certificate is wrong the next time as well.
            FailedKind::Unreachable => !matches!(*self.error, Error::Tls(_)),
            FailedKind::Timeout | FailedKind::Deferred => true,
            FailedKind::Refused | FailedKind::TooLarge => false,
        }
    }

    /// As `wasi:http` has it; in words where others have it, too.
    pub(super) fn into_error(self) -> Error {
        Arc::try_unwrap(self.error).unwrap_or(Error::InternalError(Some(self.message)))
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        use std::io::ErrorKind;
        let (kind, message) = match &error {
            Error::DnsTimeout => (FailedKind::Timeout, "the server's name was not looked up in time".to_owned()),
            Error::DnsError { .. } => (FailedKind::Unreachable, "the server's name has no address".to_owned()),
            Error::Connect(why) if why.kind() == ErrorKind::ConnectionRefused => {
                (FailedKind::Unreachable, "the server accepts no connection".to_owned())
            }
            Error::Connect(why) => (FailedKind::Unreachable, format!("the server was not reached: {}", why.kind())),
            Error::Tls(why) => (FailedKind::Unreachable, format!("there is no secure connection to the server: {why}")),
            Error::Hyper(why) if why.is_user() => (FailedKind::Refused, "this request cannot be sent".to_owned()),
            Error::Hyper(why) if why.is_parse() => {
                (FailedKind::Unreachable, format!("the server did not reply in HTTP: {why}"))
            }
            Error::Hyper(_) => (FailedKind::Unreachable, "the connection broke off".to_owned()),
            Error::HttpRequestUriInvalid => (FailedKind::Refused, "its address is not a URL".to_owned()),
            other => (FailedKind::Unreachable, other.to_string()),
        };
        Failed::new(kind, error, message)
    }
}
