//! A figure: the median of what was measured, and how far it spreads.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// How many times one is the other.
    Times,
    /// Time.
    Milliseconds,
    /// Time.
    Microseconds,
    /// Memory, or places on a disk.
    Bytes,
    /// Speed.
    RowsPerSecond,
    /// A share.
    Percent,
    /// Things.
    Count,
}

/// What was measured of one thing, several times.
#[derive(Clone, Debug, Serialize)]
pub struct Measure {
    /// What it counts.
    pub unit: Unit,
    /// The one in the middle.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// How many there are.
    pub samples: usize,
}

impl Measure {
    /// The median of some values.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn of(unit: Unit, values: &[f64]) -> Measure {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Measure { unit, median: (below + above) / 2.0, low, high, samples: sorted.len() }
    }

    /// One value, of which there is no other.
    pub fn one(unit: Unit, value: f64) -> Measure {
        Measure::of(unit, &[value])
    }

    /// The same, this many times as large.
    #[must_use]
    pub fn scaled(self, times: f64) -> Measure {
        let [low, median, high] = [self.low, self.median, self.high].map(|value| value * times);
        Measure { low, median, high, ..self }
    }

    /// How many times `of` each value of `one` is: both were measured in turn, and each is compared with its neighbour.
    pub fn ratio(one: &[f64], of: &[f64]) -> Measure {
        let ratios: Vec<f64> = one.iter().zip(of).map(|(one, of)| one / of).collect();
        Measure::of(Unit::Times, &ratios)
    }
}

/// Processor time that this thread has taken.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Which clock a thing is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Processor time of the calling thread: for what works in this thread alone, and is not to depend on who else works.
    Thread,
    /// The clock on the wall.
    Wall,
}

impl Clock {
    /// How long `work` takes, in seconds.
    pub fn time<T>(self, work: impl FnOnce() -> T) -> (f64, T) {
        match self {
            Clock::Thread => {
                let began = thread_time();
                let done = work();
                ((thread_time() - began).as_secs_f64(), done)
            }
            Clock::Wall => {
                let began = Instant::now();
                let done = work();
                (began.elapsed().as_secs_f64(), done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_ratios_are_of_neighbours() {
        let odd = Measure::of(Unit::Count, &[9.0, 1.0, 2.0]);
        assert_eq!((odd.low, odd.median, odd.high, odd.samples), (1.0, 2.0, 9.0, 3));
        assert_eq!(Measure::of(Unit::Count, &[4.0, 1.0, 2.0, 9.0]).median, 3.0);
        // The machine was half as fast for the second pair; the ratio does not notice.
        assert_eq!(Measure::ratio(&[2.0, 4.0, 2.0], &[1.0, 2.0, 1.0]).high, 2.0);
    }
}
