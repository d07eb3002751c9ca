//! The threads that talk to places, and what waits for them. All the rest of this crate is synchronous.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

use super::fault::Fault;
use super::waiting::Waiting;
use crate::error::ErrorKind;
use crate::stop::{Stop, Stopped};

/// How often a wait asks whether to stop.
const ASKED: Duration = Duration::from_millis(50);
/// A wait that lasts this many times as long is named.
const SLOW: u32 = 20;

/// Work that is more than this is shared by two threads.
const BUSY: usize = 64;

/// A thread that lives as long as the process, and how much it does.
struct Network {
    /// None if the system refuses it.
    handle: LazyLock<Option<Handle>>,
    under_way: AtomicUsize,
}

impl Network {
    const fn of(start: fn() -> Option<Handle>) -> Network {
        Network { handle: LazyLock::new(start), under_way: AtomicUsize::new(0) }
    }

    fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }
}

/// Thousands of small objects take more than one thread can do; a few requests share the connections of one. What is listed has one of its own:
/// behind hundreds of objects that are fetched meanwhile, each page would wait for its turn.
static FIRST: Network = Network::of(|| started("places"));
static SECOND: Network = Network::of(|| started("places-2"));
static LISTS: Network = Network::of(|| started("lists"));

fn started(name: &str) -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().ok()?;
    let handle = runtime.handle().clone();
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(move || runtime.block_on(std::future::pending::<()>())).ok()?;
    Some(handle)
}

/// Work that is under way, until this is dropped.
struct UnderWay(&'static Network);

impl UnderWay {
    fn begin(network: &'static Network) -> UnderWay {
        network.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(network)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Work of one of these threads whose result is wanted later. Whoever drops it ends it.
pub(crate) struct Pending<T> {
    result: Receiver<Result<T, Fault>>,
    task: AbortHandle,
    /// For people: what it does.
    what: String,
}

/// Begins the work.
pub(super) fn begin<T: Send + 'static>(
    what: impl Into<String>,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<Pending<T>, Fault> {
    let is_first = FIRST.under_way() < BUSY.max(SECOND.under_way());
    begin_on(if is_first || SECOND.handle.is_none() { &FIRST } else { &SECOND }, what, work)
}

/// Begins to list what is in a place.
pub(super) fn begin_list<T: Send + 'static>(
    what: impl Into<String>,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<Pending<T>, Fault> {
    begin_on(&LISTS, what, work)
}

fn begin_on<T: Send + 'static>(
    network: &'static Network,
    what: impl Into<String>,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<Pending<T>, Fault> {
    let Some(handle) = &*network.handle else {
        return Err(Fault::new(ErrorKind::System, "the system refuses a thread for the network"));
    };
    let (send, result) = sync_channel(1);
    let under_way = UnderWay::begin(network);
    let task = handle.spawn(async move {
        let _under_way = under_way;
        // Nobody may be waiting any more.
        let _ = send.send(work.await);
    });
    Ok(Pending { result, task: task.abort_handle(), what: what.into() })
}

/// Does the work, and waits for it.
pub(super) fn run<T: Send + 'static>(
    what: impl Into<String>,
    stop: &Stop,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> std::io::Result<T> {
    begin(what, work)?.wait(stop)
}

impl<T> Pending<T> {
    /// The result. An error of [`Stopped`] as soon as `stop` says so.
    pub(crate) fn wait(&self, stop: &Stop) -> std::io::Result<T> {
        let mut asked = 0;
        // Until it has come.
        let mut _waiting = None;
        loop {
            match self.result.recv_timeout(ASKED) {
                Ok(result) => return result.map_err(Into::into),
                Err(RecvTimeoutError::Timeout) if stop.is_wanted() => return Err(std::io::Error::other(Stopped)),
                Err(RecvTimeoutError::Timeout) => {
                    asked += 1;
                    if asked == SLOW {
                        _waiting = Some(Waiting::begin(self.what.clone()));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let fault = Fault::new(ErrorKind::System, "the work of the network ended without a result");
                    return Err(fault.into());
                }
            }
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
