//! A transform that breaks the contract in whichever way it is told, on the raw bindings: the safe layer would not let it.
//!
//! Told nothing, it is honest: it reads the column `text`, and writes it back unchanged.
#![forbid(unsafe_code)]

mod lies;
mod misdeed;

use std::cell::{Cell, RefCell};

use callboard_sdk::raw::columns::{Batch, Values};
use callboard_sdk::raw::transform::exports::callboard::step::transform::{Guest, Output, Shape};
use callboard_sdk::raw::types::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::Deserialize;

pub use misdeed::Misdeed;

/// What to do, and when.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to do; nothing bad by default.
    misdeed: Option<Misdeed>,
    /// Which call to `process` to do it in, from 0, counted in each instance; every one by default.
    at_batch: Option<u64>,
    /// The row of the batch that it is about, where it is about one.
    at_row: u32,
    /// Do it only in batches with a row whose text contains this.
    on_text: Option<String>,
}

thread_local! {
    static CONFIG: RefCell<Config> = RefCell::default();
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The step.
pub struct Hostile;

impl Guest for Hostile {
    fn declare(config: String, _input: Batch) -> Result<Shape, Error> {
        let config = parse(&config)?;
        misdeed::in_declare(&config)
    }

    fn open(config: String, _input: Batch) -> Result<(), Error> {
        let config = parse(&config)?;
        misdeed::in_open(&config)?;
        CONFIG.set(config);
        Ok(())
    }

    fn process(input: Batch) -> Result<Output, Error> {
        let config = CONFIG.with_borrow(Clone::clone);
        let call = CALLS.replace(CALLS.get() + 1);
        let due = config.at_batch.is_none_or(|batch| batch == call)
            && config.on_text.as_ref().is_none_or(|text| contains(&input, text));
        match config.misdeed {
            Some(misdeed) if due => misdeed::in_process(misdeed, &config, input),
            // Some misdeeds are declared beforehand, and honesty has to be of that shape too.
            _ => Ok(lies::honest(config.misdeed, input)),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod exported {
    use super::{Config, Hostile};

    callboard_sdk::__manifest!(Hostile, Config);
    callboard_sdk::raw::transform::export_transform!(Hostile with_types_in callboard_sdk::raw::transform);
}

fn parse(config: &str) -> Result<Config, Error> {
    callboard_sdk::report_panics();
    callboard_sdk::config::parse(config).map_err(|error| Error {
        kind: ErrorKind::Config,
        message: error.message,
        at: error.at,
    })
}

fn contains(batch: &Batch, wanted: &str) -> bool {
    match batch.arrays.first().map(|array| &array.values) {
        Some(Values::Utf8(bytes)) => String::from_utf8_lossy(&bytes.data).contains(wanted),
        _ => false,
    }
}
