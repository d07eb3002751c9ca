//! What calls did with their rows, brought into one order: that of the input, or that in which rows were put out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt32Type, UInt64Type};
use callboard_sandbox::{Bound, Fate};

use super::arrange::Place;
use super::merge::merge;
use super::part::PartWriter;
use super::pile::Pile;
use super::{Room, unwritten};
use crate::error::Fault;
use crate::global::GlobalWriter;
use crate::store::Frame;
use crate::store::Removed;

/// Rows given to the writer at a time.
const CHUNK: usize = 64 << 10;
/// Reasons that have a bit for each row; rows removed for more of them are noted one by one.
pub(super) const REASONS: usize = 4;

/// What all calls did.
pub(super) struct Outcomes {
    pub(super) bound: Arc<Bound>,
    pub(super) as_written: bool,
    /// Rows that are kept as they are, a bit each, where nothing is written and they stay in the order of the input.
    pub(super) kept: Option<Bits>,
    /// Those of them that were kept again.
    again: Mutex<Vec<u64>>,
    removed: Mutex<Vec<Reason>>,
    removed_apart: Mutex<Vec<Removed>>,
    pub(super) pile: Pile,
    /// A row was rejected that must not be: nothing more is worth doing.
    pub(super) failing: AtomicBool,
    /// Each in order.
    runs: Mutex<Vec<Run>>,
    rows: u64,
}

/// Rows that were put out by one call, in the order in which they go out.
pub(super) struct Run {
    /// Calls of the same rows, in order: parts are worked on in any order, and what they put out comes in that of their rows.
    pub(super) call: (Place, u64),
    pub(super) frames: Vec<Frame>,
}

/// Rows that were removed for one reason, a bit each.
type Reason = (Fate, Arc<str>, Arc<Bits>);

/// One bit a row, set by anybody.
pub(super) struct Bits(Vec<AtomicU64>);

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

/// Where rows go.
pub(super) fn places(rows: &RecordBatch) -> Vec<Place> {
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
