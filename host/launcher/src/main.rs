//! The program `callboard` of a wheel: it loads the native module of the Python package that it was installed with, and calls the command
//! that is in it. So the wheel has the host once, and the command begins as fast as a program of its own: no Python runs.
//!
//! The process stays this program: what the command starts to compile a component is this file again. `xtask/src/dist/weak.rs` makes the
//! module's names of Python's weak; otherwise nothing but Python could load it.
#![deny(unsafe_code)]
#![allow(clippy::print_stderr, reason = "it is a program")]

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What Python loads the native module as.
const MODULE: &str = "callboard/_native.abi3.so";
/// The folder that says which version of a package is installed beside it.
const INFORMATION: &str = concat!("callboard-", env!("CARGO_PKG_VERSION"), ".dist-info");
/// What the system did not give.
const SYSTEM: u8 = 5;

fn main() -> ExitCode {
    let error = match std::env::current_exe() {
        Ok(program) => match module(&program) {
            Some(module) => called(&module),
            None => format!("its Python package was not found beside {}", program.display()),
        },
        Err(error) => format!("its own path was not found: {error}"),
    };
    eprintln!(
        "error: `callboard` cannot start: {error}\n  help: install it again: pip install --force-reinstall callboard"
    );
    ExitCode::from(SYSTEM)
}

/// The native module that was installed with this program: of this version, if there are several.
fn module(program: &Path) -> Option<PathBuf> {
    let packages = packages(program.parent()?.parent()?);
    let mut found: Vec<PathBuf> = packages.into_iter().filter(|folder| folder.join(MODULE).exists()).collect();
    found.sort_by_key(|folder| !folder.join(INFORMATION).exists());
    Some(found.into_iter().next()?.join(MODULE))
}

/// The folders of packages that may belong to the folder that has this program's `bin`.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for lib in ["lib", "lib64"].map(|lib| prefix.join(lib)) {
        let entries = std::fs::read_dir(&lib).into_iter().flatten().flatten().map(|entry| entry.path());
        let pythons =
            entries.filter(|path| path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"python")));
        let mut pythons: Vec<PathBuf> = pythons.collect();
        pythons.sort();
        for python in pythons {
            // An environment or a prefix; Debian's own; `pip install --home`.
            folders.extend([python.join("site-packages"), python.join("dist-packages"), python]);
        }
    }
    // `pip install --target`
    folders.push(prefix.to_owned());
    folders
}

/// Calls the command in a module; it ends the process. Otherwise returns why it did not.
#[allow(unsafe_code)]
fn called(module: &Path) -> String {
    // SAFETY: it returns the text of the last error of this thread, or none, until the next call.
    let error = || match unsafe { libc::dlerror().as_ref() } {
        // SAFETY: such a text ends with a zero.
        Some(text) => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
        None => format!("{} has no command", module.display()),
    };
    let Ok(path) = CString::new(module.as_os_str().as_bytes()) else {
        return format!("{} is no path", module.display());
    };
    // SAFETY: both names end with a zero. What is loaded runs: it is the package's own file, installed with this one.
    let command = unsafe {
        let module = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        if module.is_null() {
            return error();
        }
        libc::dlsym(module, c"callboard_main".as_ptr())
    };
    if command.is_null() {
        return error();
    }
    // SAFETY: `command.rs` gives this name to a function of this type.
    let command: extern "C" fn() -> ! = unsafe { std::mem::transmute(command) };
    command()
}
