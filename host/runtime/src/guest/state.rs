//! What the host keeps for an instance, and the functions that every step may call: the log and the counters.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::limiter::Limiter;
use super::wasi;
use crate::bindings::callboard::step::{columns, counters, log, types};
use crate::error::LimitExceeded;
use crate::events::{Event, Level, Observer};
use crate::meter::Held;

/// Lines that one instance may log, and their bytes in all.
const LOG_LINES: u64 = 100_000;
const LOG_BYTES: u64 = 16 << 20;
/// Different counters of one instance, and the bytes of a counter's name.
const COUNTERS: usize = 1_000;
const COUNTER_NAME: usize = 200;
/// Of what a step says, as much is kept for an error's message, bytes.
pub(super) const SAID: usize = 4 << 10;

/// The state of a store.
pub(crate) struct State {
    pub(super) limiter: Limiter,
    pub(super) table: ResourceTable,
    wasi: WasiCtx,
    stderr: MemoryOutputPipe,
    stderr_seen: usize,
    step: Arc<str>,
    observer: Observer,
    lines: u64,
    bytes: u64,
    said: Option<String>,
    counters: BTreeMap<String, i64>,
}

impl State {
    pub(crate) fn new(step: Arc<str>, memory: u64, held: Held, seed: u64, observer: Observer) -> State {
        let (wasi, stderr) = wasi::inert(seed);
        State {
            limiter: Limiter::new(memory, held),
            table: ResourceTable::new(),
            wasi,
            stderr,
            stderr_seen: 0,
            step,
            observer,
            lines: 0,
            bytes: 0,
            said: None,
            counters: BTreeMap::new(),
        }
    }

    /// The counters so far; they begin again at nothing.
    pub(crate) fn take_counters(&mut self) -> BTreeMap<String, i64> {
        std::mem::take(&mut self.counters)
    }

    /// Tells of rows that a global step read or put out.
    pub(super) fn moved(&self, rows_in: u64, rows_out: u64) {
        self.observer.tell(Event::Rows { step: self.step.clone(), rows_in, rows_out });
    }

    /// Forgets what the step said before the call that now begins.
    pub(super) fn begin_call(&mut self) {
        self.said = None;
        self.stderr_seen = self.stderr.contents().len();
    }

    /// What the step said during a call that failed: its last error in the log, or its standard error.
    pub(super) fn said(&mut self) -> Option<String> {
        let stderr = self.stderr.contents();
        let written = String::from_utf8_lossy(&stderr[self.stderr_seen.min(stderr.len())..]);
        let written = written.trim();
        let tail = written.char_indices().rev().nth(SAID).map_or(0, |(at, _)| at);
        self.said.take().or_else(|| (!written.is_empty()).then(|| written[tail..].to_owned()))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let exceeded = |what, limit, present, requested| {
            Err(wasmtime::Error::new(LimitExceeded { what, limit, present, requested, key: None }))
        };
        if self.lines >= LOG_LINES {
            return exceeded("lines of log", LOG_LINES, self.lines, 1);
        }
        if self.bytes + message.len() as u64 > LOG_BYTES {
            return exceeded("bytes of log", LOG_BYTES, self.bytes, message.len() as u64);
        }
        self.lines += 1;
        self.bytes += message.len() as u64;
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        if level == Level::Error {
            self.said = Some(message[..message.floor_char_boundary(SAID)].to_owned());
        }
        self.observer.tell(Event::Log { step: self.step.clone(), level, message });
        Ok(())
    }
}

impl counters::Host for State {
    fn add(&mut self, name: String, amount: i64) -> wasmtime::Result<()> {
        let exceeded = |what, limit: usize, present: usize, requested: usize| {
            let (limit, present, requested) = (limit as u64, present as u64, requested as u64);
            Err(wasmtime::Error::new(LimitExceeded { what, limit, present, requested, key: None }))
        };
        if name.len() > COUNTER_NAME {
            return exceeded("bytes of a counter's name", COUNTER_NAME, 0, name.len());
        }
        if self.counters.len() >= COUNTERS && !self.counters.contains_key(&name) {
            return exceeded("counters", COUNTERS, self.counters.len(), 1);
        }
        let counter = self.counters.entry(name).or_default();
        *counter = counter.saturating_add(amount);
        Ok(())
    }
}

impl columns::Host for State {}
impl types::Host for State {}
