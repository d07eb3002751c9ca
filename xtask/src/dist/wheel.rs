//! The wheel: the command in the environment's `bin`, and the package `callboard`.
//!
//! `target/python` has the package where `cargo xtask python` has put it together, with its native module. Without that, `import callboard`
//! finds the launcher under `launcher/`, and `python -m callboard` is the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::contents::Contents;
use super::{EPOCH, Options, program};
use crate::{Result, check, command};

/// What the native module is called.
const NATIVE: &str = "_native.abi3.so";

/// Makes it, and has auditwheel look at one that was built for distribution.
pub(super) fn make(root: &Path, contents: &Contents, options: &Options) -> Result<PathBuf> {
    let own = root.join("xtask/src/dist");
    let package = match contents.glibc {
        // The module that is built for distribution.
        Some(_) => check::target_dir(root).join("dist/python/callboard"),
        None => check::target_dir(root).join("python/callboard"),
    };
    let package = if package.exists() { package } else { own.join("launcher/callboard") };
    let interpreter = if package.join(NATIVE).exists() { "cp310-abi3" } else { "py3-none" };
    let platform = match contents.glibc {
        Some(version) => format!("manylinux_{}_x86_64", version.replace('.', "_")),
        None => "linux_x86_64".to_owned(),
    };
    let wheel = options.to.join(format!("callboard-{}-{interpreter}-{platform}.whl", contents.version));
    let mut python = Command::new("python3");
    python.arg(own.join("wheel.py")).arg(&wheel).arg(&contents.folder).arg(&package).env("SOURCE_DATE_EPOCH", EPOCH);
    command::run(python.arg(if options.fast { "1" } else { "9" }))?;
    if contents.glibc.is_some() {
        let said = program::audit(root, &wheel).ok_or("auditwheel could not read the wheel")?;
        if !said.contains(&format!("\"{platform}\"")) {
            return Err(format!("auditwheel does not find {platform}:\n{said}"));
        }
    }
    Ok(wheel)
}
