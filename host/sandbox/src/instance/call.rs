//! One call into an instance: what drives it, what ends it, and what it said if it failed.

use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wasmtime::Store;

use super::log::SAID;
use super::state::State;
use super::trap;
use super::{InstanceConfig, Look};
use crate::bindings::callboard::step::types::{Error as SaidError, ErrorKind};
use crate::error::{Fault, SaidKind};
use crate::guard::caught;
use crate::http::Waiting;

/// Between two looks of a call's caller.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What drives calls into one instance.
pub(super) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(super) fn new() -> std::io::Result<Runtime> {
        static FIRST: Mutex<bool> = Mutex::new(true);
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        if *first {
            // The first of a process takes descriptors that it panics for want of: there must be as many.
            let _there = [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        *first = false;
        Ok(Runtime(Some(runtime)))
    }

    fn block_on<F: Future>(&self, call: F) -> F::Output {
        self.0.as_ref().expect("it is there until it is dropped").block_on(call)
    }
}

impl Drop for Runtime {
    /// Waits for nothing: opening a pipe that nobody writes, or looking up a name, may block one of its threads for long.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A call into a component, by the name of its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Start,
    Describe,
    Declare,
    Open,
    Process,
    Run,
    Next,
}

impl Call {
    /// Whether its end is awaited when the run is interrupted: what it did would be lost.
    fn is_short(self) -> bool {
        matches!(self, Call::Process | Call::Next)
    }

    fn name(self) -> &'static str {
        match self {
            Call::Start => "the component's start",
            Call::Describe => "describe",
            Call::Declare => "declare",
            Call::Open => "open",
            Call::Process => "process",
            Call::Run => "run",
            Call::Next => "next",
        }
    }
}

/// Drives one call to its end, to its time limit, or to the run's cancellation, whichever is first.
pub(super) fn drive<R>(
    runtime: &Runtime,
    store: &mut Store<State>,
    config: &InstanceConfig,
    call: Call,
    body: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<R>,
) -> Result<R, Fault> {
    let (limit, key) = match call {
        Call::Open => (config.open, "limits.open"),
        _ => (config.time, "limits.time"),
    };
    let returnable = config.returnable();
    store.set_hostcall_fuel(returnable.bytes());
    store.data_mut().log.begin_call();
    store.data_mut().requests.begin_call(call == Call::Process);
    store.data_mut().may_ask = !matches!(call, Call::Start | Call::Describe | Call::Declare);
    let waiting = store.data().waiting.clone();
    waiting.reset();
    // What panics beneath a component has gone through its frames by here, and wasmtime with it.
    let outcome = caught(|| {
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = config.cancel.cancelled() => Err(Fault::Interrupted),
                () = config.interrupt.cancelled(), if !call.is_short() => Err(Fault::Interrupted),
                outcome = within(limit, &waiting, body(store)) => Ok(outcome),
                () = looked(config.look.as_ref()) => Err(Fault::Interrupted),
            }
        })
    });
    let outcome = outcome.unwrap_or_else(|error| Err(error.into()));
    let log = &store.data().log;
    log.end_call();
    match outcome? {
        None => Err(Fault::Time { call: call.name(), limit, key }),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(trap::fault_of(error, call.name(), &returnable, log.last_words())),
    }
}

/// What comes of a call within its limit, to which the time that the host needs to send requests does not count.
async fn within<R>(limit: Duration, waiting: &Waiting, body: impl Future<Output = R>) -> Option<R> {
    let began = tokio::time::Instant::now();
    let mut body = std::pin::pin!(body);
    loop {
        let left = (limit + waiting.so_far()).saturating_sub(began.elapsed());
        match tokio::time::timeout(left, &mut body).await {
            Ok(outcome) => return Some(outcome),
            // Time that was waited meanwhile is added.
            Err(_) if began.elapsed() < limit + waiting.so_far() => {}
            Err(_) => return None,
        }
    }
}

/// Ends when a look says so; never, if nobody looks.
async fn looked(look: Option<&Look>) {
    let Some(look) = look else { return std::future::pending().await };
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if look() {
            return;
        }
    }
}

impl From<SaidError> for Fault {
    fn from(error: SaidError) -> Fault {
        let kind = match error.kind {
            ErrorKind::Config => SaidKind::Config,
            ErrorKind::Input => SaidKind::Input,
            ErrorKind::Transient => SaidKind::Transient,
            ErrorKind::Failed => SaidKind::Failed,
        };
        let clipped = |text: String| match text.floor_char_boundary(SAID) {
            whole if whole == text.len() => text,
            end => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        };
        Fault::Said { kind, message: clipped(error.message), at: error.at.map(clipped) }
    }
}
