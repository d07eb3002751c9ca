//! A step's `.callboard/`: the contract and the SDK, as this version has them. Nothing comes from a registry.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::language::Language;
use crate::{contract, templates};

/// Where the contract lies in a step's folder.
pub(crate) const WIT: &str = ".callboard/wit";
/// Where the SDK lies.
pub(crate) const SDK: &str = ".callboard/sdk";
/// What is there of ours, a path a line: what another version put there and this one does not is removed.
const LIST: &str = ".callboard/carried.txt";

/// Makes the step's `.callboard/` what this version carries; what is so already is not touched.
pub(crate) fn refresh(folder: &Path, language: &Language) -> Result<(), (PathBuf, io::Error)> {
    let wit = contract::FILES.iter().map(|(name, text)| (format!("{WIT}/{name}"), text.as_bytes()));
    let sdk = templates::sdk(language).map(|(path, bytes)| (format!("{SDK}/{path}"), bytes));
    let mut carried = BTreeSet::new();
    for (path, bytes) in wit.chain(sdk) {
        let to = folder.join(&path);
        if fs::read(&to).ok().as_deref() != Some(bytes) {
            write(&to, bytes).map_err(|error| (to, error))?;
        }
        carried.insert(path);
    }
    let list = folder.join(LIST);
    let before = fs::read_to_string(&list).unwrap_or_default();
    for path in before.lines().filter(|path| !carried.contains(*path) && is_ours(path)) {
        match fs::remove_file(folder.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((folder.join(path), error)),
            _ => {}
        }
    }
    let now: String = carried.iter().map(|path| format!("{path}\n")).collect();
    match now == before {
        true => Ok(()),
        false => write(&list, now.as_bytes()).map_err(|error| (list, error)),
    }
}

/// The list lies where anybody may write: nothing outside of our folders is removed for it.
fn is_ours(path: &str) -> bool {
    let inside = path.starts_with(&format!("{WIT}/")) || path.starts_with(&format!("{SDK}/"));
    inside && !path.split('/').any(|part| part == "..")
}

/// Writes a file; missing folders are made.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
