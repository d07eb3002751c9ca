//! How many rows steps have asked servers about, and how long the rest is going to take.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The steps that ask servers, and their rows.
#[derive(Default)]
pub(crate) struct Asked(Mutex<BTreeMap<String, Rows>>);

struct Rows {
    began: Instant,
    read: u64,
    done: u64,
    /// Whether all of them have been read.
    are_all: bool,
}

impl Rows {
    /// `None` while it is not known.
    fn left(&self) -> Option<Duration> {
        let rest = self.read - self.done.min(self.read);
        if !self.are_all || (self.done == 0 && rest > 0) {
            return None;
        }
        Duration::try_from_secs_f64(self.began.elapsed().as_secs_f64() / self.done.max(1) as f64 * rest as f64).ok()
    }
}

impl Asked {
    fn steps(&self) -> MutexGuard<'_, BTreeMap<String, Rows>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, step: &str, change: impl FnOnce(&mut Rows)) {
        let mut steps = self.steps();
        let rows = Rows { began: Instant::now(), read: 0, done: 0, are_all: false };
        change(steps.entry(step.to_owned()).or_insert(rows));
    }

    /// The step has been given more rows.
    pub(crate) fn read(&self, step: &str, rows: usize) {
        self.of(step, |step| step.read += rows as u64);
    }

    /// There are no more rows for the step.
    pub(crate) fn are_all(&self, step: &str) {
        self.of(step, |step| step.are_all = true);
    }

    /// The step is done with more rows.
    pub(crate) fn done(&self, step: &str, rows: usize) {
        self.of(step, |step| step.done += rows as u64);
    }

    /// How long the slowest step is going to take, at its pace so far; `None` while it is not known how many rows one has.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.steps().values().map(Rows::left).collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_known_when_all_rows_are() {
        let asked = Asked::default();
        assert_eq!(asked.left(), None);
        asked.read("a", 300);
        asked.done("a", 100);
        assert_eq!(asked.left(), None, "more may come");
        asked.are_all("a");
        asked.of("a", |rows| rows.began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap());
        let left = asked.left().unwrap().as_secs_f64();
        assert!((20.0..25.0).contains(&left), "{left}");
        asked.read("b", 5);
        assert_eq!(asked.left(), None, "of one of them it is not known");
        asked.are_all("b");
        asked.done("b", 5);
        asked.done("a", 200);
        assert_eq!(asked.left(), Some(Duration::ZERO));
    }
}
