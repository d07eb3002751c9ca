//! WASI, linked for everybody, and inert but for what is granted: no folders, no addresses, no variables; clocks stand still,
//! randomness is the run's seed.
//!
//! A step may sleep whether or not its clocks go. Sleeping takes real time and ends with the call's time limit at the latest;
//! on a clock that stands still no time has passed afterwards.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_io::bindings::wasi::io::error;

use super::log::Log;
use super::state::State;
use crate::reach::Reach;

/// 2000-01-01T00:00:00Z: a moment that no certificate or format refuses, and that nobody takes for now.
const STANDSTILL: Duration = Duration::from_secs(946_684_800);

struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn now(&self) -> Duration {
        STANDSTILL
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        // Go's runtime takes a clock that shows zero for one that is broken.
        1
    }
}

/// Clocks that go, for a step that was granted them.
struct GoingClock {
    /// When the monotonic clock began.
    since: Instant,
}

impl HostWallClock for GoingClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl HostMonotonicClock for GoingClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The errors of streams. Wasmtime's own words for them hold the host's backtrace where `RUST_BACKTRACE` is set.
struct Errors<'a>(&'a mut ResourceTable);

struct HasErrors;

impl HasData for HasErrors {
    type Data<'a> = Errors<'a>;
}

impl error::Host for Errors<'_> {}

impl error::HostError for Errors<'_> {
    fn to_debug_string(&mut self, error: Resource<error::Error>) -> wasmtime::Result<String> {
        Ok(format!("{:#}", self.0.get(&error)?))
    }

    fn drop(&mut self, error: Resource<error::Error>) -> wasmtime::Result<()> {
        self.0.delete(error)?;
        Ok(())
    }
}

/// Lets a component learn what went wrong with a stream, and nothing of the host.
pub(super) fn errors_in_words(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    error::add_to_linker::<State, HasErrors>(linker, |state| Errors(&mut state.table))?;
    linker.allow_shadowing(false);
    Ok(())
}

/// A context that grants what `reach` holds and nothing else; what is written to its standard streams goes to `log`.
pub(super) fn context(seed: u64, reach: &Reach, log: &Log) -> wasmtime::Result<WasiCtx> {
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(log.stdout())
        .stderr(log.stderr())
        .envs(&reach.variables)
        .secure_random(StdRng::seed_from_u64(seed))
        .insecure_random(StdRng::seed_from_u64(!seed))
        .insecure_random_seed(u128::from(seed))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    match reach.clock {
        true => builder
            .wall_clock(GoingClock { since: Instant::now() })
            .monotonic_clock(GoingClock { since: Instant::now() }),
        false => builder.wall_clock(StoppedClock).monotonic_clock(StoppedClock),
    };
    for folder in &reach.folders {
        builder.preopened_dir(folder.path(), &folder.name, folder.permissions)?;
    }
    Ok(builder.build())
}
