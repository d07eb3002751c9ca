//! Rows of a run by their numbers: read where they lie, without those before them.
//!
//! What a run keeps says how many rows each batch of an input or a transform had ([`lengths`](crate::store::lengths)), and the log of a global
//! step which rows it put out. So of all batches before a row, those alone are read that it comes from. A file that can be read from its beginning
//! alone is read once, up to the last row. Which rows of each branch of a [zip](zips) became which was noted, too. Where something does not add up,
//! no rows are found here, and the run is replayed.

mod global;
mod through;
mod zips;

use std::cell::RefCell;
use std::collections::HashMap;
use std::iter::Peekable;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::slice::Iter;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array, UInt64Array};
use callboard_io::{Chunk, Dataset, Format, Mark, Stretch};
use callboard_plan::{Door, Feed, Kind, Reader};
use callboard_sandbox::Fate;

use through::Through;

use crate::error::RunError;
use crate::ports::behind_door;
use crate::rows::{Batch, conform};
use crate::see::look::bug;
use crate::stage::kept::{self, Works};
use crate::stage::live::Live;
use crate::stage::{page_of, replayed};
use crate::store::lengths::{self, Length};
use crate::store::records::StepCounts;
use crate::store::{Past, Work};

/// Rows that are read to be passed over, where a file cannot be read from the middle.
const PASSED: u64 = 64 << 10;

/// Rows that were asked for, and why each left, if they left by a door.
pub(super) struct Found {
    pub(super) batch: Batch,
    pub(super) reasons: Vec<Option<Arc<str>>>,
}

/// Finds rows of a run.
pub(super) struct Numbered<'a> {
    live: &'a Live<'a>,
    /// The run's folder.
    run: &'a Path,
    kept: &'a Works<'a>,
    past: &'a Past,
    lengths: RefCell<HashMap<String, Option<Rc<Vec<Length>>>>>,
    stretches: RefCell<HashMap<String, Option<Rc<Vec<Stretch>>>>>,
    works: RefCell<HashMap<String, Option<Arc<Work>>>>,
    through: RefCell<HashMap<String, Through>>,
    /// The rows that a branch read last of each feed whose branches are zipped: the next one reads the same.
    parted: RefCell<HashMap<Feed, (Vec<u64>, Batch)>>,
}

impl<'a> Numbered<'a> {
    pub(super) fn of(live: &'a Live<'a>, run: &'a Path, kept: &'a Works<'a>, past: &'a Past) -> Numbered<'a> {
        Numbered {
            live,
            run,
            kept,
            past,
            lengths: RefCell::default(),
            stretches: RefCell::default(),
            works: RefCell::default(),
            through: RefCell::default(),
            parted: RefCell::default(),
        }
    }

    /// How many rows a feed had, if its stage ended.
    pub(super) fn count(&self, feed: &Feed) -> Option<u64> {
        let plan = &self.live.prepared.plan;
        let ended = |stage| self.past.stages.get(&stage).map(|ended| &ended.cost);
        if feed.branch.is_some() {
            return self.past.stages.values().find_map(|ended| ended.cost.routed.get(feed)).map(|routed| routed.taken);
        }
        if let Some(input) = plan.input(&feed.node) {
            return ended(input.stage)?.rows_read.get(&feed.node).copied();
        }
        let counts = self.accounts(&feed.node)?;
        Some(match feed.door {
            None => counts.rows_out,
            Some(Door::Dropped) => counts.tally.dropped(),
            Some(Door::Rejected) => counts.tally.rejected(),
        })
    }

    /// Rows of a feed by their numbers from 0, in ascending order, as they are shown; `None` if they cannot be found so.
    pub(super) fn rows(&self, feed: &Feed, numbers: &[u64]) -> Result<Option<Found>, RunError> {
        let prepared = self.live.prepared;
        let whole = Feed { branch: None, ..feed.clone() };
        let within = self.count(feed).is_some_and(|count| numbers.last().is_none_or(|last| *last < count));
        if !within {
            return Ok(None);
        }
        if feed.branch.is_some() {
            return self.of_route(feed, &whole, numbers);
        }
        let Some(step) = prepared.plan.step(&feed.node) else { return self.of_input(&feed.node, numbers) };
        match step.kind {
            Kind::Transform => self.of_transform(&feed.node, feed.door, numbers),
            Kind::Global => self.of_global(&feed.node, feed.door, numbers),
            Kind::Source => self.of_source(&feed.node, numbers),
        }
    }

    /// The same rows, as anything that reads the feed is given them.
    fn handed_on(&self, feed: &Feed, numbers: &[u64]) -> Result<Option<Batch>, RunError> {
        let prepared = self.live.prepared;
        if let Some((_, batch)) = self.parted.borrow().get(feed).filter(|(last, _)| last == numbers) {
            return Ok(Some(batch.clone()));
        }
        let Some(Found { mut batch, reasons }) = self.rows(feed, numbers)? else { return Ok(None) };
        if feed.door.is_some() && feed.branch.is_none() {
            let schema = prepared.unstamped(feed);
            let reasons = reasons.iter().map(Option::as_deref);
            batch = behind_door(&batch, reasons, &feed.node, prepared.files(), &schema).map_err(bug)?;
        }
        if prepared.is_fork(feed) {
            let stamps = Arc::new(UInt64Array::from(numbers.to_vec()));
            batch = batch.with_column(prepared.schema(feed), stamps).map_err(bug)?;
            self.parted.borrow_mut().insert(feed.clone(), (numbers.to_vec(), batch.clone()));
        }
        Ok(Some(batch))
    }

    fn of_input(&self, name: &str, numbers: &[u64]) -> Result<Option<Found>, RunError> {
        let input = self.live.prepared.input(name);
        let (Some(dataset), Some(stretches)) = (&input.dataset, self.stretches(name)) else { return Ok(None) };
        let through = || {
            let mut through = self.through.borrow_mut();
            through.entry(name.to_owned()).or_insert_with(|| Through::new(dataset, &stretches)).rows(numbers)
        };
        let is_passed = dataset.format() != Format::Parquet && stretches.iter().any(|stretch| stretch.skip > PASSED);
        let chunks = if is_passed { through() } else { of_stretches(dataset, &stretches, numbers) };
        let Some(chunks) = chunks else { return Ok(None) };
        let of_chunk = |Chunk { file, origin, rows, .. }: Chunk| {
            let file = UInt32Array::from_value(input.first_file + file, rows.num_rows());
            Batch::new(rows, file, origin)
        };
        let batches: Vec<Batch> = chunks.into_iter().map(of_chunk).collect();
        found(one(&self.live.prepared.unstamped(&Feed::node(name)), &batches)?, numbers)
    }

    /// The rows of an input, as they can be read.
    fn stretches(&self, name: &str) -> Option<Rc<Vec<Stretch>>> {
        let make = || {
            let dataset = self.live.prepared.input(name).dataset.as_ref()?;
            let stretches = match dataset.format() {
                Format::Parquet => dataset.stretches().ok()??,
                _ => self.noted_stretches(name, dataset)?,
            };
            let rows = stretches.iter().try_fold(0_u64, |sum, stretch| sum.checked_add(stretch.rows))?;
            (rows >= self.count(&Feed::node(name))?).then(|| Rc::new(stretches))
        };
        self.stretches.borrow_mut().entry(name.to_owned()).or_insert_with(make).clone()
    }

    fn noted_stretches(&self, name: &str, dataset: &Dataset) -> Option<Vec<Stretch>> {
        let noted = lengths::stretches(self.run, name)?;
        let is_indexed = dataset.are_indexed();
        let (mut stretches, mut of_file, mut before) = (Vec::with_capacity(noted.len()), u64::MAX, 0);
        for stretch in noted {
            if std::mem::replace(&mut of_file, stretch.file) != stretch.file {
                before = 0;
            }
            let file = usize::try_from(stretch.file).ok()?;
            let (from, skip) = match stretch.from.filter(|_| is_indexed.get(file) == Some(&true)) {
                Some(from) => (from, 0),
                None => (Mark::beginning(file), before),
            };
            stretches.push(Stretch { from, skip, rows: stretch.rows });
            before = before.saturating_add(stretch.rows);
        }
        let rows: u64 = stretches.iter().map(|stretch| stretch.rows).fold(0, u64::saturating_add);
        (Some(rows) == self.count(&Feed::node(name))).then_some(stretches)
    }

    fn of_transform(&self, step: &str, door: Option<Door>, numbers: &[u64]) -> Result<Option<Found>, RunError> {
        let (Some(lengths), Some(work)) = (self.lengths_of(step), self.work(step)?) else { return Ok(None) };
        let length = |length: &Length| match door {
            None => length.rows_out,
            Some(Door::Dropped) => length.dropped,
            Some(Door::Rejected) => length.rejected,
        };
        let schema = match door {
            None => self.live.prepared.unstamped(&Feed::node(step)),
            Some(_) => self.live.prepared.ways(&Reader::Step(step.to_owned()))[0].schema.clone(),
        };
        let (mut pieces, mut reasons) = (Vec::new(), Vec::new());
        let (mut wanted, mut first_in, mut first) = (numbers.iter().peekable(), 0, 0);
        for batch in lengths.iter() {
            let end = first + length(batch);
            let here: Vec<u32> = within(&mut wanted, first..end).map(|row| row as u32).collect();
            if !here.is_empty() {
                self.live.go_on()?;
                let given: Vec<u64> = (first_in..first_in + batch.rows_in).collect();
                let Some(given) = self.of_port(step, &given)? else { return Ok(None) };
                let Some(done) = replayed(self.live, step, &work, given)? else { return Ok(None) };
                let (from, rows) = match door {
                    None => (&done.batch, here),
                    Some(door) => {
                        let (from, removed) = done.aside.by_door(fate(door));
                        if removed.len() as u64 != length(batch) {
                            return Ok(None);
                        }
                        let removed = here.iter().map(|row| &removed[*row as usize]);
                        reasons.extend(removed.clone().map(|(_, reason)| given_reason(reason)));
                        (from, removed.map(|(row, _)| *row).collect())
                    }
                };
                if rows.last().is_some_and(|row| *row as usize >= from.len()) {
                    return Ok(None);
                }
                pieces.push(from.take(&UInt32Array::from(rows)).map_err(bug)?);
            }
            (first_in, first) = (first_in + batch.rows_in, end);
        }
        let found = found(one(&schema, &pieces)?, numbers)?;
        Ok(found.map(|found| Found { reasons, ..found }))
    }

    /// Rows that take a route: of the batches that they are in, all rows are read, and which of them take it is decided again.
    fn of_route(&self, feed: &Feed, whole: &Feed, numbers: &[u64]) -> Result<Option<Found>, RunError> {
        let Some(routes) = self.live.prepared.routes(whole) else { return Ok(None) };
        let (Some(lengths), Some(at)) = (self.taken(feed, whole), routes.feeds().position(|branch| branch == feed))
        else {
            return Ok(None);
        };
        let (mut pieces, mut wanted, mut first_in, mut first) = (Vec::new(), numbers.iter().peekable(), 0, 0);
        for batch in lengths.iter() {
            let end = first + batch.rows_out;
            let here: Vec<usize> = within(&mut wanted, first..end).map(|row| row as usize).collect();
            if !here.is_empty() {
                self.live.go_on()?;
                let given: Vec<u64> = (first_in..first_in + batch.rows_in).collect();
                let Some(given) = self.handed_on(whole, &given)? else { return Ok(None) };
                let takes = routes.decide(&given)?.swap_remove(at);
                if takes.len() as u64 != batch.rows_out {
                    return Ok(None);
                }
                let rows = UInt32Array::from_iter_values(here.into_iter().map(|row| takes[row]));
                pieces.push(given.take(&rows).map_err(bug)?);
            }
            if wanted.peek().is_none() {
                break;
            }
            (first_in, first) = (first_in + batch.rows_in, end);
        }
        found(one(&self.live.prepared.unstamped(feed), &pieces)?, numbers)
    }

    /// How many rows of each batch of a feed take a route, if that adds up.
    fn taken(&self, feed: &Feed, whole: &Feed) -> Option<Rc<Vec<Length>>> {
        let make = || {
            let lengths = lengths::lengths(self.run, &feed.to_string())?;
            let sum = |of: fn(&Length) -> u64| lengths.iter().map(of).fold(0, u64::saturating_add);
            let adds_up = Some(sum(|batch| batch.rows_in)) == self.count(whole)
                && Some(sum(|batch| batch.rows_out)) == self.count(feed);
            adds_up.then(|| Rc::new(lengths))
        };
        self.lengths.borrow_mut().entry(feed.to_string()).or_insert_with(make).clone()
    }

    /// Rows of a source, whose log has its pages in order.
    fn of_source(&self, step: &str, numbers: &[u64]) -> Result<Option<Found>, RunError> {
        let Some(work) = self.work(step)? else { return Ok(None) };
        let prepared = self.live.prepared;
        let (bound, file) = (prepared.bound(step), prepared.source_file(step));
        let (mut pieces, mut wanted, mut first) = (Vec::new(), numbers.iter().peekable(), 0);
        for (log, frame) in work.pages() {
            let end = first + u64::from(frame.rows);
            let here: Vec<u32> = within(&mut wanted, first..end).map(|row| row as u32).collect();
            if !here.is_empty() {
                self.live.go_on()?;
                let Some((_, rows)) = work.part(log, frame).filter(|(_, rows)| rows.num_rows() as u64 == end - first)
                else {
                    return Ok(None);
                };
                let page = page_of(&bound, file, first, &rows).map_err(bug)?;
                pieces.push(page.take(&UInt32Array::from(here)).map_err(bug)?);
            }
            if wanted.peek().is_none() {
                break;
            }
            first = end;
        }
        found(one(&prepared.unstamped(&Feed::node(step)), &pieces)?, numbers)
    }

    /// The batches of a transform, if they are what its accounts say.
    fn lengths_of(&self, step: &str) -> Option<Rc<Vec<Length>>> {
        let make = || {
            let lengths = lengths::lengths(self.run, step)?;
            let counts = self.accounts(step)?;
            let sum = |of: fn(&Length) -> u64| lengths.iter().map(of).fold(0, u64::saturating_add);
            let adds_up = sum(|length| length.rows_in) == counts.rows_in
                && sum(|length| length.rows_out) == counts.rows_out
                && sum(|length| length.dropped) == counts.tally.dropped()
                && sum(|length| length.rejected) == counts.tally.rejected();
            adds_up.then(|| Rc::new(lengths))
        };
        self.lengths.borrow_mut().entry(step.to_owned()).or_insert_with(make).clone()
    }

    /// The accounts of a step, if its stage ended.
    fn accounts(&self, step: &str) -> Option<&'a StepCounts> {
        let stage = self.live.prepared.plan.step(step)?.stage;
        self.past.stages.get(&stage)?.cost.steps.get(step)
    }

    fn work(&self, step: &str) -> Result<Option<Arc<Work>>, RunError> {
        if let Some(work) = self.works.borrow().get(step) {
            return Ok(work.clone());
        }
        let work = kept::replayed(self.live.prepared, self.kept, step)?;
        self.works.borrow_mut().insert(step.to_owned(), work.clone());
        Ok(work)
    }

    /// Rows that a step is given at its first port.
    fn of_port(&self, step: &str, numbers: &[u64]) -> Result<Option<Batch>, RunError> {
        let reader = Reader::Step(step.to_owned());
        let Some(way) = self.live.prepared.ways(&reader).first() else { return Ok(None) };
        if let Some(zipped) = &way.zip {
            return self.of_zip(step, way, zipped, numbers);
        }
        let (mut pieces, mut wanted, mut first) = (Vec::new(), numbers.iter().peekable(), 0);
        for edge in &way.edges {
            let Some(count) = self.count(&edge.from) else { return Ok(None) };
            let end = first + count;
            let here: Vec<u64> = within(&mut wanted, first..end).collect();
            if !here.is_empty() {
                let Some(batch) = self.handed_on(&edge.from, &here)? else { return Ok(None) };
                pieces.push(conform(batch, &way.schema).map_err(bug)?);
            }
            first = end;
        }
        let given = one(&way.schema, &pieces)?;
        Ok(Some(given).filter(|given| given.len() == numbers.len()))
    }
}

/// Rows of files, by their numbers in all of their stretches; `None` if they cannot be read so.
pub(super) fn of_stretches(dataset: &Dataset, stretches: &[Stretch], numbers: &[u64]) -> Option<Vec<Chunk>> {
    let (mut chunks, mut wanted, mut first) = (Vec::new(), numbers.iter().peekable(), 0);
    for stretch in stretches {
        let end = first + stretch.rows;
        let here: Vec<u64> = within(&mut wanted, first..end).collect();
        first = end;
        if here.is_empty() {
            continue;
        }
        if dataset.format() != Format::Parquet && stretch.skip > PASSED {
            return None;
        }
        let found = dataset.rows_of(stretch, &here).ok()?;
        if found.iter().map(|chunk| chunk.rows.num_rows()).sum::<usize>() != here.len() {
            return None;
        }
        chunks.extend(found);
    }
    Some(chunks)
}

/// Takes from numbers in order those that are in a range, by their places in it.
fn within(wanted: &mut Peekable<Iter<'_, u64>>, rows: Range<u64>) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || wanted.next_if(|row| **row < rows.end).map(|row| row - rows.start))
}

fn one(schema: &arrow::datatypes::SchemaRef, pieces: &[Batch]) -> Result<Batch, RunError> {
    match pieces {
        [] => {
            let (file, line) = (UInt32Array::from(Vec::<u32>::new()), UInt64Array::from(Vec::<u64>::new()));
            Ok(Batch::new(RecordBatch::new_empty(schema.clone()), file, line))
        }
        [one] => Ok(one.clone()),
        pieces => Batch::concat(schema, pieces).map_err(bug),
    }
}

fn found(batch: Batch, numbers: &[u64]) -> Result<Option<Found>, RunError> {
    Ok((batch.len() == numbers.len()).then(|| Found { batch, reasons: Vec::new() }))
}

fn fate(door: Door) -> Fate {
    match door {
        Door::Dropped => Fate::Dropped,
        Door::Rejected => Fate::Rejected,
    }
}

fn given_reason(reason: &Arc<str>) -> Option<Arc<str>> {
    Some(reason.clone()).filter(|reason| !reason.is_empty())
}
