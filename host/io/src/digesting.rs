//! A file that is digested while it is written, and brought to the disk, so that little is left to wait for at its end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use twox_hash::XxHash3_128;

/// So much of a file is written before it is brought to the disk, bytes.
const SYNCED: u64 = 16 << 20;
const READ: usize = 256 << 10;

/// A file, and the XXH3-128 of what was written to it.
pub(crate) struct Digesting {
    file: File,
    digest: XxHash3_128,
    bytes: u64,
    unsynced: u64,
    behind: Option<Behind>,
}

impl Digesting {
    pub(crate) fn new(file: File) -> Digesting {
        Digesting { file, digest: XxHash3_128::new(), bytes: 0, unsynced: 0, behind: None }
    }

    /// A file whose first `bytes` bytes are there; what stands behind them is cut off. None if their digest is another one.
    pub(crate) fn go_on(mut file: File, bytes: u64, digest: u128) -> io::Result<Option<Digesting>> {
        let (mut seen, mut left, mut buffer) = (XxHash3_128::new(), bytes, vec![0; READ]);
        while left > 0 {
            let want = left.min(READ as u64) as usize;
            match file.read(&mut buffer[..want])? {
                0 => return Ok(None),
                read => {
                    seen.write(&buffer[..read]);
                    left -= read as u64;
                }
            }
        }
        if seen.finish_128() != digest {
            return Ok(None);
        }
        file.set_len(bytes)?;
        Ok(Some(Digesting { digest: seen, bytes, ..Digesting::new(file) }))
    }

    /// How many bytes have been written, and their digest.
    pub(crate) fn position(&self) -> (u64, u128) {
        (self.bytes, self.digest.finish_128())
    }

    /// The file, all of it durable, and the digest.
    pub(crate) fn finish(self) -> io::Result<(File, u128)> {
        self.behind.map_or(Ok(()), Behind::end)?;
        self.file.sync_all()?;
        Ok((self.file, self.digest.finish_128()))
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.write(&bytes[..written]);
        self.bytes += written as u64;
        self.unsynced += written as u64;
        if self.unsynced >= SYNCED {
            self.unsynced = 0;
            let behind = match self.behind.take() {
                Some(behind) => behind,
                None => Behind::begin(&self.file)?,
            };
            self.behind.insert(behind).nudge();
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
    fn begin(file: &File) -> io::Result<Behind> {
        let file = file.try_clone()?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::spawn(move || woken.iter().try_for_each(|()| file.sync_data()));
        Ok(Behind { wake, thread })
    }

    /// Has all that was written so far synced, soon.
    fn nudge(&self) {
        // Who is nudged already syncs this, too; and who has failed says so in the end.
        let _ = self.wake.try_send(());
    }

    /// Ends it. What the disk did not take is said here, and not again by who syncs the file afterwards.
    fn end(self) -> io::Result<()> {
        drop(self.wake);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs the file panicked")))
    }
}
