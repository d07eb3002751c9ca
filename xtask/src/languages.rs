//! The languages that steps can be written in: gets their toolchains, checks what their SDKs carry, runs their SDKs' own tests.
//!
//! What can be installed goes to `target/toolchains`: its `.venv` and `node_modules` are shared by all steps that tests build.
//! A language whose toolchain was not found is skipped, which is reported at the end of all checks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use callboard_author::toolchain::{find, install_lines, path};
use callboard_author::{Language, templates};

use crate::toolchain::{Toolchain, apt_install};
use crate::{Result, bindings, command};

/// The longest that an install line may take: a network that swallows its packets is no network.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where toolchains are installed.
fn toolchains(root: &Path) -> PathBuf {
    root.join("target/toolchains")
}

/// Where the test `languages` writes those that it could not try, one a line with the reason; an empty file where it tried all.
fn skipped(root: &Path) -> PathBuf {
    root.join("target/languages-skipped")
}

/// Installs what is missing, and runs the SDKs' own tests.
pub(crate) fn check(root: &Path) -> Result<()> {
    let _ = fs::remove_file(skipped(root));
    bindings::check(root)?;
    let folder = toolchains(root);
    fs::create_dir_all(folder.join("bin")).map_err(|error| format!("{}: {error}", folder.display()))?;
    wrap_cargo(root)?;
    let mut here: Vec<&Language> = Vec::new();
    for language in templates::languages() {
        for line in install_lines(&find(language, &folder, &path_of(root))) {
            eprintln!("{}: {line}", language.id);
            install(line, &folder).unwrap_or_else(|error| eprintln!("{}: {error}", language.id));
        }
        match install_lines(&find(language, &folder, &path_of(root))).is_empty() {
            true => here.push(language),
            false => eprintln!("{}: its toolchain is not here", language.id),
        }
    }
    here.dedup_by(|a, b| a.sdk == b.sdk);
    let failed: Vec<String> = here.into_iter().filter_map(|language| sdk_tests(root, language).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// The result of the test `languages` as one line, and whether it is as it should be.
pub(crate) fn summary(root: &Path) -> Result<String> {
    let list = fs::read_to_string(skipped(root)).map_err(|_| "the test `languages` has not run")?;
    let (all, missing) = (templates::languages().len(), list.lines().collect::<Vec<_>>());
    let passed = format!("{all} languages: {} passed", all - missing.len());
    Ok(match missing.as_slice() {
        [] => passed,
        missing => format!("{passed}, {} SKIPPED ({})", missing.len(), missing.join("; ")),
    })
}

/// The folders of programs that tests use.
fn path_of(root: &Path) -> Vec<PathBuf> {
    let folder = toolchains(root);
    std::iter::once(folder.join("bin")).chain(path(&folder)).collect()
}

fn install(line: &str, folder: &Path) -> Result<()> {
    let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "sudo").collect();
    if let ["apt-get", "install", packages @ ..] = words.as_slice() {
        let packages: Vec<&str> = packages.iter().filter(|word| !word.starts_with('-')).copied().collect();
        return apt_install(&packages);
    }
    let mut shell = Command::new("sh");
    match command::run_at_most(shell.args(["-c", line]).current_dir(folder), PATIENCE)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("`{line}` failed ({status})")),
        None => Err(format!("`{line}` had not ended after {PATIENCE:?}")),
    }
}

fn sdk_tests(root: &Path, language: &Language) -> Result<()> {
    let folder = root.join("plugins/sdk").join(&language.sdk);
    let path = std::env::join_paths(path_of(root)).map_err(|error| error.to_string())?;
    for argv in language.sdk_tests.iter().flat_map(|tests| &tests.commands) {
        let (program, arguments) = argv.split_first().expect("no command is empty");
        eprintln!("{}: {}", language.id, argv.join(" "));
        command::run(Command::new(program).args(arguments).current_dir(&folder).env("PATH", &path))?;
    }
    Ok(())
}

/// Where rustup's target is not available, steps in Rust are built as the bundled ones are: `cargo` becomes a script that sets what that
/// takes.
fn wrap_cargo(root: &Path) -> Result<()> {
    let script = toolchains(root).join("bin/cargo");
    let _ = fs::remove_file(&script);
    let Toolchain::Debian { rustc, linker } = Toolchain::get(&root.join("target"))? else {
        return Ok(());
    };
    let cargo = std::env::var("CARGO").unwrap_or("cargo".into());
    let text = format!(
        "#!/bin/sh\n# Written by `cargo xtask test`: cargo, with Debian's compiler for wasm.\n\
         export RUSTC='{}' RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort\n\
         export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER='{}'\nexec '{cargo}' \"$@\"\n",
        rustc.display(),
        linker.display()
    );
    let written =
        fs::write(&script, text).and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o755)));
    written.map_err(|error| format!("{}: {error}", script.display()))
}
