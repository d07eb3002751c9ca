//! Memory, counted: linear memory at every growth, resident memory as the system tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much is held at this moment, and the most that ever was. What is added here is added to the gauge above as well.
#[derive(Debug)]
pub(crate) struct Gauge {
    now: AtomicU64,
    peak: AtomicU64,
    /// The most that may be held, for who asks before.
    most: AtomicU64,
    /// The most that one [`Held`] had.
    largest: AtomicU64,
    /// The most that one would have had if it had been given what was refused; 0 where nothing was.
    refused: AtomicU64,
    above: Option<Arc<Gauge>>,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full {
    /// What is held.
    pub(crate) now: u64,
    /// The most that may be.
    pub(crate) most: u64,
}

impl Default for Gauge {
    fn default() -> Gauge {
        let zero = || AtomicU64::new(0);
        let most = AtomicU64::new(u64::MAX);
        Gauge { now: zero(), peak: zero(), most, largest: zero(), refused: zero(), above: None }
    }
}

impl Gauge {
    pub(crate) fn below(above: &Arc<Gauge>) -> Arc<Gauge> {
        Arc::new(Gauge { above: Some(above.clone()), ..Gauge::default() })
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Acquire)
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// Begins a new peak at what is held now.
    pub(crate) fn restart(&self) {
        self.peak.store(self.now(), Ordering::Release);
        self.largest.store(0, Ordering::Release);
    }

    /// Lets no more be held than this, by who asks before; what is held already stays.
    pub(crate) fn limit(&self, most: u64) {
        self.most.store(most, Ordering::Release);
    }

    /// The most that one instance held.
    pub(crate) fn largest(&self) -> u64 {
        self.largest.load(Ordering::Acquire)
    }

    /// The most that one instance asked to hold and was refused, if any was.
    pub(crate) fn refused(&self) -> Option<u64> {
        Some(self.refused.load(Ordering::Acquire)).filter(|bytes| *bytes > 0)
    }

    /// Adds, unless that is more than may be held here or above.
    fn try_add(&self, bytes: u64) -> Result<(), Full> {
        if let Some(above) = &self.above {
            above.try_add(bytes)?;
        }
        let most = self.most.load(Ordering::Acquire);
        let more = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= most);
        match self.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, more) {
            Ok(before) => {
                self.peak.fetch_max(before + bytes, Ordering::AcqRel);
                Ok(())
            }
            Err(now) => {
                self.above.iter().for_each(|above| above.give_back(bytes));
                Err(Full { now, most })
            }
        }
    }

    pub(crate) fn add(&self, bytes: u64) {
        let now = self.now.fetch_add(bytes, Ordering::AcqRel) + bytes;
        self.peak.fetch_max(now, Ordering::AcqRel);
        self.above.iter().for_each(|above| above.add(bytes));
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::AcqRel);
        self.above.iter().for_each(|above| above.give_back(bytes));
    }
}

/// Memory that one instance holds; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    gauge: Arc<Gauge>,
    bytes: u64,
}

impl Held {
    pub(crate) fn nothing(gauge: Arc<Gauge>) -> Held {
        Held { gauge, bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds more, unless there is no room: then nothing changes, but that it was refused.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Full> {
        let grown = self.bytes.saturating_add(bytes);
        let added = self.gauge.try_add(bytes);
        match &added {
            Ok(()) => {
                self.gauge.largest.fetch_max(grown, Ordering::AcqRel);
                self.bytes = grown;
            }
            Err(_) => drop(self.gauge.refused.fetch_max(grown, Ordering::AcqRel)),
        }
        added
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.give_back(self.bytes);
    }
}

/// Resident memory of this process over a run: the system's own high-water mark, and anonymous memory, sampled.
pub(crate) struct Residence {
    anonymous: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
}

impl Residence {
    /// Begins to watch; the high-water mark starts anew where the system allows it.
    pub(crate) fn watch() -> Residence {
        // "5" resets the mark (proc(5)); where that is not allowed, the mark is the process's whole life's.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let (anonymous, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        // A sampler that the system refuses is missing from the report, and nowhere else.
        let sampler = std::thread::Builder::new().spawn({
            let (anonymous, stop) = (anonymous.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    anonymous.fetch_max(status("RssAnon:"), Ordering::Relaxed);
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
