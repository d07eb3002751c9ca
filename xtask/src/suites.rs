//! Other people's test suites, where they are checked out: `tests/suites` says what is compared.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::{Result, command, components};

/// Builds the host and runs `tests/suites/suites.py` with the arguments; says loudly if there is nothing to run it with or on.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut python = "python3".to_owned();
    let mut rest = arguments.iter();
    let mut given = Vec::new();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--python" => python = rest.next().ok_or("`--python` needs a path")?.clone(),
            _ => given.push(argument),
        }
    }
    let at = given.iter().position(|argument| *argument == "--at").and_then(|at| given.get(at + 1));
    let at = at.ok_or("`--at FOLDER` is missing: where the suites are checked out")?;
    if !Path::new(at).is_dir() {
        println!("SKIPPED: there is no folder `{at}`, so no suite was run");
        return Ok(ExitCode::SUCCESS);
    }
    if !command::exists(&python) {
        println!("SKIPPED: `{python}` is not there, so no suite was run");
        return Ok(ExitCode::SUCCESS);
    }
    let extracted = root.join("target/suites/components");
    components::extract(Path::new(at), &extracted)?;
    command::run(Command::new("cargo").args(["build", "--release", "-p", "callboard"]).current_dir(root))?;
    let status = Command::new(&python)
        .arg(root.join("tests/suites/suites.py"))
        .arg("--binary")
        .arg(root.join("target/release/callboard"))
        .arg("--components")
        .arg(extracted)
        .args(given)
        .status()
        .map_err(|error| format!("`{python}` could not be run: {error}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
