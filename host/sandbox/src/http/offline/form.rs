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

    /// The files of a batch that has ended, if it has any: of its requests, and of the results under these paths.
    pub(super) fn files(self, requests: Option<&str>, results: &[String]) -> Vec<String> {
        let requests = requests.map(|file| format!("/files/{file}"));
        let results = results.iter().filter_map(|path| path.strip_suffix("/content")).map(str::to_owned);
        match self {
            Form::OpenAi => requests.into_iter().chain(results).collect(),
            // Its results are a part of the batch, which the server removes in time.
            Form::Anthropic => Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_that_a_batch_may_have_are_known_by_their_path() {
        assert_eq!(Form::of("/v1/chat/completions"), Some((Form::OpenAi, "/v1", "/chat/completions")));
        assert_eq!(Form::of("/a/v1/embeddings"), Some((Form::OpenAi, "/a/v1", "/embeddings")));
        assert_eq!(Form::of("/v1/messages"), Some((Form::Anthropic, "/v1", "/messages")));
        assert_eq!((Form::of("/v1/messages/count"), Form::of("/v1/images")), (None, None));
    }

    #[test]
    fn a_line_is_one_line_whatever_the_step_wrote() {
        let line = Form::OpenAi.line("k-0", "/embeddings", "{\n\"input\": \"a\\nb\"\r\n}", true);
        assert_eq!(line.matches('\n').count(), 1);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["body"], json!({"input": "a\nb"}));
        assert_eq!((&line["url"], &line["custom_id"]), (&json!("/v1/embeddings"), &json!("k-0")));
    }

    /// What a server says is never trusted to be a path, or to be complete.
    #[test]
    fn what_a_server_says_is_read_or_passed_over() {
        let progress = |said: Value| Form::OpenAi.progress(&said, "b");
        assert_eq!(progress(json!({"status": "in_progress"})), Progress::Working);
        let ended = json!({"status": "expired", "output_file_id": "file-1", "error_file_id": "../x"});
        assert_eq!(progress(ended), Progress::Ended(vec!["/files/file-1/content".to_owned()]));
        let failed = json!({"status": "failed", "errors": {"data": [{"message": "no such model"}]}});
        assert_eq!(progress(failed), Progress::Refused("no such model".to_owned()));
        let status = |form: Form, line: Value| match form.result(line.to_string().as_bytes()) {
            Some((id, Said::Reply(reply))) => Some((id, reply.status)),
            Some((id, Said::Nothing(_))) => Some((id, 0)),
            None => None,
        };
        let id = |status| Some(("k-1".to_owned(), status));
        let openai = |line| status(Form::OpenAi, line);
        let response = json!({"status_code": 200, "body": {"a": 1}});
        assert_eq!(openai(json!({"custom_id": "k-1", "response": response, "error": null})), id(200));
        assert_eq!(openai(json!({"custom_id": "k-1", "response": null, "error": {"code": "batch_expired"}})), id(0));
        assert_eq!(openai(json!({"custom_id": "k-1"})), None);
        let anthropic = |result| status(Form::Anthropic, json!({"custom_id": "k-1", "result": result}));
        assert_eq!(anthropic(json!({"type": "succeeded", "message": {}})), id(200));
        let error = json!({"type": "error", "error": {"type": "invalid_request_error"}});
        assert_eq!(anthropic(json!({"type": "errored", "error": error})), id(400));
        assert_eq!(anthropic(json!({"type": "expired"})), id(0));
        for broken in ["", "[]", "{", "\u{0}"] {
            assert_eq!(Form::OpenAi.result(broken.as_bytes()), None);
        }
    }
}
