//! Sends one request over a connection of its own, to an address that was checked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::Sent;
use super::address::literal;
use super::allow::{Target, bare};

/// The most that a step may ask to wait: for a connection, for the first byte of an answer (a model may think for minutes), and
/// between two pieces of it.
const CONNECT: Duration = Duration::from_secs(30);
const FIRST_BYTE: Duration = Duration::from_secs(600);
const BETWEEN_BYTES: Duration = Duration::from_secs(120);

/// What the host holds of an answer that the step has not read yet, and the most that the answer's headers may have, bytes.
const BUFFER: usize = 64 << 10;

/// How long to wait for each part of an answer.
pub(super) struct Waits {
    pub(super) connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Waits {
    /// What the step asks for, within bounds.
    pub(super) fn of(options: RequestOptions) -> Waits {
        let within = |asked: Option<Duration>, most: Duration| asked.unwrap_or(most).min(most);
        Waits {
            connect: within(options.connect_timeout, CONNECT),
            first_byte: within(options.first_byte_timeout, FIRST_BYTE),
            between_bytes: within(options.between_bytes_timeout, BETWEEN_BYTES),
        }
    }
}

/// TLS that trusts the authorities that browsers trust.
pub(super) fn tls() -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS needs")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(
    target: &Target,
    addresses: &[SocketAddr],
    tls: Option<Arc<ClientConfig>>,
) -> Result<Box<dyn Stream>, Error> {
    let stream = TcpStream::connect(addresses).await.map_err(Error::Connect)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = match literal(&target.host) {
        Some(address) => ServerName::from(address),
        None => ServerName::try_from(bare(&target.host).to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?,
    };
    Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await.map_err(Error::Tls)?))
}

pub(super) async fn send(
    mut request: Request<WasiBody>,
    target: &Target,
    addresses: &[SocketAddr],
    tls: Option<Arc<ClientConfig>>,
    waits: &Waits,
) -> Sent {
    let connected = timeout(waits.connect, connect(target, addresses, tls)).await;
    let stream = connected.map_err(|_elapsed| Error::ConnectionTimeout)??;
    let (mut sender, connection) = http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await?;
    let connection = spawn(connection);

    // A server is asked by path; scheme and host are for proxies.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let answered = timeout(waits.first_byte, sender.send_request(request)).await;
    let response = answered.map_err(|_elapsed| Error::ConnectionReadTimeout)??;

    let response = response.map(|incoming| WasiBody::new(Answer::new(incoming, waits.between_bytes)));
    // The connection lives as long as this is kept: as long as somebody reads the answer.
    let connection = async move { connection.await.map_err(Error::from) };
    Ok((response, Box::new(connection)))
}

/// The body of an answer, which fails when nothing comes for too long.
struct Answer {
    incoming: Incoming,
    wait: Duration,
    late: Pin<Box<Sleep>>,
}

impl Answer {
    fn new(incoming: Incoming, wait: Duration) -> Answer {
        Answer { incoming, wait, late: Box::pin(sleep(wait)) }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                let late = Instant::now() + self.wait;
                self.late.as_mut().reset(late);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => {
                ready!(self.late.as_mut().poll(cx));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
