//! Requests that the host sends, many at once: within the step's `grant.http` and the limits of `[calls]`, repeated where a
//! server fails for a passing reason, and never sent again once their reply has come.
//!
//! ```no_run
//! use callboard_sdk::http::{self, Request};
//! use serde_json::{Value, json};
//!
//! let prompts = ["What is a fathom?", "What is a league?"];
//! let requests = prompts.map(|prompt| {
//!     let messages = json!([{"role": "user", "content": prompt}]);
//!     Request::post("http://localhost:8080/v1/chat/completions", &json!({"messages": messages}))
//! });
//! for outcome in http::all(requests) {
//!     match outcome {
//!         Ok(reply) => drop(reply.json::<Value>()),
//!         // The next run gives the row to the step again: `output.postpone(row, failure.to_string())`.
//!         Err(failure) if failure.is_passing() => {}
//!         Err(failure) => eprintln!("{failure}"),
//!     }
//! }
//! ```
//!
//! Natively nothing is sent: [`testing::replies`](crate::testing::replies) plays replies from a file.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, StepError};
use crate::raw::http as raw;

/// As much of a reply's body is shown in an error, bytes.
const SHOWN: usize = 300;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Names and values. A secret is not among them: the host adds it.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// Tells apart requests that are otherwise equal, for several replies to one prompt.
    pub attempt: u32,
}

impl Request {
    /// A request of any method, with neither headers nor a body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Request {
        Request { method: method.into(), url: url.into(), headers: vec![], body: vec![], attempt: 0 }
    }

    /// A request to get something.
    pub fn get(url: impl Into<String>) -> Request {
        Request::new("GET", url)
    }

    /// A request to post a value as JSON.
    ///
    /// # Panics
    /// If the value is none of JSON: a map whose keys are not strings.
    pub fn post(url: impl Into<String>, json: &(impl Serialize + ?Sized)) -> Request {
        let body = serde_json::to_vec(json).expect("a value that JSON has a form for");
        Request { body, ..Request::new("POST", url) }.header("content-type", "application/json")
    }

    /// With one header more.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// As the request of this number among several that are otherwise equal.
    pub fn attempt(self, attempt: u32) -> Request {
        Request { attempt, ..self }
    }
}

/// The reply of a server, of any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200, 404 …
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What came.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The body as text.
    ///
    /// # Errors
    /// `failed`, if it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).map_err(|_| StepError::failed("the reply is not UTF-8"))
    }

    /// The body as a value.
    ///
    /// # Errors
    /// `failed`, if it is not JSON, or not that of such a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            StepError::failed(format!("the reply is not what was expected: {error}: {}", shown(&self.body)))
        })
    }
}

/// Why there is no reply to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No grant is for the request, or it cannot be sent.
    Refused,
    /// The server was not reached, or broke off.
    Unreachable,
    /// It took too long.
    Timeout,
    /// The reply is too large.
    TooLarge,
    /// The server replied with another status than 2xx: [`Failure::reply`] has it.
    Status,
}

/// A request that has no reply to work with, after all repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// In words.
    pub message: String,
    /// What the server replied, if it did.
    pub reply: Option<Reply>,
}

impl Failure {
    /// Whether the same request may succeed later: the server was not reached, was late, or said 408, 429 or 5xx.
    pub fn is_passing(&self) -> bool {
        match self.kind {
            FailureKind::Unreachable | FailureKind::Timeout => true,
            FailureKind::Refused | FailureKind::TooLarge => false,
            FailureKind::Status => self.reply.as_ref().is_some_and(|reply| matches!(reply.status, 408 | 429 | 500..)),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What came of a request: a reply of a status of 2xx, or why there is none.
pub type Outcome = Result<Reply, Failure>;

/// Sends requests, as many at once as the limits allow. The outcomes are in the order of the requests.
pub fn all(requests: impl IntoIterator<Item = Request>) -> Vec<Outcome> {
    let requests: Vec<Request> = requests.into_iter().collect();
    sent(requests).into_iter().map(judged).collect()
}

/// Sends one request. Several are better sent together, by [`all`].
///
/// # Errors
/// Why there is no reply to work with.
pub fn send(request: Request) -> Outcome {
    judged(sent(vec![request]).pop().unwrap_or_else(|| Err(refused("the host gave no outcome"))))
}

/// Gets something.
///
/// # Errors
/// As [`send`].
pub fn get(url: impl Into<String>) -> Outcome {
    send(Request::get(url))
}

/// Posts a value as JSON.
///
/// # Errors
/// As [`send`].
pub fn post(url: impl Into<String>, json: &(impl Serialize + ?Sized)) -> Outcome {
    send(Request::post(url, json))
}

/// Says that this call rejects rows for a reason that passes: [`Output::postpone`](crate::Output::postpone) does so. Natively, does
/// nothing.
pub(crate) fn try_again() {
    if cfg!(target_arch = "wasm32") {
        raw::try_again();
    }
}

/// What is not a success is a failure.
fn judged(outcome: Outcome) -> Outcome {
    let reply = outcome?;
    if (200..300).contains(&reply.status) {
        return Ok(reply);
    }
    let message = format!("the server replied {}: {}", reply.status, shown(&reply.body));
    Err(Failure { kind: FailureKind::Status, message, reply: Some(reply) })
}

fn refused(message: &str) -> Failure {
    Failure { kind: FailureKind::Refused, message: message.into(), reply: None }
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let more = if body.len() > SHOWN { "…" } else { "" };
    format!("{}{more}", text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(target_arch = "wasm32")]
fn sent(requests: Vec<Request>) -> Vec<Outcome> {
    let requests: Vec<raw::Request> = requests.into_iter().map(Request::into_raw).collect();
    let outcomes = raw::send(&requests);
    outcomes.into_iter().map(|outcome| outcome.map(Reply::from).map_err(Failure::from)).collect()
}

#[cfg(not(target_arch = "wasm32"))]
fn sent(requests: Vec<Request>) -> Vec<Outcome> {
    requests.into_iter().map(|request| crate::testing::replies::to(&request)).collect()
}

impl Request {
    #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "natively, nothing is sent"))]
    fn into_raw(self) -> raw::Request {
        let headers = self.headers.into_iter().map(|(name, value)| raw::Header { name, value }).collect();
        let Request { method, url, body, attempt, .. } = self;
        raw::Request { method, url, headers, body, attempt }
    }
}

impl From<raw::Reply> for Reply {
    fn from(raw::Reply { status, headers, body }: raw::Reply) -> Reply {
        Reply { status, headers: headers.into_iter().map(|raw::Header { name, value }| (name, value)).collect(), body }
    }
}

impl From<raw::Failure> for Failure {
    fn from(raw::Failure { kind, message }: raw::Failure) -> Failure {
        let kind = match kind {
            raw::FailureKind::Refused => FailureKind::Refused,
            raw::FailureKind::Unreachable => FailureKind::Unreachable,
            raw::FailureKind::Timeout => FailureKind::Timeout,
            raw::FailureKind::TooLarge => FailureKind::TooLarge,
        };
        Failure { kind, message, reply: None }
    }
}
