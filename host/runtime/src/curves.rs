//! What a run did so far: memory and rows over time, in bounded size.
//!
//! Each stage has a curve of its own, which is kept with what the stage cost: so the curves of a run go on where it is resumed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use callboard_sandbox::Gauge;

use crate::events::{Event, Observer};
use crate::store::records::Moment;

/// Moments of all stages together; of a plan with very many stages, each still has [`LEAST`].
const MOST: usize = 600;
const LEAST: usize = 8;

/// What a stage did that has not ended.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// From 1.
    pub(crate) stage: usize,
    pub(crate) took: Duration,
    /// Rows that each step was given and put out.
    pub(crate) steps: BTreeMap<Arc<str>, (u64, u64)>,
    pub(crate) curve: Vec<Moment>,
}

/// What is seen of a run.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    state: Mutex<State>,
    memory: OnceLock<Held>,
}

/// Gauges of what a run holds.
#[derive(Debug)]
struct Held {
    linear: Arc<Gauge>,
    /// Linear memory and rows in flight.
    all: Arc<Gauge>,
}

#[derive(Debug, Default)]
struct State {
    stage: Option<Current>,
}

/// The stage that is being carried out.
#[derive(Debug)]
struct Current {
    index: usize,
    began: Instant,
    curve: Curve,
    steps: BTreeMap<Arc<str>, (u64, u64)>,
    resident: u64,
}

/// Moments at equal distances: when there is no more room, every two become one, and samples are taken at twice the distance.
#[derive(Debug)]
pub(crate) struct Curve {
    moments: Vec<Moment>,
    most: usize,
    /// Samples that make up a moment.
    every: u32,
    /// How many of these there are, and what they make.
    pending: u32,
    next: Option<Moment>,
}

impl Curve {
    pub(crate) fn new(most: usize) -> Curve {
        Curve { moments: Vec::new(), most: most.max(2), every: 1, pending: 0, next: None }
    }

    pub(crate) fn push(&mut self, sample: Moment) {
        let next = self.next.take().map_or(sample, |pending| pending.and(sample));
        self.pending += 1;
        if self.pending < self.every {
            self.next = Some(next);
            return;
        }
        self.pending = 0;
        if self.moments.len() == self.most {
            let halved = self.moments.chunks(2).map(|two| two.iter().copied().reduce(Moment::and).unwrap_or_default());
            self.moments = halved.collect();
            self.every = self.every.saturating_mul(2);
        }
        self.moments.push(next);
    }

    pub(crate) fn moments(&self) -> Vec<Moment> {
        self.moments.iter().copied().chain(self.next).collect()
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An observer that counts rows, and passes all events on.
    pub(crate) fn over(self: &Arc<Seen>, observer: Observer) -> Observer {
        let seen = self.clone();
        Observer::new(move |event| {
            if let Event::Rows { step, rows_in, rows_out } = &event
                && let Some(current) = &mut seen.lock().stage
            {
                let moved = current.steps.entry(step.clone()).or_default();
                *moved = (moved.0 + rows_in, moved.1 + rows_out);
            }
            observer.tell(event);
        })
    }

    /// What is sampled from now on.
    pub(crate) fn watch(&self, linear: &Arc<Gauge>, all: &Arc<Gauge>) {
        let _ = self.memory.set(Held { linear: linear.clone(), all: all.clone() });
    }

    /// A stage begins: its number, from 1, and that of all stages.
    pub(crate) fn begin(&self, index: usize, stages: usize) {
        let curve = Curve::new((MOST / stages.max(1)).clamp(LEAST, MOST));
        let resident = self.lock().stage.as_ref().map_or(0, |before| before.resident);
        self.lock().stage = Some(Current { index, began: Instant::now(), curve, steps: BTreeMap::new(), resident });
        self.sample(None);
    }

    /// Samples memory, with the anonymous memory of the process, if that was asked for: bytes.
    pub(crate) fn sample(&self, resident: Option<u64>) {
        let Some(Held { linear, all }) = self.memory.get() else { return };
        let (linear, all) = (linear.now(), all.now());
        if let Some(current) = &mut self.lock().stage {
            current.resident = resident.unwrap_or(current.resident);
            let rows = current.steps.values().map(|moved| moved.0.max(moved.1)).sum();
            current.curve.push(Moment {
                at_ms: current.began.elapsed().as_millis() as u64,
                linear,
                in_flight: all.saturating_sub(linear),
                resident: current.resident,
                rows,
            });
        }
    }

    /// The stage has ended: its curve.
    pub(crate) fn end(&self) -> Vec<Moment> {
        self.sample(None);
        self.lock().stage.take().map_or_else(Vec::new, |current| current.curve.moments())
    }

    /// The stage that has not.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        let state = self.lock();
        let current = state.stage.as_ref()?;
        Some(Unfinished {
            stage: current.index,
            took: current.began.elapsed(),
            steps: current.steps.clone(),
            curve: current.curve.moments(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ms: u64, linear: u64) -> Moment {
        Moment { at_ms, linear, rows: at_ms * 10, ..Moment::default() }
    }

    #[test]
    fn a_curve_stays_small_and_keeps_peaks_and_ends() {
        for samples in [1, 7, 8, 9, 100, 1_000, 54_321] {
            let mut curve = Curve::new(8);
            (1..=samples).for_each(|at| curve.push(moment(at, if at == samples / 2 { 99 } else { 1 })));
            let moments = curve.moments();
            assert!(moments.len() <= 9, "{samples}: {}", moments.len());
            assert!(samples < 8 || moments.len() >= 4, "{samples}: {}", moments.len());
            assert_eq!(moments.last().map(|last| (last.at_ms, last.rows)), Some((samples, samples * 10)));
            assert!(moments.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
            assert_eq!(moments.iter().any(|moment| moment.linear == 99), samples > 1, "{samples}");
        }
    }
}
