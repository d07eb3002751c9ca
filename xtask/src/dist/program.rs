//! The command and the Python module for distribution: the profile `dist`, linked for an old glibc by cargo-zigbuild.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{EPOCH, GLIBC, TARGET};
use crate::{Result, check, command, guests};

/// The tools that are installed into an environment of their own; PyPI has them all, Zig's compiler too.
const TOOLS: [&str; 4] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1", "auditwheel==6.8.2", "deflate==0.9.0"];
/// The longest that installing them may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Puts fewer functions in line where crates are optimised together: the wheel is 0.6 MB smaller, and no slower.
const SMALLER: &str = "-Cllvm-args=-inline-threshold=50";

/// A command to package.
pub(super) struct Program {
    pub(super) file: PathBuf,
    /// The native module of the Python package, which has the command too, and the program that calls that.
    pub(super) wheel: Option<(PathBuf, PathBuf)>,
    /// The glibc that it was linked for, if it was built for distribution.
    pub(super) glibc: Option<&'static str>,
}

/// Builds it and the native module, with the bundled steps.
pub(super) fn build(root: &Path) -> Result<Program> {
    let tools = tools(root)?;
    guests::build(root, guests::Which::Steps)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(tools.clone()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).map_err(|error| error.to_string())?;
    eprintln!(
        "dist: the command and the Python module, with the profile `dist` for glibc {GLIBC}: about 20 minutes of processor time"
    );
    // The module by itself, as nothing but what Python loads: cargo does not optimise across crates what is a Rust library too.
    let module = ["rustc", "--package", "callboard-python", "--lib", "--crate-type", "cdylib"];
    let programs = ["zigbuild", "--package", "callboard", "--package", "callboard-launcher", "--bins"];
    for (arguments, linked_with) in [(&module[..], &["--", SMALLER][..]), (&programs, &[])] {
        let mut cargo = Command::new(tools.join("cargo-zigbuild"));
        cargo
            .current_dir(root)
            .env("PATH", &path)
            .env("CARGO_ENCODED_RUSTFLAGS", flags(root))
            .env("SOURCE_DATE_EPOCH", EPOCH);
        cargo.args(arguments).args(["--locked", "--profile", "dist", "--target", &format!("{TARGET}.{GLIBC}")]);
        cargo.args(linked_with);
        command::run(&mut cargo)?;
    }
    let folder = check::target_dir(root).join(TARGET).join("dist");
    let wheel = (folder.join("lib_native.so"), folder.join("callboard-launcher"));
    Ok(Program { file: folder.join("callboard"), wheel: Some(wheel), glibc: Some(GLIBC) })
}

/// Paths of this machine stay out of what panics say, so that the same source gives the same bytes elsewhere.
fn flags(root: &Path) -> OsString {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or(std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let flags = [(root.to_owned(), ""), (home.join("registry/src"), "registry")];
    let flags = flags.map(|(from, to)| format!("--remap-path-prefix={}=/{to}", from.display()));
    flags.join("\u{1f}").into()
}

/// Installs the tools, unless they are there; returns the folder of their programs.
fn tools(root: &Path) -> Result<PathBuf> {
    let folder = check::target_dir(root).join("tools/dist");
    let bin = folder.join("bin");
    let listed = folder.join("installed.txt");
    let wanted = TOOLS.join("\n");
    if std::fs::read_to_string(&listed).is_ok_and(|installed| installed == wanted) {
        return Ok(bin);
    }
    eprintln!("dist: installing {}", TOOLS.join(", "));
    command::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(bin.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(TOOLS);
    match command::run_at_most(&mut pip, PATIENCE)? {
        Some(status) if status.success() => {}
        Some(status) => return Err(format!("pip could not install {} ({status})", TOOLS.join(", "))),
        None => return Err(format!("pip had not installed {} after {PATIENCE:?}", TOOLS.join(", "))),
    }
    std::fs::write(&listed, wanted).map_err(|error| format!("{}: {error}", listed.display()))?;
    Ok(bin)
}

/// One of the tools that were installed.
pub(super) fn tool(root: &Path, name: &str) -> PathBuf {
    check::target_dir(root).join("tools/dist/bin").join(name)
}

/// The report of auditwheel on a wheel, if the tools are here.
pub(super) fn audit(root: &Path, wheel: &Path) -> Option<String> {
    command::output(Command::new(tool(root, "auditwheel")).arg("show").arg(wheel))
}
