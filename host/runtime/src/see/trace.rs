//! One row on its way through a run: what each step did to it, and where it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use callboard_cel::{Expression, Truth};
use callboard_io::compact;
use callboard_plan::{Door, Feed, Plan, PlannedStep};
use callboard_sandbox::{in_a_line, native, native_schema};
use serde_json::{Map, Value};

use super::Looking;
use super::peek::{columns, place};
use super::replay::{Opened, Replayed, Seen};
use crate::error::{Class, RunError};
use crate::prepare::Prepared;
use crate::rejects::Files;
use crate::rows::{Batch, Tap};

/// Which row is followed.
#[derive(Clone, Debug)]
pub enum Followed {
    /// That of a line, or a row, of a file: `docs.jsonl:12`.
    At(String),
    /// The first that this condition holds for, in the first input that has one, in the language of `filter`.
    Where(String),
}

/// A row, followed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Traced {
    /// Where it is from.
    pub place: String,
    /// As it was read.
    pub row: Map<String, Value>,
    /// The steps that it reached, in the order of the plan; of a row that an input could not read, that input alone.
    pub steps: Vec<TracedStep>,
    /// The outputs that it is in, and where these are.
    pub outputs: Vec<(String, String)>,
    /// What whoever looks should know: sentences.
    pub notes: Vec<String>,
}

/// What a step did to the row.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TracedStep {
    /// The step.
    pub name: String,
    /// What happened to the row.
    pub fate: TracedFate,
    /// The columns that the first row that it became has otherwise.
    pub changes: Vec<Changed>,
}

/// What happened to a row in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TracedFate {
    /// It was put out, once or more often.
    PutOut(usize),
    /// It was dropped, with a reason if the step gave one.
    Dropped(String),
    /// It was rejected.
    Rejected(String),
    /// The step's `from` took other rows, or it put out rows of its own, or the run keeps nothing of it.
    Unknown,
}

/// A column that a step changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// Its name.
    pub column: String,
    /// As it was; `None` if the step added it.
    pub from: Option<Value>,
    /// As it is; `None` if the step removed it.
    pub to: Option<Value>,
}

/// Follows a row through a run, from what the run kept: nothing is called.
///
/// # Errors
///
/// No such run or row, inputs that have changed since.
pub fn trace_run(looking: &Looking, followed: &Followed) -> Result<Traced, RunError> {
    let plan = Opened::of(looking)?.plan;
    let (mut found, mut left_out, mut replayed) = look(looking, |seen| Trace::of(seen, followed))?;
    // Inputs are read side by side, and which of them has such a row first is chance.
    let first = plan.inputs().iter().find_map(|input| found.matches.get(&input.name)).copied();
    if first.is_some() && first != found.target {
        (found, left_out, replayed) = look(looking, |seen| Ok(Trace::to(seen, first)))?;
    }
    if found.target.is_none() || found.events.is_empty() {
        let what = match followed {
            Followed::At(place) if found.unread.is_some() => {
                let unread = found.unread.into_iter();
                let step =
                    |(name, reason)| TracedStep { name, fate: TracedFate::Rejected(reason), changes: Vec::new() };
                let (place, steps, notes) = (place.clone(), unread.map(step).collect(), replayed.notes());
                return Ok(Traced { place, row: Map::new(), steps, outputs: Vec::new(), notes });
            }
            Followed::At(place) => format!("the run read no row at `{}`", in_a_line(place)),
            Followed::Where(condition) => format!("the run read no row for which `{}` holds", in_a_line(condition)),
        };
        return Err(replayed.ended.unwrap_or_else(|| RunError::new(Class::Pipeline, what)));
    }
    let mut notes = replayed.notes();
    notes.extend(replayed.ended.map(|error| error.to_string()));
    found.told(&plan, &left_out, notes)
}

/// Reads the run again, with something that looks for a row.
fn look(
    looking: &Looking,
    make: impl FnOnce(&Seen<'_>) -> Result<Trace, RunError>,
) -> Result<(Found, LeftOut, Replayed), RunError> {
    let (trace, replayed) = Opened::of(looking)?.replay(None, make)?;
    let Trace { state, left_out, .. } = Arc::into_inner(trace).expect("the replay has ended");
    Ok((state.into_inner().expect("no holder panics"), left_out, replayed))
}

/// What looks for the row.
struct Trace {
    files: Arc<Files>,
    /// What finds it in each input.
    conditions: BTreeMap<String, Expression>,
    left_out: LeftOut,
    state: Mutex<Found>,
}

/// The file of a row in the run's table, and its line.
type Place = (u32, u64);

#[derive(Default)]
struct Found {
    /// The row that is followed.
    target: Option<Place>,
    /// The first row of each input that it could be.
    matches: BTreeMap<String, Place>,
    place: String,
    events: BTreeMap<Feed, Event>,
    /// The input that could not read it, and why.
    unread: Option<(String, String)>,
}

/// The row at a feed.
struct Event {
    rows: Vec<RecordBatch>,
    reason: String,
}

/// No more rows that one became are kept.
const MOST: usize = 16;

impl Trace {
    /// What follows a row that is known.
    fn to(seen: &Seen<'_>, target: Option<Place>) -> Trace {
        let state = Mutex::new(Found { target, ..Found::default() });
        Trace { files: seen.files(), conditions: BTreeMap::new(), left_out: left_out(seen.prepared), state }
    }

    fn of(seen: &Seen<'_>, followed: &Followed) -> Result<Trace, RunError> {
        let condition = match followed {
            Followed::At(at) => return Ok(Trace::to(seen, Some(target(&seen.files(), at)?))),
            Followed::Where(condition) => condition,
        };
        let (mut conditions, mut failed) = (BTreeMap::new(), None);
        for input in seen.prepared.plan.inputs() {
            let schema: SchemaRef = columns(seen.prepared, &Feed::node(&input.name));
            match Expression::new(condition, &native_schema(&schema)) {
                Ok(expression) => drop(conditions.insert(input.name.clone(), expression)),
                Err(error) => failed = Some(RunError::new(Class::Pipeline, error.message)),
            }
        }
        match failed {
            Some(error) if conditions.is_empty() => Err(error),
            _ => Ok(Trace { conditions, ..Trace::to(seen, None) }),
        }
    }

    /// The rows of a batch that come from the row that is followed.
    fn matching(&self, found: &Found, batch: &Batch) -> Vec<usize> {
        let Some((file, line)) = found.target else { return Vec::new() };
        let lines = batch.line.values().iter().enumerate().filter(|(_, at)| **at == line).map(|(row, _)| row);
        let is_ours =
            |row: &usize| !batch.line.is_null(*row) && !batch.file.is_null(*row) && batch.file.value(*row) == file;
        lines.filter(is_ours).collect()
    }

    fn find(&self, found: &mut Found, feed: &Feed, batch: &Batch) -> Result<(), RunError> {
        let Some(condition) = self.conditions.get(&feed.node).filter(|_| !found.matches.contains_key(&feed.node))
        else {
            return Ok(());
        };
        let decided =
            condition.decide(&native(&batch.seen())).map_err(|error| RunError::new(Class::Data, error.message))?;
        if let Some(row) = decided.truths.iter().position(|truth| *truth == Truth::TRUE)
            && !batch.file.is_null(row)
        {
            let place = (batch.file.value(row), batch.line.value(row));
            found.matches.insert(feed.node.clone(), place);
            found.target.get_or_insert(place);
        }
        Ok(())
    }
}

impl Tap for Trace {
    fn wants(&self, _: &Feed) -> bool {
        true
    }

    fn put_out(&self, feed: &Feed, batch: &Batch) -> Result<(), RunError> {
        let mut found = self.state.lock().expect("no holder panics");
        self.find(&mut found, feed, batch)?;
        let rows = self.matching(&found, batch);
        for row in rows {
            if found.place.is_empty() {
                found.place = place(&self.files, batch, row);
            }
            found.note(feed, &batch.seen().slice(row, 1), "")?;
        }
        Ok(())
    }

    fn removed(&self, door: &Feed, batch: &Batch, rows: &[(u32, Option<&str>)]) -> Result<(), RunError> {
        let mut found = self.state.lock().expect("no holder panics");
        for row in self.matching(&found, batch) {
            if let Some((_, reason)) = rows.iter().find(|(removed, _)| *removed as usize == row) {
                found.note(door, &batch.seen().slice(row, 1), reason.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn unread(&self, input: &str, place: (u32, u64), reason: &str) {
        let mut found = self.state.lock().expect("no holder panics");
        if found.target == Some(place) {
            found.unread = Some((input.to_owned(), reason.to_owned()));
        }
    }
}

impl Found {
    fn note(&mut self, feed: &Feed, row: &RecordBatch, reason: &str) -> Result<(), RunError> {
        let event =
            self.events.entry(feed.clone()).or_insert_with(|| Event { rows: Vec::new(), reason: reason.to_owned() });
        if event.rows.len() < MOST {
            event.rows.push(compact(row)?);
        }
        Ok(())
    }

    fn told(self, plan: &Plan, left_out: &LeftOut, notes: Vec<String>) -> Result<Traced, RunError> {
        let mut first = None;
        for input in plan.inputs() {
            if let Some(event) = self.events.get(&Feed::node(&input.name)) {
                first = Some(object(&event.rows[0])?);
            }
        }
        let mut steps = Vec::new();
        for name in plan.stages().iter().flat_map(|stage| &stage.steps) {
            let given = plan.edges_into(name).find_map(|edge| self.events.get(&edge.from.whole()));
            let at = |door| self.events.get(&Feed::door(name, door));
            let (fate, changes) = match (self.events.get(&Feed::node(name)), at(Door::Dropped), at(Door::Rejected)) {
                (Some(out), ..) => {
                    // Which of several rows became which is known if none is gone.
                    let given = given.filter(|given| given.rows.len() == 1 || given.rows.len() == out.rows.len());
                    let before = given.map(|given| object(&given.rows[0])).transpose()?;
                    let after = object(&out.rows[0])?;
                    let changes = before.map(|before| changes(&before, &after, &left_out[name])).unwrap_or_default();
                    first = first.or(Some(after));
                    (TracedFate::PutOut(out.rows.len()), changes)
                }
                (None, Some(event), _) => (TracedFate::Dropped(event.reason.clone()), Vec::new()),
                (None, None, Some(event)) => (TracedFate::Rejected(event.reason.clone()), Vec::new()),
                (None, None, None) if given.is_some() => (TracedFate::Unknown, Vec::new()),
                (None, None, None) => continue,
            };
            steps.push(TracedStep { name: name.clone(), fate, changes });
        }
        let is_in = |feed: &Feed| feed.branch.is_none() && self.events.contains_key(feed);
        let reached =
            plan.outputs().iter().filter(|output| plan.edges_into_output(&output.name).any(|edge| is_in(&edge.from)));
        let outputs = reached.map(|output| (output.name.clone(), output.path.clone())).collect();
        Ok(Traced { place: self.place, row: first.unwrap_or_default(), steps, outputs, notes })
    }
}

/// By step, the columns that it passes on and the run does not carry any further.
pub(super) type LeftOut = BTreeMap<String, BTreeSet<String>>;

pub(super) fn left_out(prepared: &Prepared) -> LeftOut {
    let of = |step: &PlannedStep| (step.name.clone(), prepared.left_out(&Feed::node(&step.name)));
    prepared.plan.steps().iter().map(of).collect()
}

/// The columns of two rows that differ, but for those that are not carried any further.
pub(super) fn changes(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    left_out: &BTreeSet<String>,
) -> Vec<Changed> {
    let of = |column: &String| {
        let (from, to) = (before.get(column), after.get(column));
        let is_left_out = to.is_none() && left_out.contains(column);
        (from != to && !is_left_out).then(|| Changed { column: column.clone(), from: from.cloned(), to: to.cloned() })
    };
    let added = after.keys().filter(|column| !before.contains_key(*column));
    before.keys().chain(added).filter_map(of).collect()
}

/// A row as an object of JSON.
pub(super) fn object(row: &RecordBatch) -> Result<Map<String, Value>, RunError> {
    let lines = callboard_io::marked_rows(row)?;
    Ok(lines.first().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default())
}

/// The file and the line of a place: `docs.jsonl:12`, or the end of a longer path.
fn target(files: &Files, at: &str) -> Result<(u32, u64), RunError> {
    let refused = |message: String, help: String| Err(RunError::new(Class::Pipeline, message).help(help));
    let shown = in_a_line(at);
    let Some((file, line)) = at.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<u64>().ok()?)))
    else {
        return refused(format!("`{shown}` is not a row's place"), "write FILE:LINE, such as docs.jsonl:12".to_owned());
    };
    let matching = files.named(file);
    match &matching[..] {
        [one] => Ok((*one, line)),
        [] => {
            let read = files.shown(10).join(", ");
            refused(format!("the run read no file `{}`", in_a_line(file)), format!("it read {read}"))
        }
        _ => refused(
            format!("the run read {} files whose names end with `{}`", matching.len(), in_a_line(file)),
            "write more of the path".to_owned(),
        ),
    }
}
