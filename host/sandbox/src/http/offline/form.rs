//! The forms of offline batches: what a server is sent, and what its replies say. OpenAI's has a file of requests and a batch that names
//! it; Anthropic's has the requests in the batch.

use std::borrow::Cow;

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Batch;
use crate::http::reply::Reply;

/// How a server is given a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Form {
    /// `/files` and `/batches`.
    OpenAi,
    /// `/messages/batches`.
    Anthropic,
}

/// What may be part of a batch: the last part of a path, and the form.
const ENDPOINTS: [(&str, Form); 5] = [
    ("/chat/completions", Form::OpenAi),
    ("/completions", Form::OpenAi),
    ("/responses", Form::OpenAi),
    ("/embeddings", Form::OpenAi),
    ("/messages", Form::Anthropic),
];

/// How far a batch is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Working,
    /// It has ended; the results are under these paths.
    Ended(Vec<String>),
    /// The server takes it for wrong, and has done nothing: its words.
    Refused(String),
}

/// A batch in a server's list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Match {
    Ours,
    /// It may be: this is known when it has ended.
    Maybe,
    Other,
}

/// What a batch says about one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Reply(Reply),
    /// Nothing was done for it, and nothing paid.
    Nothing(String),
}

impl Form {
    /// The form for requests to a path, what comes before the endpoint, and the endpoint.
    pub(super) fn of(path: &str) -> Option<(Form, &str, &'static str)> {
        ENDPOINTS.iter().find_map(|(endpoint, form)| Some((*form, path.strip_suffix(endpoint)?, *endpoint)))
    }

    /// The most requests and bytes that a batch may have.
    pub(super) fn most(self) -> (usize, u64) {
        match self {
            Form::OpenAi => (50_000, 200_000_000),
            Form::Anthropic => (100_000, 256_000_000),
        }
    }

    /// A request as it stands in the file of a batch, of which it is the first or not. `body` is JSON.
    pub(super) fn line(self, id: &str, endpoint: &str, body: &str, first: bool) -> String {
        // No string of JSON has an end of line in it.
        let body = body.replace(['\n', '\r'], " ");
        match self {
            Form::OpenAi => {
                format!("{{\"custom_id\":\"{id}\",\"method\":\"POST\",\"url\":\"/v1{endpoint}\",\"body\":{body}}}\n")
            }
            Form::Anthropic => {
                let comma = if first { "" } else { "," };
                format!("{comma}{{\"custom_id\":\"{id}\",\"params\":{body}}}\n")
            }
        }
    }

    /// Where batches are.
    pub(super) fn batches(self) -> &'static str {
        match self {
            Form::OpenAi => "/batches",
            Form::Anthropic => "/messages/batches",
        }
    }

    /// The page of the list of batches after the one with this identifier.
    pub(super) fn list(self, after: Option<&str>) -> String {
        match (self, after) {
            (Form::OpenAi, None) => "/batches?limit=100".to_owned(),
            (Form::OpenAi, Some(after)) => format!("/batches?limit=100&after={after}"),
            (Form::Anthropic, None) => "/messages/batches?limit=100".to_owned(),
            (Form::Anthropic, Some(after)) => format!("/messages/batches?limit=100&after_id={after}"),
        }
    }

    /// Whether a batch in a server's list is this one.
    pub(super) fn matches(self, listed: &Value, batch: &Batch) -> Match {
        match self {
            Form::OpenAi if listed["metadata"]["callboard"] == *batch.key => Match::Ours,
            Form::OpenAi => Match::Other,
            // There is no place for a key but the identifiers of requests, which come with the results.
            Form::Anthropic => {
                let counts = listed["request_counts"].as_object();
                let all: u64 = counts.into_iter().flat_map(|counts| counts.values()).filter_map(Value::as_u64).sum();
                if all == batch.requests.len() as u64 { Match::Maybe } else { Match::Other }
            }
        }
    }

    /// How far a batch is, as the server has it.
    pub(super) fn progress(self, said: &Value, id: &str) -> Progress {
        match self {
            Form::OpenAi => match said["status"].as_str() {
                Some("completed" | "expired" | "cancelled") => {
                    let files = ["output_file_id", "error_file_id"].map(|key| said[key].as_str().and_then(identifier));
                    let files = files.into_iter().flatten().map(|file| format!("/files/{file}/content"));
                    Progress::Ended(files.collect())
                }
                Some("failed") => {
                    let error = said["errors"]["data"][0]["message"].as_str().unwrap_or("without a reason");
                    Progress::Refused(error.to_owned())
                }
                _ => Progress::Working,
            },
            Form::Anthropic => match said["processing_status"].as_str() {
                Some("ended") => Progress::Ended(vec![format!("/messages/batches/{id}/results")]),
                _ => Progress::Working,
            },
        }
    }

    /// A line of results: the identifier of the request, and what came of it. None if it is not one.
    pub(super) fn result(self, line: &[u8]) -> Option<(String, Said)> {
        #[derive(Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            custom_id: Cow<'a, str>,
            #[serde(borrow)]
            response: Option<Response<'a>>,
            error: Option<Value>,
            #[serde(borrow)]
            result: Option<Outcome<'a>>,
        }
        #[derive(Deserialize)]
        struct Response<'a> {
            status_code: u16,
            #[serde(borrow)]
            body: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Outcome<'a> {
            #[serde(rename = "type")]
            kind: Cow<'a, str>,
            #[serde(borrow)]
            message: Option<&'a RawValue>,
            #[serde(borrow)]
            error: Option<&'a RawValue>,
        }
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let said = match self {
            Form::OpenAi => match (line.response, line.error) {
                (Some(response), _) => reply(response.status_code, response.body),
                (None, Some(error)) => Said::Nothing(error["code"].as_str().unwrap_or("an error").to_owned()),
                (None, None) => return None,
            },
            Form::Anthropic => match line.result? {
                Outcome { message: Some(message), kind, .. } if kind == "succeeded" => reply(200, message),
                Outcome { error: Some(error), kind, .. } if kind == "errored" => reply(status_of(error), error),
                Outcome { kind, .. } => Said::Nothing(kind.into_owned()),
            },
        };
        Some((line.custom_id.into_owned(), said))
    }
}

fn reply(status: u16, body: &RawValue) -> Said {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    Said::Reply(Reply { status, headers, body: Bytes::copy_from_slice(body.get().as_bytes()) })
}

/// The status that an error of Anthropic's would have by itself.
fn status_of(error: &RawValue) -> u16 {
    let error: Value = serde_json::from_str(error.get()).unwrap_or_default();
    match error["error"]["type"].as_str().or(error["type"].as_str()) {
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("billing_error") => 402,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("request_too_large") => 413,
        Some("rate_limit_error") => 429,
        Some("overloaded_error") => 529,
        _ => 500,
    }
}

/// An identifier that a server gave, if it can be part of a path.
pub(super) fn identifier(text: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (!text.is_empty() && text.len() <= 200 && text.bytes().all(is_plain)).then_some(text)
}
