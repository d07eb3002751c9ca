//! The requests of a run: those of all its steps, to all its servers, sent by one thread.
//!
//! A request that may be sent ([`allow`](super::allow)) is looked for among the replies that are known ([`Journal`]). If it is not
//! there, it waits until its server's limits let it through ([`Server`]), is sent, and again where it failed for a passing
//! reason. A reply is kept before anybody sees it. What was sent goes on if whoever asked is gone, since it is paid for; what
//! was not sent is forgotten.

mod request;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use callboard_plan::call_limits;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use tokio::sync::Mutex as Turn;
use tokio_rustls::rustls::ClientConfig;
use tokio_util::sync::CancellationToken;

use self::request::unkept;
pub(super) use self::request::{
    Asked, FIRST_PAUSE, LARGEST_REPLY, LONGEST_PAUSE, Outcome, reason_to_repeat, turned_away,
};
use super::Granted;
use super::allow::Target;
use super::figures::ServerCalls;
use super::journal::{CallKey, Journal, key};
use super::offline::{Batches, Deferred, Offline};
use super::server::Server;
use crate::error::{Class, SandboxError};
use crate::guard::spawn;

/// The requests of a run.
#[derive(Clone, Default)]
pub struct Calls(Arc<Shared>);

#[derive(Default)]
pub(super) struct Shared {
    limits: callboard_plan::Calls,
    /// Whether nothing is sent, and only what is known is there.
    only_known: bool,
    /// Whether replies that refuse for good are kept, too: a test plays them.
    keeps_refusals: bool,
    servers: Mutex<BTreeMap<String, Arc<Server>>>,
    /// Replies that are known, once the run keeps them.
    journal: OnceLock<Arc<dyn Journal>>,
    /// What this run paid before this process, by server.
    spent: Mutex<BTreeMap<String, u64>>,
    /// Requests under way: an equal one waits for their outcome.
    under_way: Mutex<HashMap<CallKey, Arc<Turn<Option<Outcome>>>>>,
    sender: Mutex<Option<Sender>>,
    tls: OnceLock<Arc<ClientConfig>>,
    /// Offline batches, of a run that may submit them.
    offline: OnceLock<Offline>,
    /// The steps that may ask.
    steps: Mutex<Vec<Weak<Granted>>>,
    /// Requests that were sent, and what they have not brought yet.
    sent: tokio_util::task::TaskTracker,
}

/// The thread that sends.
struct Sender {
    handle: tokio::runtime::Handle,
    ends: CancellationToken,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.ends.cancel();
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Calls")
    }
}

impl Calls {
    /// Those of a run with these limits.
    pub fn new(limits: &callboard_plan::Calls) -> Calls {
        Calls(Arc::new(Shared { limits: limits.clone(), ..Shared::default() }))
    }

    /// Those of a step that is tried: replies are taken from `journal`, and kept there if they are to be asked for; otherwise nothing is
    /// sent, and what is not known is refused.
    pub fn tried(journal: Arc<dyn Journal>, asks: bool) -> Calls {
        let calls = Calls(Arc::new(Shared { only_known: !asks, keeps_refusals: true, ..Shared::default() }));
        let _ = calls.0.journal.set(journal);
        calls
    }

    /// Whether nothing is sent.
    pub(super) fn only_known(&self) -> bool {
        self.0.only_known
    }

    /// Keeps replies from now on, and takes those that are known from there. `spent` is what the run paid before, by server. Once.
    pub fn keep(&self, journal: Arc<dyn Journal>, spent: BTreeMap<String, u64>) {
        *self.0.spent() = spent;
        let _ = self.0.journal.set(journal);
    }

    /// Submits requests as offline batches from now on, where the pipeline wants that. Once, after [`Calls::keep`].
    pub fn keep_batches(&self, batches: Batches) {
        let _ = self.0.offline.set(Offline::new(batches));
    }

    /// Fetches the replies of offline batches that have ended; with `wait`, of all that this run may ask about.
    ///
    /// # Errors
    ///
    /// A server refuses, the disk does, or `stop` was cancelled.
    pub fn collect_batches(&self, wait: bool, stop: &CancellationToken) -> Result<(), SandboxError> {
        let shared = self.0.clone();
        if !shared.offline.get().is_some_and(Offline::awaits) {
            return Ok(());
        }
        self.carry_out(stop, async move {
            match (shared.offline.get(), shared.journal.get()) {
                (Some(offline), Some(journal)) => shared.collect(offline, &**journal, wait).await,
                _ => Ok(()),
            }
        })
    }

    /// Submits the requests that were written down since the run began.
    ///
    /// # Errors
    ///
    /// A server refuses, the disk does, or `stop` was cancelled.
    pub fn submit_batches(&self, stop: &CancellationToken) -> Result<(), SandboxError> {
        let shared = self.0.clone();
        self.carry_out(stop, async move {
            match shared.offline.get() {
                Some(offline) => shared.submit(offline).await,
                None => Ok(()),
            }
        })
    }

    /// Forgets which requests offline batches have not replied to: the run has finished.
    ///
    /// # Errors
    ///
    /// What the disk refuses.
    pub fn finish_batches(&self) -> std::io::Result<()> {
        self.0.offline.get().map_or(Ok(()), Offline::finish)
    }

    /// The offline batches that requests of this run wait for.
    pub fn deferred(&self) -> Deferred {
        self.0.offline.get().map(Offline::deferred).unwrap_or_default()
    }

    /// Carries something out on the thread that sends.
    fn carry_out<T: Send + 'static>(
        &self,
        stop: &CancellationToken,
        work: impl Future<Output = Result<T, SandboxError>> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let (stop, (done, wait)) = (stop.clone(), tokio::sync::oneshot::channel());
        self.0.handle()?.spawn(async move {
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => Err(SandboxError::interrupted()),
                outcome = work => outcome,
            };
            let _ = done.send(outcome);
        });
        wait.blocking_recv().unwrap_or_else(|_| Err(ends()))
    }

    /// Knows of a step that may ask.
    pub(super) fn has(&self, step: &Arc<Granted>) {
        self.0.steps.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(step));
    }

    /// What came of requests so far, by server.
    pub fn figures(&self) -> BTreeMap<String, ServerCalls> {
        self.0.servers().iter().map(|(name, server)| (name.clone(), server.calls())).collect()
    }

    /// Waits for the replies to what was sent, for this long at most: they are paid for. Nothing is sent afterwards.
    pub fn settle(&self, longest: Duration) {
        let Some(sender) = self.0.sender().take() else { return };
        let (done, wait) = std::sync::mpsc::channel();
        let shared = self.0.clone();
        shared.sent.close();
        sender.handle.spawn(async move {
            shared.sent.wait().await;
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(longest);
        if let Some(journal) = self.0.journal.get() {
            // What is not there yet is in the system's hands.
            let _ = journal.sync();
        }
    }

    /// Asks, for a step, and gives the outcome to `done`. Where `gone` is cancelled nobody waits any more, and what is not sent yet
    /// is not sent.
    pub(super) fn begin(
        &self,
        step: Arc<Granted>,
        asked: Asked,
        gone: CancellationToken,
        done: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<(), SandboxError> {
        let shared = self.0.clone();
        let server = shared.server(&asked.target);
        let under_way = step.awaits(&server);
        let tracked = self.0.sent.track_future(async move {
            let outcome = shared.ask(&step, &server, asked, &gone).await;
            drop(under_way);
            done(outcome);
        });
        self.0.handle()?.spawn(tracked);
        Ok(())
    }

    /// As [`Calls::begin`], and waits for the outcome.
    pub(super) async fn ask(&self, step: Arc<Granted>, asked: Asked, gone: CancellationToken) -> Outcome {
        let (done, wait) = tokio::sync::oneshot::channel();
        self.begin(step, asked, gone, |outcome| drop(done.send(outcome)))?;
        wait.await.unwrap_or_else(|_| Err(ends()))
    }

    /// Waits until the disk has the replies that were kept.
    pub(super) fn sync(&self) -> Result<(), SandboxError> {
        let Some(journal) = self.0.journal.get() else { return Ok(()) };
        journal.sync().map_err(|error| unkept(&error))
    }

    /// The key of a request.
    pub(super) fn key(target: &Target, head: &Parts, body: &Bytes, step: &Granted, attempt: u32) -> CallKey {
        key(target, head, body, step.secret_for(&target.host), attempt)
    }
}

/// The error of a request whose run ends before it is sent.
pub(super) fn ends() -> SandboxError {
    SandboxError::new(Class::Interrupted, "the request was not sent: the run ends")
}

impl Shared {
    fn servers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spent(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<CallKey, Arc<Turn<Option<Outcome>>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread that sends, started by the first who needs it.
    fn handle(&self) -> Result<tokio::runtime::Handle, SandboxError> {
        let mut sender = self.sender();
        if let Some(sender) = &*sender {
            return Ok(sender.handle.clone());
        }
        if self.sent.is_closed() {
            return Err(ends());
        }
        let at_once: u64 = self.limits.values().map(|limits| u64::from(limits.at_once)).sum();
        more_descriptors(at_once);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| crate::refused::thread(&error))?;
        let (handle, ends) = (runtime.handle().clone(), CancellationToken::new());
        let ended = ends.clone();
        spawn(move || {
            runtime.block_on(ended.cancelled());
            runtime.shutdown_background();
        })?;
        *sender = Some(Sender { handle: handle.clone(), ends });
        Ok(handle)
    }

    /// The steps that may ask.
    pub(super) fn steps(&self) -> Vec<Arc<Granted>> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn server(&self, target: &Target) -> Arc<Server> {
        let (name, limits) = call_limits(&self.limits, &target.host, target.port);
        let mut servers = self.servers();
        if let Some(server) = servers.get(&name) {
            return server.clone();
        }
        let spent = self.spent().get(&name).copied().unwrap_or(0);
        let server = Server::new(name.clone(), limits.into_owned(), spent);
        servers.insert(name, server.clone());
        server
    }
}

/// Every connection is a descriptor, of which a process has 1,024 where nobody asked for more.
fn more_descriptors(connections: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.current.map(|current| current.max(connections.saturating_add(512)));
    let wanted = wanted.map(|wanted| limit.maximum.map_or(wanted, |most| wanted.min(most)));
    if wanted != limit.current {
        // Where it is refused, connections are, one by one.
        let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: wanted, ..limit });
    }
}
