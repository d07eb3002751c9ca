//! Doing something again whenever a folder's files change.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, thread};

use callboard_io::read_regular;

use crate::exit::Failure;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(200);
/// The largest file that is read to see whether it changed, bytes.
const LARGE: u64 = 64 << 20;
/// Folders that tools fill.
const TOOLS: [&str; 4] = ["node_modules", "target", "__pycache__", "out"];

/// A file as it was when it was last looked at: when it was changed, how long it is, and a hash of what is in it.
type Seen = BTreeMap<PathBuf, (Option<SystemTime>, u64, u64)>;

/// Calls `work` with all folders, then for ever with those in which a file's content has changed. Hidden files, components and what tools
/// leave behind do not count, so that work may write them.
pub(crate) fn watch(
    folders: &[PathBuf],
    mut work: impl FnMut(&[PathBuf]) -> Result<(), Failure>,
) -> Result<std::convert::Infallible, Failure> {
    let mut seen: Vec<Seen> = folders.iter().map(|folder| look(folder, &Seen::new())).collect();
    work(folders)?;
    loop {
        thread::sleep(PAUSE);
        let mut changed = Vec::new();
        for (folder, seen) in folders.iter().zip(&mut seen) {
            let now = look(folder, seen);
            let contents = |seen: &Seen| seen.iter().map(|(path, file)| (path.clone(), file.2)).collect::<Vec<_>>();
            if contents(&now) != contents(seen) {
                changed.push(folder.clone());
            }
            *seen = now;
        }
        if !changed.is_empty() {
            work(&changed)?;
        }
    }
}

/// Calls `work`, and again whenever the content of a file has changed, until it is to `stop`.
pub(crate) fn watch_file(file: &Path, stop: &dyn Fn() -> bool, mut work: impl FnMut()) {
    loop {
        let seen = content(file);
        work();
        while content(file) == seen {
            if stop() {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The files of a folder; those that look untouched are not read again. A file that goes away meanwhile is not there.
fn look(folder: &Path, before: &Seen) -> Seen {
    let (mut seen, mut folders) = (Seen::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(metadata) = entry.metadata() else { continue };
            match () {
                () if name.starts_with('.') || name.ends_with(".wasm") => {}
                () if metadata.is_dir() && TOOLS.contains(&&*name) => {}
                () if metadata.is_dir() => folders.push(path),
                () => {
                    let (modified, length) = (metadata.modified().ok(), metadata.len());
                    let known = before.get(&path).filter(|file| (file.0, file.1) == (modified, length));
                    let file = known.copied().or_else(|| Some((modified, length, content(&path))));
                    seen.extend(file.map(|file| (path, file)));
                }
            }
        }
    }
    seen
}

/// A hash of what is in a file; of one that is too large to be looked at again and again, of its size and time. A pipe, a device or a
/// link to one has no content.
fn content(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    match read_regular(path, LARGE) {
        Ok(bytes) => bytes.hash(&mut hasher),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            let seen = fs::metadata(path).ok().map(|file| (file.len(), file.modified().ok()));
            seen.hash(&mut hasher);
        }
        Err(_) => {}
    }
    hasher.finish()
}
