//! Resident memory of this process, as the system reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::curves::Seen;

/// Resident memory of this process over a run: the system's own high-water mark, and anonymous memory, sampled.
pub(crate) struct Residence {
    anonymous: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
}

impl Residence {
    /// Begins to watch, and to sample for `seen`; the high-water mark starts again where the system allows it.
    pub(crate) fn watch(seen: Arc<Seen>) -> Residence {
        // "5" resets the mark (proc(5)); where that is not allowed, the mark is the process's whole life's.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let (anonymous, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        // A sampler that the system refuses is missing from the report, and nowhere else.
        let sampler = std::thread::Builder::new().spawn({
            let (anonymous, stop) = (anonymous.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let now = status("RssAnon:");
                    anonymous.fetch_max(now, Ordering::Relaxed);
                    seen.sample(Some(now));
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            }
        });
        Residence { anonymous, stop, sampler: sampler.ok() }
    }

    /// The peak of resident memory, bytes.
    pub(crate) fn peak(&self) -> u64 {
        status("VmHWM:")
    }

    /// The peak of anonymous memory, bytes, as sampled every 20 ms.
    pub(crate) fn anonymous_peak(&self) -> u64 {
        self.anonymous.load(Ordering::Relaxed)
    }
}

impl Drop for Residence {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sampler) = self.sampler.take() {
            sampler.thread().unpark();
            let _ = sampler.join();
        }
    }
}

/// A figure of `/proc/self/status`, in bytes; 0 where there is none.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
