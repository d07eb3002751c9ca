//! Requests to a collector.

use callboard_io::web_fault;
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};

use super::messages::{MetricsRequest, Response, TraceRequest};
use super::settings::Settings;

/// The most that is read of an answer, bytes.
const LONGEST: usize = 64 << 10;

/// Why something was not taken.
pub(super) struct Fault {
    pub(super) what: String,
    /// Whether the same may be sent again.
    pub(super) may_pass: bool,
}

pub(super) struct Sender {
    client: Client,
    settings: Settings,
}

impl Sender {
    pub(super) fn new(client: Client, settings: Settings) -> Sender {
        Sender { client, settings }
    }

    pub(super) async fn send_spans(&self, request: &TraceRequest) -> Result<(), Fault> {
        self.post(&self.settings.spans, request).await
    }

    pub(super) async fn send_metrics(&self, request: &MetricsRequest) -> Result<(), Fault> {
        self.post(&self.settings.metrics, request).await
    }

    async fn post(&self, url: &Url, message: &impl Message) -> Result<(), Fault> {
        let silent = |error| Fault { what: web_fault(error), may_pass: true };
        let request = self.client.post(url.clone()).headers(self.settings.headers.clone());
        let request = request.header(CONTENT_TYPE, "application/x-protobuf").timeout(self.settings.patience);
        let mut answer = request.body(message.encode_to_vec()).send().await.map_err(silent)?;
        let status = answer.status();
        if !status.is_success() {
            // Those that the protocol has for another time.
            let may_pass = [429, 502, 503, 504].contains(&status.as_u16());
            return Err(Fault { what: format!("it answers {status}"), may_pass });
        }
        let mut body = Vec::new();
        while let Some(more) = answer.chunk().await.map_err(silent)? {
            body.extend_from_slice(&more[..more.len().min(LONGEST - body.len())]);
            if body.len() == LONGEST {
                break;
            }
        }
        // It was taken, whatever stands in an answer that is not understood.
        match Response::decode(&*body).unwrap_or_default().partial_success {
            Some(partial) if partial.rejected > 0 => {
                Err(Fault { what: format!("it rejects {}: {}", partial.rejected, partial.message), may_pass: false })
            }
            _ => Ok(()),
        }
    }
}
