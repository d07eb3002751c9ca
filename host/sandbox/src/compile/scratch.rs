//! The folder that a component is compiled in: gone afterwards, or at the next use of the cache where its process was killed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = ".compile-";
/// Held as long as somebody compiles there.
const LOCK: &str = "lock";
/// A folder without a lock has one in a moment, or is nobody's.
const MOMENT: Duration = Duration::from_secs(3600);

/// A folder in the cache, for a while.
pub(crate) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes the folder, and removes those that killed processes left.
    pub(crate) fn create(cache: &Path) -> io::Result<Scratch> {
        sweep(cache);
        // Absolute: the compiler is told its paths.
        let cache = std::path::absolute(cache)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(cache)?;
        let lock = File::create_new(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Scratch { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes folders that nobody holds. One that cannot be removed is left for the next time.
fn sweep(cache: &Path) {
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_left(&entry.path()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let made = folder.metadata().and_then(|folder| folder.modified());
            made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MOMENT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_held_stays() {
        let cache = tempfile::tempdir().unwrap();
        let held = Scratch::create(cache.path()).unwrap();
        // As a killed process leaves it: the lock is there, and nobody holds it.
        let left = cache.path().join(".compile-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("component.wasm"), "bytes").unwrap();
        // Not ours, or not yet anybody's.
        let others = [cache.path().join("ours.cwasm"), cache.path().join(".compile-new")];
        std::fs::write(&others[0], "").unwrap();
        std::fs::create_dir(&others[1]).unwrap();
        // A link is not followed.
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), cache.path().join(".compile-link")).unwrap();
        let next = Scratch::create(cache.path()).unwrap();
        assert!(!left.exists());
        assert!(held.path().exists() && next.path().exists() && outside.path().join(LOCK).exists());
        assert!(others.iter().all(|other| other.exists()));
    }
}
