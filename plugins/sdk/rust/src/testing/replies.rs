//! Replies for steps that send requests, played from a file: natively nothing is sent.
//!
//! A line of the file is a request and its reply, as `callboard step test --record` writes them:
//! `{"method": "POST", "url": "http://…", "body": {…}, "attempt": 0, "reply": {"status": 200, "body": {…}}}`. A body that is JSON
//! stands there as such, and is compared as such; any other is a string.

use std::cell::RefCell;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::http::{Failure, FailureKind, Outcome, Reply, Request};

/// A request, and the reply to it.
#[derive(Clone, Debug, Deserialize)]
struct Played {
    method: String,
    url: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    attempt: u32,
    reply: PlayedReply,
}

#[derive(Clone, Debug, Deserialize)]
struct PlayedReply {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: Value,
}

thread_local! {
    static REPLIES: RefCell<Vec<Played>> = const { RefCell::new(Vec::new()) };
}

/// Plays the replies of a file to the requests of this thread, in place of those that were played before.
///
/// # Panics
/// If the file cannot be read, or a line of it is not a request and its reply.
pub fn from_file(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    from_lines(&text);
}

/// As [`from_file`], with the text of one.
///
/// # Panics
/// As there.
pub fn from_lines(lines: &str) {
    let lines = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let played = lines.map(|(at, line)| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("line {} of the replies: {error}", at + 1))
    });
    REPLIES.set(played.collect());
}

/// The reply to a request.
pub(crate) fn to(request: &Request) -> Outcome {
    let body = as_value(&request.body);
    let is_it = |played: &&Played| {
        played.method == request.method
            && played.url == request.url
            && played.attempt == request.attempt
            && played.body == body
    };
    let reply = REPLIES.with_borrow(|replies| replies.iter().find(is_it).map(|played| played.reply.clone()));
    let Some(PlayedReply { status, headers, body }) = reply else {
        let Request { method, url, .. } = request;
        let message = format!("no reply is recorded for this request: {method} {url} {body}");
        return Err(Failure { kind: FailureKind::Refused, message, reply: None });
    };
    let body = match body {
        Value::Null => Vec::new(),
        Value::String(text) => text.into_bytes(),
        json => json.to_string().into_bytes(),
    };
    Ok(Reply { status, headers, body })
}

/// A body as such a file has it.
fn as_value(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => json,
        _ if body.is_empty() => Value::Null,
        _ => Value::String(String::from_utf8_lossy(body).into_owned()),
    }
}
