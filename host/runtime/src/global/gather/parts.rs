//! Rows of all inputs, cut into parts by their keys. Rows whose keys agree are in one part.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, FixedSizeBinaryArray, RecordBatch, UInt32Array, UInt64Array};
use arrow::buffer::Buffer;
use arrow::compute::{concat_batches, take};
use callboard_sandbox::{Bound, Gathering, record_batch};

use super::keys::members;
use super::layout::{Layout, digests};
use super::outcome::by_bits;
use super::pieces::{Part, Piece, Pieces, bytes_of};
use super::ranges::Splitters;
use super::{LARGE, Sizes, lock, unread, unwritten};
use crate::course::Phase;
use crate::error::{Fault, RunError};
use crate::global::{Sorting, Whole, on_all_cores};
use crate::rows::flight::Charge;
use crate::store::scatter::Scratch;
use crate::store::{LeftPile, Pile};

/// At least this many parts are made even of few rows, so that several instances have work.
const LEAST_PARTS: u64 = 16;
/// A part with fewer rows is not worth a call.
const LEAST_ROWS: u64 = 16 << 10;
/// Parts are made larger before there are more: what is written to one at a time would be too little.
const MANY_PARTS: u64 = 1024;
/// The same where what each call puts out is merged with that of the others.
const MANY_MERGED: u64 = 256;
const MOST_PARTS: u64 = 4096;

/// Everything that is brought together.
pub(super) struct Parts {
    pub(super) layouts: Vec<Layout>,
    pub(super) piles: Vec<Pile>,
    /// What other processes have left, by input.
    pub(super) left: Vec<Vec<LeftPile>>,
    /// Which share of the rows is cut, of how many.
    pub(super) share: (u64, u64),
    pub(super) bound: Arc<Bound>,
    pub(super) sizes: Sizes,
    pub(super) sorting: Sorting,
    /// The seed of the digests; it is random, so that no input can be made to collide. That of a log, if there is one.
    seed: u64,
    /// Bytes of pieces in memory.
    held: AtomicU64,
    pub(super) charge: Mutex<Option<Charge>>,
}

impl Parts {
    pub(super) fn new(
        wholes: &[Whole],
        bound: Arc<Bound>,
        sizes: Sizes,
        scratch: &Arc<Scratch>,
        sorting: Sorting,
        seed: Option<u64>,
    ) -> Result<Parts, Fault> {
        let layouts: Vec<Layout> =
            wholes.iter().enumerate().map(|(port, whole)| Layout::of(&bound, whole, port)).collect();
        let pile = |(port, layout): (usize, &Layout)| {
            Pile::open(scratch, &format!("rows-{port}"), layout.schema.clone()).map_err(unwritten)
        };
        let piles = layouts.iter().enumerate().map(pile).collect::<Result<_, _>>()?;
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        let (held, charge) = (AtomicU64::new(0), Mutex::default());
        let (left, share) = (Vec::new(), (0, 1));
        Ok(Parts { layouts, piles, left, share, bound, sizes, sorting, seed, held, charge })
    }

    /// A part without rows.
    pub(super) fn empty(&self) -> Part {
        self.layouts.iter().map(|_| Pieces::default()).collect()
    }

    /// Cuts the rows of all inputs; gives the parts that have any.
    pub(super) fn cut(&mut self, wholes: &[Whole]) -> Result<Vec<Part>, Fault> {
        let mut all = self.cut_all(wholes)?;
        all.retain(|part| part.iter().any(|pieces| pieces.rows > 0));
        Ok(all)
    }

    /// Cuts the rows of all inputs; gives all parts.
    pub(super) fn cut_all(&mut self, wholes: &[Whole]) -> Result<Vec<Part>, Fault> {
        let count = self.size(wholes)?;
        let gathered = wholes.iter().enumerate().filter(|(port, _)| !self.is_whole(*port));
        self.sorting.passing.begin(Phase::Gather, gathered.map(|(_, whole)| whole.rows()).sum());
        let mut all: Vec<Part> = (0..count).map(|_| self.empty()).collect();
        for (port, whole) in wholes.iter().enumerate() {
            if self.is_whole(port) {
                all[0][port].rows = whole.rows();
                continue;
            }
            if let Some(ranges) = self.ranges(whole, port)? {
                let (rows, bytes) = ranges.iter().fold((0, 0), |(rows, bytes), of| (rows + of.rows, bytes + of.bytes));
                all[0][port] = Pieces { pieces: Vec::new(), rows, bytes, ranges };
                continue;
            }
            let part_of = |rows: &RecordBatch| {
                scatter(&self.layouts[port], rows, count as usize, |digest| part_of(digest, count))
            };
            self.each_region(whole, port, self.sizes.part, part_of, |rows| {
                let of_port = all.iter_mut().map(|part| &mut part[port]);
                self.add(of_port, port, rows)
            })?;
        }
        Ok(all)
    }

    /// Whether an input is given to the only call as it stands: nothing of it is brought together.
    pub(super) fn is_whole(&self, port: usize) -> bool {
        self.bound.gathered.gathering == Gathering::All && self.bound.gathered.sorted[port].is_empty()
    }

    /// All rows of an input that are given sorted to one call, cut into ranges of their order at once; `None` if they are not, or few.
    fn ranges(&self, whole: &Whole, port: usize) -> Result<Option<Vec<Pieces>>, Fault> {
        if self.bound.gathered.is_grouped() || self.bound.gathered.sorted[port].is_empty() {
            return Ok(None);
        }
        let frames = regions(whole, 1, self.share).concat();
        let Some(first) = frames.first() else { return Ok(None) };
        let sample = |at: usize| self.rows_of(whole, port, &[frames[at]]);
        let first = (sample(0)?, whole.spills[first.0].frame_rows(first.1) as u64);
        let bytes = (u128::from(bytes_of(&first.0)) * u128::from(whole.rows()) / u128::from(first.1.max(1))) as u64;
        if bytes <= self.sizes.part * LARGE {
            return Ok(None);
        }
        let splitters = Splitters::of(self, port, bytes, self.sizes.range(), frames.len(), sample)?;
        let mut ranges: Vec<Pieces> = (0..splitters.ranges()).map(|_| Pieces::default()).collect();
        let cut = |rows: &RecordBatch| splitters.scatter(self, rows);
        self.each_region(whole, port, self.sizes.part, cut, |rows| self.add(ranges.iter_mut(), port, rows))?;
        Ok(Some(ranges))
    }

    /// Cuts the rows of an input, about `bytes` at a time, with `cut`, by as many threads as there are cores, and passes them to
    /// `to` in their order.
    fn each_region(
        &self,
        whole: &Whole,
        port: usize,
        bytes: u64,
        cut: impl Fn(&RecordBatch) -> Result<Vec<Option<RecordBatch>>, Fault> + Sync,
        mut to: impl FnMut(Vec<Option<RecordBatch>>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let regions = regions(whole, bytes, self.share);
        let cut = |at: usize| {
            self.sorting.go_on()?;
            let rows = regions[at].iter().map(|(spill, frame)| whole.spills[*spill].frame_rows(*frame) as u64);
            Ok((rows.sum(), cut(&self.rows_of(whole, port, &regions[at])?)?))
        };
        on_all_cores(regions.len(), cut, |(rows, region)| {
            to(region)?;
            self.sorting.passing.done(Phase::Gather, rows);
            self.count(0)
        })
    }

    /// Chooses the number and size of parts by the first rows, so that it is the same on all machines.
    pub(super) fn size(&mut self, wholes: &[Whole]) -> Result<u64, Fault> {
        if self.bound.gathered.gathering == Gathering::All {
            return Ok(1);
        }
        let (mut bytes, mut rows) = (0, 0);
        for (port, whole) in wholes.iter().enumerate() {
            let Some(spill) = whole.spills.iter().position(|spill| spill.frames() > 0) else { continue };
            let first = self.rows_of(whole, port, &[(spill, 0)])?;
            let frame_rows = u128::from(whole.spills[spill].frame_rows(0) as u64);
            if first.num_rows() == 0 {
                continue;
            }
            let of_all = |of_frame: u64| (u128::from(of_frame) * u128::from(whole.rows()) / frame_rows) as u64;
            rows += of_all(first.num_rows() as u64);
            bytes += of_all(bytes_of(&first));
        }
        let least = LEAST_PARTS.min(rows / LEAST_ROWS).max(1);
        // The bookkeeping of very many small parts would take more memory than the parts.
        let many = if by_bits(&self.bound) { MANY_PARTS } else { MANY_MERGED };
        self.sizes.part = self.sizes.part.max((bytes / many).min(self.sizes.largest));
        Ok((bytes / self.sizes.part).clamp(least, MOST_PARTS))
    }

    /// The rows of some frames.
    fn rows_of(&self, whole: &Whole, port: usize, frames: &[(usize, usize)]) -> Result<RecordBatch, Fault> {
        let layout = &self.layouts[port];
        let mut all = Vec::with_capacity(frames.len());
        for (spill, frame) in frames {
            let rows = whole.columns(*spill, *frame, &layout.needed())?;
            let (keys, columns) = rows.columns().split_at(layout.keys.len());
            let members = members(&self.bound.gathered.gathering, keys, rows.num_rows(), self.seed)?;
            let first = whole.first_row(*spill, *frame);
            let position = |row: u32| first + u64::from(row);
            let count = members.digests.len();
            let positions: UInt64Array = match &members.rows {
                None => (0..count as u32).map(position).collect(),
                Some(rows) => rows.iter().map(|row| position(*row)).collect(),
            };
            let mut fields: Vec<ArrayRef> = vec![Arc::new(positions)];
            if layout.has_items {
                fields.push(Arc::new(UInt32Array::from(members.items)));
            }
            if layout.has_digests {
                let digests = members.digests.iter().flat_map(|digest| digest.to_le_bytes()).collect::<Vec<u8>>();
                fields.push(Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(digests), None)?));
            }
            match &members.rows {
                None => fields.extend(columns.iter().cloned()),
                Some(rows) => {
                    let rows = UInt32Array::from(rows.clone());
                    for column in columns {
                        fields.push(take(column, &rows, None)?);
                    }
                }
            }
            all.push(record_batch(layout.schema.clone(), fields, count)?);
        }
        Ok(concat_batches(&layout.schema, &all)?)
    }

    /// Adds rows of an input, by where they go. They stay in memory as long as there is room; then all that is in memory goes to the
    /// disk, so that what is written for one place is not little.
    pub(super) fn add<'a>(
        &self,
        to: impl Iterator<Item = &'a mut Pieces>,
        port: usize,
        rows: Vec<Option<RecordBatch>>,
    ) -> Result<(), Fault> {
        let mut all: Vec<&mut Pieces> = to.collect();
        let mut added = 0;
        for (pieces, rows) in all.iter_mut().zip(rows) {
            let Some(rows) = rows else { continue };
            let bytes = bytes_of(&rows);
            added += bytes;
            pieces.rows += rows.num_rows() as u64;
            pieces.bytes += bytes;
            pieces.pieces.push(Piece::Here(rows));
        }
        if self.held.fetch_add(added, Ordering::Relaxed) + added > self.sizes.memory {
            let all: Vec<Mutex<&mut Pieces>> = all.into_iter().map(Mutex::new).collect();
            on_all_cores(all.len(), |at| self.write(&mut lock(&all[at]), port), Ok)?;
        }
        Ok(())
    }

    /// Brings to the disk what is in memory of some rows.
    pub(super) fn write(&self, pieces: &mut Pieces, port: usize) -> Result<(), Fault> {
        let there = pieces.pieces.iter().rposition(|piece| matches!(piece, Piece::There(_))).map_or(0, |last| last + 1);
        let (mut together, mut bytes) = (Vec::new(), 0);
        for piece in pieces.pieces.split_off(there) {
            let rows = self.piece(port, &piece)?;
            bytes += bytes_of(&rows);
            together.push(rows);
            // Each is read as a whole.
            if bytes >= self.sizes.part {
                self.write_piece(pieces, port, &std::mem::take(&mut together))?;
                self.forget(std::mem::take(&mut bytes));
            }
        }
        if !together.is_empty() {
            self.write_piece(pieces, port, &together)?;
            self.forget(bytes);
        }
        Ok(())
    }

    fn write_piece(&self, to: &mut Pieces, port: usize, rows: &[RecordBatch]) -> Result<(), Fault> {
        let rows = concat_batches(&self.layouts[port].schema, rows)?;
        to.pieces.push(Piece::There(self.piles[port].push(&rows).map_err(unwritten)?));
        Ok(())
    }

    /// What a part holds in memory, bytes.
    pub(super) fn held_by(&self, part: &Part) -> u64 {
        part.iter().map(Pieces::held).sum()
    }

    /// This many bytes are no longer held.
    pub(super) fn forget(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Charges the bytes of pieces in memory, and `beside`.
    pub(super) fn count(&self, beside: u64) -> Result<(), Fault> {
        match &mut *lock(&self.charge) {
            Some(charge) => Ok(charge.set(self.held.load(Ordering::Relaxed) + beside).map_err(RunError::from)?),
            None => Ok(()),
        }
    }

    pub(super) fn piece(&self, port: usize, piece: &Piece) -> Result<RecordBatch, Fault> {
        match piece {
            Piece::Here(rows) => Ok(rows.clone()),
            Piece::There(frame) => self.piles[port].read(frame).map_err(unread),
            Piece::Left(of, frame) => self.left[port][*of].read(frame).map_err(unread),
        }
    }

    /// All rows of an input in a part.
    pub(super) fn rows(&self, port: usize, rows: &Pieces) -> Result<RecordBatch, Fault> {
        let pieces = rows.pieces.iter().map(|piece| self.piece(port, piece)).collect::<Result<Vec<_>, _>>()?;
        Ok(concat_batches(&self.layouts[port].schema, &pieces)?)
    }

    /// Whether all rows of a part are of one group.
    pub(super) fn is_one_group(&self, part: &Part) -> Result<bool, Fault> {
        let mut first = None;
        for (port, rows) in part.iter().enumerate().filter(|_| self.bound.gathered.is_grouped()) {
            for piece in &rows.pieces {
                self.sorting.go_on()?;
                let rows = self.piece(port, piece)?;
                if digests(&self.layouts[port], &rows).any(|digest| *first.get_or_insert(digest) != digest) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Cuts a part that is too large by further bits of the digests.
    pub(super) fn split(&self, part: &Part, level: u32) -> Result<Vec<Part>, Fault> {
        let mut cut: Vec<Part> = (0..SPLIT).map(|_| self.empty()).collect();
        for (port, rows) in part.iter().enumerate() {
            for piece in &rows.pieces {
                self.sorting.go_on()?;
                let rows = self.piece(port, piece)?;
                // Not the bits that chose the part, and not those that the hash table of groups uses.
                let part_of = |digest: u128| (digest >> (64 + level * 4)) as usize % SPLIT;
                let rows = scatter(&self.layouts[port], &rows, SPLIT, part_of)?;
                self.add(cut.iter_mut().map(|part| &mut part[port]), port, rows)?;
            }
        }
        cut.retain(|part| part.iter().any(|pieces| pieces.rows > 0));
        Ok(cut)
    }
}

/// Into how many a part is cut at a time.
const SPLIT: usize = 16;
/// How many times a part can be cut.
pub(super) const LEVELS: u32 = 12;

/// The frames of a share of an input, in groups of about `most` bytes.
fn regions(whole: &Whole, most: u64, (share, of): (u64, u64)) -> Vec<Vec<(usize, usize)>> {
    let all = whole.spills.iter().map(|spill| spill.frames() as u64).sum::<u64>();
    let begin = |share: u64| (u128::from(all) * u128::from(share) / u128::from(of)) as u64;
    let (mut regions, mut bytes, mut number) = (Vec::<Vec<_>>::new(), most, 0);
    for (at, spill) in whole.spills.iter().enumerate() {
        for frame in 0..spill.frames() {
            number += 1;
            if !(begin(share) + 1..=begin(share + 1)).contains(&number) {
                continue;
            }
            if bytes >= most {
                regions.push(Vec::new());
                bytes = 0;
            }
            bytes += spill.frame_bytes(frame);
            regions.last_mut().expect("one was just begun").push((at, frame));
        }
    }
    regions
}

fn part_of(digest: u128, parts: u64) -> usize {
    (((digest >> 64) * u128::from(parts)) >> 64) as usize
}

/// Rows by where they go, each in their order.
fn scatter(
    layout: &Layout,
    rows: &RecordBatch,
    parts: usize,
    part_of: impl Fn(u128) -> usize,
) -> Result<Vec<Option<RecordBatch>>, Fault> {
    match parts {
        1 => Ok(vec![(rows.num_rows() > 0).then(|| rows.clone())]),
        _ => scatter_to(rows, parts, digests(layout, rows).map(|digest| part_of(digest) as u32).collect()),
    }
}

/// Rows by where each of them goes, each in their order.
pub(super) fn scatter_to(rows: &RecordBatch, parts: usize, goes: Vec<u32>) -> Result<Vec<Option<RecordBatch>>, Fault> {
    if rows.num_rows() == 0 {
        return Ok(vec![None; parts]);
    }
    let mut ends = vec![0u32; parts + 1];
    goes.iter().for_each(|part| ends[*part as usize + 1] += 1);
    (0..parts).for_each(|part| ends[part + 1] += ends[part]);
    let mut next = ends.clone();
    let mut order = vec![0u32; goes.len()];
    for (row, part) in goes.iter().enumerate() {
        order[next[*part as usize] as usize] = row as u32;
        next[*part as usize] += 1;
    }
    let order = UInt32Array::from(order);
    // Sorted by part at once, then cut: one pass over each column.
    let columns = rows.columns().iter().map(|column| take(column, &order, None)).collect::<Result<_, _>>()?;
    let sorted = record_batch(rows.schema(), columns, goes.len())?;
    let slice = |part: usize| {
        let (from, to) = (ends[part] as usize, ends[part + 1] as usize);
        (to > from).then(|| sorted.slice(from, to - from))
    };
    Ok((0..parts).map(slice).collect())
}
