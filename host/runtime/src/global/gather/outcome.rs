//! The results of all calls, in one order: that of the input, or that in which rows were put out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt32Type, UInt64Type};
use callboard_plan::pipeline::OnError;
use callboard_sandbox::{Bound, Fate, Gathering, record_batch};

use super::arrange::Position;
use super::merge::merge;
use super::part::Results;
use super::rowset::RowSet;
use super::{lock, unwritten};
use crate::course::Phase;
use crate::error::Fault;
use crate::fates::Bits;
use crate::global::{AT_ONCE, GlobalWriter, Sorting};
use crate::store::scatter::Scratch;
use crate::store::{Frame, Pile, Removed};

/// The number of reasons that are kept as a bit for each row. Rows removed for other reasons lie on the disk.
pub(super) const REASONS: usize = 4;

/// The results of all calls.
pub(super) struct Outcomes {
    pub(super) bound: Arc<Bound>,
    /// Rows of the first input.
    pub(super) rows: u64,
    /// Kept rows are passed on unchanged in the order of the input, so that it is enough to know the others.
    pub(super) by_bits: bool,
    /// Rows that are put out in another way.
    pub(super) put_out: Pile,
    /// Rows removed for reasons that have no bits.
    pub(super) removed: Pile,
    on_error: OnError,
    /// A row was rejected, and the pipeline allows none: the remaining calls are not made.
    failing: AtomicBool,
    done: Mutex<Done>,
}

/// The results of calls that succeeded.
#[derive(Default)]
struct Done {
    /// Rows that are not kept, and have no bit for a reason.
    gone: Bits,
    unlisted: u64,
    /// Rows that calls were given.
    given: u64,
    removed: Vec<(Fate, Arc<str>, Bits)>,
    put_out: Vec<PutOut>,
    removed_runs: Vec<Vec<Frame>>,
}

/// Rows that were put out by one call, in the order in which they go out.
pub(super) struct PutOut {
    /// Orders the runs of calls, which end in any order.
    pub(super) call: (Position, u64),
    pub(super) frames: Vec<Frame>,
}

impl Outcomes {
    pub(super) fn new(
        bound: &Arc<Bound>,
        rows: u64,
        on_error: OnError,
        scratch: &Arc<Scratch>,
    ) -> Result<Outcomes, Fault> {
        Ok(Outcomes {
            bound: bound.clone(),
            rows,
            by_bits: by_bits(bound),
            put_out: Pile::open(scratch, "put-out", put_out_schema(&bound.writes)).map_err(unwritten)?,
            removed: Pile::open(scratch, "removed", removed_schema()).map_err(unwritten)?,
            on_error,
            failing: AtomicBool::new(false),
            done: Mutex::default(),
        })
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> u64 {
        let done = lock(&self.done);
        done.gone.bytes() + done.removed.iter().map(|(.., bits)| bits.bytes()).sum::<u64>()
    }

    /// Whether the run fails already, by a row that was rejected.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Takes over the results of a call that succeeded.
    pub(super) fn add(&self, part: Results) -> Result<(), Fault> {
        if part.rejects && self.on_error == OnError::Fail {
            self.failing.store(true, Ordering::Relaxed);
        }
        let mut more: Vec<(Fate, Arc<str>, RowSet)> = Vec::new();
        {
            let mut done = lock(&self.done);
            part.gone.set_in(&mut done.gone);
            done.unlisted += part.unlisted;
            done.given += part.given;
            for (fate, reason, rows) in part.removed {
                match done.removed.iter().position(|(of, why, _)| (*of, why) == (fate, &reason)) {
                    Some(at) => rows.set_in(&mut done.removed[at].2),
                    None if done.removed.len() < REASONS => {
                        let mut bits = Bits::default();
                        rows.set_in(&mut bits);
                        done.removed.push((fate, reason, bits));
                    }
                    None => {
                        if self.by_bits {
                            rows.set_in(&mut done.gone);
                        }
                        more.push((fate, reason, rows));
                    }
                }
            }
            done.put_out.extend(part.put_out);
            done.removed_runs.extend(part.removed_runs);
        }
        for (fate, reason, rows) in more {
            let mut rows: Vec<u64> = rows.rows().collect();
            rows.sort_unstable();
            for rows in rows.chunks(AT_ONCE) {
                let removed =
                    |row: &u64| Removed { row: *row, rejected: fate == Fate::Rejected, reason: reason.clone() };
                let run = self.put_removed(&rows.iter().map(removed).collect::<Vec<_>>())?;
                lock(&self.done).removed_runs.push(run);
            }
        }
        Ok(())
    }

    /// Writes removed rows to the disk, in the order of the input.
    pub(super) fn put_removed(&self, removed: &[Removed]) -> Result<Vec<Frame>, Fault> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(removed.iter().map(|removed| removed.row))),
            Arc::new(BooleanArray::from_iter(removed.iter().map(|removed| Some(removed.rejected)))),
            Arc::new(StringArray::from_iter_values(removed.iter().map(|removed| &removed.reason))),
        ];
        let rows = record_batch(self.removed.schema().clone(), columns, removed.len())?;
        let mut order: Vec<u32> = (0..removed.len() as u32).collect();
        order.sort_by_key(|at| removed[*at as usize].row);
        self.removed.push_in_order(&rows, &order).map_err(unwritten)
    }

    /// Passes everything to the writer of the step, in order.
    pub(super) fn put_out(self, writer: &mut GlobalWriter) -> Result<(), Fault> {
        let Done { gone, unlisted, given, removed, mut put_out, removed_runs } =
            self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sorting = writer.writing.sorting.clone();
        let not_kept = rows_of(&removed_runs) + removed.iter().map(|(.., bits)| bits.count()).sum::<u64>();
        sorting.passing.begin(Phase::Remove, not_kept);
        if self.by_bits && unlisted == 0 && put_out.is_empty() {
            // Each row was in one call, which kept or removed it.
            writer.settle();
        }
        give_removed(&removed, &self.removed, removed_runs, &sorting, writer)?;
        // Where a rejected row ends the run, which is said above, not all calls were made.
        if self.by_bits && given != self.rows {
            return Err(Fault::Host(format!("calls were given {given} rows of {}", self.rows)));
        }
        put_out.sort_by_key(|run| run.call);
        let runs: Vec<_> = put_out.into_iter().map(|run| run.frames).collect();
        let rows = rows_of(&runs) + if self.by_bits { self.rows.saturating_sub(not_kept + unlisted) } else { 0 };
        match self.bound.gathered.as_written {
            // They may have to be put in order.
            true => sorting.passing.begin(Phase::Merge, rows),
            false => sorting.passing.begin_last(Phase::Merge, rows),
        }
        let keys = |rows: &RecordBatch| Ok(places(rows));
        if !self.by_bits {
            return merge(&self.put_out, runs, &sorting, keys, |rows| give_rows(&rows, &self.bound.writes, writer));
        }
        let none = RecordBatch::new_empty(self.bound.writes.clone());
        let mut give = Chunks::to(|rows| writer.keep_rows(rows, &none));
        let others: Vec<&Bits> = removed.iter().map(|(.., bits)| bits).chain([&gone]).collect();
        let mut kept = Bits::rows_in_none(&others, self.rows).peekable();
        // Rows that were kept more than once lie on the disk.
        merge(&self.put_out, runs, &sorting, keys, |rows| {
            for row in rows.column(2).as_primitive::<UInt64Type>().values() {
                while let Some(kept) = kept.next_if(|kept| kept <= row) {
                    give.push(kept)?;
                }
                give.push(*row)?;
            }
            Ok(())
        })?;
        kept.try_for_each(|row| give.push(row))?;
        give.end()
    }
}

fn rows_of(runs: &[Vec<Frame>]) -> u64 {
    runs.iter().flatten().map(|frame| u64::from(frame.rows)).sum()
}

/// Whether kept rows are passed on unchanged in the order of the input.
pub(super) fn by_bits(bound: &Bound) -> bool {
    // A step that carries no column may also write rows. A row that is in no group, or in several, is not kept.
    let in_one_call = !matches!(bound.gathered.gathering, Gathering::ByEach(_));
    in_one_call && !bound.gathered.as_written && bound.writes.fields().is_empty() && bound.carries()
}

/// Passes removed rows to the writer, in the order of the input.
fn give_removed(
    removed: &[(Fate, Arc<str>, Bits)],
    pile: &Pile,
    runs: Vec<Vec<Frame>>,
    sorting: &Sorting,
    writer: &mut GlobalWriter,
) -> Result<(), Fault> {
    let mut give = Chunks::to(|rows| writer.remove_rows(rows));
    let (reasons, mut by_bits): (Vec<_>, Vec<_>) =
        removed.iter().map(|(fate, reason, bits)| ((*fate, reason), bits.rows())).unzip();
    let firsts = by_bits.iter_mut().enumerate().filter_map(|(at, rows)| Some(Reverse((rows.next()?, at))));
    let mut heap: BinaryHeap<_> = firsts.collect();
    // Passes on rows that have bits, up to the next one from the disk.
    let mut until = |end: u64, give: &mut Chunks<Removed, _>| {
        while let Some(mut next) = heap.peek_mut().filter(|next| next.0.0 < end) {
            let Reverse((row, at)) = *next;
            match by_bits[at].next() {
                Some(row) => next.0.0 = row,
                None => drop(PeekMut::pop(next)),
            }
            let (fate, reason) = &reasons[at];
            give.push(Removed { row, rejected: *fate == Fate::Rejected, reason: Arc::clone(reason) })?;
        }
        Ok::<_, Fault>(())
    };
    let rows_of = |rows: &RecordBatch| Ok(rows.column(0).as_primitive::<UInt64Type>().values().to_vec());
    merge(pile, runs, sorting, rows_of, |rows| {
        let of = rows.column(0).as_primitive::<UInt64Type>();
        let (rejected, reasons) = (rows.column(1).as_boolean(), rows.column(2).as_string::<i32>());
        for (at, row) in of.values().iter().enumerate() {
            until(*row, &mut give)?;
            let reason = Arc::from(reasons.value(at));
            give.push(Removed { row: *row, rejected: rejected.value(at), reason })?;
        }
        Ok(())
    })?;
    until(u64::MAX, &mut give)?;
    give.end()
}

/// Passes things on in chunks.
struct Chunks<T, F> {
    waiting: Vec<T>,
    to: F,
}

impl<T, F: FnMut(Vec<T>) -> Result<(), Fault>> Chunks<T, F> {
    fn to(to: F) -> Self {
        Chunks { waiting: Vec::new(), to }
    }

    fn push(&mut self, thing: T) -> Result<(), Fault> {
        self.waiting.push(thing);
        if self.waiting.len() == AT_ONCE { (self.to)(std::mem::take(&mut self.waiting)) } else { Ok(()) }
    }

    fn end(mut self) -> Result<(), Fault> {
        (self.to)(self.waiting)
    }
}

/// The columns of rows that are put out: their place and item, the row of the input that is kept or written in place of, whether it
/// is kept, and the written columns.
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

/// Columns before those that were written.
const AHEAD: usize = 4;

fn removed_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("row", DataType::UInt64, false),
        Field::new("rejected", DataType::Boolean, false),
        Field::new("reason", DataType::Utf8, false),
    ]))
}

/// Where rows go.
pub(super) fn places(rows: &RecordBatch) -> Vec<Position> {
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
        let written = record_batch(writes.clone(), here.columns()[AHEAD..].to_vec(), alike)?;
        match kept.value(from) {
            true => writer.keep_rows(of.values()[from..from + alike].to_vec(), &written)?,
            false => writer.write_rows(&written)?,
        }
        from += alike;
    }
    Ok(())
}
