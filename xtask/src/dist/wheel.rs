//! The wheel: the Python package `callboard` with its native module, which has the command too, and a small program in the environment's `bin`
//! that calls it. The host is in it once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contents::Contents;
use super::weak::weaken;
use super::{EPOCH, Options, program};
use crate::python::package;
use crate::{Result, command};

/// The Pythons that load the module: CPython from 3.10 on.
const INTERPRETER: &str = "cp310-abi3";

/// Makes it, and has auditwheel look at one that was built for distribution.
pub(super) fn make(
    root: &Path,
    native: &Path,
    launcher: &Path,
    contents: &Contents,
    options: &Options,
) -> Result<PathBuf> {
    let folder = contents.folder.join("python");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    package::assemble(root, native, &folder).map_err(failed)?;
    let module = folder.join("callboard").join(package::NATIVE);
    let mut bytes = fs::read(&module).map_err(failed)?;
    if weaken(&mut bytes)? == 0 {
        return Err(format!("{}: it uses no name of Python's", native.display()));
    }
    fs::write(&module, bytes).map_err(failed)?;
    let platform = match contents.glibc {
        Some(version) => format!("manylinux_{}_x86_64", version.replace('.', "_")),
        None => "linux_x86_64".to_owned(),
    };
    let wheel = options.to.join(format!("callboard-{}-{INTERPRETER}-{platform}.whl", contents.version));
    // The tools' Python has libdeflate, which packs closer than zlib.
    let (interpreter, level) = match (contents.glibc, options.fast) {
        (_, true) => (PathBuf::from("python3"), "1"),
        (None, false) => (PathBuf::from("python3"), "9"),
        (Some(_), false) => (program::tool(root, "python"), "12"),
    };
    let mut python = Command::new(interpreter);
    python
        .arg(root.join("xtask/src/dist/wheel.py"))
        .arg(&wheel)
        .arg(&contents.folder)
        .arg(folder.join("callboard"))
        .arg(launcher)
        .env("SOURCE_DATE_EPOCH", EPOCH);
    command::run(python.arg(level))?;
    if contents.glibc.is_some() {
        let said = program::audit(root, &wheel).ok_or("auditwheel could not read the wheel")?;
        if !said.contains(&format!("\"{platform}\"")) {
            return Err(format!("auditwheel does not find {platform}:\n{said}"));
        }
    }
    Ok(wheel)
}
