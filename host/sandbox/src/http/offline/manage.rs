//! The host's own requests about batches, sent with what their step was granted.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use serde_json::Value;
use wasmtime_wasi_http::{Error, RequestOptions};

use super::Batch;
use crate::error::{Class, SandboxError};
use crate::http::Granted;
use crate::http::allow;
use crate::http::calls::{FIRST_PAUSE, LARGEST_REPLY, LONGEST_PAUSE, Shared, reason_to_repeat};
use crate::http::reply::{Failed, Reply};
use crate::http::said::{is_bearable, retry_after};
use crate::http::send::{Payload, Pieces, Sending, Waits};
use crate::http::server::Server;

/// A batch, its server, and the step by whose grants the server is asked.
pub(super) struct On<'a> {
    pub(super) shared: &'a Shared,
    pub(super) step: Arc<Granted>,
    pub(super) server: Arc<Server>,
    pub(super) batch: &'a Batch,
}

/// What is sent, and takes what comes back.
#[derive(Default)]
pub(super) struct Carried<'a> {
    pub(super) kind: &'a str,
    pub(super) payload: Payload,
    pub(super) pieces: Option<&'a Pieces<'a>>,
}

impl On<'_> {
    /// The same for a batch as it is later.
    pub(super) fn with<'b>(&self, batch: &'b Batch) -> On<'b>
    where
        Self: 'b,
    {
        On { shared: self.shared, step: self.step.clone(), server: self.server.clone(), batch }
    }

    /// Sends a request once.
    pub(super) async fn send(&self, method: Method, path: &str, carried: &Carried<'_>) -> Result<Reply, Failed> {
        let Carried { kind, payload, pieces } = carried;
        let unusable = |_| Failed::from(Error::HttpRequestUriInvalid);
        let mut head = Request::new(()).into_parts().0;
        head.method = method;
        head.uri = format!("{}{path}", self.batch.of.url).parse::<Uri>().map_err(unusable)?;
        let target = allow::target(&head.method, &head.uri)
            .map_err(|refused| Failed::refused(refused.words(&head.method, &head.uri)))?;
        for (name, value) in &self.batch.of.headers {
            let (name, value) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                head.headers.append(name, value);
            }
        }
        let authority = head.uri.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(authority).map_err(|_| Failed::from(Error::HttpRequestUriInvalid))?;
        head.headers.insert(HOST, host);
        head.headers.insert(USER_AGENT, HeaderValue::from_static(concat!("callboard/", env!("CARGO_PKG_VERSION"))));
        if let (false, Ok(kind)) = (kind.is_empty(), HeaderValue::from_str(kind)) {
            head.headers.insert(CONTENT_TYPE, kind);
        }
        self.step.secrets.add_to(&mut head.headers, &target.host);
        let waits = Waits::of(RequestOptions::default());
        let (target, head, body) = (&target, &head, payload);
        let sending = Sending { target, head, body, waits, most: LARGEST_REPLY, pieces: *pieces };
        self.shared.deliver(&self.step, sending).await
    }

    /// Asks for something, again if that fails for a passing reason. The reply is one of success, or 404.
    pub(super) async fn get(&self, path: &str) -> Result<Reply, SandboxError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 0.. {
            let outcome = self.send(Method::GET, path, &Carried::default()).await;
            match &outcome {
                Ok(reply) if reply.is_success() || reply.status == 404 => return Ok(outcome.expect("it is")),
                _ => self.pause(&outcome, attempt, &mut pause).await?,
            }
        }
        unreachable!("attempts are counted up to `retry`")
    }

    /// The same for JSON.
    pub(super) async fn json(&self, path: &str) -> Result<Option<Value>, SandboxError> {
        let reply = self.get(path).await?;
        let outcome = Ok(reply.clone());
        if reply.status == 404 {
            return Ok(None);
        }
        serde_json::from_slice(&reply.body).map(Some).map_err(|_| self.refused(&outcome))
    }

    /// Waits before a repetition; an error if there is to be none.
    pub(super) async fn pause(
        &self,
        outcome: &Result<Reply, Failed>,
        attempt: u32,
        pause: &mut Duration,
    ) -> Result<(), SandboxError> {
        let wanted = outcome.as_ref().ok().and_then(|reply| retry_after(reply, Utc::now()));
        let again = reason_to_repeat(outcome).is_some() && attempt < self.server.limits.retry;
        if !again || !wanted.is_none_or(is_bearable) {
            return Err(self.refused(outcome));
        }
        tokio::time::sleep(wanted.unwrap_or(*pause)).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// The error of a request that failed.
    pub(super) fn refused(&self, outcome: &Result<Reply, Failed>) -> SandboxError {
        let what = match outcome {
            Ok(reply) => {
                let body = String::from_utf8_lossy(&reply.body);
                let said = callboard_words::text::clipped(callboard_words::text::in_a_line(&body).to_string(), 300);
                format!("the server replied {}: {said}", reply.status)
            }
            Err(failed) => failed.message.clone(),
        };
        let message = format!("offline batches of `{}`: {what}", self.batch.of.server);
        SandboxError::new(Class::System, message)
            .help("run or resume it again when that has passed; without offline batches: take `mode = \"batch\"` away")
    }
}
