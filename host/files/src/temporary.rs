//! A folder for a while: gone when it is dropped, or when the next of its kind is made if its process was killed.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

/// Held as long as the folder is used.
const LOCK: &str = "lock";
/// What it is used for lies in here, so that the lock is not among it.
const INSIDE: &str = "in";
/// A folder without a lock has one in a moment, or is nobody's.
const MOMENT: Duration = Duration::from_secs(3600);

/// A folder that only its owner can open, for as long as this value lives.
#[derive(Debug)]
pub struct Temporary {
    inside: PathBuf,
    _folder: TempDir,
    _lock: File,
}

impl Temporary {
    /// Makes a folder below another, and removes those of the same prefix that killed processes of this user left there.
    ///
    /// # Errors
    /// The system's.
    pub fn create(parent: &Path, prefix: &str) -> io::Result<Temporary> {
        sweep(parent, prefix);
        // Absolute: paths in it are passed to other processes.
        let parent = std::path::absolute(parent)?;
        let owners_alone = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(prefix).permissions(owners_alone).tempdir_in(parent)?;
        // It has the name of a lock once it is held: whoever sweeps meanwhile finds none.
        let new = folder.path().join("new");
        let lock = File::create_new(&new)?;
        lock.lock()?;
        std::fs::rename(new, folder.path().join(LOCK))?;
        let inside = folder.path().join(INSIDE);
        DirBuilder::new().mode(0o700).create(&inside)?;
        Ok(Temporary { inside, _folder: folder, _lock: lock })
    }

    /// An empty folder, to be filled.
    pub fn path(&self) -> &Path {
        &self.inside
    }
}

/// Removes folders that nobody holds. One that cannot be removed is left for the next time.
fn sweep(parent: &Path, prefix: &str) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        if is_ours && is_left(&entry) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether it is a folder of this user's (others may write its parent) whose process has ended.
fn is_left(entry: &std::fs::DirEntry) -> bool {
    let Ok(found) = entry.metadata() else { return false };
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return false;
    }
    match crate::open_regular(&entry.path().join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => found.modified().is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MOMENT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_held_stays() {
        let parent = tempfile::tempdir().unwrap();
        let held = Temporary::create(parent.path(), ".test-").unwrap();
        assert_eq!(std::fs::read_dir(held.path()).unwrap().count(), 0);
        // As a killed process leaves it: the lock is there, and nobody holds it.
        let left = parent.path().join(".test-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::create_dir(left.join(INSIDE)).unwrap();
        std::fs::write(left.join(INSIDE).join("component.wasm"), "bytes").unwrap();
        // Not ours, or not yet anybody's.
        let others =
            ["ours", ".test-file", ".test-new", ".test-piped", ".other-left"].map(|name| parent.path().join(name));
        std::fs::write(&others[1], "").unwrap();
        for nth in [0, 2, 3, 4] {
            std::fs::create_dir(&others[nth]).unwrap();
        }
        std::fs::write(others[4].join(LOCK), "").unwrap();
        // Nothing waits for a pipe in the place of a lock.
        let pipe = others[3].join(LOCK);
        rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        // A link is not followed.
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), parent.path().join(".test-link")).unwrap();
        let next = Temporary::create(parent.path(), ".test-").unwrap();
        assert!(!left.exists());
        assert!(held.path().exists() && next.path().exists() && outside.path().join(LOCK).exists());
        assert!(others.iter().all(|other| other.exists()));
        let folder = next.path().parent().unwrap().to_owned();
        drop(next);
        assert!(!folder.exists());
    }
}
