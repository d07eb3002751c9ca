//! Requests to places: sent, and sent again while a server is busy or a connection breaks, with growing pauses.
//!
//! The stores behind it do not try again by themselves: they see the answer that counts.

use std::cell::LazyCell;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use callboard_words::address::Address;
use futures_util::StreamExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, RetryConfig};
use reqwest::header::AUTHORIZATION;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::fault::{Doing, Fault, one_line};
use super::waiting;
use crate::error::ErrorKind;

/// How often a request is sent at most, and how often if there is no way to the address. A server that refuses a connection may be starting.
const TRIES: u32 = 10;
const CONNECTS: u32 = 4;
/// The pause before the second try; it doubles, up to the longest. A server may ask for a longer one.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_ASKED: Duration = Duration::from_secs(120);
/// How long to wait for a connection, and for the next bytes of an answer.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// What is read of the words of an error.
const WORDS: usize = 64 << 10;

/// The pause before a request is sent again, when it was sent `tries` times.
pub(super) fn pause(tries: u32) -> Duration {
    PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// A server's refusal.
#[derive(Debug, thiserror::Error)]
#[error("the server answers {status}")]
pub(super) struct Answered {
    pub(super) status: u16,
    /// What S3, Azure and others call the error.
    pub(super) code: Option<String>,
    pub(super) words: String,
    /// The region of the bucket, if the answer names it.
    pub(super) region: Option<String>,
    pub(super) tries: u32,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub(super) struct Unreachable {
    pub(super) words: String,
    pub(super) tries: u32,
}

/// Whether redirections are followed: by web servers' clients alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirects {
    Follow,
    Refuse,
}

/// What makes clients for stores.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Redirects);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        match &*TLS {
            Ok(_) => Ok(HttpClient::new(Asking(self.0))),
            Err(error) => Err(object_store::Error::Generic { store: "http", source: error.clone().into() }),
        }
    }
}

/// The stores' own trying again: none.
pub(super) fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// The client that follows no redirection.
pub(super) fn plain() -> Result<reqwest::Client, Fault> {
    Redirects::Refuse.client().map_err(|error| Fault::new(ErrorKind::System, error))
}

type Made = Result<reqwest::Client, String>;

thread_local! {
    // Each thread of the network has its own: a connection is served by the thread that made it.
    static PLAIN: LazyCell<Made> = LazyCell::new(|| client(reqwest::redirect::Policy::none()));
    static FOLLOWING: LazyCell<Made> = LazyCell::new(|| client(reqwest::redirect::Policy::limited(10)));
}
static TLS: LazyLock<Result<ClientConfig, String>> = LazyLock::new(tls);

impl Redirects {
    fn client(self) -> Made {
        match self {
            Redirects::Follow => FOLLOWING.with(|client| (**client).clone()),
            Redirects::Refuse => PLAIN.with(|client| (**client).clone()),
        }
    }
}

fn client(redirects: reqwest::redirect::Policy) -> Made {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(TLS.clone()?)
        .redirect(redirects)
        .referer(false)
        .user_agent(concat!("callboard/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE);
    client.build().map_err(|error| words_of(&error))
}

/// TLS that trusts the authorities that browsers trust, and those of the files that the usual variables name.
fn tls() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for variable in ["SSL_CERT_FILE", "AWS_CA_BUNDLE"] {
        let Some(file) = std::env::var_os(variable) else { continue };
        let unread = |error: &dyn fmt::Display| format!("{variable} names a file that cannot be read: {error}");
        let certificates = CertificateDer::pem_file_iter(&file).map_err(|error| unread(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unread(&error))?;
            // One that is not understood is of no use, and does not harm the others.
            let _ = roots.add(certificate);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A client that asks again.
#[derive(Debug)]
struct Asking(Redirects);

impl HttpService for Asking {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.ask(request))
    }
}

impl Asking {
    async fn ask(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.headers().get(AUTHORIZATION).is_some_and(|value| value.as_bytes().trim_ascii() == b"Bearer") {
            // A token of nobody, as the library for Google's store writes without one.
            request.headers_mut().remove(AUTHORIZATION);
        }
        let no_client = |words| HttpError::new(HttpErrorKind::Unknown, Unreachable { words, tries: 0 });
        let client = self.0.client().map_err(no_client)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let host = request.uri().host().unwrap_or_default().to_owned();
            let (why, wait) = match HttpService::call(&client, request.clone()).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let status = response.status().as_u16();
                    if !matches!(status, 408 | 429 | 500..) || tries >= TRIES {
                        return Err(refusal(response, tries).await);
                    }
                    let asked = asked(&response);
                    (format!("{host} answers {status}"), pause(tries).max(asked))
                }
                Err(error) => {
                    let is_far = error.kind() == HttpErrorKind::Connect && !is_refused(&error);
                    let most = if is_far { CONNECTS } else { TRIES };
                    // Every request that is made here can be made twice.
                    if tries >= most || error.kind() == HttpErrorKind::Decode {
                        let words = words_of(&error);
                        return Err(HttpError::new(error.kind(), Unreachable { words, tries }));
                    }
                    (format!("{host} does not answer"), pause(tries))
                }
            };
            let _waiting = waiting::Waiting::begin(format!("{why}: asked again after {:.1} s", wait.as_secs_f32()));
            tokio::time::sleep(wait).await;
        }
    }
}

/// Sends a file whole, without holding it in memory, to a URL that says by itself who may do that.
pub(super) async fn put_file(url: &str, file: &Arc<File>, bytes: u64, address: &Address) -> Result<(), Fault> {
    const BLOCK: u64 = 256 << 10;
    let client = plain()?;
    let mut tries = 0;
    loop {
        tries += 1;
        let file = file.clone();
        let blocks = futures_util::stream::unfold(0, move |at| {
            let file = file.clone();
            async move {
                let mut block = vec![0; BLOCK.min(bytes - at) as usize];
                if block.is_empty() {
                    return None;
                }
                let end = at + block.len() as u64;
                Some((file.read_exact_at(&mut block, at).map(|()| Bytes::from(block)), end))
            }
        });
        let body = reqwest::Body::wrap_stream(blocks);
        let sent = client.put(url).header("content-length", bytes).body(body).send().await;
        let (fault, again) = match sent {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => {
                let status = response.status().as_u16();
                let words = response.text().await.unwrap_or_default();
                let words = one_line(&words[..words.floor_char_boundary(WORDS)]);
                let answered = Answered { status, code: None, words, region: None, tries };
                let error = object_store::Error::Generic { store: "http", source: Box::new(answered) };
                (Fault::of_store(&error, address, Doing::Write), matches!(status, 408 | 429 | 500..))
            }
            Err(error) => {
                let unreachable = Unreachable { words: words_of(&error.without_url()), tries };
                let error = object_store::Error::Generic { store: "http", source: Box::new(unreachable) };
                (Fault::of_store(&error, address, Doing::Write), true)
            }
        };
        if !again || tries >= TRIES {
            return Err(fault);
        }
        let wait = pause(tries);
        let _waiting = waiting::Waiting::begin(format!("a file is sent again after {:.1} s", wait.as_secs_f32()));
        tokio::time::sleep(wait).await;
    }
}

/// How long the server wants to be left alone: seconds. (A date depends on clocks, and is not looked at.)
fn asked(response: &HttpResponse) -> Duration {
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(after.unwrap_or_default()).min(LONGEST_ASKED)
}

/// What the server says with its refusal.
async fn refusal(response: HttpResponse, tries: u32) -> HttpError {
    let status = response.status().as_u16();
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let region = header("x-amz-bucket-region");
    // As Azure has it, and the hub.
    let in_header = header("x-ms-error-code").or_else(|| header("x-error-code"));
    let body = start_of(response.into_body(), WORDS).await;
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        (!text.is_empty()).then(|| one_line(text))
    };
    let json = || serde_json::from_str::<serde_json::Value>(&body).ok();
    let said = |json: serde_json::Value| {
        let error = json.get("error")?;
        Some(one_line(error.as_str().or_else(|| error.get("message")?.as_str())?))
    };
    let code = element("Code").or(in_header);
    let words = element("Message").or_else(|| json().and_then(said)).unwrap_or_else(|| {
        match body.trim_start().starts_with('<') {
            // A page for people.
            true => String::new(),
            false => one_line(&body),
        }
    });
    let region = region.or_else(|| element("Region"));
    HttpError::new(HttpErrorKind::Unknown, Answered { status, code, words, region, tries })
}

/// The beginning of a body, as text: at most that many bytes.
pub(super) async fn start_of(body: HttpResponseBody, most: usize) -> String {
    let (mut stream, mut bytes) = (body.bytes_stream(), Vec::new());
    while let Some(Ok(more)) = stream.next().await {
        bytes.extend_from_slice(&more[..more.len().min(most - bytes.len())]);
        if bytes.len() >= most {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the machine is there, and nothing listens on it.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset);
        }
        at = error.source();
    }
    false
}

/// The innermost words of an error: those around them say only that a request failed.
pub(super) fn words_of(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    one_line(&at.to_string())
}
