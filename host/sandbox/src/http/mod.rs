//! HTTP for steps that were granted it: `wasi:http`, with a check before every request.
//!
//! 1. [`allow`] checks the request against the grants: method, scheme, host, port and path.
//! 2. [`address`] looks its host up, and refuses addresses that are not the public internet's, unless the grant names the very
//!    host, `localhost` or an address in figures.
//! 3. A secret that was granted for the host is added; whatever the step set under that header's name is replaced.
//! 4. [`send`] connects to an address that was checked: the name is not looked up again.
//!
//! The host follows no redirect. The step sees the `3xx`, and if it asks for the new place, that request is checked as any other.
//! Every request has a connection of its own, with a certificate that browsers' authorities signed; variables of the environment
//! such as `https_proxy` are ignored. Waiting is bounded here, and by the time limit of the call in any case.
//!
//! A secret is in the host's memory and in the request, and nowhere else. What the server answers is the step's to read: a server
//! that sends a request's headers back sends the secret with them.

mod address;
mod allow;
mod secret;
mod send;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use callboard_plan::{Grants, HttpGrant};
use hyper::{Request, Response};
use tokio_rustls::rustls::ClientConfig;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::allow::Refused;
use self::secret::Secrets;
use crate::error::SandboxError;
use crate::events::{Event, Level, Observer};

/// Refusals that are reported for one step; the rest are refused in silence.
const REPORTED: usize = 100;
/// A request's body is handed on in pieces of this many bytes, two of which may wait.
const PIECE: usize = 64 << 10;

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The requests of one step, in all its instances.
#[derive(Clone)]
pub(crate) struct Requests(Arc<Granted>);

struct Granted {
    step: Arc<str>,
    grants: Vec<HttpGrant>,
    secrets: Secrets,
    /// Made for the first request that needs it.
    tls: OnceLock<Arc<ClientConfig>>,
    observer: Observer,
    /// What was refused and reported.
    reported: Mutex<BTreeSet<String>>,
}

impl Requests {
    /// What a step was granted. Secrets are taken from the environment now.
    pub(crate) fn granted(step: &str, grants: &Grants, observer: &Observer) -> Result<Requests, SandboxError> {
        Ok(Requests(Arc::new(Granted {
            step: Arc::from(step),
            grants: grants.http.clone(),
            secrets: Secrets::resolve(grants)?,
            tls: OnceLock::new(),
            observer: observer.clone(),
            reported: Mutex::default(),
        })))
    }
}

impl Default for Requests {
    /// None at all.
    fn default() -> Requests {
        Requests(Arc::new(Granted {
            step: Arc::from(""),
            grants: Vec::new(),
            secrets: Secrets::default(),
            tls: OnceLock::new(),
            observer: Observer::nobody(),
            reported: Mutex::default(),
        }))
    }
}

impl Granted {
    async fn send(&self, mut request: Request<WasiBody>, options: RequestOptions) -> Sent {
        let target = allow::check(&self.grants, &request).map_err(|refused| self.refuse(&request, &refused))?;
        let waits = send::Waits::of(options);
        let addresses = match address::look_up(&target.host, target.port, waits.connect).await? {
            Ok(addresses) => addresses,
            Err(why) => return Err(self.refuse(&request, &Refused::Address(why))),
        };
        self.secrets.add_to(&mut request, &target.host);
        let tls = target.tls.then(|| self.tls.get_or_init(|| Arc::new(send::tls())).clone());
        send::send(request, &target, &addresses, tls, &waits).await
    }

    /// Tells the run's log, once for each destination, what was refused and how to allow it.
    fn refuse(&self, request: &Request<WasiBody>, refused: &Refused) -> Error {
        let mut reported = self.reported.lock().expect("no holder panics");
        let destination = allow::destination(request);
        if reported.len() < REPORTED && reported.insert(destination) {
            let message = refused.words(request);
            self.observer.tell(Event::Log { step: self.step.clone(), level: Level::Warn, message });
        }
        Error::HttpRequestDenied
    }
}

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let granted = self.0.clone();
        Box::new(async move { granted.send(request, options.unwrap_or_default()).await })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE
    }
}
