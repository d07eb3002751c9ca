//! What is written down of a run that goes on: costs, accounts and ends, as they stand in its journal.
//!
//! These types are a format: what an earlier build wrote must still be read. The report is made of them, and can change without
//! them.

use std::collections::BTreeMap;
use std::time::Duration;

use callboard_plan::Feed;
use callboard_sandbox::Fate;
use serde::{Deserialize, Serialize};

use super::Stats;

/// Different reasons that are counted apart; the rest is counted together.
const REASONS: usize = 1_000;
/// What counts the reasons past [`REASONS`].
const OTHERS: &str = "other reasons";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All stages ended, and every output is in its place.
    Finished,
    /// Something failed; no output was touched.
    Failed,
    /// It was asked to stop; no output was touched.
    Interrupted,
    /// It waits for offline batches, after which it is to be resumed; no output was touched.
    Waiting,
}

/// What happened to the rows of a step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StepCounts {
    /// Rows of the first input.
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    /// Rows of the first input that were put out at least once.
    pub(crate) kept_once: u64,
    /// Rows of the input put out again, beyond the first time.
    pub(crate) repeated: u64,
    /// Rows put out that came from no row of the input.
    pub(crate) created: u64,
    pub(crate) batches: u64,
    pub(crate) tally: Tally,
    /// Time in calls, summed over instances.
    pub(crate) busy: Duration,
    pub(crate) counters: BTreeMap<String, i64>,
    /// Rows of the first input, or of a source, whose work had been done before and was taken over.
    pub(crate) reused: u64,
    /// Rows of the first input whose work had been begun before, and was lost.
    pub(crate) again: u64,
    /// The most linear memory of all instances, bytes.
    pub(crate) peak: u64,
}

impl StepCounts {
    /// Adds the accounts of more rows; counters have a limit of their own, and are added by themselves.
    pub(crate) fn add_rows(&mut self, more: &StepCounts) {
        self.rows_in += more.rows_in;
        self.rows_out += more.rows_out;
        self.kept_once += more.kept_once;
        self.repeated += more.repeated;
        self.created += more.created;
        self.batches += more.batches;
        self.reused += more.reused;
        self.tally.add(&more.tally);
    }

    /// Whether every row that came in went somewhere, and every one that was put out came from somewhere; whatever the figures are.
    pub(crate) fn are_plausible(&self) -> bool {
        let sum = |figures: &[u64]| figures.iter().try_fold(0_u64, |sum, more| sum.checked_add(*more));
        let Tally { dropped, rejected } = &self.tally;
        let removed: Vec<u64> = dropped.values().chain(rejected.values()).copied().collect();
        let gone = sum(&removed).and_then(|removed| removed.checked_add(self.kept_once));
        let made = sum(&[self.kept_once, self.repeated, self.created]);
        gone == Some(self.rows_in) && made == Some(self.rows_out)
    }
}

impl StageCost {
    /// Adds what another part of the same stage cost. Times are those of all parts together, memory is that of the largest one.
    pub(crate) fn add(&mut self, more: &StageCost) {
        self.intake += more.intake;
        self.load += more.load;
        self.run += more.run;
        self.unload += more.unload;
        self.spilled += more.spilled;
        self.peak = self.peak.max(more.peak);
        self.held = self.held.max(more.held);
        self.rows = self.rows.max(more.rows);
        self.waits += more.waits;
        for (step, counts) in &more.steps {
            let sum = self.steps.entry(step.clone()).or_default();
            sum.add_rows(counts);
            sum.busy += counts.busy;
            sum.again += counts.again;
            sum.peak = sum.peak.max(counts.peak);
            for (counter, amount) in &counts.counters {
                let counter = sum.counters.entry(counter.clone()).or_default();
                *counter = counter.saturating_add(*amount);
            }
        }
        more.rows_read.iter().for_each(|(input, rows)| *self.rows_read.entry(input.clone()).or_default() += rows);
        more.unread.iter().for_each(|(input, tally)| self.unread.entry(input.clone()).or_default().add(tally));
        for (feed, Routed { taken, elsewhere }) in &more.routed {
            let sum = self.routed.entry(feed.clone()).or_default();
            sum.taken += taken;
            sum.elsewhere += elsewhere;
        }
        add_joined(&mut self.zipped_for_steps, &more.zipped_for_steps);
        add_joined(&mut self.zipped_for_outputs, &more.zipped_for_outputs);
    }
}

fn add_joined(sums: &mut BTreeMap<String, Vec<Joined>>, more: &BTreeMap<String, Vec<Joined>>) {
    for (reader, branches) in more {
        let sums = sums.entry(reader.clone()).or_default();
        sums.resize(branches.len().max(sums.len()), Joined::default());
        for (sum, Joined { rows, again, absent }) in sums.iter_mut().zip(branches) {
            sum.rows += rows;
            sum.again += again;
            sum.absent += absent;
        }
    }
}

/// What a stage cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StageCost {
    pub(crate) intake: Duration,
    pub(crate) load: Duration,
    pub(crate) run: Duration,
    pub(crate) unload: Duration,
    pub(crate) spilled: u64,
    pub(crate) peak: u64,
    /// The most that steps and rows in flight held at one moment, bytes.
    #[serde(default)]
    pub(crate) held: u64,
    /// The most that was in flight, bytes.
    #[serde(default)]
    pub(crate) rows: u64,
    /// How often a reader waited for room.
    #[serde(default)]
    pub(crate) waits: u64,
    /// Memory and rows over time.
    #[serde(default)]
    pub(crate) curve: Vec<Moment>,
    pub(crate) steps: BTreeMap<String, StepCounts>,
    pub(crate) rows_read: BTreeMap<String, u64>,
    /// By input: the rows that could not be read.
    #[serde(default)]
    pub(crate) unread: BTreeMap<String, Tally>,
    /// For each route of what the stage puts out, how many rows took it.
    pub(crate) routed: BTreeMap<Feed, Routed>,
    /// For each step of the stage that reads a zip, what was read of its branches.
    pub(crate) zipped_for_steps: BTreeMap<String, Vec<Joined>>,
    /// The same for outputs.
    pub(crate) zipped_for_outputs: BTreeMap<String, Vec<Joined>>,
    /// By input or step: the figures of its columns, where the plan asks for them. Parts of a stage gather none: they cannot be added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) stats: BTreeMap<String, Stats>,
    /// The same by output.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) output_stats: BTreeMap<String, Stats>,
}

/// A moment of a stage: what was held, and how many rows had been through its steps. In JSON a list of the five figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 5]", into = "[u64; 5]")]
#[non_exhaustive]
pub struct Moment {
    /// Since the stage began, milliseconds.
    pub at_ms: u64,
    /// Linear memory of the run's instances, bytes.
    pub linear: u64,
    /// Rows in flight, bytes.
    pub in_flight: u64,
    /// Anonymous memory of the whole process, bytes.
    pub resident: u64,
    /// Rows that the steps of the stage were given, or made, until then, summed over the steps.
    pub rows: u64,
}

impl Moment {
    /// This moment and a later one as one: the most memory of both.
    pub(crate) fn and(self, later: Moment) -> Moment {
        Moment {
            linear: self.linear.max(later.linear),
            in_flight: self.in_flight.max(later.in_flight),
            resident: self.resident.max(later.resident),
            ..later
        }
    }
}

impl From<[u64; 5]> for Moment {
    fn from([at_ms, linear, in_flight, resident, rows]: [u64; 5]) -> Moment {
        Moment { at_ms, linear, in_flight, resident, rows }
    }
}

impl From<Moment> for [u64; 5] {
    fn from(Moment { at_ms, linear, in_flight, resident, rows }: Moment) -> [u64; 5] {
        [at_ms, linear, in_flight, resident, rows]
    }
}

/// What happened to rows at a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Routed {
    /// Rows that took it.
    pub(crate) taken: u64,
    /// Rows that went elsewhere.
    pub(crate) elsewhere: u64,
}

/// What was read of a branch of a zip. Each zipped row has a row of it, or lacks one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joined {
    /// Rows of the branch.
    pub(crate) rows: u64,
    /// Zipped rows that have a row of it again.
    pub(crate) again: u64,
    /// Zipped rows that have none.
    pub(crate) absent: u64,
}

impl Joined {
    /// How many rows were zipped; `None` for figures that cannot be.
    pub(crate) fn zipped(&self) -> Option<u64> {
        self.rows.checked_add(self.again)?.checked_add(self.absent)
    }
}

/// How many rows went no further, by fate and reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) rejected: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn count(&mut self, fate: Fate, reason: &str, rows: u64) {
        let of = match fate {
            Fate::Dropped => &mut self.dropped,
            Fate::Rejected => &mut self.rejected,
        };
        let reason = if of.contains_key(reason) || of.len() < REASONS { reason } else { OTHERS };
        match of.get_mut(reason) {
            Some(count) => *count += rows,
            None => drop(of.insert(reason.to_owned(), rows)),
        }
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        other.dropped.iter().for_each(|(reason, rows)| self.count(Fate::Dropped, reason, *rows));
        other.rejected.iter().for_each(|(reason, rows)| self.count(Fate::Rejected, reason, *rows));
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}
