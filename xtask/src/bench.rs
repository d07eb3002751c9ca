//! Builds all there is, and runs the benchmark.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::{Result, check, command, guests};

/// Runs the benchmark with these arguments; its exit code becomes ours.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    guests::build(root)?;
    // All targets, as the tests build them: for one package alone, cargo would choose other features of shared
    // dependencies, and build wasmtime once more.
    eprintln!("bench: cargo build --release --workspace --all-targets");
    command::run(check::cargo(root).args(["build", "--release", "--workspace", "--all-targets"]))?;
    let program = check::target_dir(root).join("release/callboard-bench");
    let mut bench = Command::new(&program);
    bench.current_dir(root).args(arguments);
    let status = bench.status().map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}
