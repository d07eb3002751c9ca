//! The program that `cargo xtask bench` builds and runs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]
#![forbid(unsafe_code)]

use std::process::ExitCode;

use callboard_bench::{Arguments, Bench, Options};
use clap::Parser;

fn main() -> ExitCode {
    match try_main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_main() -> Result<(), String> {
    let options = Options::of(Arguments::parse())?;
    let out = options.out.clone();
    let report = Bench::new(options, |line| eprintln!("bench: {line}"))?.run()?;
    let [json, page] = report.write(&out)?;
    println!("{}", callboard_bench::summary(&report));
    println!("{} and {}", page.display(), json.display());
    Ok(())
}
