//! A global step that breaks the contract in whichever way it is told, on the raw bindings.
//!
//! Told nothing, it is honest: it reads the column `text` of the first input, and keeps every row.

use std::cell::Cell;
use std::hint::black_box;

use callboard_sdk::raw::columns::{Array, Batch, Bytes, Column, Values};
use callboard_sdk::raw::global::callboard::step::exchange::{Reader, Writer};
use callboard_sdk::raw::global::exports::callboard::step::global::{Guest, Shape};
use callboard_sdk::raw::types::{Error, ErrorKind, Fate, Removal};
use schemars::JsonSchema;
use serde::Deserialize;

/// What to do.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to do; nothing bad by default.
    misdeed: Option<Misdeed>,
}

/// A way to break the contract, or to be a burden within it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is named after what it does")]
pub enum Misdeed {
    // in `declare`
    /// Reads from an input more than there are.
    ReadOtherInput,

    // in `run`: deeds
    Trap,
    Panic,
    Loop,
    /// Calls the host for ever.
    LoopReading,
    /// Takes memory without end.
    Memory,
    Error,
    /// Puts out all rows, and fails then.
    ErrorAtEnd,

    // in `run`: calls that the contract does not allow
    KeepOutOfRange,
    /// Puts out columns that were not declared.
    KeepUnwrittenColumns,
    /// Declares a column, and puts out rows without it.
    KeepWithoutColumns,
    /// Puts out fewer values than rows.
    KeepTooFewValues,
    /// Puts out new rows, though columns of the input are carried.
    WriteWhileCarrying,
    SeekBeyond,
    RemoveOutOfRange,
    RemoveAndKeep,
    RemoveTwice,

    // in `run`: allowed, and at times unwelcome
    /// Puts out nothing, and removes nothing.
    Nothing,
    /// Puts out every row a thousand times.
    KeepMany,
    /// Puts out every row, the last first.
    KeepBackwards,
}

thread_local!(static CONFIG: Cell<Config> = const { Cell::new(Config { misdeed: None }) });

/// The step.
pub struct Hostile;

impl Guest for Hostile {
    fn declare(config: String, inputs: Vec<Batch>) -> Result<Shape, Error> {
        let mut reads = vec![vec![]; inputs.len()];
        if let Some(first) = reads.first_mut() {
            first.push("text".to_owned());
        }
        let mut writes = Batch { rows: 0, columns: vec![], arrays: vec![] };
        match parse(&config)?.misdeed {
            Some(Misdeed::ReadOtherInput) => reads.push(vec!["text".to_owned()]),
            Some(Misdeed::KeepWithoutColumns | Misdeed::KeepTooFewValues) => writes = batch(0),
            _ => {}
        }
        Ok(Shape { reads, writes, drops: vec![] })
    }

    fn open(config: String, _inputs: Vec<Batch>) -> Result<(), Error> {
        CONFIG.set(parse(&config)?);
        Ok(())
    }

    fn run(inputs: Vec<Reader>, output: Writer) -> Result<(), Error> {
        let input = &inputs[0];
        let rows = input.rows();
        let all: Vec<u64> = (0..rows).collect();
        match CONFIG.get().misdeed {
            Some(Misdeed::Trap) => std::process::abort(),
            Some(Misdeed::Panic) => panic!("told to panic"),
            Some(Misdeed::Loop) => loop {
                black_box(());
            },
            Some(Misdeed::LoopReading) => loop {
                while black_box(input.next()).is_some() {}
                input.seek(0);
            },
            Some(Misdeed::Memory) => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1_u8; 16 << 20]);
                    black_box(&taken);
                }
            }
            Some(Misdeed::Error) => return Err(error(ErrorKind::Failed, "told to fail".into())),
            Some(Misdeed::ErrorAtEnd) => {
                output.keep(&all, None);
                return Err(error(ErrorKind::Failed, "told to fail at the end".into()));
            }
            Some(Misdeed::KeepOutOfRange) => output.keep(&[rows], None),
            Some(Misdeed::KeepUnwrittenColumns) => output.keep(&[0], Some(&batch(1))),
            Some(Misdeed::KeepTooFewValues) => output.keep(&all, Some(&batch(rows as u32 - 1))),
            Some(Misdeed::WriteWhileCarrying) => output.write(&batch(1)),
            Some(Misdeed::SeekBeyond) => input.seek(rows + 1),
            Some(Misdeed::RemoveOutOfRange) => output.remove(&[removal(rows)]),
            Some(Misdeed::RemoveAndKeep) => {
                output.keep(&all, None);
                output.remove(&[removal(0)]);
            }
            Some(Misdeed::RemoveTwice) => output.remove(&[removal(0), removal(0)]),
            Some(Misdeed::Nothing) => {}
            Some(Misdeed::KeepMany) => (0..1000).for_each(|_| output.keep(&all, None)),
            Some(Misdeed::KeepBackwards) => output.keep(&all.iter().rev().copied().collect::<Vec<_>>(), None),
            Some(Misdeed::ReadOtherInput | Misdeed::KeepWithoutColumns) | None => output.keep(&all, None),
        }
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
mod exported {
    use super::{Config, Hostile};

    callboard_sdk::__manifest!(Hostile, Config);
    callboard_sdk::raw::global::export_global!(Hostile with_types_in callboard_sdk::raw::global);
}

fn parse(config: &str) -> Result<Config, Error> {
    callboard_sdk::report_panics();
    callboard_sdk::config::parse(config)
        .map_err(|wrong| Error { at: wrong.at, ..error(ErrorKind::Config, wrong.message) })
}

fn error(kind: ErrorKind, message: String) -> Error {
    Error { kind, message, at: None }
}

fn removal(row: u64) -> Removal {
    Removal { row, fate: Fate::Dropped, reason: "told to".into() }
}

/// A column `forged` of empty texts.
fn batch(rows: u32) -> Batch {
    let values = Values::Utf8(Bytes { offsets: vec![0; rows as usize + 1], data: vec![] });
    let array = Array { length: rows, validity: None, values, logical: None };
    Batch { rows, columns: vec![Column { name: "forged".into(), values: 0 }], arrays: vec![array] }
}
