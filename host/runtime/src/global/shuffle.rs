//! Rows of the first input that are kept out of order, put out in the order in which they were kept.
//!
//! Those that fit into a window wait in memory; then each frame that holds some of them is read once. Where there are more, it is
//! noted on the disk where each of them goes, and at the end they are scattered: the input is read once, region by region, and
//! written into windows, each of which is read once. So the work grows as the rows do, and memory does not.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use callboard_plan::pipeline::BatchSize;
use tokio_util::sync::CancellationToken;

use super::beside::Beside;
use super::left::Left;
use super::ordered::{Coming, Ordered, Read, ordered, out_of_place, read_window};
use super::writer::Writing;
use super::{Passing, Whole, on_all_cores, threads};
use crate::course::Phase;
use crate::error::{Fault, RunError};
use crate::rows::{Batch, fill, join};
use crate::store::Quota;
use crate::store::scatter::{Notes, PART, Queue, Scattered, Scratch, WINDOW as NAME, Window, Windows, note_scattered};
use callboard_sandbox::Bound;

/// Bytes of rows that are put in order at a time, where nothing speaks against it.
pub(crate) const WINDOW: u64 = 8 << 20;
/// Files that are open at a time: if there are more rows than that many windows hold, windows are larger.
const WINDOWS: u64 = 512;
/// What the host notes of a row while it puts a window in order, bytes.
const PLACE: u64 = 56;
/// What waits to be noted on the disk once other rows are there, bytes.
const WAITING: u64 = 1 << 20;
/// A window that is this many times as large as it should be is scattered again.
const LARGE: u64 = 2;

/// Where rows may lie that are put in order, and who may stop it.
#[derive(Clone)]
pub(crate) struct Sorting {
    /// Made when it is needed, and removed.
    pub(crate) folder: PathBuf,
    pub(crate) quota: Arc<Quota>,
    /// Bytes of rows that are put in order at a time.
    pub(crate) window: u64,
    pub(crate) stop: [CancellationToken; 2],
    /// Says how far it is.
    pub(crate) passing: Passing,
    /// What tells the rows from others, for a process that resumes the run.
    pub(crate) tag: Option<u128>,
}

impl Sorting {
    /// An error where the run is to end: a call may name any number of rows.
    pub(super) fn go_on(&self) -> Result<(), Fault> {
        match self.stop.iter().any(CancellationToken::is_cancelled) {
            true => Err(Fault::Interrupted),
            false => Ok(()),
        }
    }
}

/// Rows that are not put out yet.
pub(super) struct Shuffle {
    whole: Whole,
    bound: Arc<Bound>,
    cut: BatchSize,
    sorting: Sorting,
    window: u64,
    /// About what a row takes, and its place.
    row_bytes: u64,
    /// Rows before this place, in whole windows, need not be put out.
    first: u64,
    rows: Vec<u64>,
    beside: Beside,
    noted: Option<Noted>,
    /// What an earlier process scattered of them: they are not noted again.
    left: Option<Left>,
}

/// What is on the disk of them.
struct Noted {
    scratch: Arc<Scratch>,
    /// The first row of each region, and for every [`NEAR`] rows the region of the first of them.
    regions: Vec<u64>,
    near: Vec<u32>,
    notes: Notes,
    /// The first place of each window.
    windows: Vec<u64>,
    places: u64,
    beside: Option<Queue>,
}

impl Shuffle {
    pub(super) fn of(writing: &Writing) -> Shuffle {
        let Writing { whole, bound, cut, sorting, .. } = writing;
        let (whole, bound, cut, sorting) = (whole.clone(), bound.clone(), *cut, sorting.clone());
        let bytes = whole.bytes();
        let row_bytes = bytes.div_ceil(whole.rows().max(1)).max(1) + PLACE;
        let beside = Beside::new(bound.writes.clone());
        let window = sorting.window.max(whole.rows().saturating_mul(row_bytes) / WINDOWS);
        Shuffle {
            whole,
            bound,
            cut,
            sorting,
            window,
            row_bytes,
            first: 0,
            rows: Vec::new(),
            beside,
            noted: None,
            left: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.noted.is_none() && self.left.is_none()
    }

    /// How many rows make a window.
    fn in_window(&self) -> u64 {
        (self.window / self.row_bytes).max(1)
    }

    /// Says, before any row is added, how many of the first ones need not be put out. If they `are_first`, an earlier process may have
    /// scattered them.
    pub(super) fn begin(&mut self, had: u64, are_first: bool) -> Result<(), Fault> {
        // What is written beside rows would have to be passed over, too.
        if !self.beside.is_nothing() {
            return Ok(());
        }
        self.left = if are_first { Left::find(&self.sorting, &self.whole.schema, had)? } else { None };
        self.first = self.left.as_ref().map_or(had / self.in_window() * self.in_window(), |left| left.first);
        Ok(())
    }

    /// How many rows will not be put out.
    pub(super) fn passes(&self) -> u64 {
        match (&self.left, &self.noted) {
            (Some(left), _) => left.first,
            (None, Some(noted)) => self.first.min(noted.places + self.rows.len() as u64),
            (None, None) => 0,
        }
    }

    /// Adds rows, in the order in which they are to go out, and what was written beside them.
    pub(super) fn add(&mut self, rows: &[u64], written: RecordBatch) -> Result<(), Fault> {
        if let Some(left) = &mut self.left {
            left.seen += rows.len() as u64;
            return Ok(());
        }
        self.rows.extend(rows);
        self.beside.push(written)?;
        let (most, row_bytes) = if self.noted.is_some() { (WAITING, 8) } else { (self.window, self.row_bytes) };
        if self.rows.len() as u64 * row_bytes + self.beside.bits() / 8 > most {
            self.note().map_err(unwritten)?;
        }
        Ok(())
    }

    /// What waits in memory, bytes.
    pub(super) fn bytes(&self) -> u64 {
        8 * self.rows.len() as u64 + self.beside.bits() / 8
    }

    /// What it takes to put a window in order, bytes; nothing where there is none.
    pub(super) fn window(&self) -> u64 {
        match self.noted.is_some() || self.left.is_some() {
            true => self.window,
            false => self.window.min(self.rows.len() as u64 * self.row_bytes),
        }
    }

    /// Brings to the disk what is in memory.
    fn note(&mut self) -> std::io::Result<()> {
        let in_window = self.in_window();
        let noted = match &mut self.noted {
            Some(noted) => noted,
            none => none.insert(Noted::create(&self.sorting, &self.whole, self.window, &self.beside)?),
        };
        let passed = self.first.saturating_sub(noted.places).min(self.rows.len() as u64);
        noted.places += passed;
        for row in self.rows.drain(..).skip(passed as usize) {
            if noted.places.is_multiple_of(in_window) {
                noted.windows.push(noted.places);
            }
            let region = noted.region_of(row);
            noted.notes.add(&noted.scratch, region, row, noted.places)?;
            noted.places += 1;
        }
        while let (Some(queue), Some(written)) = (&mut noted.beside, self.beside.first()) {
            // In parts that can be read one by one.
            let mut done = 0;
            while done < written.num_rows() {
                let (count, _) = fill(&written, done, usize::MAX, 8 * WAITING);
                queue.push(&written.slice(done, count))?;
                done += count;
            }
        }
        Ok(())
    }

    /// Puts out all rows. `written` says how many of them their reader has by now, for good; where it does not, or this is not what the
    /// step ends with, a process that resumes the run scatters them again.
    pub(super) fn end(
        mut self,
        written: Option<&dyn Fn() -> u64>,
        put_out: &mut dyn FnMut(&Batch) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if let Some(left) = self.left.take() {
            let Left { scratch, windows, first, seen, rows } = left;
            if seen != rows {
                scratch.leave(false);
                return Err(out_of_place());
            }
            self.sorting.passing.begin(Phase::Order, rows - first);
            return self.put_out_windows(windows, &scratch, &mut None, written, put_out);
        }
        if self.noted.is_some() {
            self.note().map_err(unwritten)?;
        }
        let rows = self.rows.len() as u64 + self.noted.as_ref().map_or(0, |noted| noted.places);
        let Some(noted) = self.noted.take() else {
            self.sorting.passing.begin(Phase::Order, rows);
            let rows = std::mem::take(&mut self.rows);
            let mut notes: Vec<(u64, u64)> =
                rows.into_iter().enumerate().map(|(place, row)| (row, place as u64)).collect();
            notes.sort_unstable();
            let rows = ordered(self.read(&notes)?, 0)?;
            return self.put_in_order(rows, &mut None, put_out);
        };
        let (all, rows) = (rows, rows - self.first.min(rows));
        let Noted { scratch, regions, notes, windows, beside: mut queue, .. } = noted;
        let files = Windows::create(NAME, &self.whole.schema, windows);
        self.sorting.passing.begin(Phase::Scatter, rows);
        let ends: Vec<u64> = regions.iter().skip(1).copied().chain([self.whole.rows()]).collect();
        let scatter = |region: usize| {
            self.sorting.go_on()?;
            let notes = notes.of(region, regions[region], ends[region]).map_err(unread)?;
            let (pieces, places) = self.read(&notes)?;
            self.sorting.passing.done(Phase::Scatter, places.len() as u64);
            files.add(&scratch, &Scattered { pieces: &pieces, places }).map_err(unwritten)
        };
        on_all_cores(regions.len(), scatter, Ok)?;
        drop(notes);
        let windows = files.end();
        // Rows that are written beside them lie in a queue that is gone.
        let kept = written.zip(self.sorting.tag).filter(|_| queue.is_none());
        if let Some((_, tag)) = kept {
            note_scattered(&scratch, tag, all, &windows).map_err(unwritten)?;
        }
        self.sorting.passing.begin(Phase::Order, rows);
        let ends = windows.iter().skip(1).map(|window| window.first).chain([all]).collect::<Vec<_>>();
        let windows = windows.into_iter().zip(ends).collect();
        self.put_out_windows(windows, &scratch, &mut queue, kept.map(|(written, _)| written), put_out)
    }

    /// Puts out the rows of windows, each with the place behind its last row. Each is removed when it has been read; or, with `written`,
    /// when that many rows are written: a process that resumes the run finds the others.
    fn put_out_windows(
        &mut self,
        windows: Vec<(Window, u64)>,
        scratch: &Arc<Scratch>,
        queue: &mut Option<Queue>,
        written: Option<&dyn Fn() -> u64>,
        put_out: &mut dyn FnMut(&Batch) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        scratch.leave(written.is_some());
        let (mut windows, mut coming, mut read) = (windows.into_iter(), VecDeque::new(), VecDeque::new());
        loop {
            // The next ones are put in order beside the output.
            while coming.len() < threads()
                && let Some((window, end)) = windows.next()
            {
                let window = Arc::new(window);
                if written.is_some() {
                    read.push_back((window.clone(), end));
                }
                let mut gone = Vec::new();
                while let Some((window, _)) = read.pop_front_if(|(_, end)| written.is_some_and(|rows| *end <= rows())) {
                    gone.push(window);
                }
                match window.length > self.window * LARGE {
                    true => {
                        coming.extend(self.scatter_again(&window, scratch)?.into_iter().map(Coming::Window));
                        gone.extend(written.is_none().then_some(window));
                        gone.into_iter().try_for_each(|window| window.remove(scratch)).map_err(unwritten)?;
                    }
                    false => coming.push_back(Coming::begin(window, gone, written.is_none(), scratch)),
                }
            }
            let Some(next) = coming.pop_front() else { break };
            self.sorting.go_on()?;
            let rows = match next {
                Coming::Window(window) => {
                    let rows = read_window(&window)?;
                    window.remove(scratch).map_err(unwritten)?;
                    rows
                }
                Coming::Task(task) => task.wait()?,
            };
            self.put_in_order(rows, queue, put_out)?;
        }
        scratch.leave(false);
        Ok(())
    }

    /// Reads rows of the input, which ascend, and says where each of them goes.
    fn read(&self, notes: &[(u64, u64)]) -> Result<Read, Fault> {
        let (mut pieces, mut places) = (Vec::new(), Vec::with_capacity(notes.len()));
        let mut rest = notes;
        while let Some((row, _)) = rest.first() {
            let (spill, frame, first) = self.whole.locate(*row);
            let end = first + self.whole.spills[spill].frame_rows(frame) as u64;
            let (here, behind) = rest.split_at(rest.partition_point(|(row, _)| *row < end));
            rest = behind;
            let local = here.iter().map(|(row, _)| (row - first) as u32).collect::<Vec<_>>();
            let at = pieces.len() as u32;
            places.extend(here.iter().enumerate().map(|(row, (_, place))| (*place, at, row as u32)));
            let batch = self.whole.frame(spill, frame)?;
            pieces.push(match local.len() == batch.len() {
                true => batch,
                false => batch.take(&local.into())?,
            });
        }
        Ok((pieces, places))
    }

    /// Rows of one window have turned out much larger than others: cuts it, by what its rows take.
    fn scatter_again(&self, window: &Window, scratch: &Scratch) -> Result<Vec<Window>, Fault> {
        let mut sizes: Vec<(u64, u64)> = Vec::new();
        for piece in window.read().map_err(unread)? {
            let (rows, places) = piece.map_err(unread)?;
            sizes.extend(places.iter().enumerate().map(|(row, place)| (*place, rows.bits(row) / 8)));
        }
        sizes.sort_unstable();
        let (mut starts, mut bytes) = (Vec::new(), self.window);
        for (place, size) in sizes {
            if bytes + size > self.window {
                starts.push(place);
                bytes = 0;
            }
            bytes += size;
        }
        let files = Windows::create(&format!("{PART}-{}", window.first), &self.whole.schema, starts);
        for piece in window.read().map_err(unread)? {
            let (rows, places) = piece.map_err(unread)?;
            let places: Vec<_> = places.into_iter().enumerate().map(|(row, place)| (place, 0, row as u32)).collect();
            files.add(scratch, &Scattered { pieces: &[rows], places }).map_err(unwritten)?;
        }
        Ok(files.end())
    }

    /// Puts out rows, in batches as the plan has them.
    fn put_in_order(
        &mut self,
        rows: Ordered,
        queue: &mut Option<Queue>,
        put_out: &mut dyn FnMut(&Batch) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let most = usize::try_from(self.cut.rows).unwrap_or(usize::MAX);
        let (mut done, all) = (0, rows.len());
        while done < all {
            self.sorting.go_on()?;
            let mut more = || queue.as_mut().map_or(Ok(None), Queue::pop).map_err(unread);
            let full = self.cut.bytes.saturating_mul(8);
            let count = self.beside.reach((all - done).min(most), full, |at| rows.bits(done + at), &mut more)?;
            let carried = rows.slice(done, count)?;
            let written = self.beside.take(count, more)?;
            put_out(&join(&self.bound, &carried, &written)?)?;
            self.sorting.passing.done(Phase::Order, count as u64);
            done += count;
        }
        Ok(())
    }
}

/// Rows of which the region of the first is noted.
const NEAR: u64 = 4096;

impl Noted {
    /// The region that a row is in.
    fn region_of(&self, row: u64) -> usize {
        let near = self.near[(row / NEAR) as usize] as usize;
        let behind = self.regions[near + 1..].iter().take_while(|first| **first <= row).count();
        near + behind
    }

    fn create(sorting: &Sorting, whole: &Whole, window: u64, beside: &Beside) -> std::io::Result<Noted> {
        let scratch = Arc::new(Scratch::create(&sorting.folder, sorting.quota.clone())?);
        let regions = whole.regions(window);
        let beside = match beside.is_nothing() {
            true => None,
            false => Some(Queue::create(&scratch, beside.writes())?),
        };
        let notes = Notes::create(&scratch, regions.len())?;
        let near = (0..whole.rows()).step_by(NEAR as usize);
        let near = near.map(|row| regions.partition_point(|first| *first <= row) as u32 - 1).collect();
        Ok(Noted { scratch, regions, near, notes, windows: Vec::new(), places: 0, beside })
    }
}

pub(super) fn unwritten(error: std::io::Error) -> Fault {
    RunError::unwritten("put rows in order", &error).into()
}

pub(super) fn unread(error: std::io::Error) -> Fault {
    RunError::unread("rows that are put in order", &error).into()
}
