//! Asks of WASI what it should not give: to be blocked for an hour, memory of the host, endless output.
#![forbid(unsafe_code)]

use std::hint::black_box;

use callboard_sdk::prelude::*;

mod greed {
    #![allow(missing_docs, reason = "generated")]
    wit_bindgen::generate!({ world: "greedy", generate_all });
}

use greed::wasi::cli::{stderr, stdin, stdout};
use greed::wasi::clocks::monotonic_clock::subscribe_duration;
use greed::wasi::io::poll::poll;
use greed::wasi::random::random::get_random_bytes;

/// What to do.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What to do; nothing bad by default.
    misdeed: Option<Misdeed>,
}

/// A way to be a burden.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is named after what it does")]
pub enum Misdeed {
    /// Waits for an hour, in a call of the host, while it is asked what it does.
    BlockDeclare,
    BlockOpen,
    Block,
    /// As `block`, for whichever of a thousand hours ends first.
    Poll,
    /// Waits for nothing, which no host can grant.
    PollNothing,
    /// Asks for ever more things to wait for, and gives none back.
    Pollables,
    /// 2⁶³ random bytes at once.
    RandomHuge,
    /// Random bytes, again and again.
    RandomFlood,
    /// Reads 2⁶³ bytes of standard input.
    StdinHuge,
    /// Standard output without end.
    StdoutFlood,
    /// Standard error without end.
    StderrFlood,
    /// 2⁶³ zeroes to standard error.
    StderrZeroes,
}

/// Asks for too much.
pub struct Greedy;

const HOUR: u64 = 3_600_000_000_000;

impl Transform for Greedy {
    type Config = Config;

    fn bind(config: Config, _input: &Schema) -> Result<BoundTransform> {
        // It is bound in `declare` and in `open`; loading is of `open` alone.
        if config.misdeed == Some(Misdeed::BlockDeclare) {
            subscribe_duration(HOUR).block();
        }
        let loaded = Shape::new().load(move || {
            if config.misdeed == Some(Misdeed::BlockOpen) {
                subscribe_duration(HOUR).block();
            }
            Ok(config.misdeed)
        });
        Ok(loaded.process(|misdeed, _batch| {
            misdeed.iter().for_each(|misdeed| ask(*misdeed));
            Ok(Output::new())
        }))
    }
}

fn ask(misdeed: Misdeed) {
    match misdeed {
        Misdeed::BlockDeclare | Misdeed::BlockOpen => {}
        Misdeed::Block => subscribe_duration(HOUR).block(),
        Misdeed::Poll => {
            let hours: Vec<_> = (0..1_000).map(|_| subscribe_duration(HOUR)).collect();
            poll(&hours.iter().collect::<Vec<_>>());
        }
        Misdeed::PollNothing => drop(poll(&[])),
        Misdeed::Pollables => loop {
            std::mem::forget(subscribe_duration(HOUR));
        },
        Misdeed::RandomHuge => drop(black_box(get_random_bytes(1 << 63))),
        Misdeed::RandomFlood => loop {
            black_box(get_random_bytes(1 << 20));
        },
        Misdeed::StdinHuge => drop(black_box(stdin::get_stdin().read(1 << 63))),
        Misdeed::StdoutFlood => {
            let stdout = stdout::get_stdout();
            loop {
                let _ = stdout.blocking_write_and_flush(&[b'x'; 4096]);
            }
        }
        Misdeed::StderrFlood => {
            let stderr = stderr::get_stderr();
            loop {
                let _ = stderr.blocking_write_and_flush(&[b'x'; 4096]);
            }
        }
        Misdeed::StderrZeroes => drop(stderr::get_stderr().write_zeroes(1 << 63)),
    }
}

callboard_sdk::transform!(Greedy);
