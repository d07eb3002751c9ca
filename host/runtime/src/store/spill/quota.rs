//! How much of the disk rows between stages may take.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::QuotaExceeded;

/// What all spills of a run may take, and have taken.
#[derive(Debug)]
pub(crate) struct Quota {
    most: u64,
    used: AtomicU64,
    written: AtomicU64,
}

impl Quota {
    pub(crate) fn new(most: Option<u64>) -> Quota {
        Quota { most: most.unwrap_or(u64::MAX), used: AtomicU64::new(0), written: AtomicU64::new(0) }
    }

    pub(crate) fn take(&self, bytes: u64) -> io::Result<()> {
        let within = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.most);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .map_err(|used| io::Error::other(QuotaExceeded { used, more: bytes, most: self.most }))?;
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// As [`Quota::take`], of what is noted of a step's work: it stays, and is not reported as rows between stages.
    pub(in crate::store) fn take_noted(&self, bytes: u64) -> io::Result<()> {
        self.take(bytes)?;
        self.written.fetch_sub(bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes written since this was last asked.
    pub(crate) fn take_written(&self) -> u64 {
        self.written.swap(0, Ordering::Relaxed)
    }
}

/// Room that one file takes as it grows, given back when it is gone.
pub(crate) struct Room {
    quota: Arc<Quota>,
    bytes: u64,
}

impl Room {
    pub(crate) fn of(quota: &Arc<Quota>) -> Room {
        Room { quota: quota.clone(), bytes: 0 }
    }

    /// The file has grown to this size.
    pub(crate) fn reach(&mut self, bytes: u64) -> io::Result<()> {
        self.quota.take(bytes.saturating_sub(self.bytes))?;
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.quota.give_back(self.bytes);
    }
}
