//! Builds the command and the steps that it carries, and runs the first example.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::{Result, check, guests};

const PIPELINE: &str = "examples/01-curate/curate.toml";

/// Runs the example with these arguments; its exit code becomes ours.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    guests::build(root, guests::Which::Steps)?;
    // With a test among what is built, cargo chooses the features of dependencies as it does for the tests, and builds them once for both.
    check::build(root, "demo", &["--release", "--bin", "callboard", "--test", "launcher"])?;
    let program = check::target_dir(root).join("release/callboard");
    let shown = program.strip_prefix(root).unwrap_or(&program).display();
    eprintln!("demo: {shown} run {PIPELINE} --overwrite {}", arguments.join(" "));
    let mut callboard = Command::new(&program);
    callboard.current_dir(root).args(["run", PIPELINE, "--overwrite"]).args(arguments);
    let status = callboard.status().map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}
