//! Files on their way between a work place in a store and a copy of it: several at once, each under the name that it has there.

use std::io;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use callboard_io::StoreFolder;
use callboard_io::beneath::{Dir, Kind};

use crate::error::{Class, RunError};

/// How many files are on their way at once: those up to this size, bytes, and larger ones, of which several parts are.
pub(super) const AT_ONCE: usize = 8;
const SMALL: u64 = 1 << 20;
const LARGE_AT_ONCE: usize = 2;
/// What a file is called until all of it is here, after its name.
const COMING: &str = ".coming";

/// Puts files of a copy in the store. One that is not here is left out.
pub(super) fn send(store: &StoreFolder, dir: &Dir, names: &[impl AsRef<str> + Sync]) -> Result<(), RunError> {
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for name in names.iter().map(AsRef::as_ref) {
        match dir.metadata(name) {
            Err(error) => return Err(unread(dir, name, &error)),
            Ok(None) => {}
            Ok(Some(file)) if file.len() <= SMALL => small.push(name),
            Ok(Some(_)) => large.push(name),
        }
    }
    let send = |name: &str| Ok(store.send(name, &dir.file(name).map_err(|error| unread(dir, name, &error))?)?);
    side_by_side(AT_ONCE, &small, send)?;
    side_by_side(LARGE_AT_ONCE, &large, send)
}

fn unread(dir: &Dir, name: &str, error: &io::Error) -> RunError {
    RunError::system("read", &dir.path().join(name), error)
}

/// Brings files into a copy that are not there yet. One that is not in the store is an error, unless it `may` be missing.
pub(super) fn fetch(
    store: &StoreFolder,
    dir: &Dir,
    names: &[impl AsRef<str> + Sync],
    may_be_missing: bool,
) -> Result<(), RunError> {
    side_by_side(AT_ONCE / 2, names, |name| {
        let unwritten = |error: io::Error| RunError::system("write", &dir.path().join(name), &error);
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let folder = if folder.is_empty() { dir.clone() } else { dir.make_dir(folder, 0o700).map_err(unwritten)? };
        if folder.kind(last).map_err(unwritten)?.is_some() {
            return Ok(());
        }
        let coming = format!("{last}{COMING}");
        let file = folder.create(&coming, 0o600).map_err(unwritten)?;
        match store.fetch(name, &file)? {
            Some(_) => folder.rename(&coming, &folder, last).map_err(unwritten),
            None if may_be_missing => folder.remove_file(&coming).map_err(unwritten),
            None => {
                let message = format!("`{}/{name}` is not there any more", store.path());
                Err(RunError::new(Class::System, message)
                    .help("start the task again that left it, or submit the pipeline again"))
            }
        }
    })
}

/// Brings ranges of a file, to the same places of a file of that name.
pub(super) fn fetch_ranges(store: &StoreFolder, dir: &Dir, name: &str, ranges: &[Range<u64>]) -> Result<(), RunError> {
    let file = dir.create(name, 0o600).map_err(|error| RunError::system("write", &dir.path().join(name), &error))?;
    if ranges.is_empty() {
        return Ok(());
    }
    Ok(store.fetch_ranges(name, ranges, &file)?)
}

/// Brings all files below a folder.
pub(super) fn fetch_all(store: &StoreFolder, dir: &Dir, folder: &str) -> Result<(), RunError> {
    let names: Vec<String> = store.list(&format!("{folder}/"))?.into_iter().map(|found| found.name).collect();
    fetch(store, dir, &names, false)
}

/// The files below a folder of a copy, by their names from the copy.
pub(super) fn below(dir: &Dir, folder: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let here = match dir.dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        here => here?,
    };
    for (name, kind) in here.entries()? {
        let Some(name) = name.to_str() else { continue };
        let name = format!("{folder}/{name}");
        match kind {
            Kind::Folder => names.extend(below(dir, &name)?),
            Kind::File => names.push(name),
            _ => {}
        }
    }
    Ok(names)
}

/// Does something for each name, at most that many at once; the first error ends it.
pub(super) fn side_by_side(
    most: usize,
    names: &[impl AsRef<str> + Sync],
    each: impl Fn(&str) -> Result<(), RunError> + Sync,
) -> Result<(), RunError> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = each(name.as_ref()) {
                next.store(names.len(), Ordering::Relaxed);
                failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..names.len().min(most) {
            // Where the system refuses a thread, those that are there do its work.
            let _ = std::thread::Builder::new().name("work place".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}
