//! Submits batches, each once: whoever does not know whether the server has one looks for its key there first.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::form::{Match, Progress, identifier};
use super::manage::{Carried, On};
use super::{Batch, Form, Offline, now, unkept};
use crate::error::{Class, SandboxError};
use crate::http::calls::{FIRST_PAUSE, Shared, turned_away};
use crate::http::send::Payload;

/// The most pages of a list that are read.
const PAGES: usize = 100;
/// A batch that began this much earlier than it was sent is none that is looked for: clocks differ.
const SKEW: u64 = 24 * 3600;

/// What a server is to have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The file of requests.
    File,
    /// The batch itself.
    Batch,
}

/// Whether the server has it.
enum Found {
    Yes(String),
    No,
    /// This is not known yet.
    Unknown,
}

impl Shared {
    /// Keeps all batches that were written, and submits them.
    pub(in crate::http) async fn submit(&self, offline: &Offline) -> Result<(), SandboxError> {
        let written = {
            let mut state = offline.state();
            let open = std::mem::take(&mut state.open);
            let closed = open.into_values().map(super::Open::close).collect::<Result<Vec<_>, _>>();
            let mut written = std::mem::take(&mut state.written);
            written.extend(closed.map_err(|error| unkept(&error))?);
            written
        };
        for mut batch in written {
            let Some((step, server)) = self.asker(&batch) else { continue };
            server.reserve(batch.cost).map_err(|turned| turned_away(&server, &turned))?;
            batch.at = now();
            offline.shelf.keep(&batch).map_err(|error| unkept(&error))?;
            let requests = batch.requests.len() as u64;
            let on = On { shared: self, step, server: server.clone(), batch: &batch };
            let submitted = on.submit(offline, false).await?;
            server.figures(|figures| {
                figures.calls.batches.submitted += 1;
                figures.calls.batches.requests += requests;
            });
            offline.state().pending.push((submitted, false));
        }
        Ok(())
    }
}

impl On<'_> {
    /// Gives the server the batch. `look`: it may have it already. Without an identifier, it is not known yet whether it has.
    pub(super) async fn submit(&self, offline: &Offline, mut look: bool) -> Result<Batch, SandboxError> {
        let mut batch = self.batch.clone();
        if batch.of.form == Form::OpenAi && batch.file.is_none() {
            batch.file = self.with(&batch).once(offline, Part::File, look).await?;
            batch.at = now();
            offline.shelf.keep(&batch).map_err(|error| unkept(&error))?;
            // Nobody can have submitted it before its file was known.
            look = false;
        }
        batch.id = self.with(&batch).once(offline, Part::Batch, look).await?;
        offline.shelf.keep(&batch).map_err(|error| unkept(&error))?;
        Ok(batch)
    }

    async fn once(&self, offline: &Offline, part: Part, mut look: bool) -> Result<Option<String>, SandboxError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 0.. {
            if look {
                let mut found = self.find(part).await?;
                let left = offline.grace.saturating_sub(Duration::from_secs(now().saturating_sub(self.batch.at)));
                if matches!(found, Found::No) && !left.is_zero() && !offline.grace.is_zero() {
                    // The server may still work on what a process that was killed has sent.
                    tokio::time::sleep(left).await;
                    found = self.find(part).await?;
                }
                match found {
                    Found::Yes(id) => return Ok(Some(id)),
                    Found::Unknown => return Ok(None),
                    Found::No => {}
                }
            }
            let (path, carried) = self.sent(offline, part)?;
            let outcome = self.send(Method::POST, path, &carried).await;
            if let Ok(reply) = &outcome
                && reply.is_success()
            {
                let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let id = said["id"].as_str().and_then(identifier).map(str::to_owned);
                return id.map(Some).ok_or_else(|| self.refused(&outcome));
            }
            // What was refused is not there; of anything else but a limit this is not known.
            match &outcome {
                Ok(reply) if (400..500).contains(&reply.status) && ![408, 429].contains(&reply.status) => {
                    self.forget(offline)?;
                    return Err(self.refused(&outcome));
                }
                outcome => look = !matches!(outcome, Ok(reply) if reply.status == 429),
            }
            self.pause(&outcome, attempt, &mut pause).await?;
        }
        unreachable!("attempts are counted up to `retry`")
    }

    fn sent(&self, offline: &Offline, part: Part) -> Result<(&'static str, Carried<'static>), SandboxError> {
        let key = &self.batch.key;
        let json = |payload| Carried { kind: "application/json", payload, pieces: None };
        let file = || {
            let file = offline.shelf.requests(key)?;
            let length = file.metadata()?.len();
            Ok((Arc::new(file), length))
        };
        let file = || file().map_err(|error: std::io::Error| unkept(&error));
        Ok(match (self.batch.of.form, part) {
            (Form::Anthropic, _) => {
                let payload = Payload { before: "{\"requests\":[".into(), file: Some(file()?), after: "]}".into() };
                (Form::Anthropic.batches(), json(payload))
            }
            (Form::OpenAi, Part::Batch) => {
                let body = json!({
                    "input_file_id": self.batch.file,
                    "endpoint": format!("/v1{}", self.batch.of.endpoint),
                    "completion_window": "24h",
                    "metadata": {"callboard": key},
                });
                (Form::OpenAi.batches(), json(Payload::of(body.to_string().into())))
            }
            (Form::OpenAi, Part::File) => {
                let name = file_name(key);
                let before = format!(
                    "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
                     --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                     content-type: application/jsonl\r\n\r\n"
                );
                let after = format!("\r\n--{BOUNDARY}--\r\n");
                let payload = Payload { before: before.into(), file: Some(file()?), after: after.into() };
                ("/files", Carried { kind: FORM_DATA, payload, pieces: None })
            }
        })
    }

    /// Looks through the server's list.
    async fn find(&self, part: Part) -> Result<Found, SandboxError> {
        let form = self.batch.of.form;
        let (mut after, mut unknown) = (None, false);
        for _ in 0..PAGES {
            let path = match part {
                Part::File => {
                    let after = after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
                    format!("/files?purpose=batch&limit=1000{after}")
                }
                Part::Batch => form.list(after.as_deref()),
            };
            let said = self.json(&path).await?.unwrap_or_default();
            let listed = said["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            for one in listed {
                let Some(id) = one["id"].as_str().and_then(identifier) else { continue };
                let found = match part {
                    Part::File if one["filename"] == file_name(&self.batch.key) => Match::Ours,
                    Part::File => Match::Other,
                    Part::Batch => form.matches(one, self.batch),
                };
                match found {
                    Match::Ours => return Ok(Found::Yes(id.to_owned())),
                    Match::Maybe if self.began_before(one) => {}
                    Match::Maybe => match form.progress(one, id) {
                        Progress::Ended(paths) => {
                            if self.has_ours(&paths).await? {
                                return Ok(Found::Yes(id.to_owned()));
                            }
                        }
                        _ => unknown = true,
                    },
                    Match::Other => {}
                }
            }
            let last = listed.last();
            after = last.and_then(|last| last["id"].as_str().and_then(identifier)).map(str::to_owned);
            if said["has_more"] != true || after.is_none() || last.is_some_and(|last| self.began_before(last)) {
                break;
            }
        }
        Ok(if unknown { Found::Unknown } else { Found::No })
    }

    /// Whether what a server lists began long before this batch was sent.
    fn began_before(&self, listed: &Value) -> bool {
        let began = match &listed["created_at"] {
            Value::String(text) => chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp()),
            number => number.as_i64(),
        };
        let began = began.and_then(|began| u64::try_from(began).ok());
        began.is_some_and(|began| began.saturating_add(SKEW) < self.batch.at)
    }
}

const BOUNDARY: &str = "callboard-4f1f6a3c0d7b4e6f9a51";
const FORM_DATA: &str = "multipart/form-data; boundary=callboard-4f1f6a3c0d7b4e6f9a51";

fn file_name(key: &str) -> String {
    format!("callboard-{key}.jsonl")
}

impl SandboxError {
    /// The error of a batch that its server takes for wrong.
    pub(super) fn wrong_batch(batch: &Batch, why: &str) -> SandboxError {
        let why = callboard_words::text::clipped(callboard_words::text::in_a_line(why).to_string(), 300);
        let message = format!("`{}` has refused an offline batch, and done nothing for it: {why}", batch.of.server);
        SandboxError::new(Class::System, message)
            .help("resume the run when that has passed, or run it again with what it names changed")
    }

    /// The error of a batch that its server does not know any more.
    pub(super) fn lost_batch(batch: &Batch, id: &str) -> SandboxError {
        let message = format!("`{}` does not know the offline batch `{id}`, which was submitted", batch.of.server);
        SandboxError::new(Class::System, message).help(format!(
            "use the key that it was submitted with; if the batch is lost, remove `{}.batch` from the folder of replies, and its \
             requests are submitted again",
            batch.key
        ))
    }
}
