//! Rows that are sorted and do not fit the memory, cut into ranges of their order: each range is then sorted alone.
//!
//! Samples say where to cut. A row is compared by its sort key and then its place, so all rows differ, and a key that very many rows
//! have is cut like any other.

use arrow::array::RecordBatch;
use arrow::row::Rows;

use super::arrange::{Position, sort_keys};
use super::layout::{items, positions};
use super::parts::{Parts, scatter_to};
use super::pieces::Pieces;
use crate::error::Fault;
use crate::global::on_all_cores;

/// Rows that are looked at for each range.
const SAMPLES: usize = 64;
/// More ranges are not made at a time: larger ones are cut again.
const MOST: u64 = 4096;

/// Where ranges begin, but for the first one.
pub(super) struct Splitters {
    port: usize,
    starts: Vec<(Vec<u8>, Position)>,
}

impl Splitters {
    /// Splitters that cut `bytes` of rows into ranges of about `range` bytes. `sample` reads some of the rows, the one of `of` pieces
    /// that it is asked for.
    pub(super) fn of(
        parts: &Parts,
        port: usize,
        bytes: u64,
        range: u64,
        of: usize,
        sample: impl Fn(usize) -> Result<RecordBatch, Fault> + Sync,
    ) -> Result<Splitters, Fault> {
        let count = (bytes / range.max(1)).clamp(1, MOST) as usize;
        let looked_at = of.min(count.max(16));
        let of_each = (count * SAMPLES).div_ceil(looked_at.max(1));
        let look = |at: usize| {
            parts.sorting.go_on()?;
            let rows = sample(at * of / looked_at)?;
            let (keys, step) = (keys(parts, port, &rows)?, (rows.num_rows() / of_each).max(1));
            let some = (0..rows.num_rows()).step_by(step);
            Ok(some.map(|row| (keys.row(row).data().to_vec(), place(parts, port, &rows, row))).collect::<Vec<_>>())
        };
        let mut samples = Vec::new();
        if count > 1 {
            on_all_cores(looked_at, look, |some| {
                samples.extend(some);
                Ok(())
            })?;
        }
        samples.sort_unstable();
        let starts = (1..count).filter_map(|at| samples.get(at * samples.len() / count).cloned());
        let mut starts: Vec<(Vec<u8>, Position)> = starts.collect();
        starts.dedup();
        Ok(Splitters { port, starts })
    }

    /// How many ranges there are.
    pub(super) fn ranges(&self) -> usize {
        self.starts.len() + 1
    }

    /// Rows by the range that they are in, each in their order.
    pub(super) fn scatter(&self, parts: &Parts, rows: &RecordBatch) -> Result<Vec<Option<RecordBatch>>, Fault> {
        let keys = keys(parts, self.port, rows)?;
        let range_of = |row: usize| {
            let at = (keys.row(row).data(), place(parts, self.port, rows, row));
            self.starts.partition_point(|(key, place)| (&key[..], *place) <= at) as u32
        };
        scatter_to(rows, self.ranges(), (0..rows.num_rows()).map(range_of).collect())
    }
}

/// Cuts rows into ranges, one behind another in their order. `bytes` is what a range should have.
pub(super) fn cut(parts: &Parts, port: usize, rows: &Pieces, bytes: u64) -> Result<Vec<Pieces>, Fault> {
    let pieces = &rows.pieces;
    let piece = |at: usize| parts.piece(port, &pieces[at]);
    let splitters = Splitters::of(parts, port, rows.bytes, bytes, pieces.len(), piece)?;
    let mut ranges: Vec<Pieces> = (0..splitters.ranges()).map(|_| Pieces::default()).collect();
    let cut = |at: usize| {
        parts.sorting.go_on()?;
        splitters.scatter(parts, &piece(at)?)
    };
    on_all_cores(pieces.len(), cut, |rows| parts.add(ranges.iter_mut(), port, rows))?;
    Ok(ranges)
}

/// Cuts ranges that are much too large again, until they are not, or are a row each.
pub(super) fn cut_again(parts: &Parts, port: usize, mut ranges: Vec<Pieces>, bytes: u64) -> Result<Vec<Pieces>, Fault> {
    let mut all = Vec::with_capacity(ranges.len());
    // The next one is the last.
    ranges.reverse();
    while let Some(range) = ranges.pop() {
        if range.rows > 1 && range.bytes > bytes.saturating_mul(LARGE) {
            let mut cut = cut(parts, port, &range, bytes)?;
            parts.forget(range.held());
            if cut.iter().filter(|range| range.rows > 0).count() > 1 {
                ranges.extend(cut.drain(..).rev());
                continue;
            }
            all.extend(cut);
        } else {
            all.push(range);
        }
    }
    all.retain(|range| range.rows > 0);
    Ok(all)
}

/// A range that is more than this many times too large is cut again.
const LARGE: u64 = 3;

/// All rows of a range, sorted.
pub(super) fn sorted(parts: &Parts, port: usize, rows: &Pieces) -> Result<RecordBatch, Fault> {
    let rows = parts.rows(port, rows)?;
    let keys = keys(parts, port, &rows)?;
    let order = arrow::array::UInt32Array::from(order(&keys));
    Ok(arrow::compute::take_record_batch(&rows, &order)?)
}

/// The order of keys; equal ones keep theirs.
fn order(keys: &Rows) -> Vec<u32> {
    let count = keys.num_rows();
    let Some(first) = (count > 0).then(|| keys.row(0).data()) else { return Vec::new() };
    // Rows of a range have much in common at the beginning of their keys: what follows tells them apart.
    let common = |length: usize, row: usize| {
        let key = keys.row(row).data();
        first[..length].iter().zip(key).take_while(|(a, b)| a == b).count()
    };
    let common = (1..count).fold(first.len(), common);
    let head = |row: usize| {
        let rest = keys.row(row).data().get(common..).unwrap_or_default();
        let mut head = [0; 8];
        let length = rest.len().min(8);
        head[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(head)
    };
    let mut order: Vec<(u64, u32)> = (0..count).map(|row| (head(row), row as u32)).collect();
    let rest = |row: u32| keys.row(row as usize).data();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| rest(a.1).cmp(rest(b.1))).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, row)| row).collect()
}

fn keys(parts: &Parts, port: usize, rows: &RecordBatch) -> Result<Rows, Fault> {
    Ok(sort_keys(parts, port, rows)?.expect("rows that are sorted have keys"))
}

/// Where a row stands.
pub(super) fn place(parts: &Parts, port: usize, rows: &RecordBatch, row: usize) -> Position {
    (positions(rows)[row], items(&parts.layouts[port], rows).get(row).copied().unwrap_or(0))
}
