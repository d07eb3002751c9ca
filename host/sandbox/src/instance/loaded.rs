//! A component in memory: mapped, linked, ready to be instantiated.

use std::time::Duration;

use callboard_plan::Kind;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Store, UpdateDeadline};

use super::call::{Call, Runtime, drive};
use super::config::InstanceConfig;
use super::profile::{self, Sampling};
use super::state::State;
use super::{Exports, Instance, files, wasi};
use crate::artefact::Artefact;
use crate::bindings::EveryStep;
use crate::bindings::callboard::step::types::Error as SaidError;
use crate::bindings::exports::callboard::step::{global, manifest, source, transform};
use crate::bindings::v0_1::exports::callboard::step as v0_1;
use crate::engine::Running;
use crate::error::{Fault, SandboxError};
use crate::refused;
use callboard_words::text::plain;

/// The engine that runs, and all that a component may import: the contract's functions, and WASI, inert but for what is granted.
pub struct Sandbox {
    linker: Linker<State>,
    running: Running,
}

/// A compiled component, mapped and linked, from which instances are made. Its code is unmapped when this and all its instances are gone.
pub struct Loaded {
    pre: InstancePre<State>,
    kind: Kind,
}

impl Sandbox {
    /// Starts the engine.
    ///
    /// # Errors
    ///
    /// Threads or memory that the system refuses.
    pub fn new() -> Result<Sandbox, SandboxError> {
        Sandbox::try_new(false).map_err(|error| refused::engine(&error))
    }

    /// As [`Sandbox::new`], for instances that may be profiled.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn profiling() -> Result<Sandbox, SandboxError> {
        Sandbox::try_new(true).map_err(|error| refused::engine(&error))
    }

    fn try_new(profiles: bool) -> wasmtime::Result<Sandbox> {
        let running = Running::new(profiles)?;
        let mut linker = Linker::new(&running.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasi::errors_in_words(&mut linker)?;
        files::narrow(&mut linker)?;
        // The planner refuses a component that imports HTTP without a grant, and without one each request is refused here too.
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        EveryStep::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        super::v0_1::add_to_linker(&mut linker)?;
        Ok(Sandbox { linker, running })
    }

    /// Maps what [`compile_file`](crate::compile_file) made.
    ///
    /// # Errors
    ///
    /// What another version of wasmtime made, and memory that the system refuses ([`no_memory`](crate::no_memory)).
    pub fn load(&self, artefact: &Artefact, kind: Kind) -> wasmtime::Result<Loaded> {
        let engine = &self.running.engine;
        // SAFETY: these are the bytes of an artefact of `compile_file`, checked against their checksum, from a folder that only this user
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
    /// Whether it exports this interface of the contract as it was in 0.1.
    fn is_of_0_1(&self, interface: &str) -> bool {
        self.pre.component().get_export_index(None, format!("callboard:step/{interface}@0.1.0")).is_some()
    }

    /// What the component declares, asked in this instance of it.
    ///
    /// # Errors
    ///
    /// A component that has no `manifest`, or whose call fails.
    pub fn describe(&self, instance: &mut Instance) -> Result<manifest::Manifest, Fault> {
        let lacks = |error: wasmtime::Error| Fault::Contract(format!("it does not describe itself: {error:#}"));
        if self.is_of_0_1("manifest") {
            let indices = v0_1::manifest::GuestIndices::new(&self.pre).map_err(lacks)?;
            let guest = indices.load(&mut instance.store, &instance.linked).map_err(lacks)?;
            return instance.call(Call::Describe, async |store, _| {
                Ok(Ok::<_, SaidError>(guest.call_describe(store).await?.into()))
            });
        }
        let indices = manifest::GuestIndices::new(&self.pre).map_err(lacks)?;
        let guest = indices.load(&mut instance.store, &instance.linked).map_err(lacks)?;
        instance.call(Call::Describe, async |store, _| Ok(Ok::<_, SaidError>(guest.call_describe(store).await?)))
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// A component that does not start within its limits.
    pub fn instantiate(&self, config: &InstanceConfig) -> Result<Instance, Fault> {
        let host = |error: &dyn std::fmt::Display| Fault::Host(format!("cannot make an instance: {error}"));
        let state = State::new(config).map_err(|error| Fault::Host(format!("{error:#}")))?;
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(1);
        match &config.profiles {
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
        let made = drive(&runtime, &mut store, config, Call::Start, async |store| {
            let instance = pre.instantiate_async(&mut *store).await?;
            macro_rules! exports {
                ($interface:path, $exports:path) => {{
                    use $interface as of_kind;
                    of_kind::GuestIndices::new(pre).and_then(|at| Ok($exports(at.load(&mut *store, &instance)?)))
                }};
            }
            let exports = match (kind, self.is_of_0_1(kind.as_str())) {
                (Kind::Transform, false) => exports!(transform, Exports::Transform),
                (Kind::Global, false) => exports!(global, Exports::Global),
                (Kind::Source, false) => exports!(source, Exports::Source),
                (Kind::Transform, true) => exports!(v0_1::transform, Exports::Transform01),
                (Kind::Global, true) => exports!(v0_1::global, Exports::Global01),
                (Kind::Source, true) => exports!(v0_1::source, Exports::Source01),
            };
            let exports = exports.map_err(|error| Fault::Contract(format!("it is not a complete step: {error:#}")))?;
            Ok((instance, exports))
        });
        let (linked, exports) = made?;
        Ok(Instance { linked, exports, store, runtime, config: config.clone(), busy: Duration::ZERO })
    }
}
