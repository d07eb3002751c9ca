//! Builds all there is, and runs the first example.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::{Result, check, command, guests};

const PIPELINE: &str = "examples/01-curate/curate.toml";

/// Runs the example with these arguments; its exit code becomes ours.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    guests::build(root)?;
    // All targets, as the tests build them: for the binary alone, cargo would choose other features of shared
    // dependencies, and build wasmtime once more.
    eprintln!("demo: cargo build --release --workspace --all-targets");
    command::run(check::cargo(root).args(["build", "--release", "--workspace", "--all-targets"]))?;
    let program = check::target_dir(root).join("release/callboard");
    let shown = program.strip_prefix(root).unwrap_or(&program).display();
    eprintln!("demo: {shown} run {PIPELINE} --overwrite {}", arguments.join(" "));
    let mut callboard = Command::new(&program);
    callboard.current_dir(root).args(["run", PIPELINE, "--overwrite"]).args(arguments);
    let status = callboard.status().map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}
