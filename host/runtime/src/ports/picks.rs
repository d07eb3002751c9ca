//! Rows of several branches, picked into one order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, UInt32Array, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use callboard_plan::Absent;
use callboard_plan::pipeline::BatchSize;

use crate::rows::Batch;

/// No row.
pub(super) const NONE: u32 = u32::MAX;

/// For each branch its row in each zipped row, or [`NONE`].
pub(super) struct Pairing {
    pub(super) rows: Vec<Vec<u32>>,
    /// Whether some row is there several times, so that what is zipped may be larger than the branches together.
    pub(super) repeats: bool,
}

impl Pairing {
    fn len(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    pub(super) fn cuts<'a>(
        &'a self,
        rows: &'a [Option<Batch>],
        size: BatchSize,
    ) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        let most = usize::try_from(size.rows).unwrap_or(usize::MAX).max(1);
        let full = size.bytes.saturating_mul(8);
        let mut start = 0;
        std::iter::from_fn(move || {
            if start == self.len() {
                return None;
            }
            let last = self.len().min(start.saturating_add(most));
            let mut end = last;
            if self.repeats {
                let (mut bits, mut row) = (0_u64, start);
                while row < last && bits < full {
                    let of_branch = |(branch, rows): (usize, &Option<Batch>)| match (rows, self.rows[branch][row]) {
                        (Some(rows), picked) if picked != NONE => rows.bits(picked as usize),
                        _ => 0,
                    };
                    bits = bits.saturating_add(rows.iter().enumerate().map(of_branch).sum());
                    row += 1;
                }
                end = row;
            }
            let range = start..end;
            start = end;
            Some(range)
        })
    }
}

/// Rows of a branch, in the order of zipped rows.
#[derive(Clone)]
pub(super) struct Picks {
    pub(super) indices: UInt32Array,
    /// Whether they are all of its rows, in order.
    pub(super) is_whole: bool,
    /// Whether one of them is not there.
    pub(super) lacks: bool,
}

/// The column of a branch at a place, if the branch has rows.
pub(super) type Values<'a> = &'a dyn Fn(usize, usize) -> Option<ArrayRef>;

/// For each row the value of the first of these branches that has it; and the column that these are, if it is a whole one.
pub(super) fn first(
    of: &[(usize, usize)],
    column: Values<'_>,
    picks: &[Picks],
    count: usize,
    data_type: &DataType,
) -> Result<(ArrayRef, Option<(usize, usize)>), ArrowError> {
    let there = |place: &&(usize, usize)| column(place.0, place.1).is_some();
    let full = || of.iter().filter(there).filter(|(branch, _)| !picks[*branch].lacks);
    if let Some(place) = full().find(|(branch, _)| picks[*branch].is_whole)
        && let Some(values) = column(place.0, place.1)
    {
        return Ok((typed(&values, data_type)?, Some(*place)));
    }
    let one = full().next().or(match of {
        [one] => Some(one).filter(there),
        _ => None,
    });
    if let Some((branch, at)) = one
        && let Some(values) = column(*branch, *at)
    {
        return Ok((typed(&take(&values, &picks[*branch].indices, None)?, data_type)?, None));
    }
    let (sources, place) = sources(of, column, data_type)?;
    let nothing = (sources.len() - 1, 0);
    let value = |row: usize| {
        let has = |(nth, (branch, _)): (usize, &(usize, usize))| {
            let source = place[nth]?;
            picks[*branch].indices.is_valid(row).then(|| (source, picks[*branch].indices.value(row) as usize))
        };
        of.iter().enumerate().find_map(has).unwrap_or(nothing)
    };
    let pairs: Vec<(usize, usize)> = (0..count).map(value).collect();
    Ok((interleave(&refs(&sources), &pairs)?, None))
}

/// For each row a list of the values of all these branches.
pub(super) fn list(
    of: &[(usize, usize)],
    item: &FieldRef,
    absent: Absent,
    column: Values<'_>,
    picks: &[Picks],
    count: usize,
) -> Result<ArrayRef, ArrowError> {
    let (sources, place) = sources(of, column, item.data_type())?;
    let nothing = (sources.len() - 1, 0);
    let mut pairs = Vec::with_capacity(count * of.len());
    let mut lengths = Vec::with_capacity(count);
    for row in 0..count {
        let before = pairs.len();
        for (nth, (branch, _)) in of.iter().enumerate() {
            let indices = &picks[*branch].indices;
            match place[nth].filter(|_| indices.is_valid(row)) {
                Some(source) => pairs.push((source, indices.value(row) as usize)),
                None if absent == Absent::Null => pairs.push(nothing),
                None => {}
            }
        }
        lengths.push(pairs.len() - before);
    }
    let values = interleave(&refs(&sources), &pairs)?;
    let list = ListArray::try_new(item.clone(), OffsetBuffer::from_lengths(lengths), values, None)?;
    Ok(Arc::new(list))
}

/// The columns that are there, and a null behind them; and for each that is asked for, which of these it is.
fn sources(
    of: &[(usize, usize)],
    column: Values<'_>,
    data_type: &DataType,
) -> Result<(Vec<ArrayRef>, Vec<Option<usize>>), ArrowError> {
    let (mut sources, mut place) = (Vec::new(), Vec::new());
    for (branch, at) in of {
        let values = column(*branch, *at).map(|values| typed(&values, data_type)).transpose()?;
        place.push(values.is_some().then_some(sources.len()));
        sources.extend(values);
    }
    sources.push(new_null_array(data_type, 1));
    Ok((sources, place))
}

fn refs(arrays: &[ArrayRef]) -> Vec<&dyn Array> {
    arrays.iter().map(AsRef::as_ref).collect()
}

/// Types may differ in the names or nullability of what is nested.
fn typed(values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if values.data_type() == data_type { Ok(values.clone()) } else { cast(values, data_type) }
}
