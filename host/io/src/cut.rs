//! Cuts batches again, so that where they end depends on the rows and the policy alone.

use std::collections::VecDeque;

use arrow::array::{Array, ArrayRef, AsArray, MutableArrayData, RecordBatch, RecordBatchOptions, make_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;

use crate::error::IoError;
use crate::spec::BatchPolicy;

/// Takes batches as they come, gives batches as the policy says.
pub(crate) struct Cutter {
    schema: SchemaRef,
    policy: BatchPolicy,
    /// What rows take, in bits that add up: [`rows_bits`], or more.
    weight: fn(&RecordBatch, usize, usize) -> u64,
    /// What is not yet a batch, and its size: as rows are weighed, and in memory.
    parts: Vec<RecordBatch>,
    rows: usize,
    bits: u64,
    in_memory: u64,
    ready: VecDeque<RecordBatch>,
}

/// Rows whose weight is announced end a batch where they take this many times what it may, whatever was announced.
const BEYOND: u64 = 4;

/// Arrays that wait to become a batch: many columns of few rows take more by themselves than their values do.
const MOST_ARRAYS: usize = 100_000;

impl Cutter {
    pub(crate) fn new(schema: SchemaRef, policy: BatchPolicy) -> Cutter {
        Cutter::weighing(schema, policy, rows_bits)
    }

    /// Where rows take something beside their memory.
    pub(crate) fn weighing(
        schema: SchemaRef,
        policy: BatchPolicy,
        weight: fn(&RecordBatch, usize, usize) -> u64,
    ) -> Cutter {
        let (parts, ready) = (Vec::new(), VecDeque::new());
        Cutter { schema, policy, weight, parts, rows: 0, bits: 0, in_memory: 0, ready }
    }

    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<(), IoError> {
        self.push_weighing(batch, None)
    }

    /// As [`push`](Self::push), of rows that weigh this many bits each, whatever they hold.
    pub(crate) fn push_weighing(&mut self, batch: &RecordBatch, each: Option<u64>) -> Result<(), IoError> {
        let budget = self.policy.bytes as u64 * 8;
        let beyond = if each.is_some() { budget.saturating_mul(BEYOND) } else { u64::MAX };
        let mut start = 0;
        while start < batch.num_rows() {
            let most = (batch.num_rows() - start).min(self.policy.rows - self.rows);
            let size = |rows: usize| {
                let in_memory = (self.weight)(batch, start, start + rows);
                let bits = each.map_or(in_memory, |each| each.saturating_mul(rows as u64));
                (self.bits.saturating_add(bits), self.in_memory.saturating_add(in_memory))
            };
            let is_full = |(bits, in_memory): (u64, u64)| bits >= budget || in_memory >= beyond;
            // The fewest rows that reach the budget: sizes grow with rows, so halving finds them.
            let (mut low, mut high) = (1, most);
            while low < high {
                let middle = (low + high) / 2;
                if is_full(size(middle)) { high = middle } else { low = middle + 1 }
            }
            let all = size(low);
            self.parts.push(batch.slice(start, low));
            if self.parts.len() > 2 && self.parts.len() * self.schema.fields().len() > MOST_ARRAYS {
                let one = concat_batches(&self.schema, &self.parts).map_err(IoError::from_arrow)?;
                self.parts = vec![one];
            }
            self.rows += low;
            (self.bits, self.in_memory) = all;
            start += low;
            if self.rows == self.policy.rows || is_full(all) {
                self.end()?;
            }
        }
        Ok(())
    }

    /// Makes a batch of what is left.
    pub(crate) fn end(&mut self) -> Result<(), IoError> {
        let batch = match self.parts.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            parts => concat_batches(&self.schema, parts).map_err(IoError::from_arrow)?,
        };
        self.parts.clear();
        (self.rows, self.bits, self.in_memory) = (0, 0, 0);
        self.ready.push_back(batch);
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }
}

/// The rows in memory of their own, without what lies around a slice: neighbours of its first and last bits among them.
///
/// # Errors
///
/// Rows that are too large for one array.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch, IoError> {
    let copy = |column: &ArrayRef| {
        let data = column.to_data();
        let mut copy = MutableArrayData::new(vec![&data], false, data.len());
        copy.try_extend(0, 0, data.len())?;
        Ok(make_array(copy.freeze()))
    };
    let columns: Result<Vec<_>, ArrowError> = batch.columns().iter().map(copy).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    columns
        .and_then(|columns| RecordBatch::try_new_with_options(batch.schema(), columns, &options))
        .map_err(IoError::from_arrow)
}

/// The memory of a batch's rows, in bits.
pub(crate) fn batch_bits(batch: &RecordBatch) -> u64 {
    rows_bits(batch, 0, batch.num_rows())
}

/// The memory of the rows from `start` to before `end`, in bits, as batches are cut by: of values alone, wherever they lie.
///
/// # Panics
///
/// If the batch has no such rows.
pub fn rows_bits(batch: &RecordBatch, start: usize, end: usize) -> u64 {
    batch.columns().iter().map(|column| array_bits(column, start, end)).sum()
}

/// What of some rows, from one to before another, takes: in bits.
pub(crate) type Weight = fn(&RecordBatch, usize, usize) -> u64;

/// What the heaviest row takes, in bytes; 0 where no row takes much.
pub(crate) fn heaviest_row(rows: &RecordBatch, weight: Weight) -> u64 {
    heaviest_row_within(rows, weight, weight)
}

/// As [`heaviest_row`], of a weight that has a bound which is quicker to find: only rows whose bound is much are weighed.
pub(crate) fn heaviest_row_within(rows: &RecordBatch, bound: Weight, weight: Weight) -> u64 {
    let (mut heaviest, mut ranges) = (0, vec![(0, rows.num_rows())]);
    while let Some((start, end)) = ranges.pop() {
        if bound(rows, start, end) < 8 * MUCH {
            continue;
        }
        match end - start {
            0 => {}
            1 => heaviest = weight(rows, start, end).max(heaviest),
            more => ranges.extend([(start, start + more / 2), (start + more / 2, end)]),
        }
    }
    if heaviest < 8 * MUCH { 0 } else { heaviest / 8 }
}

/// Rows that take less are among the few MiB that every writer has.
const MUCH: u64 = 1 << 20;

/// The memory of the values of an array from `start` to before `end`, in bits so that parts add up exactly however they are cut.
/// Only the items of these values of a list count, wherever they lie.
///
/// # Panics
///
/// If the array has no such values.
pub fn array_bits(array: &dyn Array, start: usize, end: usize) -> u64 {
    let rows = (end - start) as u64;
    let data = |offsets: &[i32]| 8 * (offsets[end] - offsets[start]) as u64 + 32 * rows;
    let items = |offsets: &[i32], items: &dyn Array| {
        array_bits(items, offsets[start] as usize, offsets[end] as usize) + 32 * rows
    };
    let values = match array.data_type() {
        DataType::Null => return 0,
        DataType::Boolean => rows,
        DataType::Utf8 => data(array.as_string::<i32>().value_offsets()),
        DataType::Binary => data(array.as_binary::<i32>().value_offsets()),
        DataType::FixedSizeBinary(width) => 8 * rows * *width as u64,
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            items(list.value_offsets(), list.values())
        }
        DataType::Map(..) => {
            let map = array.as_map();
            items(map.value_offsets(), map.entries())
        }
        DataType::FixedSizeList(_, width) => {
            let (list, width) = (array.as_fixed_size_list(), *width as usize);
            array_bits(list.values(), start * width, end * width)
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|column| array_bits(column, start, end)).sum(),
        other => 8 * rows * other.primitive_width().unwrap_or(0) as u64,
    };
    // One more for whether there is a value.
    values + rows
}
