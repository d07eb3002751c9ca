//! The list of misdeeds, and those that are no lie but a deed: traps, loops, hunger.

use std::hint::black_box;

use callboard_sdk::raw::columns::Batch;
use callboard_sdk::raw::log::{Level, write};
use callboard_sdk::raw::transform::exports::callboard::step::transform::{Output, Shape};
use callboard_sdk::raw::types::{Error, ErrorKind};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Config, lies};

/// A way to break the contract, or to be a burden within it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is named after what it does")]
pub enum Misdeed {
    // in `declare`
    TrapDeclare,
    LoopDeclare,
    MemoryDeclare,
    StackOverflowDeclare,
    /// Returns an error whose message has 16 MiB.
    ErrorDeclareHuge,
    DeclareUnknownRead,
    /// Reads a column whose name has a megabyte.
    DeclareHugeRead,
    /// Drops a column whose name has a megabyte.
    DeclareHugeDrop,
    DeclareDuplicateRead,
    DeclareUnknownDrop,
    DeclareDuplicateWrite,
    DeclareEmptyName,
    /// A column whose name has a megabyte.
    DeclareHugeName,
    /// A hundred thousand columns more; `process` puts out none of them.
    DeclareManyColumns,
    /// A type that nobody has heard of, in a megabyte.
    DeclareHugeLogical,
    /// Texts that are said to be dates.
    DeclareWrongLogical,
    /// Vectors of 2³² - 1 values each.
    DeclareHugeVectors,
    /// Values of 2³² - 1 bytes each.
    DeclareHugeFixed,
    /// 200 MiB of names.
    DeclareHugeReturn,
    DeclareDeepNesting,
    /// `writes` is a schema with rows.
    DeclareRows,

    // in `open`
    TrapOpen,
    LoopOpen,
    MemoryOpen,
    StackOverflowOpen,
    ErrorOpen,

    // in `process`: deeds
    Trap,
    Panic,
    /// Panics with a message of a megabyte.
    PanicHuge,
    /// Panics at row `at_row` of the batch, if it has so many.
    PanicAtRow,
    /// Calls itself until its own stack, in its memory, is full.
    StackOverflow,
    /// Calls itself with next to nothing on its own stack, until the engine's is full.
    CallStackOverflow,
    LoopProcess,
    /// Takes memory without end.
    Memory,
    /// Writes 100,000 log lines of 1 KiB.
    LogFlood,
    /// Writes one log line of 64 MiB.
    LogHuge,
    /// Writes a million log lines of one byte.
    LogLines,
    /// Adds to 100,000 counters.
    CounterFlood,
    /// Adds to a counter whose name has a megabyte.
    CounterHugeName,
    /// Adds more to a counter than it can hold, in both directions.
    CounterOverflow,
    ErrorConfig,
    ErrorInput,
    ErrorTransient,
    ErrorFailed,
    /// Returns an error whose message has 16 MiB.
    ErrorHuge,
    /// Returns an error whose pointer into the configuration has 16 MiB.
    ErrorHugePointer,

    // in `process`: what comes back
    OffsetsBeyondData,
    OffsetsDecreasing,
    OffsetsTooFew,
    #[serde(rename = "first-offset-not-0")]
    FirstOffsetNot0,
    LastOffsetShort,
    #[serde(rename = "invalid-utf8")]
    InvalidUtf8,
    /// All text is valid, its values are not: an offset in the middle of a character.
    #[serde(rename = "split-utf8")]
    SplitUtf8,
    TooFewRows,
    TooManyRows,
    /// The batch says another number of rows than its column has values.
    RowsUnlikeLength,
    /// Says 2³² - 1 rows, and returns those of the batch.
    RowsHuge,
    /// A column that says 2³² - 1 values, and has those of the batch.
    LengthHuge,
    OriginsOutOfRange,
    /// A million times row 0.
    OriginsMany,
    /// Fifteen million times row 0, which is more than the host will carry.
    OriginsFlood,
    OriginsTooMany,
    WrongSchema,
    WrongName,
    MissingColumn,
    ExtraColumn,
    /// A column whose name has a megabyte.
    HugeName,
    /// A hundred thousand columns.
    ManyColumns,
    ArrayCycle,
    ArrayForward,
    ArrayOutOfRange,
    ArrayUnused,
    ArrayNamedTwice,
    BadValidityLength,
    ValidityTooShort,
    /// Nulls in a column that was declared without.
    UndeclaredNulls,
    /// 100,000 lists, each in the next.
    DeepNesting,
    RemovedOutOfRange,
    RemovedAndKept,
    RemovedTwice,
    /// A million removals of one row.
    RemovedMany,
    /// A removal of row 2⁶⁴ - 1.
    RemovedFar,
    /// Rejects a row for a reason of 16 MiB.
    ReasonHuge,
    /// 200 MiB of text.
    HugeReturn,
    /// Lists of 2²⁷ nulls together, which cost it nothing.
    ListsOfNulls,
    /// 20,000 columns of nulls, of 100,000 rows each.
    ColumnsOfNulls,

    // in `process`: allowed, and at times unwelcome
    /// Works for a moment, and returns the rows as they came.
    Slow,
    /// Rejects every second row of the batch, beginning with row 1.
    RejectOddRows,
    RejectAll,
    /// Drops every row; with `at_batch`, of that batch.
    DropAll,
    /// Leaves out every row without a word.
    LoseAll,
}

/// What `declare` does.
pub(crate) fn in_declare(config: &Config) -> Result<Shape, Error> {
    match config.misdeed {
        Some(Misdeed::TrapDeclare) => std::process::abort(),
        Some(Misdeed::LoopDeclare) => forever(),
        Some(Misdeed::MemoryDeclare) => hunger(),
        Some(Misdeed::StackOverflowDeclare) => Err(error(ErrorKind::Failed, overflow(black_box(1)).to_string())),
        Some(Misdeed::ErrorDeclareHuge) => Err(error(ErrorKind::Failed, "0123456789abcdef".repeat(1 << 20))),
        misdeed => Ok(lies::shape(misdeed)),
    }
}

/// What `open` does.
pub(crate) fn in_open(config: &Config) -> Result<(), Error> {
    match config.misdeed {
        Some(Misdeed::TrapOpen) => std::process::abort(),
        Some(Misdeed::LoopOpen) => forever(),
        Some(Misdeed::MemoryOpen) => hunger(),
        Some(Misdeed::StackOverflowOpen) => Err(error(ErrorKind::Failed, overflow(black_box(1)).to_string())),
        Some(Misdeed::ErrorOpen) => Err(error(ErrorKind::Failed, "told to fail in `open`".into())),
        _ => Ok(()),
    }
}

/// What `process` does.
pub(crate) fn in_process(misdeed: Misdeed, config: &Config, input: Batch) -> Result<Output, Error> {
    match misdeed {
        Misdeed::Trap => std::process::abort(),
        Misdeed::Panic => panic!("told to panic"),
        Misdeed::PanicHuge => panic!("{}", "0123456789abcdef".repeat(1 << 16)),
        Misdeed::PanicAtRow if config.at_row < input.rows => panic!("told to panic at row {}", config.at_row),
        Misdeed::StackOverflow => black_box(Err(error(ErrorKind::Failed, overflow(black_box(1)).to_string()))),
        Misdeed::CallStackOverflow => black_box(Err(error(ErrorKind::Failed, dive(black_box(1)).to_string()))),
        Misdeed::LoopProcess => forever(),
        Misdeed::Memory => hunger(),
        Misdeed::Slow => {
            for turn in 0..300_000_000_u64 {
                black_box(turn);
            }
            Ok(lies::honest(None, input))
        }
        Misdeed::LogFlood => {
            let line = "0123456789abcdef".repeat(64);
            (0..100_000).for_each(|_| write(Level::Info, &line));
            Ok(lies::honest(None, input))
        }
        Misdeed::LogHuge => {
            write(Level::Info, &"0123456789abcdef".repeat(4 << 20));
            Ok(lies::honest(None, input))
        }
        Misdeed::LogLines => {
            (0..1_000_000).for_each(|_| write(Level::Trace, "."));
            Ok(lies::honest(None, input))
        }
        Misdeed::CounterHugeName => {
            callboard_sdk::count(&"0123456789abcdef".repeat(1 << 16), 1);
            Ok(lies::honest(None, input))
        }
        Misdeed::CounterOverflow => {
            (0..3).for_each(|_| callboard_sdk::count("up", i64::MAX));
            (0..3).for_each(|_| callboard_sdk::count("down", i64::MIN));
            Ok(lies::honest(None, input))
        }
        Misdeed::CounterFlood => {
            (0..100_000).for_each(|i| callboard_sdk::count(&format!("counter-{i}"), 1));
            Ok(lies::honest(None, input))
        }
        Misdeed::ErrorConfig => Err(error(ErrorKind::Config, "told to blame the configuration".into())),
        Misdeed::ErrorInput => Err(error(ErrorKind::Input, "told to blame the rows".into())),
        Misdeed::ErrorTransient => Err(error(ErrorKind::Transient, "told to fail for now".into())),
        Misdeed::ErrorFailed => Err(error(ErrorKind::Failed, "told to fail".into())),
        Misdeed::ErrorHuge => Err(error(ErrorKind::Failed, "0123456789abcdef".repeat(1 << 20))),
        Misdeed::ErrorHugePointer => {
            let at = Some("/0123456789abcde".repeat(1 << 20));
            Err(Error { at, ..error(ErrorKind::Config, "told to blame the configuration".into()) })
        }
        lie => Ok(lies::output(lie, config.at_row, input)),
    }
}

fn error(kind: ErrorKind, message: String) -> Error {
    let at = (kind == ErrorKind::Config).then(|| "/misdeed".to_owned());
    Error { kind, message, at }
}

/// By name: a profile shows it.
#[inline(never)]
fn forever() -> ! {
    loop {
        black_box(());
    }
}

/// Takes memory without end, and writes to it, so that it is taken in earnest.
fn hunger() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; 16 << 20]);
        black_box(&taken);
    }
}

#[allow(unconditional_recursion, reason = "that is the misdeed")]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 128]);
    overflow(depth + 1) + frame[0]
}

#[allow(unconditional_recursion, reason = "that is the misdeed")]
fn dive(depth: u32) -> u32 {
    black_box(dive(depth + 1)) + depth
}
