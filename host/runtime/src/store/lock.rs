//! The lock of a run's folder: held by the process that works in it. It is the first file there, and marks the folder as a run's.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use callboard_io::beneath::Dir;

use super::folder::alone;

pub(super) const LOCK: &str = "lock";
/// A lock holds no more than this, bytes.
const LONGEST: u64 = 64;
/// How often a lock that is held is asked for again: whoever only lists runs holds it for a moment.
const TRIES: u32 = 20;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is given back when the file is closed")] File);

/// Why a lock was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The process of this number, as far as it says so, holds it.
    Held(String),
    System(io::Error),
}

impl From<io::Error> for NotTaken {
    fn from(error: io::Error) -> NotTaken {
        NotTaken::System(error)
    }
}

impl Lock {
    /// Takes the lock of a folder; with `make`, one that is not there yet. A link, a pipe, or a file with a second name elsewhere is
    /// refused: what stands there is written to.
    pub(super) fn take(dir: &Dir, make: bool) -> Result<Lock, NotTaken> {
        let file = match dir.file_to_write(LOCK) {
            Err(error) if make && error.kind() == ErrorKind::NotFound => match dir.create_new(LOCK, 0o600) {
                // Another process was first.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => alone(dir.file_to_write(LOCK)?)?,
                made => made?,
            },
            opened => alone(opened?)?,
        };
        let ours = file.metadata()?;
        let mut tries = 0;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::WouldBlock if tries < TRIES => std::thread::sleep(Duration::from_millis(5)),
                TryLockError::WouldBlock => return Err(NotTaken::Held(holder(&file))),
                TryLockError::Error(error) => return Err(error.into()),
            }
            tries += 1;
        }
        // Whoever removed the folder held it until then.
        let now = dir.metadata(LOCK)?;
        if now.is_none_or(|now| (now.dev(), now.ino()) != (ours.dev(), ours.ino())) {
            return Err(io::Error::new(ErrorKind::NotFound, "it has just been removed").into());
        }
        file.set_len(0)?;
        file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)?;
        Ok(Lock(file))
    }
}

/// What the holder wrote: its number.
fn holder(file: &File) -> String {
    let mut text = [0; LONGEST as usize];
    let length = file.read_at(&mut text, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&text[..length]);
    let number = text.lines().last().filter(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()));
    number.unwrap_or("?").to_owned()
}

/// Whether a process holds the lock. It is not taken, not made, and not written.
pub(crate) fn is_held(dir: &Dir) -> bool {
    dir.file(LOCK).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether the folder has a lock as a run makes it: the number of a process. One that a process died over is empty.
pub(super) fn marks(dir: &Dir) -> io::Result<bool> {
    let mut text = Vec::new();
    match dir.file(LOCK) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::InvalidInput].contains(&error.kind()) => return Ok(false),
        file => file?.take(LONGEST + 1).read_to_end(&mut text)?,
    };
    let is_number = text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n');
    Ok(text.len() as u64 <= LONGEST && is_number)
}
