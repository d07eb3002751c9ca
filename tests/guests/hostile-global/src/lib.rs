//! A global step that breaks the contract in whichever way it is told, on the raw bindings.
//!
//! Told nothing, it is honest: it reads the column `text` of the first input, and keeps every row.

use std::cell::Cell;
use std::hint::black_box;
use std::mem::forget;

use callboard_sdk::raw::columns::{Array, Batch, Bytes, Column, Values};
use callboard_sdk::raw::global::callboard::step::exchange::{Reader, Writer};
use callboard_sdk::raw::global::exports::callboard::step::global::{Arrangement, Gathering, Guest, Shape};
use callboard_sdk::raw::log;
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
    // in `declare` and `open`
    TrapDeclare,
    LoopDeclare,
    TrapOpen,
    LoopOpen,
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
    StackOverflow,
    /// Writes a million log lines.
    LogFlood,
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
    SeekFar,
    KeepFar,
    /// Puts out rows by a list of 200 MiB.
    KeepHuge,
    /// Puts out rows of which nothing is known, in 2³² - 1 rows that cost it nothing.
    WriteVoid,
    RemoveOutOfRange,
    RemoveAndKeep,
    RemoveTwice,
    KeepRemoved,
    /// Removes one row a million times, in one call.
    RemoveMany,
    /// Rejects a row for a reason of 16 MiB.
    ReasonHuge,

    // in `run`: handles that are not, or no longer, what they are used as
    ReaderForged,
    ReaderAfterDrop,
    ReaderDroppedTwice,
    /// Uses the writer as a reader.
    ReaderIsWriter,
    WriterForged,
    WriterAfterDrop,

    // in `run`: allowed, and at times unwelcome
    /// Puts out nothing, and removes nothing.
    Nothing,
    /// Puts out every row a thousand times.
    KeepMany,
    /// Puts out every row twenty times, one by one, each with a text of a mebibyte beside it.
    KeepBeside,
    /// Puts out the first row a million times, in one call.
    KeepMillion,
    /// Puts out every row, the last first.
    KeepBackwards,
    /// Leaves the reader and the writer to nobody, so that they outlive the call.
    KeepHandles,
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
        let mut drops = vec![];
        match parse(&config)?.misdeed {
            Some(Misdeed::TrapDeclare) => std::process::abort(),
            Some(Misdeed::LoopDeclare) => forever(),
            Some(Misdeed::WriteVoid) => drops = ["id", "text"].map(str::to_owned).to_vec(),
            Some(Misdeed::ReadOtherInput) => reads.push(vec!["text".to_owned()]),
            Some(Misdeed::KeepWithoutColumns | Misdeed::KeepTooFewValues | Misdeed::KeepBeside) => writes = batch(0),
            _ => {}
        }
        let (gathering, arrangement) = (Gathering::All, Arrangement::Written);
        Ok(Shape { reads, writes, drops, gathering, sorted: vec![vec![]; inputs.len()], arrangement })
    }

    fn open(config: String, _inputs: Vec<Batch>) -> Result<(), Error> {
        let config = parse(&config)?;
        match config.misdeed {
            Some(Misdeed::TrapOpen) => std::process::abort(),
            Some(Misdeed::LoopOpen) => forever(),
            _ => CONFIG.set(config),
        }
        Ok(())
    }

    fn run(inputs: Vec<Reader>, output: Writer) -> Result<(), Error> {
        let input = &inputs[0];
        let rows = input.rows();
        let all: Vec<u64> = (0..rows).collect();
        match CONFIG.get().misdeed {
            Some(Misdeed::Trap) => std::process::abort(),
            Some(Misdeed::Panic) => panic!("told to panic"),
            Some(Misdeed::Loop) => forever(),
            Some(Misdeed::StackOverflow) => {
                return Err(error(ErrorKind::Failed, overflow(black_box(1)).to_string()));
            }
            Some(Misdeed::LogFlood) => (0..1_000_000).for_each(|_| log::write(log::Level::Trace, ".")),
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
            Some(Misdeed::WriteWhileCarrying) => output.write(&batch(1), &[]),
            Some(Misdeed::SeekBeyond) => input.seek(rows + 1),
            Some(Misdeed::SeekFar) => input.seek(u64::MAX),
            Some(Misdeed::KeepFar) => output.keep(&[u64::MAX], None),
            Some(Misdeed::KeepHuge) => output.keep(&vec![0; 25 << 20], None),
            Some(Misdeed::WriteVoid) => output.write(&Batch { rows: u32::MAX, columns: vec![], arrays: vec![] }, &[]),
            Some(Misdeed::KeepRemoved) => {
                output.remove(&[removal(0)]);
                output.keep(&all, None);
            }
            Some(Misdeed::RemoveMany) => output.remove(&[Removal { rows: vec![0; 1_000_000], ..removal(0) }]),
            Some(Misdeed::ReasonHuge) => {
                let reason = "0123456789abcdef".repeat(1 << 20);
                output.remove(&[Removal { rows: vec![0], fate: Fate::Rejected, reason }]);
            }
            // SAFETY of those that follow: the number of a handle is nothing but a number, which the host looks up in this
            // instance's table; that it does is what is tried.
            Some(Misdeed::ReaderForged) => said(unsafe { Reader::from_handle(12_345) }.rows()),
            Some(Misdeed::ReaderAfterDrop) => {
                let number = input.handle();
                drop(inputs);
                said(unsafe { Reader::from_handle(number) }.rows());
            }
            Some(Misdeed::ReaderDroppedTwice) => {
                let number = input.handle();
                drop(inputs);
                drop(unsafe { Reader::from_handle(number) });
            }
            Some(Misdeed::ReaderIsWriter) => said(unsafe { Reader::from_handle(output.handle()) }.rows()),
            Some(Misdeed::WriterForged) => unsafe { Writer::from_handle(12_345) }.keep(&all, None),
            Some(Misdeed::WriterAfterDrop) => {
                let number = output.handle();
                drop(output);
                unsafe { Writer::from_handle(number) }.keep(&all, None);
            }
            Some(Misdeed::KeepHandles) => {
                output.keep(&all, None);
                forget(inputs);
                forget(output);
            }
            Some(Misdeed::KeepBeside) => {
                let bytes = Bytes { offsets: vec![0, 1 << 20], data: vec![b'x'; 1 << 20] };
                let mut beside = batch(1);
                beside.arrays[0].values = Values::Utf8(bytes);
                (0..20).for_each(|_| all.iter().for_each(|row| output.keep(&[*row], Some(&beside))));
            }
            Some(Misdeed::KeepMillion) => output.keep(&vec![0; 1_000_000], None),
            Some(Misdeed::RemoveOutOfRange) => output.remove(&[removal(rows)]),
            Some(Misdeed::RemoveAndKeep) => {
                output.keep(&all, None);
                output.remove(&[removal(0)]);
            }
            Some(Misdeed::RemoveTwice) => output.remove(&[removal(0), removal(0)]),
            Some(Misdeed::Nothing) => {}
            Some(Misdeed::KeepMany) => (0..1000).for_each(|_| output.keep(&all, None)),
            Some(Misdeed::KeepBackwards) => output.keep(&all.iter().rev().copied().collect::<Vec<_>>(), None),
            // Of another call, or honest.
            _ => output.keep(&all, None),
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

fn forever() -> ! {
    loop {
        black_box(());
    }
}

#[allow(unconditional_recursion, reason = "that is the misdeed")]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 128]);
    overflow(depth + 1) + frame[0]
}

/// What the host answered, where it should not have.
fn said(rows: u64) {
    callboard_sdk::count("rows", rows.cast_signed());
}

fn removal(row: u64) -> Removal {
    Removal { rows: vec![row], fate: Fate::Dropped, reason: "told to".into() }
}

/// A column `forged` of empty texts.
fn batch(rows: u32) -> Batch {
    let values = Values::Utf8(Bytes { offsets: vec![0; rows as usize + 1], data: vec![] });
    let array = Array { length: rows, validity: None, values, logical: None };
    Batch { rows, columns: vec![Column { name: "forged".into(), values: 0 }], arrays: vec![array] }
}
