//! A file that is digested while it is written, and brought to the disk, so that little is left to wait for at its end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::digest::FileDigest;
use crate::places::{Follower, Upload};

/// A file is synced whenever this many more bytes of it are written.
const SYNCED: u64 = 16 << 20;

/// Bytes of another file that are copied at a time.
const COPIED: usize = 1 << 20;

/// A file, and the digest of what was written to it.
pub struct Digesting {
    file: File,
    digest: FileDigest,
    bytes: u64,
    unsynced: u64,
    behind: Option<Behind>,
    follower: Option<Follower>,
    is_durable: bool,
}

impl Digesting {
    /// A file that has nothing yet.
    pub fn new(file: File) -> Digesting {
        let digest = FileDigest::new();
        Digesting { file, digest, bytes: 0, unsynced: 0, behind: None, follower: None, is_durable: true }
    }

    /// The same, which the system brings to the disk when it likes: for a file that is copied into another one.
    pub(crate) fn passing(self) -> Digesting {
        Digesting { is_durable: false, ..self }
    }

    /// A file whose first `bytes` bytes are there; what follows them is cut off. `None` if their digest is different.
    ///
    /// # Errors
    /// The file cannot be read or cut.
    pub fn go_on(mut file: File, bytes: u64, digest: u128) -> io::Result<Option<Digesting>> {
        let Some(seen) = FileDigest::of_first(&file, bytes)?.filter(|seen| seen.finish() == digest) else {
            return Ok(None);
        };
        file.set_len(bytes)?;
        file.seek(SeekFrom::Start(bytes))?;
        Ok(Some(Digesting { digest: seen, bytes, ..Digesting::new(file) }))
    }

    /// Appends all that can be read from another file. Whether that has this digest.
    ///
    /// # Errors
    /// The other file cannot be read, or this one not be written.
    pub fn append(&mut self, mut from: impl Read, digest: u128) -> io::Result<bool> {
        let (mut seen, mut buffer) = (FileDigest::new(), vec![0; COPIED]);
        loop {
            match from.read(&mut buffer)? {
                0 => return Ok(seen.finish() == digest),
                read => {
                    seen.write(&buffer[..read]);
                    self.write_all(&buffer[..read])?;
                }
            }
        }
    }

    /// Has what is written sent to a store as well.
    pub(crate) fn followed_by(self, upload: &Upload) -> io::Result<Digesting> {
        let follower = upload.follow(&self.file, self.bytes, false)?;
        Ok(Digesting { follower: Some(follower), ..self })
    }

    /// How many bytes have been written, and their digest.
    pub(crate) fn position(&self) -> (u64, u128) {
        (self.bytes, self.digest.finish())
    }

    /// The file, all of it durable, and the digest.
    ///
    /// # Errors
    /// The disk did not take it.
    pub fn finish(self) -> io::Result<(File, u128)> {
        // The rest is sent while the disk takes it.
        if let Some(follower) = &self.follower {
            follower.reached(self.bytes, true)?;
        }
        self.behind.map_or(Ok(()), Behind::end)?;
        if self.is_durable {
            self.file.sync_all()?;
        }
        Ok((self.file, self.digest.finish()))
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.write(&bytes[..written]);
        self.bytes += written as u64;
        self.unsynced += written as u64;
        if let Some(follower) = &self.follower {
            follower.reached(self.bytes, false)?;
        }
        if self.unsynced >= SYNCED && self.is_durable {
            self.unsynced = 0;
            if self.behind.is_none() {
                self.behind = Behind::begin(&self.file)?;
            }
            self.behind.iter().for_each(Behind::nudge);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The thread that syncs a file, now and then.
struct Behind {
    wake: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Behind {
    /// `None` if the system refuses the thread: everything is then synced at the end.
    fn begin(file: &File) -> io::Result<Option<Behind>> {
        let file = file.try_clone()?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().spawn(move || woken.iter().try_for_each(|()| file.sync_data()));
        Ok(thread.ok().map(|thread| Behind { wake, thread }))
    }

    /// Has all that was written so far synced, soon.
    fn nudge(&self) {
        // A thread that is woken already syncs this, too; one that has failed reports it at the end.
        let _ = self.wake.try_send(());
    }

    /// Ends it. What the disk did not take is said here, and not again when the file is synced afterwards.
    fn end(self) -> io::Result<()> {
        drop(self.wake);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs the file panicked")))
    }
}
