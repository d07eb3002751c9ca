//! Tries to reach what is outside of its sandbox. Each row's `text` is one attempt, in words; the column `said` tells what came
//! of it: what was found, or the name of WASI's error.
#![forbid(unsafe_code)]

mod files;
mod requests;

use callboard_sdk::prelude::*;
use wasip2::cli::{environment, stderr, stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};

/// There is nothing to say: the rows say all of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Tries what each row says.
pub struct Reach;

impl Transform for Reach {
    type Config = Config;

    fn bind(_config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8("text")?;
        let shape = Shape::new().reads(&text).writes(Field::utf8("said"));
        Ok(shape.process(move |batch| {
            let said: ArrayBuf =
                batch.get(&text)?.iter().map(|attempt| Some(attempt.map_or_else(String::new, tried))).collect();
            Ok(Output::new().column(said))
        }))
    }
}

callboard_sdk::transform!(Reach);

fn tried(attempt: &str) -> String {
    let words: Vec<&str> = attempt.split(' ').collect();
    match words[..] {
        ["env"] => {
            let mut variables = environment::get_environment();
            variables.sort();
            variables.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        }
        ["now"] => wall_clock::now().seconds.to_string(),
        ["ticks"] => monotonic_clock::now().to_string(),
        ["sleep", milliseconds] => {
            let nanoseconds = milliseconds.parse::<u64>().map_or(u64::MAX, |milliseconds| milliseconds * 1_000_000);
            monotonic_clock::subscribe_duration(nanoseconds).block();
            "slept".into()
        }
        ["stdout", line] => spoken(&stdout::get_stdout(), line),
        ["stderr", line] => spoken(&stderr::get_stderr(), line),
        ["flood", "stderr"] => loop {
            spoken(&stderr::get_stderr(), &"x".repeat(1023));
        },
        ["hoard"] => hoard(),
        ["request", method, url, ref headers @ ..] => requests::asked(method, url, headers),
        ["connect"] => requests::socket(),
        _ => files::tried(&words),
    }
}

fn spoken(stream: &wasip2::io::streams::OutputStream, line: &str) -> String {
    match stream.blocking_write_and_flush(format!("{line}\n").as_bytes()) {
        Ok(()) => "said".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// Takes resources of the host until it is stopped.
fn hoard() -> String {
    let mut held = Vec::new();
    loop {
        held.push(monotonic_clock::subscribe_duration(u64::MAX));
    }
}
