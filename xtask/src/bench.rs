//! Builds what people receive (the profile `dist`), and the benchmark with it, and runs that.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::{Result, check, guests};

/// Runs the benchmark with these arguments; its exit code becomes ours.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    guests::build(root, guests::Which::All)?;
    check::build(root, "bench", &["--profile", "dist", "--bin", "callboard", "--bin", "callboard-bench"])?;
    let program = check::target_dir(root).join("dist/callboard-bench");
    let mut bench = Command::new(&program);
    bench.current_dir(root).args(arguments);
    let status = bench.status().map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}
