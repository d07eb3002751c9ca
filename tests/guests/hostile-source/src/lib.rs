//! A source that breaks the contract in whichever way it is told, on the raw bindings.
//!
//! Told nothing, it is honest: three pages of four rows that count from 0, in the column `n`. What it is told to do in `next`, it
//! does in place of the second page and of every one behind it.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::hint::black_box;

use callboard_sdk::raw::columns::{Array, Batch, Column, Lists, Values};
use callboard_sdk::raw::source::exports::callboard::step::source::{Guest, Page};
use callboard_sdk::raw::types::{Error, ErrorKind};
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
    /// Declares two columns of one name.
    DeclareDuplicate,
    TrapOpen,
    LoopOpen,
    ErrorOpen,

    // in `next`: deeds
    Trap,
    Panic,
    StackOverflow,
    Loop,
    /// Takes memory without end.
    Memory,
    Error,
    ErrorTransient,

    // in `next`: what comes back
    WrongSchema,
    MissingColumn,
    RowsUnlikeLength,
    ArrayCycle,
    BadValidityLength,
    /// Declares no column, and makes 2³² - 1 rows of nothing.
    RowsOfNothing,
    /// 200 MiB of numbers.
    HugePage,
    /// A cursor of 200 MiB.
    HugeCursor,

    // in `next`: allowed, and at times unwelcome
    /// A cursor of 100 MiB.
    LargeCursor,
    /// Pages without end.
    Endless,
    /// Pages without rows, without end.
    EndlessEmpty,
}

thread_local! {
    static CONFIG: Cell<Config> = const { Cell::new(Config { misdeed: None }) };
    static PAGES: Cell<i64> = const { Cell::new(0) };
}

/// The step.
pub struct Hostile;

impl Guest for Hostile {
    fn declare(config: String) -> Result<Batch, Error> {
        Ok(match parse(&config)?.misdeed {
            Some(Misdeed::TrapDeclare) => std::process::abort(),
            Some(Misdeed::LoopDeclare) => forever(),
            Some(Misdeed::RowsOfNothing) => Batch { rows: 0, columns: vec![], arrays: vec![] },
            Some(Misdeed::DeclareDuplicate) => {
                let twins = [0, 1].map(|values| Column { name: "n".into(), values });
                Batch { columns: twins.to_vec(), arrays: vec![numbers(0, 0), numbers(0, 0)], ..page(0, 0) }
            }
            Some(Misdeed::ArrayCycle) => {
                let lists = Values::Lists(Lists { offsets: vec![0], items: 0 });
                let lists = Array { length: 0, validity: None, values: lists, logical: None };
                Batch {
                    rows: 0,
                    columns: vec![Column { name: "n".into(), values: 1 }],
                    arrays: vec![numbers(0, 0), lists],
                }
            }
            _ => page(0, 0),
        })
    }

    fn open(config: String, _cursor: Option<Vec<u8>>) -> Result<(), Error> {
        let config = parse(&config)?;
        match config.misdeed {
            Some(Misdeed::TrapOpen) => std::process::abort(),
            Some(Misdeed::LoopOpen) => forever(),
            Some(Misdeed::ErrorOpen) => return Err(error(ErrorKind::Failed, "told to fail in `open`")),
            _ => CONFIG.set(config),
        }
        Ok(())
    }

    fn next() -> Result<Option<Page>, Error> {
        let nth = PAGES.replace(PAGES.get() + 1);
        let misdeed = CONFIG.get().misdeed;
        let mut rows = page(nth * 4, 4);
        let mut cursor = nth.to_le_bytes().to_vec();
        match misdeed {
            // These are of one shape from the first page on.
            Some(Misdeed::RowsOfNothing) => {
                rows = Batch { rows: if nth == 0 { 4 } else { u32::MAX }, columns: vec![], arrays: vec![] }
            }
            Some(Misdeed::ArrayCycle) => {
                let lists = Values::Lists(Lists { offsets: (0..=4).collect(), items: if nth == 0 { 0 } else { 1 } });
                rows.arrays.push(Array { length: 4, validity: None, values: lists, logical: None });
                rows.columns[0].values = 1;
            }
            _ if nth == 0 => {}
            Some(Misdeed::Trap) => std::process::abort(),
            Some(Misdeed::Panic) => panic!("told to panic"),
            Some(Misdeed::StackOverflow) => return Err(error(ErrorKind::Failed, &overflow(black_box(1)).to_string())),
            Some(Misdeed::Loop) => forever(),
            Some(Misdeed::Memory) => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1_u8; 16 << 20]);
                    black_box(&taken);
                }
            }
            Some(Misdeed::Error) => return Err(error(ErrorKind::Failed, "told to fail")),
            Some(Misdeed::ErrorTransient) => return Err(error(ErrorKind::Transient, "told to fail for now")),
            Some(Misdeed::WrongSchema) => rows.arrays[0].values = Values::Uint8(vec![0; 4]),
            Some(Misdeed::MissingColumn) => rows = Batch { rows: 4, columns: vec![], arrays: vec![] },
            Some(Misdeed::RowsUnlikeLength) => rows.rows = u32::MAX,
            Some(Misdeed::BadValidityLength) => rows.arrays[0].validity = Some(vec![0xff; 1_000]),
            Some(Misdeed::HugePage) => rows = page(0, 25 << 20),
            Some(Misdeed::HugeCursor) => cursor = vec![1; 200 << 20],
            Some(Misdeed::LargeCursor) if nth == 1 => cursor = vec![1; 100 << 20],
            Some(Misdeed::EndlessEmpty) => rows = page(0, 0),
            _ => {}
        }
        let endless = matches!(misdeed, Some(Misdeed::Endless | Misdeed::EndlessEmpty));
        Ok((endless || nth < 3).then_some(Page { rows, cursor }))
    }
}

#[cfg(target_arch = "wasm32")]
mod exported {
    use super::{Config, Hostile};

    callboard_sdk::__manifest!(Hostile, Config);
    callboard_sdk::raw::source::export_source!(Hostile with_types_in callboard_sdk::raw::source);
}

fn parse(config: &str) -> Result<Config, Error> {
    callboard_sdk::report_panics();
    callboard_sdk::config::parse(config)
        .map_err(|wrong| Error { at: wrong.at, ..error(ErrorKind::Config, &wrong.message) })
}

fn error(kind: ErrorKind, message: &str) -> Error {
    Error { kind, message: message.to_owned(), at: None }
}

fn page(first: i64, rows: u32) -> Batch {
    Batch { rows, columns: vec![Column { name: "n".into(), values: 0 }], arrays: vec![numbers(first, rows)] }
}

fn numbers(first: i64, length: u32) -> Array {
    let values = Values::Int64((first..first + i64::from(length)).collect());
    Array { length, validity: None, values, logical: None }
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
