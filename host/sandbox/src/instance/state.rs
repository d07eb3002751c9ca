//! What the host keeps for an instance, and the functions that every step may call: the log and the counters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::limiter::Limiter;
use super::log::Log;
use super::profile::Sampling;
use super::{InstanceConfig, wasi};
use crate::bindings::callboard::step::{columns, counters, log, types};
use crate::error::LimitExceeded;
use crate::events::{Event, Level, Observer};
use crate::http::{Requests, Waiting};
use crate::meter::Held;

/// Different counters of one instance, and the bytes of a counter's name.
pub const COUNTERS: usize = 1_000;
const COUNTER_NAME: usize = 200;
/// What an instance may hold of the host at one moment: open files, streams, requests, readers.
pub(super) const RESOURCES: usize = 500;
/// The bytes of one set of HTTP headers, as they lie in memory.
const HEADERS: usize = 64 << 10;

/// The state of a store.
pub(crate) struct State {
    pub(super) limiter: Limiter,
    pub(super) table: ResourceTable,
    pub(super) log: Log,
    /// Time of the host's own work on rows that a global step asked for: reading them, carrying them on.
    pub(super) hosting: Duration,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(super) requests: Requests,
    /// How long this call waited for requests that the host sends.
    pub(super) waiting: Waiting,
    /// Whether a call since this was last asked rejected rows for a reason that passes.
    pub(super) tries_again: bool,
    /// Whether this call may send requests.
    pub(super) may_ask: bool,
    /// The most bytes that it may be handed in one call.
    pub(super) returned: u64,
    /// Cancelled when nothing more is to be sent.
    pub(super) interrupt: CancellationToken,
    step: Arc<str>,
    observer: Observer,
    counters: BTreeMap<String, i64>,
    pub(super) sampling: Option<Sampling>,
}

impl State {
    pub(crate) fn new(config: &InstanceConfig) -> wasmtime::Result<State> {
        let log = Log::new(config.step.clone(), config.observer.clone(), config.log);
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADERS);
        Ok(State {
            limiter: Limiter::new(config.memory, config.budget, Held::nothing(config.gauge.clone())),
            table,
            wasi: wasi::context(config.seed, &config.reach, &log)?,
            log,
            hosting: Duration::ZERO,
            http,
            requests: config.reach.requests.of_instance(),
            waiting: Waiting::default(),
            may_ask: false,
            tries_again: false,
            returned: config.returned,
            interrupt: config.interrupt.clone(),
            step: config.step.clone(),
            observer: config.observer.clone(),
            counters: BTreeMap::new(),
            sampling: None,
        })
    }

    /// The counters so far; they begin again at nothing.
    pub(crate) fn take_counters(&mut self) -> BTreeMap<String, i64> {
        std::mem::take(&mut self.counters)
    }

    /// Counts the time since then as the host's own.
    pub(super) fn hosted(&mut self, began: Instant) {
        self.hosting += began.elapsed();
    }

    /// Tells of rows that a global step read or put out.
    pub(super) fn moved(&self, rows_in: u64, rows_out: u64) {
        self.observer.tell(Event::Rows { step: self.step.clone(), rows_in, rows_out });
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.requests, table: &mut self.table, ctx: &mut self.http }
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log.write(level, message).map_err(wasmtime::Error::new)
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
