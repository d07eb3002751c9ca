//! Brings what is written to the disk, now and then, beside the work.
//!
//! What a process has written survives the process; what survives the machine's power is what was synced. Frames and the
//! journal carry checksums, so nothing waits for the disk: after a power cut the last moments' work is missing, and done again.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::RunError;

/// How much work a power cut may cost, about.
const EVERY: Duration = Duration::from_secs(2);

/// Knows the files that are being written.
#[derive(Clone)]
pub(crate) struct Syncer(Arc<Mutex<Vec<Arc<File>>>>);

impl Syncer {
    /// Syncs this file, too, as long as anybody else holds it, and once more.
    pub(crate) fn watch(&self, file: &Arc<File>) {
        self.0.lock().expect("no holder panics").push(file.clone());
    }

    /// Syncs all of them, now.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.sync_until(&AtomicBool::new(false))
    }

    /// Syncs them one after another, until it is stopped.
    fn sync_until(&self, stop: &AtomicBool) -> io::Result<()> {
        let files = std::mem::take(&mut *self.0.lock().expect("no holder panics"));
        let (mut held, mut outcome) = (Vec::new(), Ok(()));
        for file in files {
            if stop.load(Ordering::Relaxed) {
                held.push(file);
                continue;
            }
            let last = Arc::strong_count(&file) == 1;
            outcome = outcome.and(file.sync_data());
            if !last {
                held.push(file);
            }
        }
        self.0.lock().expect("no holder panics").append(&mut held);
        outcome
    }
}

/// The thread that syncs; it ends when this is dropped, after the file that it is at: a run that has ended waits for no more
/// than that.
pub(crate) struct Syncing {
    pub(crate) syncer: Syncer,
    stop: Arc<AtomicBool>,
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    failed: Arc<Mutex<Option<io::Error>>>,
}

impl Syncing {
    /// # Errors
    /// The system refuses the thread.
    pub(crate) fn begin() -> Result<Syncing, RunError> {
        let syncer = Syncer(Arc::default());
        let failed = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = channel();
        let thread = callboard_sandbox::spawn({
            let (syncer, failed, stop) = (syncer.clone(), failed.clone(), stop.clone());
            move || {
                while woken.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    if let Err(error) = syncer.sync_until(&stop) {
                        failed.lock().expect("no holder panics").get_or_insert(error);
                    }
                }
            }
        })?;
        Ok(Syncing { syncer, stop, wake: Some(wake), thread: Some(thread), failed })
    }

    /// Why the disk did not take something, if it did not.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failed.lock().expect("no holder panics").take()
    }
}

impl Drop for Syncing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.wake.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
