//! A component in memory, its instances, and the calls into them.

mod call;
mod exchange;
mod files;
mod http;
mod limiter;
mod log;
mod profile;
mod reach;
mod returnable;
mod state;
mod trap;
mod wasi;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callboard_plan::{Kind, PlannedStep};
use tokio_util::sync::CancellationToken;
use wasmtime::component::{Component, HasSelf, Instance as Linked, InstancePre, Linker, Resource};
use wasmtime::{Store, UpdateDeadline};

use call::{Call, Runtime, drive};
#[expect(unreachable_pub, reason = "the generated bindings re-export them")]
pub use exchange::{ReaderEnd, WriterEnd};
pub(crate) use exchange::{Sorting, WINDOW, Whole, Writing, bound_copies};
use log::LogLimits;
pub(crate) use profile::Profiles;
use profile::Sampling;
pub(crate) use reach::{Reach, resolve};
pub(crate) use returnable::Returnable;
pub(crate) use state::COUNTERS;
use state::State;

use crate::artefact::Artefact;
use crate::bindings::EveryStep;
use crate::bindings::callboard::step::types::Error as SaidError;
use crate::bindings::exports::callboard::step::{global, manifest, source, transform};
use crate::engine::Running;
use crate::error::{Fault, plain};
use crate::events::Observer;
use crate::flight::Flight;
use crate::meter::Gauge;

/// The engine that runs, and all that a component may import: the contract's functions, and WASI, inert but for what is granted.
pub(crate) struct Sandbox {
    linker: Linker<State>,
    running: Running,
}

/// A compiled component, mapped and linked, from which instances are made. Its code is unmapped when this and all its instances are gone.
pub(crate) struct Loaded {
    pre: InstancePre<State>,
    kind: Kind,
}

/// What an instance is made with.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) step: Arc<str>,
    pub(crate) memory: u64,
    /// Of all steps together, whatever this one may have.
    pub(crate) budget: Option<u64>,
    pub(crate) time: Duration,
    pub(crate) open: Duration,
    /// Bytes that it may hand the host in one call.
    pub(crate) returned: u64,
    pub(crate) log: LogLimits,
    pub(crate) reach: Arc<Reach>,
    pub(crate) seed: u64,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) observer: Observer,
    /// What a budget leaves.
    pub(crate) flight: Option<Arc<Flight>>,
    /// Where its profile goes, if it is to be profiled.
    pub(crate) profiles: Option<Arc<Profiles>>,
    /// Ends every call at once: the run failed, or there is no more time.
    pub(crate) cancel: CancellationToken,
    /// Ends calls that are not about to be done: a batch is finished.
    pub(crate) interrupt: CancellationToken,
}

impl Terms {
    /// Those of a step, with a gauge and tokens that are nobody else's.
    pub(crate) fn of(step: &PlannedStep, reach: Arc<Reach>, seed: u64, observer: Observer) -> Terms {
        let limits = &step.limits;
        Terms {
            step: Arc::from(step.name.as_str()),
            memory: limits.memory_bytes,
            budget: None,
            time: Duration::from_millis(limits.time_ms),
            open: Duration::from_millis(limits.open_ms),
            returned: limits.returned_bytes,
            log: LogLimits { lines: limits.log_lines, bytes: limits.log_bytes },
            reach,
            seed,
            gauge: Arc::default(),
            observer,
            flight: None,
            profiles: None,
            cancel: CancellationToken::new(),
            interrupt: CancellationToken::new(),
        }
    }
}

impl Terms {
    /// What the next call may hand the host.
    pub(crate) fn returnable(&self) -> Returnable {
        let limit = Returnable::of(self.returned);
        match self.flight.as_ref().and_then(|flight| flight.returnable()) {
            Some((left, budget)) => limit.within(left, budget),
            None => limit,
        }
    }
}

/// One instance, in a store of its own. After a call that failed it is not to be called again.
pub(crate) struct Instance {
    store: Store<State>,
    linked: Linked,
    exports: Exports,
    runtime: Runtime,
    terms: Terms,
    busy: Duration,
}

#[derive(Clone)]
enum Exports {
    Transform(transform::Guest),
    Global(global::Guest),
    Source(source::Guest),
}

impl Sandbox {
    /// `profiles`: whether instances are to be profiled.
    pub(crate) fn new(profiles: bool) -> wasmtime::Result<Sandbox> {
        let running = Running::new(profiles)?;
        let mut linker = Linker::new(&running.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasi::errors_in_words(&mut linker)?;
        files::narrow(&mut linker)?;
        // The planner refuses a component that imports HTTP without a grant, and without one each request is refused here too.
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        EveryStep::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        Ok(Sandbox { linker, running })
    }

    /// Maps what [`compile_file`](crate::compile_file) made.
    pub(crate) fn load(&self, artefact: &Artefact, kind: Kind) -> wasmtime::Result<Loaded> {
        let engine = &self.running.engine;
        // SAFETY: these are the bytes of an artefact of `compile_file`, held against their checksum, from a folder that only this user
        // and root can write (`cache_dir`, `Artefact::of`), in a copy that nobody can change: a sealed file in memory, or memory of
        // ours. Wasmtime checks its version and settings. Whoever can write that folder can run programs as this user.
        let component = unsafe {
            match artefact {
                Artefact::Sealed(memory) => Component::deserialize_file(engine, Artefact::path(memory))?,
                Artefact::Bytes(bytes) => Component::deserialize(engine, bytes)?,
            }
        };
        Ok(Loaded { pre: self.linker.instantiate_pre(&component)?, kind })
    }
}

impl Loaded {
    /// What the component says of itself, asked in this instance of it.
    pub(crate) fn describe(&self, instance: &mut Instance) -> Result<manifest::Manifest, Fault> {
        let lacks = |error: wasmtime::Error| Fault::Contract(format!("it does not describe itself: {error:#}"));
        let indices = manifest::GuestIndices::new(&self.pre).map_err(lacks)?;
        let guest = indices.load(&mut instance.store, &instance.linked).map_err(lacks)?;
        instance.call(Call::Describe, async |store, _| Ok(Ok(guest.call_describe(store).await?)))
    }

    /// Makes an instance.
    pub(crate) fn instantiate(&self, terms: &Terms) -> Result<Instance, Fault> {
        let host = |error: &dyn std::fmt::Display| Fault::Host(format!("cannot make an instance: {error}"));
        let state = State::new(terms).map_err(|error| Fault::Host(format!("{error:#}")))?;
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(1);
        match &terms.profiles {
            None => store.epoch_deadline_async_yield_and_update(1),
            Some(profiles) => {
                let sampling = Sampling::begin(self.pre.component(), profiles);
                store.data_mut().sampling = Some(sampling.map_err(|error| host(&format!("{error:#}")))?);
                store.epoch_deadline_callback(|store| {
                    profile::sample(store);
                    Ok(UpdateDeadline::Yield(1))
                });
            }
        }
        let runtime = Runtime::new().map_err(|error| host(&plain(&error)))?;
        let (pre, kind) = (&self.pre, self.kind);
        let made = drive(&runtime, &mut store, terms, Call::Start, async |store| {
            let instance = pre.instantiate_async(&mut *store).await?;
            let exports =
                match kind {
                    Kind::Transform => transform::GuestIndices::new(pre)
                        .and_then(|at| Ok(Exports::Transform(at.load(&mut *store, &instance)?))),
                    Kind::Global => global::GuestIndices::new(pre)
                        .and_then(|at| Ok(Exports::Global(at.load(&mut *store, &instance)?))),
                    Kind::Source => source::GuestIndices::new(pre)
                        .and_then(|at| Ok(Exports::Source(at.load(&mut *store, &instance)?))),
                };
            let exports = exports.map_err(|error| Fault::Contract(format!("it is no whole step: {error:#}")))?;
            Ok((instance, exports))
        });
        let (linked, exports) = made?;
        Ok(Instance { linked, exports, store, runtime, terms: terms.clone(), busy: Duration::ZERO })
    }
}

/// The functions of the contract. Each is the component's own; times, limits and errors are the host's.
impl Instance {
    fn call<R>(
        &mut self,
        call: Call,
        body: impl AsyncFnOnce(&mut Store<State>, Exports) -> wasmtime::Result<Result<R, SaidError>>,
    ) -> Result<R, Fault> {
        let began = Instant::now();
        let exports = self.exports.clone();
        let said = drive(&self.runtime, &mut self.store, &self.terms, call, async |store| body(store, exports).await);
        self.busy += began.elapsed();
        said?.map_err(Fault::from)
    }

    pub(crate) fn declare_transform(
        &mut self,
        config: &str,
        input: transform::SchemaParam<'_>,
    ) -> Result<transform::Shape, Fault> {
        self.call(Call::Declare, async |store, exports| exports.transform().call_declare(store, config, input).await)
    }

    pub(crate) fn declare_global(
        &mut self,
        config: &str,
        inputs: &[global::SchemaParam<'_>],
    ) -> Result<global::Shape, Fault> {
        self.call(Call::Declare, async |store, exports| exports.global().call_declare(store, config, inputs).await)
    }

    pub(crate) fn declare_source(&mut self, config: &str) -> Result<source::Schema, Fault> {
        self.call(Call::Declare, async |store, exports| exports.source().call_declare(store, config).await)
    }

    pub(crate) fn open_transform(&mut self, config: &str, input: transform::SchemaParam<'_>) -> Result<(), Fault> {
        self.call(Call::Open, async |store, exports| exports.transform().call_open(store, config, input).await)
    }

    pub(crate) fn open_global(&mut self, config: &str, inputs: &[global::SchemaParam<'_>]) -> Result<(), Fault> {
        self.call(Call::Open, async |store, exports| exports.global().call_open(store, config, inputs).await)
    }

    pub(crate) fn open_source(&mut self, config: &str, cursor: Option<&[u8]>) -> Result<(), Fault> {
        self.call(Call::Open, async |store, exports| exports.source().call_open(store, config, cursor).await)
    }

    pub(crate) fn process(&mut self, input: transform::BatchParam<'_>) -> Result<transform::Output, Fault> {
        self.call(Call::Process, async |store, exports| exports.transform().call_process(store, input).await)
    }

    pub(crate) fn next(&mut self) -> Result<Option<source::Page>, Fault> {
        self.call(Call::Next, async |store, exports| exports.source().call_next(store).await)
    }

    /// Runs a global step over its readers, and gives the writer back. However that ends, nothing of either stays in the
    /// instance: who reads behind the writer would wait for it as long as the instance lives.
    pub(crate) fn run(&mut self, readers: Vec<ReaderEnd>, writer: WriterEnd) -> (Result<(), Fault>, Option<WriterEnd>) {
        match self.try_run(readers, writer) {
            Ok((ran, writer)) => (ran, Some(writer)),
            Err(fault) => (Err(fault), None),
        }
    }

    fn try_run(&mut self, readers: Vec<ReaderEnd>, writer: WriterEnd) -> Result<(Result<(), Fault>, WriterEnd), Fault> {
        let host = |error: wasmtime::component::ResourceTableError| Fault::Host(error.to_string());
        let table = &mut self.store.data_mut().table;
        let mut inputs = Vec::with_capacity(readers.len());
        for reader in readers {
            inputs.push(table.push(reader).map_err(host)?);
        }
        let output = table.push(writer).map_err(host)?;
        let kept = Resource::<WriterEnd>::new_own(output.rep());
        let read: Vec<_> = inputs.iter().map(|reader| Resource::<ReaderEnd>::new_own(reader.rep())).collect();
        let ran = self.call(Call::Run, async |store, exports| exports.global().call_run(store, &inputs, output).await);
        let table = &mut self.store.data_mut().table;
        let writer = table.delete(kept).map_err(host);
        read.into_iter().try_for_each(|reader| table.delete(reader).map(drop)).map_err(host)?;
        Ok((ran, writer?))
    }

    /// What it may hand the host in one call.
    pub(crate) fn returnable(&self) -> Returnable {
        self.terms.returnable()
    }

    /// Linear memory, and tables, that it holds now, bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.store.data().limiter.held()
    }

    /// The counters since the last time they were taken.
    pub(crate) fn take_counters(&mut self) -> BTreeMap<String, i64> {
        self.store.data_mut().take_counters()
    }

    /// Time spent in calls, crossing included, since the last time it was taken.
    pub(crate) fn take_busy(&mut self) -> Duration {
        std::mem::take(&mut self.busy)
    }

    /// Of that, the host's own work on rows that a global step asked for, likewise.
    pub(crate) fn take_hosting(&mut self) -> Duration {
        std::mem::take(&mut self.store.data_mut().hosting)
    }
}

impl Exports {
    fn transform(&self) -> &transform::Guest {
        match self {
            Exports::Transform(guest) => guest,
            _ => unreachable!("a transform is called as one"),
        }
    }

    fn global(&self) -> &global::Guest {
        match self {
            Exports::Global(guest) => guest,
            _ => unreachable!("a global step is called as one"),
        }
    }

    fn source(&self) -> &source::Guest {
        match self {
            Exports::Source(guest) => guest,
            _ => unreachable!("a source is called as one"),
        }
    }
}
