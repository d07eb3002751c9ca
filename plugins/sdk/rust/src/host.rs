//! What a step may say to the host besides its rows: log lines and counters. Natively, log lines go to standard error.

use crate::raw::log;

/// How much a log line matters.
pub use crate::raw::log::Level;

/// Writes a log line; [`trace!`](crate::trace), [`debug!`](crate::debug), [`info!`](crate::info), [`warn!`](crate::warn)
/// and [`error!`](crate::error) do so with a format.
pub fn log(level: Level, message: &str) {
    if cfg!(target_arch = "wasm32") {
        log::write(level, message);
    } else {
        #[allow(clippy::print_stderr, reason = "there is no host to log to")]
        {
            eprintln!("{level:?}: {message}");
        }
    }
}

/// Adds to a number that adds up over a run, in the report and in the metrics: tokens, calls, cost. Natively, does nothing.
pub fn count(name: &str, amount: i64) {
    if cfg!(target_arch = "wasm32") {
        crate::raw::counters::add(name, amount);
    }
}

/// Lets a panic reach the host before it traps: what it says, and where it came from. The exported functions see to it; only
/// a step on the raw bindings has to. Natively, does nothing.
pub fn report_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    if cfg!(target_arch = "wasm32") {
        ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| log::write(Level::Error, &panic.to_string()))));
    }
}

macro_rules! levels {
    ($dollar:tt, $($name:ident $level:ident),*) => {$(
        #[doc = concat!("Writes a log line of the level `", stringify!($name), "`, with a format as in `format!`.")]
        #[macro_export]
        macro_rules! $name {
            ($dollar($format:tt)+) => { $crate::log($crate::Level::$level, &::std::format!($dollar($format)+)) };
        }
    )*};
}

levels!($, trace Trace, debug Debug, info Info, warn Warn, error Error);
