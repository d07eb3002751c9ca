//! HTTP for steps that were granted it: by the contract's `http`, many requests at once, and by `wasi:http`.
//!
//! 1. [`allow`] checks the request against the grants: method, scheme, host, port and path.
//! 2. A secret that was granted for the host is added; whatever the step set under that header's name is replaced.
//! 3. [`calls`] looks for its reply among those that are known ([`journal`]), else waits for the limits of its server ([`server`])
//!    and sends it, again where it failed for a passing reason, and keeps the reply.
//! 4. For a new connection [`address`] looks the host up, and refuses addresses that are not the public internet's, unless the grant
//!    names the very host, `localhost` or an address in figures; [`send`] connects to an address that was checked: the name is not
//!    looked up again.
//!
//! The host follows no redirect. The step sees the `3xx`, and if it asks for the new place, that request is checked as any other.
//! Connections are kept for the same step's next requests, with certificates that browsers' authorities signed; variables of the
//! environment such as `https_proxy` are ignored. Waiting is bounded here.
//!
//! A secret is in the host's memory and in the request, and nowhere else. What the server answers is the step's to read: a server
//! that sends a request's headers back sends the secret with them.

mod address;
mod allow;
mod calls;
mod figures;
mod journal;
mod offline;
mod reply;
mod said;
mod secret;
mod send;
mod server;
mod usage;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard_plan::{Grants, HttpGrant, SecretGrant};
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Uri};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks};

pub use self::calls::Calls;
pub use self::figures::{BatchCalls, ServerCalls, StepCalls};
pub use self::journal::{CallKey, Journal, Question};
pub use self::offline::{Batch, Batches, Deferred, Form, Group, Shelf, Unanswered};
pub use self::reply::Reply;
pub(crate) use self::reply::{Failed, FailedKind};
pub(crate) use self::waiting::Waiting;

use self::allow::Refused;
use self::calls::Asked;
use self::secret::Secrets;
use self::send::{Connections, Waits as Patience, Whole};
use self::server::{Server, UnderWay};
use crate::bindings::callboard::step::http as contract;
use crate::error::{Class, Fault, SandboxError};
use crate::events::{Event, Level, Observer};

/// Refusals that are reported for one step; the rest are refused in silence.
const REPORTED: usize = 100;
/// A request's body is handed on in pieces of this many bytes, two of which may wait.
const PIECE: usize = 64 << 10;
/// The most bytes of a request's body that comes in pieces.
const LARGEST_REQUEST: usize = 64 << 20;
/// The bytes of one request's headers.
const HEADERS: usize = 64 << 10;

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The requests of one instance of a step.
#[derive(Clone)]
pub(crate) struct Requests {
    granted: Arc<Granted>,
    call: Arc<InCall>,
}

/// What the call that goes on has asked for.
#[derive(Default)]
struct InCall {
    /// By `wasi:http`: how often the same was asked for. A step that looks again is to see what is new.
    seen: Mutex<HashMap<CallKey, u32>>,
    /// Whether its requests may be part of offline batches, and whether one is.
    may_defer: AtomicBool,
    has_deferred: AtomicBool,
}

impl InCall {
    /// Notes that an outcome is none yet.
    fn note(&self, outcome: &Result<Reply, Failed>) {
        if outcome.as_ref().is_err_and(|failed| failed.kind == FailedKind::Deferred) {
            self.has_deferred.store(true, Ordering::Relaxed);
        }
    }
}

/// What a step is granted, in all its instances.
pub(crate) struct Granted {
    step: Arc<str>,
    grants: Vec<HttpGrant>,
    secrets: Secrets,
    /// As the plan has them, by host.
    secret_grants: BTreeMap<String, SecretGrant>,
    calls: Calls,
    connections: Connections,
    observer: Observer,
    /// What was refused and reported.
    reported: Mutex<BTreeSet<String>>,
    /// The servers that were asked.
    asked: Mutex<BTreeMap<String, Arc<Server>>>,
    /// Instances that wait for replies.
    waiting: AtomicU32,
}

/// Counts an instance as waiting for replies, until it is dropped.
struct Waits(Arc<Granted>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Requests {
    /// What a step was granted. Secrets are taken from the environment now.
    pub(crate) fn granted(
        step: &str,
        grants: &Grants,
        calls: &Calls,
        observer: &Observer,
    ) -> Result<Requests, SandboxError> {
        let granted = Granted {
            step: Arc::from(step),
            grants: grants.http.clone(),
            secrets: Secrets::resolve(grants)?,
            secret_grants: grants.secrets.clone(),
            calls: calls.clone(),
            connections: Connections::default(),
            observer: observer.clone(),
            reported: Mutex::default(),
            asked: Mutex::default(),
            waiting: AtomicU32::new(0),
        };
        let granted = Arc::new(granted);
        calls.has(&granted);
        Ok(Requests { granted, call: Arc::default() })
    }

    /// Those of another instance.
    pub(crate) fn of_instance(&self) -> Requests {
        Requests { granted: self.granted.clone(), call: Arc::default() }
    }

    /// The instances of the step that wait for replies.
    pub(crate) fn waiting(&self) -> u32 {
        self.granted.waiting.load(Ordering::Relaxed)
    }

    /// Whether more requests of the step would be sent at once, or soon, if there were any: one of the servers that it asked has
    /// room, and none has a long queue.
    pub(crate) fn have_room(&self) -> bool {
        let asked = self.granted.asked();
        asked.values().any(|server| server.has_room()) && !asked.values().any(|server| server.is_crowded())
    }

    /// Forgets what was asked for in the call before. `defers`: whether the requests of this one may be part of offline batches.
    pub(crate) fn begin_call(&self, defers: bool) {
        self.call.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.call.may_defer.store(defers, Ordering::Relaxed);
        self.call.has_deferred.store(false, Ordering::Relaxed);
    }

    /// Whether a request of the call is part of an offline batch, so that its result is none.
    pub(crate) fn has_deferred(&self) -> bool {
        self.call.has_deferred.load(Ordering::Relaxed)
    }

    /// Sends requests of the contract's own, as many at once as their servers' limits allow. All replies together have at most `most`
    /// bytes; those beyond are failures.
    pub(crate) async fn send(
        &self,
        requests: Vec<contract::Request>,
        most: u64,
        gone: &CancellationToken,
    ) -> Result<Vec<Result<contract::Reply, contract::Failure>>, Fault> {
        let gone = gone.child_token();
        let _waits = self.granted.waits();
        // Whoever drops this future waits for nothing: what is not sent yet is not sent.
        let _ends = gone.clone().drop_guard();
        let calls = &self.granted.calls;
        let mut outcomes: Vec<Option<Result<Reply, Failed>>> = vec![None; requests.len()];
        let (done, mut coming) = tokio::sync::mpsc::unbounded_channel();
        for (at, request) in requests.into_iter().enumerate() {
            match self.granted.prepare(request) {
                Err(failed) => outcomes[at] = Some(Err(failed)),
                Ok(mut asked) => {
                    asked.defers = self.call.may_defer.load(Ordering::Relaxed);
                    let done = done.clone();
                    let done = move |outcome| drop(done.send((at, outcome)));
                    calls.begin(self.granted.clone(), asked, gone.clone(), done)?;
                }
            }
        }
        drop(done);
        while let Some((at, outcome)) = coming.recv().await {
            let outcome = outcome?;
            self.call.note(&outcome);
            outcomes[at] = Some(outcome);
        }
        // One is missing if the run ends while they are under way.
        let outcomes: Option<Vec<_>> = outcomes.into_iter().collect();
        let outcomes = outcomes.ok_or_else(calls::ends)?;
        calls.sync()?;
        let mut left = most;
        let outcomes = outcomes.into_iter().map(|outcome| {
            outcome.and_then(|reply| match left.checked_sub(reply.bytes()) {
                Some(rest) => {
                    left = rest;
                    Ok(reply)
                }
                None => Err(Failed::too_large(most)),
            })
        });
        Ok(outcomes.map(|outcome| outcome.map(of_contract).map_err(failure)).collect())
    }
}

impl Default for Requests {
    /// None at all.
    fn default() -> Requests {
        let nothing = Requests::granted("", &Grants::default(), &Calls::default(), &Observer::nobody());
        nothing.expect("no secret is granted")
    }
}

impl Granted {
    fn asked(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Server>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request to a server as handed over.
    fn awaits(&self, server: &Arc<Server>) -> UnderWay {
        let mut asked = self.asked();
        if !asked.contains_key(&server.name) {
            asked.insert(server.name.clone(), server.clone());
        }
        server.under_way()
    }

    fn waits(self: &Arc<Self>) -> Waits {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(self.clone())
    }

    /// A secret's grant for a host.
    fn secret_for(&self, host: &str) -> Option<&SecretGrant> {
        let found =
            self.secret_grants.iter().find(|(named, _)| allow::bare(named).eq_ignore_ascii_case(allow::bare(host)));
        found.map(|(_, secret)| secret)
    }

    /// Where a request goes, if a grant is for it. Where nothing is sent there is nothing to grant.
    fn target(&self, head: &Parts) -> Result<allow::Target, Failed> {
        let target = match self.calls.only_known() {
            true => allow::target(&head.method, &head.uri),
            false => allow::check(&self.grants, &head.method, &head.uri),
        };
        target.map_err(|refused| self.refuse(head, &refused))
    }

    /// A request of the contract's own, ready to be sent.
    fn prepare(&self, request: contract::Request) -> Result<Asked, Failed> {
        let contract::Request { method, url, headers, body, attempt } = request;
        let cannot = |what: &str| Failed::refused(format!("the request cannot be sent: {what}"));
        let mut head = Request::new(()).into_parts().0;
        head.method = Method::from_bytes(method.as_bytes()).map_err(|_| cannot("its method is not one"))?;
        // What follows a `#` is for whoever asks.
        let url = url.split('#').next().unwrap_or_default();
        head.uri = url.parse::<Uri>().map_err(|_| cannot("its URL is not one"))?;
        let mut bytes = 0;
        for contract::Header { name, value } in headers {
            bytes += name.len() + value.len();
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| cannot("the name of a header is not one"))?;
            if name == CONTENT_LENGTH || DEFAULT_FORBIDDEN_HEADERS.contains(&name) {
                return Err(cannot(&format!("the header `{name}` is HTTP's own")));
            }
            let value = HeaderValue::from_str(&value);
            head.headers
                .append(name, value.map_err(|_| cannot("the value of a header has a line's end, or the like"))?);
        }
        if bytes > HEADERS {
            return Err(cannot("its headers have more than 64 KiB"));
        }
        self.ready(head, body.into(), RequestOptions::default(), attempt)
    }

    /// A request that a grant is for, with the host's name and the secret.
    fn ready(&self, mut head: Parts, body: Bytes, options: RequestOptions, attempt: u32) -> Result<Asked, Failed> {
        let target = self.target(&head)?;
        let authority = head.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let host = HeaderValue::from_str(&authority).map_err(|_| Failed::from(Error::HttpRequestUriInvalid))?;
        head.headers.insert(HOST, host);
        head.headers.remove(CONTENT_LENGTH);
        let key = Calls::key(&target, &head, &body, self, attempt);
        if !head.headers.contains_key(USER_AGENT) {
            head.headers.insert(USER_AGENT, HeaderValue::from_static(concat!("callboard/", env!("CARGO_PKG_VERSION"))));
        }
        self.secrets.add_to(&mut head.headers, &target.host);
        Ok(Asked { target, head, body, waits: Patience::of(options), key, attempt, defers: false })
    }

    /// Tells the run's log, once for each destination, what was refused and how to allow it.
    fn refuse(&self, head: &Parts, refused: &Refused) -> Failed {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let destination = allow::destination(&head.method, &head.uri);
        let message = refused.words(&head.method, &head.uri);
        if reported.len() < REPORTED && reported.insert(destination) {
            let (step, level) = (self.step.clone(), Level::Warn);
            self.observer.tell(Event::Log { step, level, message: message.clone() });
        }
        Failed::refused(message)
    }

    /// Sends a request of `wasi:http`.
    async fn send(self: Arc<Granted>, call: Arc<InCall>, request: Request<WasiBody>, options: RequestOptions) -> Sent {
        let (head, mut body) = request.into_parts();
        // Before any of its body is there.
        self.target(&head).map_err(Failed::into_error)?;
        let mut whole = Vec::new();
        while let Some(frame) = send::next(&mut body).await {
            if let Some(piece) = frame?.data_ref() {
                if whole.len() + piece.len() > LARGEST_REQUEST {
                    return Err(Error::HttpRequestBodySize(Some(LARGEST_REQUEST as u64)));
                }
                whole.extend_from_slice(piece);
            }
        }
        let body = Bytes::from(whole);
        let asked = self.ready(head.clone(), body.clone(), options, 0).map_err(Failed::into_error)?;
        let times = {
            let mut seen = call.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let times = seen.entry(asked.key).or_default();
            *times += 1;
            *times - 1
        };
        let mut asked =
            if times == 0 { asked } else { self.ready(head, body, options, times).map_err(Failed::into_error)? };
        asked.defers = call.may_defer.load(Ordering::Relaxed);
        let gone = CancellationToken::new();
        let _ends = gone.clone().drop_guard();
        let _waits = self.waits();
        let outcome = self.calls.clone().ask(self.clone(), asked, gone).await;
        let synced = outcome.and_then(|outcome| self.calls.sync().map(|()| outcome));
        // What ends the run cannot be said in `wasi:http`; the log has the words.
        let outcome = synced.map_err(|error| self.ends(&error))?;
        call.note(&outcome);
        let reply = outcome.map_err(Failed::into_error)?;
        let mut response = Response::new(WasiBody::new(Told(Whole::of(reply.body))));
        *response.status_mut() = hyper::StatusCode::from_u16(reply.status).map_err(|_| Error::HttpProtocolError)?;
        for (name, value) in reply.headers {
            let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value));
            if let (Ok(name), Ok(value)) = header {
                response.headers_mut().append(name, value);
            }
        }
        Ok((response, Box::new(async { Ok(()) })))
    }

    fn ends(&self, error: &SandboxError) -> Error {
        if error.class != Class::Interrupted {
            let (step, level, message) = (self.step.clone(), Level::Error, error.to_string());
            self.observer.tell(Event::Log { step, level, message });
        }
        Error::InternalError(Some(error.to_string()))
    }
}

/// A body as `wasi:http` has it.
struct Told(Whole);

impl hyper::body::Body for Told {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Error>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx).map_err(|never| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.0.size_hint()
    }
}

fn of_contract(reply: Reply) -> contract::Reply {
    let header = |(name, value): (String, Vec<u8>)| contract::Header {
        name,
        value: String::from_utf8_lossy(&value).into_owned(),
    };
    contract::Reply {
        status: reply.status,
        headers: reply.headers.into_iter().map(header).collect(),
        body: reply.body.into(),
    }
}

fn failure(failed: Failed) -> contract::Failure {
    let kind = match failed.kind {
        FailedKind::Refused => contract::FailureKind::Refused,
        FailedKind::Unreachable | FailedKind::Deferred => contract::FailureKind::Unreachable,
        FailedKind::Timeout => contract::FailureKind::Timeout,
        FailedKind::TooLarge => contract::FailureKind::TooLarge,
    };
    contract::Failure { kind, message: failed.message }
}

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (granted, call) = (self.granted.clone(), self.call.clone());
        Box::new(async move { granted.send(call, request, options.unwrap_or_default()).await })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE
    }
}
