//! Replies of servers for a step that is tried: recorded once, beside its rows, and played from there.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard_io::FilePlace;
use callboard_runtime::{CallKey, Calls, Class, Journal, Question, Reply};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rows::read;
use crate::{Result, Subject, error};

/// The replies that a step's folder has, in `replies.jsonl`.
#[derive(Clone)]
pub struct Replies(Arc<Recorded>);

struct Recorded {
    path: PathBuf,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    all: Vec<Line>,
    new: usize,
}

/// A request, and the reply to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    body: Value,
    #[serde(default, skip_serializing_if = "is_first")]
    attempt: u32,
    reply: LineReply,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LineReply {
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    body: Value,
}

fn is_first(attempt: &u32) -> bool {
    *attempt == 0
}

impl Replies {
    /// Reads the replies of a step; none if there is no such file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or a line of it that is not a request and its reply.
    pub fn of(subject: &Subject) -> Result<Replies> {
        let path = subject.file("replies.jsonl");
        let mut lines = Lines::default();
        if path.exists() {
            let text = read(&path).map_err(|said| crate::unread("read", &path, &said))?;
            for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let line = serde_json::from_str(line).map_err(|why| {
                    let message = format!(
                        "line {} of `{}` is not a request and its reply, and is to be recorded again: {why}",
                        at + 1,
                        path.display()
                    );
                    error(Class::Pipeline, message, None)
                })?;
                lines.all.push(line);
            }
        }
        Ok(Replies(Arc::new(Recorded { path, lines: Mutex::new(lines) })))
    }

    /// Requests that are answered from here, and sent if there is no reply and they are to be recorded.
    pub fn calls(&self, record: bool) -> Calls {
        Calls::tried(self.0.clone(), record)
    }

    /// Writes down what was recorded now: how many replies.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self) -> Result<usize> {
        let lines = self.0.lines();
        if lines.new > 0 {
            let text: String =
                lines.all.iter().map(|line| serde_json::to_string(line).unwrap_or_default() + "\n").collect();
            // Somebody else may have made the folder: a link in it is not written through.
            FilePlace::find(&self.0.path)?.write(text.as_bytes())?;
        }
        Ok(lines.new)
    }
}

impl Recorded {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Recorded {
    fn known(&self, _key: &CallKey, asked: &Question<'_>) -> Option<Reply> {
        let body = as_value(asked.body);
        let lines = self.lines();
        let is_it = |line: &&Line| {
            line.method == asked.method && line.url == asked.url && line.attempt == asked.attempt && line.body == body
        };
        let LineReply { status, headers, body } = lines.all.iter().find(is_it)?.reply.clone();
        let headers =
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.into_bytes())).collect();
        let body = match body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            json => json.to_string().into_bytes(),
        };
        Some(Reply { status, headers, body: body.into() })
    }

    fn keep(&self, _key: &CallKey, asked: &Question<'_>, reply: &Reply, _cost: u64) -> io::Result<()> {
        // What a reader of the file has no use for, and what may name the account, stays out.
        let kind = reply.headers.iter().filter(|(name, _)| name == "content-type");
        let headers = kind.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())).collect();
        let line = Line {
            method: asked.method.to_owned(),
            url: asked.url.to_owned(),
            body: as_value(asked.body),
            attempt: asked.attempt,
            reply: LineReply { status: reply.status, headers, body: as_value(&reply.body) },
        };
        let mut lines = self.lines();
        lines.all.push(line);
        lines.new += 1;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A body as the file has it.
fn as_value(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => json,
        _ if body.is_empty() => Value::Null,
        _ => Value::String(String::from_utf8_lossy(body).into_owned()),
    }
}
