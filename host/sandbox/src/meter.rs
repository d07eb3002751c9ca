//! Memory, counted: at every growth, in gauges that add up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is held at this moment, and the most that ever was. What is added here is added to the gauge above as well.
#[derive(Debug)]
pub struct Gauge {
    now: AtomicU64,
    peak: AtomicU64,
    /// The most that may be held, for callers that ask first.
    most: AtomicU64,
    /// The most that one [`Held`] had.
    largest: AtomicU64,
    /// The most that one would have had if it had been given what was refused; 0 where nothing was.
    refused: AtomicU64,
    above: Option<Arc<Gauge>>,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    /// What is held.
    pub now: u64,
    /// The most that may be.
    pub most: u64,
}

impl Default for Gauge {
    fn default() -> Gauge {
        let zero = || AtomicU64::new(0);
        let most = AtomicU64::new(u64::MAX);
        Gauge { now: zero(), peak: zero(), most, largest: zero(), refused: zero(), above: None }
    }
}

impl Gauge {
    /// A gauge whose amounts are added to `above` too.
    pub fn below(above: &Arc<Gauge>) -> Arc<Gauge> {
        Arc::new(Gauge { above: Some(above.clone()), ..Gauge::default() })
    }

    /// The most that was held since the last [`Gauge::restart`], bytes.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Acquire)
    }

    /// What is held, bytes.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// Begins a new peak at what is held now.
    pub fn restart(&self) {
        self.peak.store(self.now(), Ordering::Release);
        self.largest.store(0, Ordering::Release);
    }

    /// Lets no more be held than this, by callers that ask first; what is held already stays.
    pub fn limit(&self, most: u64) {
        self.most.store(most, Ordering::Release);
    }

    /// The most that one instance held.
    pub fn largest(&self) -> u64 {
        self.largest.load(Ordering::Acquire)
    }

    /// The most that one instance asked to hold and was refused, if any was.
    pub fn refused(&self) -> Option<u64> {
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

    /// Holds more, whatever the limit is.
    pub fn add(&self, bytes: u64) {
        let now = self.now.fetch_add(bytes, Ordering::AcqRel) + bytes;
        self.peak.fetch_max(now, Ordering::AcqRel);
        self.above.iter().for_each(|above| above.add(bytes));
    }

    /// Holds less.
    pub fn give_back(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::AcqRel);
        self.above.iter().for_each(|above| above.give_back(bytes));
    }
}

/// Memory that one instance holds; given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    gauge: Arc<Gauge>,
    bytes: u64,
}

impl Held {
    /// Nothing yet.
    pub fn nothing(gauge: Arc<Gauge>) -> Held {
        Held { gauge, bytes: 0 }
    }

    /// What it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds more, unless there is no room: then nothing changes, but that it was refused.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Full> {
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
