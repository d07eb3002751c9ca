//! Sends one request over a connection that is kept for the next one, to an address that was checked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions};

use super::address::literal;
use super::allow::{Target, bare};
use super::reply::{Failed, Reply};

/// The most that is waited: for a connection, for the first byte of a reply (a model may think for minutes), between two
/// pieces of it, and for all of it.
const CONNECT: Duration = Duration::from_secs(30);
const FIRST_BYTE: Duration = Duration::from_secs(600);
const BETWEEN_BYTES: Duration = Duration::from_secs(120);
const WHOLE: Duration = Duration::from_secs(3600);

/// The most that the headers of a reply may have, bytes.
const BUFFER: usize = 64 << 10;
/// A file is sent in pieces of this many bytes.
const FILE_PIECE: u64 = 256 << 10;
/// Connections to one server that wait for the next request.
const IDLE: usize = 2_048;

/// How long to wait for each part of a reply.
#[derive(Clone, Copy)]
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

/// A body that is there as a whole.
pub(super) struct Whole(Option<Bytes>);

impl Whole {
    pub(super) fn of(body: Bytes) -> Whole {
        Whole(Some(body).filter(|body| !body.is_empty()))
    }
}

/// What a request carries: bytes, and perhaps a file between them, which is read while it is sent.
#[derive(Clone, Default)]
pub(super) struct Payload {
    pub(super) before: Bytes,
    pub(super) file: Option<(Arc<File>, u64)>,
    pub(super) after: Bytes,
}

impl Payload {
    pub(super) fn of(body: Bytes) -> Payload {
        Payload { before: body, ..Payload::default() }
    }
}

/// A payload on its way.
struct Outgoing {
    left: Payload,
    /// How much of the file was read.
    read: u64,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let read = self.read;
        let frame = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        if !self.left.before.is_empty() {
            return frame(std::mem::take(&mut self.left.before));
        }
        if let Some((file, length)) = self.left.file.clone().filter(|(_, length)| read < *length) {
            let mut piece = vec![0; (length - read).min(FILE_PIECE) as usize];
            if let Err(error) = file.read_exact_at(&mut piece, read) {
                return Poll::Ready(Some(Err(error)));
            }
            self.read += piece.len() as u64;
            return frame(piece.into());
        }
        match self.left.after.is_empty() {
            true => Poll::Ready(None),
            false => frame(std::mem::take(&mut self.left.after)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        let Payload { before, file, after } = &self.left;
        let file = file.as_ref().map_or(0, |(_, length)| length - self.read);
        SizeHint::with_exact(before.len() as u64 + file + after.len() as u64)
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |body| body.len() as u64))
    }
}

type Connection = http1::SendRequest<Outgoing>;

/// Connections of one step that wait for its next request: no other step's requests go over them.
#[derive(Default)]
pub(super) struct Connections(Mutex<HashMap<(String, u16, bool), Vec<Connection>>>);

impl Connections {
    fn take(&self, target: &Target) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = idle.get_mut(&target.key())?;
        std::iter::from_fn(|| idle.pop()).find(|connection| connection.is_ready())
    }

    fn keep(&self, target: &Target, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = idle.entry(target.key()).or_default();
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(
    target: &Target,
    addresses: &[SocketAddr],
    tls: Option<Arc<ClientConfig>>,
) -> Result<Connection, Error> {
    let stream = TcpStream::connect(addresses).await.map_err(Error::Connect)?;
    // A request is one piece, and is not to wait for what follows.
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let name = match literal(&target.host) {
                Some(address) => ServerName::from(address),
                None => {
                    ServerName::try_from(bare(&target.host).to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?
                }
            };
            Box::new(TlsConnector::from(tls).connect(name, stream).await.map_err(Error::Tls)?)
        }
    };
    let (sender, connection) = http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped, or the server closes it.
    tokio::spawn(connection);
    Ok(sender)
}

/// What is sent, as often as need be.
pub(super) struct Sending<'a> {
    pub(super) target: &'a Target,
    pub(super) head: &'a Parts,
    pub(super) body: &'a Payload,
    pub(super) waits: Waits,
    /// The most bytes of a reply's body.
    pub(super) most: u64,
    /// What is handed the body of a success in pieces, instead of the reply; from its beginning, if it is sent again.
    pub(super) pieces: Option<&'a Pieces<'a>>,
}

/// Takes the pieces of a body.
pub(super) type Pieces<'a> = dyn Fn(&[u8]) -> Result<(), Failed> + Send + Sync + 'a;

impl Sending<'_> {
    fn request(&self) -> Result<Request<Outgoing>, Error> {
        let mut request = Request::new(Outgoing { left: self.body.clone(), read: 0 });
        *request.method_mut() = self.head.method.clone();
        *request.headers_mut() = self.head.headers.clone();
        // A server is asked by path; scheme and host are for proxies.
        let path = self.head.uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| Error::HttpRequestUriInvalid)?;
        Ok(request)
    }

    /// Sends it, over a connection that waits or a new one. `addresses` looks the server up, and checks it.
    pub(super) async fn send(
        &self,
        connections: &Connections,
        tls: Option<Arc<ClientConfig>>,
        addresses: impl AsyncFnOnce() -> Result<Vec<SocketAddr>, Failed>,
    ) -> Result<Reply, Failed> {
        let late = |_| Failed::late("the reply did not end", WHOLE, Error::ConnectionReadTimeout);
        timeout(WHOLE, self.sent(connections, tls, addresses)).await.map_err(late)?
    }

    async fn sent(
        &self,
        connections: &Connections,
        tls: Option<Arc<ClientConfig>>,
        addresses: impl AsyncFnOnce() -> Result<Vec<SocketAddr>, Failed>,
    ) -> Result<Reply, Failed> {
        while let Some(connection) = connections.take(self.target) {
            match self.over(connection, connections).await {
                // The server closed it before anything was sent.
                Err((failed, false)) if failed.is_passing() => {}
                outcome => return outcome.map_err(|(failed, _)| failed),
            }
        }
        let addresses = addresses().await?;
        let connected = timeout(self.waits.connect, connect(self.target, &addresses, tls)).await;
        let connected = connected
            .map_err(|_| Failed::late("no connection was made", self.waits.connect, Error::ConnectionTimeout))?;
        self.over(connected?, connections).await.map_err(|(failed, _)| failed)
    }

    /// Sends it over this connection. A failure comes with whether anything of the request may have been sent.
    async fn over(&self, mut connection: Connection, kept: &Connections) -> Result<Reply, (Failed, bool)> {
        let request = self.request().map_err(|error| (error.into(), true))?;
        let late =
            |_| Failed::late("the server did not begin to reply", self.waits.first_byte, Error::ConnectionReadTimeout);
        let replied = timeout(self.waits.first_byte, connection.send_request(request)).await;
        let replied = replied.map_err(|elapsed| (late(elapsed), true))?;
        let response = replied.map_err(|error| {
            let sent = !error.is_canceled();
            (Failed::from(Error::from(error)), sent)
        })?;
        let reply = whole(response, self.waits.between_bytes, self.most, self.pieces).await;
        let reply = reply.map_err(|failed| (failed, true))?;
        // It is ready again only where the server keeps it open.
        if let Ok(Ok(())) = timeout(Duration::from_secs(1), connection.ready()).await {
            kept.keep(self.target, connection);
        }
        Ok(reply)
    }
}

/// Reads a reply to its end.
async fn whole(
    response: Response<Incoming>,
    between: Duration,
    most: u64,
    taken: Option<&Pieces<'_>>,
) -> Result<Reply, Failed> {
    let (head, mut body) = response.into_parts();
    let taken = taken.filter(|_| head.status.is_success());
    if taken.is_none() && body.size_hint().lower() > most {
        return Err(Failed::too_large(most));
    }
    let late = |_| Failed::late("the reply did not go on", between, Error::ConnectionReadTimeout);
    let mut pieces = Vec::with_capacity(usize::try_from(body.size_hint().lower()).unwrap_or(0).min(1 << 20));
    while let Some(frame) = timeout(between, next(&mut body)).await.map_err(late)? {
        let frame = frame.map_err(|error| Failed::from(Error::from(error)))?;
        if let Some(data) = frame.data_ref() {
            if let Some(taken) = taken {
                taken(data)?;
                continue;
            }
            if (pieces.len() + data.len()) as u64 > most {
                return Err(Failed::too_large(most));
            }
            pieces.extend_from_slice(data);
        }
    }
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    Ok(Reply { status: head.status.as_u16(), headers: headers.collect(), body: pieces.into() })
}

/// The next piece of a body.
pub(super) async fn next<B: Body + Unpin>(body: &mut B) -> Option<Result<Frame<B::Data>, B::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}
