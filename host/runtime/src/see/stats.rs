//! Rows of data files, or at a node of a run, in figures.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use callboard_io::{BatchPolicy, Dataset, InputSpec, Stop};
use callboard_plan::{Feed, Plan};
use callboard_sandbox::{panicked, spawn_scoped};

use super::Looking;
use super::look::with_reasons;
use super::output;
use super::peek::{columns as columns_of, feed, taken};
use super::replay::Opened;
use crate::error::RunError;
use crate::figures::{Columns, MOST, StatsWanted, Thresholds};
use crate::rows::{Batch, Tap};
use crate::store::records::Stats;
use crate::store::{Past, folder};

/// Files are read in batches of this size: each is looked at by all cores together, while the next is read.
const POLICY: BatchPolicy = BatchPolicy { rows: 16_384, bytes: 8 << 20 };
/// Batches that wait to be looked at.
const AHEAD: usize = 1;

/// What is in the columns of data files, which are read as an input of a pipeline is.
///
/// # Errors
///
/// Files that cannot be read; columns that they do not have.
pub fn stats_files(paths: &[String], wanted: &StatsWanted, stop: Stop) -> Result<Stats, RunError> {
    stats_input(&InputSpec { name: "stats".to_owned(), paths: paths.to_vec(), stop, ..InputSpec::default() }, wanted)
}

fn stats_input(spec: &InputSpec, wanted: &StatsWanted) -> Result<Stats, RunError> {
    let dataset = Dataset::open(spec)?;
    let mut columns = Columns::new(wanted, &dataset.schema(), MOST)?;
    let (to_look, chunks) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        // Ends with the rows, or when nothing looks at them any more.
        let reader = spawn_scoped(scope, move || dataset.read(POLICY).try_for_each(|chunk| to_look.send(chunk)))?;
        chunks.into_iter().try_for_each(|chunk| columns.add(&chunk?.rows))?;
        match reader.join() {
            Ok(_) => Ok(columns.stats()),
            Err(panic) => Err(panicked(&*panic).into()),
        }
    })
}

/// What is in the columns of the rows that a node of a run puts out, or that leave it by a door, from what the run kept: nothing is
/// called; those of an output are read from its files. Where the run gathered the figures, nothing is read. For a step with a condition,
/// also what other thresholds would drop of the rows that it was given.
///
/// # Errors
///
/// As [`peek_run`](crate::peek_run).
pub fn stats_run(looking: &Looking, node: &str, wanted: &StatsWanted) -> Result<Stats, RunError> {
    let opened = Opened::of(looking)?;
    if let Some(stats) = gathered(&opened.plan, looking, node).and_then(|stats| wanted.of(stats)) {
        return Ok(stats);
    }
    if let Some(spec) = output::files(&opened, looking, node)? {
        return stats_input(&spec, wanted);
    }
    let asked = feed(&opened.plan, node)?;
    let node = asked.node.clone();
    let (profile, replayed) = opened.replay(Some(&node), |seen| {
        let columns = Columns::new(wanted, &columns_of(seen.prepared, &asked), MOST)?;
        let step = seen.prepared.plan.step(&asked.node).filter(|_| asked.door.is_none());
        let thresholds = step.and_then(|step| Thresholds::of(seen.prepared, step));
        let given = thresholds.as_ref().map(|_| asked.node.clone());
        Ok(Profile { asked, given, columns: Mutex::new(columns), thresholds: Mutex::new(thresholds) })
    })?;
    let notes = replayed.notes();
    let profile = Arc::into_inner(profile).expect("the replay has ended");
    let stats = profile.columns.into_inner().expect("no holder panics").stats();
    let thresholds = profile.thresholds.into_inner().expect("no holder panics").map(Thresholds::stats);
    match replayed.ended {
        Some(error) if stats.rows == 0 => Err(error),
        ended => {
            let mut stats = Stats { thresholds: thresholds.unwrap_or_default(), ..stats };
            stats.notes.extend(notes.into_iter().chain(ended.map(|error| error.to_string())));
            Ok(stats)
        }
    }
}

/// The figures that the run gathered of a node or an output, if it did.
fn gathered(plan: &Plan, looking: &Looking, node: &str) -> Option<Stats> {
    // What is not in order is reported by the replay.
    let past = Past::read(&folder::open(looking.folder().ok()?).ok()?, plan).ok()?;
    let mut costs = past.stages.values().map(|ended| &ended.cost);
    let Ok(feed) = feed(plan, node) else { return costs.find_map(|cost| cost.output_stats.get(node)).cloned() };
    if feed.door.is_some() {
        return None;
    }
    let taken_in = || past.intakes.get(&feed.node)?.stats.as_ref();
    costs.find_map(|cost| cost.stats.get(&feed.node)).or_else(taken_in).cloned()
}

/// What looks at rows on their way.
struct Profile {
    asked: Feed,
    /// The step whose thresholds are looked at.
    given: Option<String>,
    columns: Mutex<Columns>,
    thresholds: Mutex<Option<Thresholds>>,
}

impl Profile {
    fn look(&self, rows: &RecordBatch) -> Result<(), RunError> {
        self.columns.lock().expect("no holder panics").add(rows)
    }
}

impl Tap for Profile {
    fn wants(&self, feed: &Feed) -> bool {
        *feed == self.asked
    }

    fn put_out(&self, _feed: &Feed, batch: &Batch) -> Result<(), RunError> {
        self.look(&batch.seen())
    }

    fn removed(&self, _door: &Feed, batch: &Batch, rows: &[(u32, Option<&str>)]) -> Result<(), RunError> {
        let (taken, reasons) = taken(batch, rows)?;
        self.look(&with_reasons(&taken.seen(), &reasons)?)
    }

    fn wants_given(&self, step: &str) -> bool {
        self.given.as_deref() == Some(step)
    }

    fn given(&self, _step: &str, batch: &Batch) -> Result<(), RunError> {
        let mut thresholds = self.thresholds.lock().expect("no holder panics");
        thresholds.as_mut().map_or(Ok(()), |thresholds| thresholds.add(&batch.seen()))
    }
}
