//! What `cargo xtask` runs: builds the real one, and becomes it.
//!
//! The real one is built as part of the whole workspace, and with a test. Otherwise cargo would choose other features of the dependencies that it
//! shares with the host and its tests, and build them twice. `cargo run` builds one package; so this one has no dependencies.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // Cargo says it at run time too, and rightly so where several checkouts share a target directory.
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let Some(xtask) = Path::new(&own).parent() else { return failed("this crate is in no folder") };
    let root = xtask.parent().unwrap_or(Path::new("."));
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root).args(["build", "--quiet", "--release", "--workspace"]);
    cargo.args(["--bin", "xtask", "--test", "launcher"]);
    match cargo.status() {
        Ok(status) if status.success() => {}
        // Cargo has said why.
        Ok(_) => return ExitCode::FAILURE,
        Err(error) => return failed(&format!("cargo cannot be run: {error}")),
    }
    let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()));
    let mut real = Command::new(target.join("release/xtask"));
    let error = real.args(env::args_os().skip(1)).env("CARGO_MANIFEST_DIR", xtask).exec();
    failed(&format!("{}: {error}", real.get_program().display()))
}

fn failed(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
