//! What the workspace may depend on, as `deny.toml` says: licences, sources, versions and known vulnerabilities, by cargo-deny.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::check::End;
use crate::{check, command};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Licences, sources and versions.
pub(crate) fn licences(root: &Path) -> End {
    match cargo_deny(root) {
        Ok(program) => deny(root, &program, &["check", "licenses", "bans", "sources"]),
        Err(missing) => End::Skipped(missing),
    }
}

/// Known vulnerabilities, by the list that is published now.
pub(crate) fn advisories(root: &Path) -> End {
    let program = match cargo_deny(root) {
        Ok(program) => program,
        Err(missing) => return End::Skipped(missing),
    };
    if command::output(check::at(root, &program).args(["fetch", "db"])).is_none() {
        return End::Skipped("the list of advisories cannot be fetched: this check needs the network".into());
    }
    deny(root, &program, &["check", "advisories"])
}

fn deny(root: &Path, program: &Path, arguments: &[&str]) -> End {
    eprintln!("cargo-deny {}", arguments.join(" "));
    command::run(check::at(root, program).args(arguments)).map_or_else(End::Failed, |()| End::Passed)
}

/// cargo-deny: the one that is installed in this version, or one built for this checkout. Unoptimised, it is built in a third of the
/// time.
fn cargo_deny(root: &Path) -> Result<PathBuf, String> {
    let is_it = |program: &Path| {
        let said = command::output(Command::new(program).arg("--version"));
        said.is_some_and(|said| said.ends_with(VERSION))
    };
    let installed = PathBuf::from("cargo-deny");
    if is_it(&installed) {
        return Ok(installed);
    }
    let tools = check::target_dir(root).join("tools");
    let built = tools.join("bin/cargo-deny");
    if !is_it(&built) {
        eprintln!("building cargo-deny {VERSION}");
        let mut install = check::cargo(root);
        install.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--quiet", "--root"]);
        command::run(install.arg(&tools)).map_err(|error| format!("cargo-deny is not here: {error}"))?;
    }
    Ok(built)
}
