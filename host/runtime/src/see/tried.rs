//! A pipeline tried on a few rows: what each step did to them, with examples. Outputs are not written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, RecordBatch};
use callboard_io::compact;
use callboard_plan::{Door, Feed, Plan};
use serde_json::{Map, Value};

use super::peek::{place, taken};
use super::trace::{Changed, LeftOut, changes, left_out, object};
use crate::error::RunError;
use crate::rejects::Files;
use crate::rows::{Batch, Tap};
use crate::run::Run;
use crate::tell::report::{Report, RunFailed};

/// No more rows of a feed are kept to find examples among, and no more bytes.
const ROWS: usize = 2_000;
const BYTES: usize = 16 << 20;

/// What a step did to some rows.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TriedStep {
    /// The step.
    pub name: String,
    /// A row that it changed: where it is from, and the columns that it changed.
    pub changed: Option<(String, Vec<Changed>)>,
    /// A row that it dropped.
    pub dropped: Option<Gone>,
    /// A row that it rejected.
    pub rejected: Option<Gone>,
}

/// A row that went no further.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gone {
    /// Where it is from.
    pub place: String,
    /// Why.
    pub reason: String,
    /// The row as the step was given it.
    pub row: Map<String, Value>,
}

impl Run {
    /// Carries the plan out without writing outputs, and gives examples of what each step did: for runs of a few rows
    /// ([`Settings::limit`](crate::Settings::limit)). The run keeps nothing.
    ///
    /// # Errors
    ///
    /// As [`Run::execute`]; what the steps did until then is there all the same.
    pub fn try_out(mut self) -> (Result<Report, Box<RunFailed>>, Vec<TriedStep>) {
        self.write_nothing();
        let tap = Arc::new(Examples { files: self.prepared().files().clone(), feeds: Mutex::default() });
        let (plan, left_out) = (self.plan().clone(), left_out(self.prepared()));
        let done = self.execute_with(Some(tap.clone()));
        let feeds = std::mem::take(&mut *tap.feeds.lock().expect("no holder panics"));
        (done, steps(&plan, &left_out, &feeds))
    }
}

/// The rows of all feeds, as far as there is room.
struct Examples {
    files: Arc<Files>,
    feeds: Mutex<BTreeMap<Feed, Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Rows, with where each is from, and why it left.
    rows: Vec<(RecordBatch, Origin, String)>,
    bytes: usize,
}

/// Where a row is from, for people, and to find it at another feed.
#[derive(Clone)]
struct Origin {
    place: String,
    at: Option<(u32, u64)>,
}

impl Seen {
    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.bytes >= BYTES
    }
}

impl Examples {
    fn note(&self, feed: &Feed, batch: &Batch, reason: impl Fn(usize) -> String, most: usize) -> Result<(), RunError> {
        let mut feeds = self.feeds.lock().expect("no holder panics");
        let seen = feeds.entry(feed.clone()).or_default();
        let rows = batch.seen();
        for row in 0..batch.len() {
            if seen.is_full() || seen.rows.len() >= most {
                break;
            }
            let one = compact(&rows.slice(row, 1))?;
            seen.bytes += one.get_array_memory_size();
            let from_a_file = !batch.file.is_null(row) && !batch.line.is_null(row);
            let at = from_a_file.then(|| (batch.file.value(row), batch.line.value(row)));
            let origin = Origin { place: place(&self.files, batch, row), at };
            seen.rows.push((one, origin, reason(row)));
        }
        Ok(())
    }
}

impl Tap for Examples {
    fn wants(&self, feed: &Feed) -> bool {
        let feeds = self.feeds.lock().expect("no holder panics");
        feeds.get(feed).is_none_or(|seen| if feed.door.is_some() { seen.rows.is_empty() } else { !seen.is_full() })
    }

    fn put_out(&self, feed: &Feed, batch: &Batch) -> Result<(), RunError> {
        self.note(feed, batch, |_| String::new(), ROWS)
    }

    fn removed(&self, door: &Feed, batch: &Batch, rows: &[(u32, Option<&str>)]) -> Result<(), RunError> {
        let (taken, reasons) = taken(batch, &rows[..1.min(rows.len())])?;
        self.note(door, &taken, |row| reasons[row].unwrap_or_default().to_owned(), 1)
    }
}

/// An example of each kind, for each step.
fn steps(plan: &Plan, left_out: &LeftOut, feeds: &BTreeMap<Feed, Seen>) -> Vec<TriedStep> {
    let gone = |name: &str, door| {
        let (row, origin, reason) = feeds.get(&Feed::door(name, door))?.rows.first()?;
        Some(Gone { place: origin.place.clone(), reason: reason.clone(), row: object(row).ok()? })
    };
    let of = |name: &String| TriedStep {
        name: name.clone(),
        changed: changed(plan, &left_out[name], feeds, name),
        dropped: gone(name, Door::Dropped),
        rejected: gone(name, Door::Rejected),
    };
    plan.stages().iter().flat_map(|stage| &stage.steps).map(of).collect()
}

/// Rows by where they are from: several, behind a step that makes several of one.
fn by_origin<'a>(
    rows: impl IntoIterator<Item = &'a (RecordBatch, Origin, String)>,
) -> BTreeMap<(u32, u64), Vec<&'a RecordBatch>> {
    let mut by_origin = BTreeMap::<_, Vec<_>>::new();
    for (row, origin, _) in rows {
        if let Some(at) = origin.at {
            by_origin.entry(at).or_default().push(row);
        }
    }
    by_origin
}

/// The first row whose values a step changed; else the first to which it added some.
fn changed(
    plan: &Plan,
    left_out: &BTreeSet<String>,
    feeds: &BTreeMap<Feed, Seen>,
    name: &str,
) -> Option<(String, Vec<Changed>)> {
    let given = plan.edges_into(name).filter_map(|edge| feeds.get(&edge.from.whole())).flat_map(|seen| &seen.rows);
    let put_out = &feeds.get(&Feed::node(name))?.rows;
    let (given, made) = (by_origin(given), by_origin(put_out));
    let (mut added, mut seen) = (None, BTreeMap::<(u32, u64), usize>::new());
    for (row, origin, _) in put_out {
        let Some(at) = origin.at else { continue };
        let nth = seen.entry(at).or_default();
        *nth += 1;
        let before = match (given.get(&at).map_or(&[][..], Vec::as_slice), made[&at].len()) {
            ([one], _) => one,
            // Rows of one origin stand in the same order behind a step as before it; where some are gone, none is known by its place.
            (rows, made) if rows.len() == made => rows[*nth - 1],
            _ => continue,
        };
        let changes = changes(&object(before).ok()?, &object(row).ok()?, left_out);
        if changes.iter().any(|change| change.from.is_some() && change.to.is_some()) {
            return Some((origin.place.clone(), changes));
        }
        if added.is_none() && !changes.is_empty() {
            added = Some((origin.place.clone(), changes));
        }
    }
    added
}
