//! The threads that talk to places, and what waits for them. All the rest of this crate is synchronous.

use std::future::Future;
use std::sync::LazyLock;
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

/// The threads, which live as long as the process; `None` if the system refuses them. What is listed has one of its own: behind hundreds of
/// objects that are fetched meanwhile, each page would wait for its turn.
static NETWORK: LazyLock<Option<Handle>> = LazyLock::new(|| started("places"));
static LISTS: LazyLock<Option<Handle>> = LazyLock::new(|| started("lists"));

fn started(name: &str) -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().ok()?;
    let handle = runtime.handle().clone();
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(move || runtime.block_on(std::future::pending::<()>())).ok()?;
    Some(handle)
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
    begin_on(&NETWORK, what, work)
}

/// Begins to list what is in a place.
pub(super) fn begin_list<T: Send + 'static>(
    what: impl Into<String>,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<Pending<T>, Fault> {
    begin_on(&LISTS, what, work)
}

fn begin_on<T: Send + 'static>(
    network: &Option<Handle>,
    what: impl Into<String>,
    work: impl Future<Output = Result<T, Fault>> + Send + 'static,
) -> Result<Pending<T>, Fault> {
    let Some(network) = network else {
        return Err(Fault::new(ErrorKind::System, "the system refuses a thread for the network"));
    };
    let (send, result) = sync_channel(1);
    let task = network.spawn(async move {
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
