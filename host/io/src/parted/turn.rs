//! One run at a time puts files into a folder: files of two would lie side by side below the manifest of one.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::IoError;
use crate::stop::Stop;

/// Between two questions whether the other has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest that another run is waited for. Moving files takes no time; two runs that wait for each other do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The turn of this run, until it is dropped. It ends with the process.
pub(super) struct Turn(#[expect(dead_code, reason = "the system holds the lock while it is open")] Option<File>);

impl Turn {
    /// None, for places where nothing is moved.
    pub(super) const NONE: Turn = Turn(None);

    /// Waits until no other run puts files into the folder. A file system that knows no locks has no turns.
    ///
    /// # Errors
    /// Being stopped; another run that does not end.
    pub(super) fn wait(folder: &Path, stop: &Stop) -> Result<Turn, IoError> {
        let Ok(file) = File::open(folder) else { return Ok(Turn::NONE) };
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn(Some(file))),
                Err(TryLockError::Error(_)) => return Ok(Turn::NONE),
                Err(TryLockError::WouldBlock) => stop.check()?,
            }
            if begun.elapsed() > PATIENCE {
                let message = "another run is putting its files into this folder, and does not end";
                return Err(IoError::system(message, &std::io::ErrorKind::WouldBlock.into()).in_file(folder));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_waits_for_the_other_and_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let first = Turn::wait(folder.path(), &Stop::default()).unwrap();
        let stopped = Turn::wait(folder.path(), &Stop::when(|| true)).err().unwrap();
        assert_eq!(stopped.kind(), crate::error::ErrorKind::Interrupted);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Turn::wait(folder.path(), &Stop::default()).is_ok());
            drop(first);
            assert!(second.join().unwrap());
        });
    }
}
