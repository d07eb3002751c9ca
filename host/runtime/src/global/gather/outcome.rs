//! What calls did with their rows, brought into one order: that of the input, or that in which rows were put out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt32Type, UInt64Type};
use callboard_plan::pipeline::OnError;
use callboard_sandbox::{BatchResult, Bound, Fate, Gathering, Removals, Returnable, RowWriter, clipped};

use super::arrange::Place;
use super::merge::merge;
use super::pile::Pile;
use super::reader::Given;
use super::{Room, unwritten};
use crate::error::{Fault, LimitExceeded};
use crate::global::GlobalWriter;
use crate::store::Frame;
use crate::store::Removed;

/// Rows of a frame of what was put out.
const FRAME: usize = 4096;
/// What a call put out and is not on the disk yet, bytes.
const WAITING: u64 = 8 << 20;
/// What a row that is put out takes beside what was written, bytes.
const ROW: u64 = 32;
/// Rows given to the writer at a time.
const CHUNK: usize = 64 << 10;
/// Reasons that have a bit for each row; rows removed for more of them are noted one by one.
const REASONS: usize = 4;

/// What all calls did.
pub(super) struct Outcomes {
    bound: Arc<Bound>,
    as_written: bool,
    /// Rows that are kept as they are, a bit each, where nothing is written and they stay in the order of the input.
    kept: Option<Bits>,
    /// Those of them that were kept again.
    again: Mutex<Vec<u64>>,
    removed: Mutex<Vec<Reason>>,
    removed_apart: Mutex<Vec<Removed>>,
    pile: Pile,
    /// A row was rejected that must not be: nothing more is worth doing.
    failing: AtomicBool,
    /// Each in order.
    runs: Mutex<Vec<Run>>,
    rows: u64,
}

/// Rows that were put out by one call, in the order in which they go out.
struct Run {
    /// Calls of the same rows, in order: parts are worked on in any order, and what they put out comes in that of their rows.
    call: (Place, u64),
    frames: Vec<Frame>,
}

/// Rows that were removed for one reason, a bit each.
type Reason = (Fate, Arc<str>, Arc<Bits>);

/// One bit a row, set by anybody.
struct Bits(Vec<AtomicU64>);

impl Bits {
    fn new(rows: u64) -> Bits {
        Bits((0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Sets a bit; whether it was set before.
    fn set(&self, row: u64) -> bool {
        let bit = 1 << (row % 64);
        self.0[(row / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit != 0
    }

    fn rows(&self) -> impl Iterator<Item = u64> {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut bits = bits.load(Ordering::Relaxed);
            std::iter::from_fn(move || {
                let bit = bits.checked_ilog2().map(|_| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(word as u64 * 64 + u64::from(bit))
            })
        })
    }
}

impl Outcomes {
    pub(super) fn new(bound: &Arc<Bound>, rows: u64, room: &Room) -> Result<Outcomes, Fault> {
        let as_written = bound.gathered.as_written;
        let plain = !as_written && bound.writes.fields().is_empty();
        let pile = Pile::create(&room.folder, "put-out", put_out_schema(&bound.writes), room.quota.clone());
        Ok(Outcomes {
            bound: bound.clone(),
            as_written,
            kept: plain.then(|| Bits::new(rows)),
            again: Mutex::default(),
            removed: Mutex::default(),
            removed_apart: Mutex::default(),
            pile: pile.map_err(unwritten)?,
            failing: AtomicBool::new(false),
            runs: Mutex::default(),
            rows,
        })
    }

    /// What is noted in memory, bytes.
    pub(super) fn bytes(&self) -> u64 {
        let bits = self.rows / 8;
        let reasons = lock(&self.removed).len() as u64 + u64::from(self.kept.is_some());
        bits * reasons + 8 * lock(&self.again).len() as u64 + 48 * lock(&self.removed_apart).len() as u64
    }

    /// Whether the run fails already, by a row that was rejected.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Takes over what a call did, now that it has ended well.
    pub(super) fn add(&self, mut part: PartWriter) -> Result<(), Fault> {
        part.flush()?;
        if let Some(kept) = &self.kept {
            for row in &part.kept {
                if kept.set(*row) {
                    lock(&self.again).push(*row);
                }
            }
        }
        for (fate, reason, rows) in part.removed {
            let bits = {
                let mut all = lock(&self.removed);
                match all.iter().find(|(of, why, _)| (*of, why) == (fate, &reason)) {
                    Some((_, _, bits)) => Some(bits.clone()),
                    None if all.len() < REASONS => {
                        let bits = Arc::new(Bits::new(self.rows));
                        all.push((fate, reason.clone(), bits.clone()));
                        Some(bits)
                    }
                    None => None,
                }
            };
            match bits {
                Some(bits) => rows.iter().for_each(|row| {
                    bits.set(*row);
                }),
                None => {
                    let removed = |row| Removed { row, rejected: fate == Fate::Rejected, reason: reason.clone() };
                    lock(&self.removed_apart).extend(rows.into_iter().map(removed));
                }
            }
        }
        lock(&self.runs).extend(part.runs);
        Ok(())
    }

    /// Gives everything to the writer of the step, in order.
    pub(super) fn put_out(self, writer: &mut GlobalWriter, room: &Room) -> Result<(), Fault> {
        for (fate, reason, bits) in self.removed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let removed = |row| Removed { row, rejected: fate == Fate::Rejected, reason: reason.clone() };
            give(bits.rows().map(removed), |rows| writer.remove_rows(rows))?;
        }
        let mut apart = self.removed_apart.into_inner().unwrap_or_else(PoisonError::into_inner);
        apart.sort_by_key(|removed| removed.row);
        give(apart.into_iter(), |rows| writer.remove_rows(rows))?;
        let none = RecordBatch::new_empty(self.bound.writes.clone());
        if let Some(kept) = &self.kept {
            let mut again = self.again.into_inner().unwrap_or_else(PoisonError::into_inner);
            again.sort_unstable();
            let mut again = again.into_iter().peekable();
            let rows = kept.rows().flat_map(|row| {
                let more = std::iter::from_fn(|| again.next_if_eq(&row)).count();
                std::iter::repeat_n(row, 1 + more)
            });
            give(rows, |rows| {
                room.go_on()?;
                writer.keep_rows(rows, &none)
            })?;
        }
        let mut runs = self.runs.into_inner().unwrap_or_else(PoisonError::into_inner);
        runs.sort_by_key(|run| run.call);
        let frames: Vec<&[Frame]> = runs.iter().map(|run| run.frames.as_slice()).collect();
        merge(&self.pile, &frames, room, |rows| Ok(places(rows)), |rows| give_rows(&rows, &self.bound.writes, writer))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives things away some at a time.
fn give<T>(all: impl Iterator<Item = T>, mut to: impl FnMut(Vec<T>) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut all = all.peekable();
    while all.peek().is_some() {
        to(all.by_ref().take(CHUNK).collect())?;
    }
    Ok(())
}

/// What is noted of rows that are put out: where they go, which item of a list that is (rows may be in several groups), the row of
/// the input that is kept, or none for one that was written, and what was written.
fn put_out_schema(writes: &Schema) -> SchemaRef {
    let mut fields: Vec<FieldRef> = vec![
        Arc::new(Field::new("place", DataType::UInt64, false)),
        Arc::new(Field::new("item", DataType::UInt32, false)),
        Arc::new(Field::new("row", DataType::UInt64, false)),
        Arc::new(Field::new("kept", DataType::Boolean, false)),
    ];
    let named = |(at, field): (usize, &FieldRef)| Arc::new(field.as_ref().clone().with_name(format!("{at}")));
    fields.extend(writes.fields().iter().enumerate().map(named));
    Arc::new(Schema::new(fields))
}

const AHEAD: usize = 4;

/// The way out of one call.
pub(crate) struct PartWriter {
    outcomes: Arc<Outcomes>,
    given: Given,
    /// Which call it is: where the first of its rows stands.
    call: Place,
    flushed: u64,
    returnable: Returnable,
    on_error: OnError,
    most: u64,
    fates: Fates,
    kept: Vec<u64>,
    removed: Vec<(Fate, Arc<str>, Vec<u64>)>,
    waiting: Vec<RecordBatch>,
    bytes: u64,
    runs: Vec<Run>,
    rows_out: u64,
}

/// What was said of each row that the call was given.
#[derive(Default)]
struct Fates {
    kept: Vec<u64>,
    removed: Vec<u64>,
}

impl Fates {
    fn bit(bits: &mut Vec<u64>, row: u64) -> (&mut u64, u64) {
        let word = (row / 64) as usize;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        (&mut bits[word], 1 << (row % 64))
    }

    fn keep(&mut self, row: u64) -> Result<(), Fault> {
        let (removed, bit) = Fates::bit(&mut self.removed, row);
        if *removed & bit != 0 {
            return Err(Fault::Contract(format!("it kept row {row} of its call, which it had removed")));
        }
        let (kept, bit) = Fates::bit(&mut self.kept, row);
        *kept |= bit;
        Ok(())
    }

    fn remove(&mut self, row: u64) -> Result<(), Fault> {
        let (kept, bit) = Fates::bit(&mut self.kept, row);
        if *kept & bit != 0 {
            return Err(Fault::Contract(format!("it removed row {row} of its call, which it had kept")));
        }
        let (removed, bit) = Fates::bit(&mut self.removed, row);
        match *removed & bit {
            0 => {
                *removed |= bit;
                Ok(())
            }
            _ => Err(Fault::Contract(format!("it removed row {row} of its call twice"))),
        }
    }
}

/// What a call is made with.
pub(in crate::global) struct Calling {
    pub(in crate::global) returnable: Returnable,
    pub(in crate::global) on_error: OnError,
    pub(in crate::global) rows_per_row: u64,
}

impl PartWriter {
    pub(super) fn new(outcomes: &Arc<Outcomes>, given: Given, call: Place, calling: &Calling) -> PartWriter {
        PartWriter {
            outcomes: outcomes.clone(),
            most: calling.rows_per_row.saturating_mul(given.rows().max(1)),
            given,
            call,
            flushed: 0,
            returnable: calling.returnable,
            on_error: calling.on_error,
            fates: Fates::default(),
            kept: Vec::new(),
            removed: Vec::new(),
            waiting: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
            rows_out: 0,
        }
    }

    fn check(&self, rows: &[u64], doing: &str) -> Result<(), Fault> {
        let given = self.given.rows();
        match rows.iter().find(|row| **row >= given) {
            None => Ok(()),
            Some(row) => Err(Fault::Contract(format!("it {doing} row {row} of {given} of its call, counted from 0"))),
        }
    }

    /// Where a row may be in several groups, what becomes of it cannot be said in one.
    fn may_decide(&self, doing: &str) -> Result<(), Fault> {
        match self.outcomes.bound.gathered.gathering {
            Gathering::ByEach(_) => Err(Fault::Contract(format!(
                "it {doing} rows, and has them grouped by each of many keys: it may only write"
            ))),
            _ => Ok(()),
        }
    }

    fn bound_rows(&mut self, requested: u64) -> Result<(), Fault> {
        let (limit, present) = (self.most, self.rows_out);
        if present.saturating_add(requested) > limit {
            let what = "rows put out";
            return Err(LimitExceeded { what, limit, present, requested, key: Some("limits.rows") }.into());
        }
        self.rows_out += requested;
        Ok(())
    }

    /// Rows that go out, in the place of rows that were given.
    fn put_out(&mut self, at: &[u64], kept: bool, written: &RecordBatch) -> Result<(), Fault> {
        let stand = self.given.places(at)?;
        let go = if self.outcomes.as_written { self.given.groups(at)? } else { stand.clone() };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(go.iter().map(|(place, _)| *place))),
            Arc::new(UInt32Array::from_iter_values(go.iter().map(|(_, item)| *item))),
            Arc::new(UInt64Array::from_iter_values(stand.iter().map(|(place, _)| *place))),
            Arc::new(BooleanArray::from(vec![kept; at.len()])),
        ];
        columns.extend(written.columns().iter().cloned());
        let rows = callboard_sandbox::record_batch(self.outcomes.pile.schema().clone(), columns, at.len())?;
        self.bytes += crate::rows::weight(written) / 8 + ROW * at.len() as u64;
        self.waiting.push(rows);
        if self.bytes >= WAITING { self.flush() } else { Ok(()) }
    }

    /// Brings to the disk what waits, in order.
    fn flush(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let rows = concat_batches(self.outcomes.pile.schema(), &std::mem::take(&mut self.waiting))?;
        let places = places(&rows);
        let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
        order.sort_by_key(|row| places[*row as usize]);
        let frames = order.chunks(FRAME).map(|order| {
            let sorted = take_record_batch(&rows, &UInt32Array::from(order.to_vec()))?;
            self.outcomes.pile.push(&sorted).map_err(unwritten)
        });
        let frames = frames.collect::<Result<_, Fault>>()?;
        self.runs.push(Run { call: (self.call, self.flushed), frames });
        self.flushed += 1;
        Ok(())
    }
}

impl RowWriter for PartWriter {
    fn keep(&mut self, rows: Vec<u64>, columns: Option<BatchResult>) -> Result<(), Fault> {
        if rows.is_empty() && columns.is_none() {
            return Ok(());
        }
        self.may_decide("keeps")?;
        self.check(&rows, "kept")?;
        let writes = self.outcomes.bound.writes.clone();
        let written = crate::global::beside_rows(&writes, &rows, columns, &self.returnable)?;
        self.bound_rows(rows.len() as u64)?;
        rows.iter().try_for_each(|row| self.fates.keep(*row))?;
        match &self.outcomes.kept {
            Some(_) => {
                let places = self.given.places(&rows)?;
                self.kept.extend(places.into_iter().map(|(place, _)| place));
                Ok(())
            }
            None => self.put_out(&rows, true, &written),
        }
    }

    fn write(&mut self, rows: BatchResult, at: Vec<u64>) -> Result<(), Fault> {
        let bound = self.outcomes.bound.clone();
        let grouped = bound.gathered.is_grouped();
        let written = crate::global::own_rows(&bound, rows, &self.returnable)?;
        let count = written.num_rows();
        if grouped && at.len() != count {
            let what =
                format!("it wrote {count} rows in the places of {}: where rows are grouped, each has one", at.len());
            return Err(Fault::Contract(what));
        }
        if !grouped && !at.is_empty() {
            return Err(Fault::Contract(
                "it wrote rows in the places of others, and its rows are not grouped".to_owned(),
            ));
        }
        self.check(&at, "wrote in the place of")?;
        self.bound_rows(count as u64)?;
        match grouped || count == 0 {
            true => self.put_out(&at, false, &written),
            // Behind what was put out before.
            false if self.given.rows() > 0 => self.put_out(&vec![0; count], false, &written),
            false => Err(Fault::Contract("it wrote rows, and was given none".to_owned())),
        }
    }

    fn remove(&mut self, rows: Vec<Removals>) -> Result<(), Fault> {
        for Removals { rows, fate, reason } in rows {
            self.may_decide("removes")?;
            self.check(&rows, "removed")?;
            rows.iter().try_for_each(|row| self.fates.remove(*row))?;
            let reason = Arc::<str>::from(clipped(reason));
            if fate == Fate::Rejected && self.on_error == OnError::Fail {
                self.outcomes.failing.store(true, Ordering::Relaxed);
            }
            let places = self.given.places(&rows)?.into_iter().map(|(place, _)| place);
            match self.removed.iter_mut().rev().take(REASONS).find(|(of, why, _)| (*of, why) == (fate, &reason)) {
                Some((_, _, all)) => all.extend(places),
                None => self.removed.push((fate, reason, places.collect())),
            }
        }
        Ok(())
    }
}

/// Where rows go.
fn places(rows: &RecordBatch) -> Vec<Place> {
    let (places, items) = (rows.column(0).as_primitive::<UInt64Type>(), rows.column(1).as_primitive::<UInt32Type>());
    places.values().iter().copied().zip(items.values().iter().copied()).collect()
}

/// Keeps rows, or writes rows, as they were put out.
fn give_rows(rows: &RecordBatch, writes: &SchemaRef, writer: &mut GlobalWriter) -> Result<(), Fault> {
    let (of, kept) = (rows.column(2).as_primitive::<UInt64Type>(), rows.column(3).as_boolean());
    let mut from = 0;
    while from < rows.num_rows() {
        let alike = (from..rows.num_rows()).take_while(|row| kept.value(*row) == kept.value(from)).count();
        let here = rows.slice(from, alike);
        let written = callboard_sandbox::record_batch(writes.clone(), here.columns()[AHEAD..].to_vec(), alike)?;
        match kept.value(from) {
            true => writer.keep_rows(of.values()[from..from + alike].to_vec(), &written)?,
            false => writer.write_rows(&written)?,
        }
        from += alike;
    }
    Ok(())
}
