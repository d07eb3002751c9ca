//! The program of a wheel, where there is nothing that it could call. `tests/dist` installs it with its package.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// What it says in an environment, which it could not start in.
fn said(environment: &Path) -> String {
    let program = environment.join("bin/callboard");
    fs::create_dir_all(environment.join("bin")).unwrap();
    // A copy would be open for writing while the other test starts its own, and could not start itself.
    fs::hard_link(env!("CARGO_BIN_EXE_callboard-launcher"), &program).unwrap();
    let output = Command::new(&program).arg("--version").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(5), 0));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_environment_without_the_package_is_named() {
    let environment = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let said = said(environment.path());
    let program = environment.path().canonicalize().unwrap().join("bin/callboard");
    assert!(said.contains(&format!("its Python package was not found beside {}\n", program.display())), "{said}");
    assert!(said.contains("help: install it again: pip install --force-reinstall callboard\n"), "{said}");
}

#[test]
fn a_module_that_is_none_is_named() {
    let environment = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let package = environment.path().join("lib/python3.11/site-packages/callboard");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("_native.abi3.so"), "cut short").unwrap();
    let said = said(environment.path());
    assert!(said.contains("error: `callboard` cannot start: ") && said.contains("_native.abi3.so"), "{said}");
}
