//! The Python package `callboard`: put together as the wheel has it, its tests run by pytest, and each Python that is here tried.
//!
//! `cargo xtask python` gets what the tests use (`requirements.txt`) into `target/toolchains/python`. Without it, the tests are skipped,
//! which is said; `PYTHON=path` names another Python that has pytest. `cargo test --release -p callboard -p callboard-python --test python`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "what is skipped is said")]

mod package;

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder that the package is put into, for Python's path.
fn assembled() -> PathBuf {
    let built = std::env::current_exe().unwrap().parent().unwrap().join("lib_native.so");
    let to = root().join("target/python");
    package::assemble(&root(), &built, &to).unwrap();
    to
}

/// The command, where the tests' binaries are.
fn command() -> PathBuf {
    let command = std::env::current_exe().unwrap().parent().unwrap().join("../callboard");
    command.canonicalize().expect("the command is built with the tests: add `-p callboard`")
}

fn python() -> Option<PathBuf> {
    let named = std::env::var_os("PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| root().join("target/toolchains/python/bin/python"));
    let has_pytest = Command::new(&python).args(["-c", "import pytest"]).output();
    has_pytest.is_ok_and(|ended| ended.status.success()).then_some(python)
}

fn told(why: &str) {
    println!("SKIPPED: {why}");
}

#[test]
fn the_package_does_what_its_tests_say() {
    let to = assembled();
    let Some(python) = python() else {
        return told("no Python with pytest: `cargo xtask python` gets one");
    };
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/python"]).current_dir(root());
    pytest.env("PYTHONPATH", &to).env("CALLBOARD", command()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = pytest.status().unwrap();
    assert!(ended.success(), "pytest: {ended}");
    every_python(&to);
}

/// The one module is for all of them.
fn every_python(to: &Path) {
    let mut tried = Vec::new();
    for minor in 10..=14 {
        let name = format!("3.{minor}");
        let Some(python) = found(&name) else {
            told(&format!("Python {name} is not here"));
            continue;
        };
        let smoke = root().join("tests/python/smoke.py");
        let mut trial = Command::new(&python);
        trial.arg(smoke).env("PYTHONPATH", to).env("CALLBOARD", command()).env("PYTHONDONTWRITEBYTECODE", "1");
        let ended = trial.status().unwrap();
        assert!(ended.success(), "{}: {ended}", python.display());
        tried.push(name);
    }
    assert!(!tried.is_empty(), "no Python was tried");
    println!("the module works in Python {}", tried.join(", "));
}

/// A Python of this version, on the path or where pyenv keeps them.
fn found(version: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or(home);
    if let Some(versions) = pyenv.and_then(|pyenv| std::fs::read_dir(pyenv.join("versions")).ok()) {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let works = |python: &PathBuf| {
        Command::new(python).arg("-c").arg("pass").output().is_ok_and(|ended| ended.status.success())
    };
    folders.into_iter().map(|folder| folder.join(format!("python{version}"))).filter(|path| path.exists()).find(works)
}
