//! Every check there is, in the order of how soon it tells something. The first that fails ends it.
//!
//! What comes from registries is fetched beside the checks that compile: they wait for different things.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::toolchain::Toolchain;
use crate::{Result, browser, command, dependencies, engines, guests, languages, python, stores};

/// The name of a check, and the check.
type Check = (&'static str, Box<dyn FnOnce(&Path) -> End>);

/// How a check ended.
pub(crate) enum End {
    Passed,
    Failed(String),
    /// What would have to be there.
    Skipped(String),
}

/// Overflow checks and debug assertions for this project's crates.
const CHECKS: &str = "tests/checks.toml";

/// Runs all checks, and sums them up.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    // Guests and languages need it, and only one may install it.
    Toolchain::get(&target_dir(root))?;
    let languages = beside(root, |root| languages::check(root).map_or_else(End::Failed, |()| End::Passed));
    let python = beside(root, |root| python::environment(root).map_or_else(End::Skipped, |()| End::Passed));
    let stores = beside(root, |root| stores::environment(root).map_or_else(End::Skipped, |()| End::Passed));
    let engines = beside(root, |_| engines::environment().map_or_else(End::Skipped, |()| End::Passed));
    let browser = beside(root, |root| browser::environment(root).map_or_else(End::Skipped, |()| End::Passed));
    let checks: [Check; 14] = [
        ("format", Box::new(|root| cargo_check(root, &["fmt", "--all", "--check"], &[]))),
        ("contract", Box::new(|root| crate::contract::check(root).map_or_else(End::Failed, |()| End::Passed))),
        ("guests", Box::new(|root| guests::build(root, guests::Which::All).map_or_else(End::Failed, |_| End::Passed))),
        (
            "clippy",
            Box::new(|root| {
                let arguments = ["clippy", "--release", "--workspace", "--all-targets", "--", "--deny", "warnings"];
                cargo_check(root, &arguments, &[])
            }),
        ),
        ("languages", Box::new(|_| ended(languages))),
        ("python", Box::new(|_| ended(python))),
        ("stores", Box::new(|_| ended(stores))),
        ("engines", Box::new(|_| ended(engines))),
        ("browser", Box::new(|_| ended(browser))),
        (
            "tests",
            Box::new(|root| {
                let arguments = ["test", "--release", "--config", CHECKS, "--workspace", "--no-fail-fast"];
                // A language or a store that is not here is reported at the end.
                cargo_check(root, &arguments, &[("LANGUAGE", "present")])
            }),
        ),
        (
            "page",
            Box::new(|root| {
                // Beside the other tests, a browser takes minutes, and slows them down.
                let test = ["--workspace", "--test", "cli", "page::a_browser", "--", "--ignored"];
                let arguments = [["test", "--release", "--config", CHECKS].as_slice(), &test].concat();
                cargo_check(root, &arguments, &[])
            }),
        ),
        (
            "documentation",
            Box::new(|root| {
                let arguments = ["doc", "--release", "--workspace", "--no-deps"];
                cargo_check(root, &arguments, &[("RUSTDOCFLAGS", "--deny warnings")])
            }),
        ),
        ("licences", Box::new(dependencies::licences)),
        ("advisories", Box::new(dependencies::advisories)),
    ];
    let count = checks.len();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, check) in checks {
        eprintln!("\n== {name}");
        let begun = Instant::now();
        let end = check(root);
        let seconds = begun.elapsed().as_secs_f32();
        match end {
            End::Passed => {
                passed += 1;
                eprintln!("== {name}: passed, {seconds:.1} s");
            }
            End::Skipped(missing) => {
                skipped += 1;
                eprintln!("== {name}: SKIPPED, {missing}");
            }
            End::Failed(error) => {
                failed += 1;
                eprintln!("== {name}: FAILED, {seconds:.1} s\nerror: {error}");
                break;
            }
        }
    }
    let unreached = count - passed - failed - skipped;
    if failed == 0 {
        println!("{}\n{}", languages::summary(root)?, stores::summary(root)?);
    }
    if unreached > 0 {
        eprintln!("{unreached} checks were not reached");
    }
    println!("{passed} passed, {failed} failed, {} skipped", skipped + unreached);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Begins a check that goes on while others run.
fn beside(root: &Path, check: fn(&Path) -> End) -> JoinHandle<End> {
    let root = root.to_owned();
    thread::spawn(move || check(&root))
}

/// The end of a check that was begun [`beside`] others.
fn ended(check: JoinHandle<End>) -> End {
    check.join().unwrap_or_else(|_| End::Failed("it panicked".to_owned()))
}

fn cargo_check(root: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> End {
    eprintln!("cargo {}", arguments.join(" "));
    command::run(cargo(root).args(arguments).envs(variables.iter().copied())).map_or_else(End::Failed, |()| End::Passed)
}

/// Builds some of the workspace's binaries. The whole workspace is selected, as for the tests: for one package alone, cargo
/// would choose other features of shared dependencies, and build wasmtime once more.
pub(crate) fn build(root: &Path, whom: &str, arguments: &[&str]) -> Result<()> {
    let arguments = [&["build", "--workspace"], arguments].concat();
    eprintln!("{whom}: cargo {}", arguments.join(" "));
    command::run(cargo(root).args(&arguments))
}

/// The cargo that runs this, at the repository's root.
pub(crate) fn cargo(root: &Path) -> Command {
    at(root, Path::new(&std::env::var_os("CARGO").unwrap_or("cargo".into())))
}

/// A program, at the repository's root.
pub(crate) fn at(root: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// Where cargo puts native builds.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A wrong outcome would leave a crate whose sums may overflow in tests, and nobody sees it.
    #[test]
    fn every_crate_is_tested_with_its_checks() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let listed =
            super::cargo(&root).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap());
        let line = |package: &str| {
            format!("\n{package} = {{ opt-level = 1, overflow-checks = true, debug-assertions = true }}\n")
        };
        let checks = std::fs::read_to_string(root.join(super::CHECKS)).unwrap();
        let missing: Vec<&str> = packages.filter(|package| !checks.contains(&line(package))).collect();
        assert!(missing.is_empty(), "{missing:?} are missing in {}", super::CHECKS);
    }
}
