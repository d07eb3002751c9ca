//! The Python package, put together: the files of `host/python`, the SDK for steps, and the native module.
//!
//! The SDK's `__init__.py` becomes `_sdk.py`: the package has one of its own, which gives both sides.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What Python loads the native module as, in every version from 3.10 on.
pub(crate) const NATIVE: &str = "_native.abi3.so";

/// The files of the package, each with its path below the folder `callboard`. `native` is the library that cargo made.
pub(crate) fn files(root: &Path, native: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    let sdk = root.join("plugins/sdk/python/callboard");
    for path in below(&sdk)? {
        let name = path.strip_prefix(&sdk).unwrap_or(&path).to_owned();
        files.push((if name == Path::new("__init__.py") { "_sdk.py".into() } else { name }, path));
    }
    let host = root.join("host/python/callboard");
    for path in below(&host)? {
        let name = path.strip_prefix(&host).unwrap_or(&path).to_owned();
        files.retain(|(known, _)| *known != name || name == Path::new("py.typed"));
        files.push((name, path));
    }
    files.push((NATIVE.into(), native.to_owned()));
    files.sort();
    files.dedup_by(|a, b| a.0 == b.0);
    Ok(files)
}

/// Puts the package into `to/callboard`, which is recreated.
pub(crate) fn assemble(root: &Path, native: &Path, to: &Path) -> io::Result<()> {
    let package = to.join("callboard");
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    for (name, from) in files(root, native)? {
        let file = package.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&package))?;
        fs::copy(from, file)?;
    }
    Ok(())
}

/// All files below a folder that are sources.
fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "__pycache__" {
                files.extend(below(&path)?);
            }
        } else if [".py", ".pyi", "py.typed"].iter().any(|end| name.ends_with(end)) {
            files.push(path);
        }
    }
    Ok(files)
}
