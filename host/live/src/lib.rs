//! A run while it goes on, for whoever is not at its terminal.
//!
//! 1. The runtime lets other threads look at a run through a [`Window`](callboard_runtime::Window); nothing is done until they do.
//! 2. A [`Server`] looks when it is asked: it answers with the report's page, which keeps itself up to date, and with metrics in
//!    Prometheus' text.
//! 3. [`Telemetry`] looks every ten seconds and at the end of each stage: it sends the same metrics, and a span for the run, each
//!    stage and each step, to a collector of OpenTelemetry.
//!
//! The metrics are made of the report alone, in `figures`, so their sums continue where a run is resumed.

#![forbid(unsafe_code)]

mod figures;
mod guard;
mod otlp;
mod prometheus;
mod serve;

pub use otlp::{Settings as TelemetrySettings, Telemetry, TelemetryError};
pub use serve::Server;
