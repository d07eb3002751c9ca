//! One component in its sandbox: compiled, mapped, instantiated under hard limits, called with Arrow rows, and gone.
//!
//! 1. A [`CompileCommand`] compiles it in a confined process of its own, into a [`Cache`]; [`compile_here`] does so in this process.
//! 2. A [`Sandbox`] maps the [`Artefact`]: a [`Loaded`] component, from which instances are made.
//! 3. An [`Instance`] is made with an [`InstanceConfig`]: limits, what it may [`Reach`], where its log goes.
//! 4. It [declares](Instance::declare) what it reads and writes, which [`Bound`] resolves against the columns that there are;
//!    then it is opened and called. What it returns has been through [`checked`] or [`lift_within`] before anybody uses it.
//!
//! [`Step`] does all of that for batches in memory. Pipelines, stages, spills and runs are unknown here.
//!
//! ```
//! use arrow::array::RecordBatch;
//! use callboard_sandbox::{Fault, InstanceConfig, Step};
//! use std::time::Duration;
//!
//! /// Runs a component that is a transform on a batch, with 64 MiB and five seconds a call.
//! fn transform(component: &[u8], settings: &str, batch: &RecordBatch) -> Result<RecordBatch, Fault> {
//!     let config = InstanceConfig::new("step").memory(64 << 20).time(Duration::from_secs(5));
//!     Ok(Step::open(component, settings, &batch.schema(), config)?.process(batch)?.rows)
//! }
//!
//! // Whatever is not a component is an error.
//! let batch = RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()));
//! assert!(transform(b"no component", "{}", &batch).is_err());
//! ```

mod alone;
mod artefact;
mod bindings;
mod bound;
mod cache;
mod columns;
mod compile;
mod engine;
mod error;
mod events;
mod exchange;
mod gathering;
mod guard;
mod http;
mod instance;
mod meter;
mod private;
mod reach;
mod refused;
mod returnable;
mod returned;

pub use alone::{Done, Step};
pub use artefact::Artefact;
pub use bindings::callboard::step::columns::BatchResult;
pub use bindings::callboard::step::exchange::Run;
pub use bindings::callboard::step::types::{Fate, Removal as Removals};
pub use bindings::exports::callboard::step::manifest::Manifest;
pub use bindings::exports::callboard::step::transform::Output;
pub use bound::{Bound, Declared, Origin, Renamed, View, columns_of, is_hidden, some_columns_of, stamp_name};
pub use cache::{Cache, Compiled, cache_dir};
pub use callboard_words::sizes::bytes;
pub use callboard_words::text::{hex, in_a_line, plain};
#[cfg(feature = "fuzzing")]
pub use columns::fuzz_columns;
pub use columns::{Flat, ORIGIN, display, lift_within, native, native_schema, record_batch, whole_offsets};
pub use compile::{CompileCommand, compile_file, compile_here};
pub use error::{BudgetExceeded, Class, Fault, LimitExceeded, SaidKind, SandboxError};
pub use events::{Event, Level, Observer};
pub use exchange::{RowReader, RowWriter, Rows};
pub use gathering::{Gathered, Gathering, Order};
pub use guard::{caught, panicked, spawn, spawn_scoped};
pub use http::{
    Batch, BatchCalls, Batches, CallKey, Calls, Deferred, Form, Group, Journal, Question, Reply, ServerCalls, Shelf,
    StepCalls, Unanswered,
};
pub use instance::{
    Allowance, COUNTERS, Instance, InstanceConfig, Loaded, LogLimits, Look, Profile, Profiles, Sandbox,
};
pub use meter::{Full, Gauge, Held};
pub use reach::Reach;
pub use refused::no_memory;
pub use returnable::Returnable;
pub use returned::{Removal, Returned, checked, clipped};
