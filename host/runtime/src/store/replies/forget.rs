//! What the replies beside runs take of the disk, and how they are forgotten.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

use callboard_io::beneath::Dir;
use callboard_sandbox::cache_dir;

use super::compact::compact;
use super::scan::scan;
use super::{EXTENSION, FOLDER};
use crate::error::RunError;
use crate::store::Key;

fn open(parent: &Path) -> io::Result<Option<Dir>> {
    match Dir::open(&parent.join(FOLDER)) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(None),
        dir => dir.map(Some),
    }
}

/// What the replies beside the runs in `parent` take of the disk, bytes; none if there are none.
///
/// # Errors
///
/// Their folder cannot be read.
pub fn replies_size(parent: &Path) -> io::Result<Option<u64>> {
    let Some(dir) = open(parent)? else { return Ok(None) };
    let sizes = dir.entries()?.into_iter().map(|(name, _)| Ok(dir.metadata(name)?.map_or(0, |found| found.len())));
    sizes.sum::<io::Result<u64>>().map(Some)
}

/// Replies that were forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Files, each of the replies that one process was given.
    pub files: u64,
    /// What they took, bytes.
    pub freed: u64,
    /// Files that are left, since a process still writes them.
    pub in_use: u64,
}

/// Forgets the replies beside the runs in `parent`: those of processes whose last reply came longer ago than `older`, or all. Those
/// that later ones have taken the place of are removed as well, which the key in `cache` tells. What a process still writes is left.
///
/// # Errors
///
/// Their folder cannot be read, or a file not removed.
pub fn forget_replies(parent: &Path, older: Option<Duration>, cache: &Path) -> Result<Forgotten, RunError> {
    let cannot = |error: io::Error| RunError::system("forget the replies of servers in", &parent.join(FOLDER), &error);
    let Some(dir) = open(parent).map_err(cannot)? else { return Ok(Forgotten::default()) };
    let mut forgotten = forgotten(&dir, older).map_err(cannot)?;
    if let Some(key) = Key::read(&cache_dir(cache)?)? {
        forgotten.freed += scan(&dir, &key).and_then(|scan| compact(&dir, &key, &scan)).map_err(cannot)?;
    }
    Ok(forgotten)
}

fn forgotten(dir: &Dir, older: Option<Duration>) -> io::Result<Forgotten> {
    let mut forgotten = Forgotten::default();
    let before = older.map(|older| SystemTime::now().checked_sub(older).unwrap_or(SystemTime::UNIX_EPOCH));
    for (name, _) in dir.entries()? {
        if !name.to_str().is_some_and(|name| name.ends_with(EXTENSION)) {
            continue;
        }
        let file = match dir.file(&name) {
            // Its process has just removed it: it was empty.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file?,
        };
        let found = file.metadata()?;
        let is_recent = before.is_some_and(|before| found.modified().is_ok_and(|modified| modified >= before));
        if is_recent {
            continue;
        }
        if matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)) {
            forgotten.in_use += 1;
            continue;
        }
        dir.remove_file(&name)?;
        forgotten.files += 1;
        forgotten.freed += found.len();
    }
    Ok(forgotten)
}
