//! Wasmtime's settings: one engine that compiles, in a child process, and one that runs, with no compiler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use callboard_plan::Nans;
use wasmtime::{Config, Engine, OptLevel};

/// How often a running component is asked whether its time is over.
const TICK: Duration = Duration::from_millis(10);
/// How often where a step is profiled: a sample is taken then.
pub(crate) const SAMPLED: Duration = Duration::from_millis(1);

/// All that decides what a compiled component is, besides wasmtime's version and the machine.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The stack of a component, bytes: the engine's, the same for every step.
    pub(crate) wasm_stack: usize,
    epoch_interruption: bool,
    relaxed_simd_deterministic: bool,
    memory64: bool,
    wide_arithmetic: bool,
}

/// The settings of both engines; as text, a part of the cache's key.
pub(crate) const SETTINGS: Settings = Settings {
    wasm_stack: 1 << 20,
    epoch_interruption: true,
    relaxed_simd_deterministic: true,
    memory64: false,
    wide_arithmetic: true,
};

/// How much of the process's address space one linear memory takes. Compiled code depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    /// All that 32 bits can address, and guards around it, untouched: no access needs a check of its bounds, and no growth moves the
    /// memory. 4 GiB for each instance, of which only what a step uses is ever backed by memory.
    Whole,
    /// What the memory has, and a little to grow into. Each access is checked by the code itself, which costs a step about a third more
    /// time, and a memory that outgrows its place is copied.
    Small,
}

/// What a memory with a small reservation can grow by before it is copied.
const ROOM_TO_GROW: u64 = 32 << 20;
/// Behind a memory with a small reservation, so that accesses at a constant distance share one check.
const SMALL_GUARD: u64 = 64 << 10;

impl Reservation {
    /// What this process can afford: a limit on its address space (`ulimit -v`) leaves no room for memories that take 4 GiB each.
    pub(crate) fn of_this_process() -> Reservation {
        match address_space_limit() {
            None => Reservation::Whole,
            Some(_) => Reservation::Small,
        }
    }
}

/// The limit on this process's address space (`ulimit -v`), bytes, if there is one.
pub(crate) fn address_space_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// What both engines have in common. Compiler settings are not among it: an engine without a compiler refuses them.
fn shared(reservation: Reservation) -> Config {
    let mut config = Config::new();
    if reservation == Reservation::Small {
        config.memory_reservation(0);
        config.memory_reservation_for_growth(ROOM_TO_GROW);
        config.memory_guard_size(SMALL_GUARD);
    }
    config.epoch_interruption(SETTINGS.epoch_interruption);
    config.max_wasm_stack(SETTINGS.wasm_stack);
    config.async_stack_size(SETTINGS.wasm_stack + (1 << 20));
    config.relaxed_simd_deterministic(SETTINGS.relaxed_simd_deterministic);
    config.wasm_memory64(SETTINGS.memory64);
    config.wasm_wide_arithmetic(SETTINGS.wide_arithmetic);
    config
}

/// The engine that compiles.
pub(crate) fn compiling(reservation: Reservation, nans: Nans) -> wasmtime::Result<Engine> {
    let mut config = shared(reservation);
    config.cranelift_opt_level(OptLevel::Speed);
    config.cranelift_nan_canonicalization(nans == Nans::Canonical);
    Engine::new(&config)
}

/// The engine that runs what another process compiled, and the thread that moves its epoch on.
pub(crate) struct Running {
    pub(crate) engine: Engine,
    stop: Arc<AtomicBool>,
    ticker: Option<JoinHandle<()>>,
}

impl Running {
    /// `profiles`: whether components are to be sampled.
    pub(crate) fn new(profiles: bool) -> wasmtime::Result<Running> {
        let mut config = shared(Reservation::of_this_process());
        config.enable_compiler(false);
        let engine = Engine::new(&config)?;
        let stop = Arc::new(AtomicBool::new(false));
        let tick = if profiles { SAMPLED } else { TICK };
        let ticker = std::thread::Builder::new().spawn({
            let (engine, stop) = (engine.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::park_timeout(tick);
                    engine.increment_epoch();
                }
            }
        })?;
        Ok(Running { engine, stop, ticker: Some(ticker) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            let _ = ticker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Instance, Module, Store};

    use super::*;

    /// What a function of two modules gives, one compiled for each way to make NaNs.
    fn given(nans: Nans, call: &str, given: [f32; 3]) -> u32 {
        let module = wat::parse_str(
            r#"(module
                (func (export "divided") (param f32 f32 f32) (result i32)
                    (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 1))))
                (func (export "multiplied") (param f32 f32 f32) (result i32)
                    (i32x4.extract_lane 0 (f32x4.relaxed_madd
                        (f32x4.splat (local.get 0)) (f32x4.splat (local.get 1)) (f32x4.splat (local.get 2))))))"#,
        );
        let engine = compiling(Reservation::of_this_process(), nans).unwrap();
        let module = Module::new(&engine, module.unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let function = instance.get_typed_func::<(f32, f32, f32), u32>(&mut store, call).unwrap();
        function.call(&mut store, given.into()).unwrap()
    }

    /// A wrong outcome would be other bytes on another processor.
    #[test]
    fn floats_are_those_of_every_machine() {
        assert_eq!(given(Nans::Canonical, "divided", [0.0, 0.0, 0.0]), 0x7fc0_0000);
        if cfg!(target_arch = "x86_64") {
            assert_eq!(given(Nans::Native, "divided", [0.0, 0.0, 0.0]), 0xffc0_0000, "canonical ones cost nothing");
        }
        let (a, b) = (1.0 + f32::EPSILON, 1.0 - f32::EPSILON);
        for nans in [Nans::Canonical, Nans::Native] {
            assert_eq!(given(nans, "multiplied", [a, b, -1.0]), a.mul_add(b, -1.0).to_bits(), "it is rounded once");
        }
        assert_ne!(a.mul_add(b, -1.0), a * b - 1.0);
    }
}
