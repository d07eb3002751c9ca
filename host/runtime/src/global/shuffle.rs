//! Rows of the first input that are kept out of order, put out in the order in which they were kept.
//!
//! Those that fit into a window wait in memory; then each frame that holds some of them is read once. Where there are more, it is
//! noted on the disk where each of them goes, and at the end they are scattered: the input is read once, region by region, and
//! written into windows, each of which is read once. So the work grows as the rows do, and memory does not.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use callboard_io::Task;
use callboard_plan::pipeline::BatchSize;
use tokio_util::sync::CancellationToken;

use super::beside::Beside;
use super::writer::Writing;
use super::{Passing, Whole, on_all_cores, threads};
use crate::course::Phase;
use crate::error::{Fault, RunError};
use crate::rows::{Batch, fill, join, weight};
use crate::store::Quota;
use crate::store::scatter::{Notes, Queue, Scattered, Scratch, Window, Windows};
use callboard_sandbox::Bound;

/// Bytes of rows that are put in order at a time, where nothing speaks against it.
pub(crate) const WINDOW: u64 = 8 << 20;
/// Files that are open at a time: if there are more rows than that many windows hold, windows are larger.
const WINDOWS: u64 = 512;
/// What the host notes of a row while it puts a window in order, bytes.
const PLACE: u64 = 56;
/// What waits to be noted on the disk once other rows are there, bytes.
const WAITING: u64 = 1 << 20;
/// Rows that are copied into one batch when they are put in order, bytes.
const TOGETHER: u64 = 256 << 20;
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

/// Batches, and where their rows go, as [`Scattered`] has it.
type Read = (Vec<Batch>, Vec<(u64, u32, u32)>);

/// Rows in the order in which they go out.
enum Ordered {
    /// As they are.
    One(Batch),
    /// Which row of which of these each is: they would be too large together.
    Of(Vec<Batch>, Vec<(usize, usize)>),
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
    rows: Vec<u64>,
    beside: Beside,
    noted: Option<Noted>,
}

/// What is on the disk of them.
struct Noted {
    scratch: Arc<Scratch>,
    /// The first row of each region.
    regions: Vec<u64>,
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
        Shuffle { whole, bound, cut, sorting, window, row_bytes, rows: Vec::new(), beside, noted: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.noted.is_none()
    }

    /// Adds rows, in the order in which they are to go out, and what was written beside them.
    pub(super) fn add(&mut self, rows: &[u64], written: RecordBatch) -> Result<(), Fault> {
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
        if self.is_empty() {
            0
        } else {
            self.window.min(self.rows.len() as u64 * self.row_bytes).max(self.noted.as_ref().map_or(0, |_| self.window))
        }
    }

    /// Brings to the disk what is in memory.
    fn note(&mut self) -> std::io::Result<()> {
        let noted = match &mut self.noted {
            Some(noted) => noted,
            none => none.insert(Noted::create(&self.sorting, &self.whole, self.window, &self.beside)?),
        };
        let in_window = (self.window / self.row_bytes).max(1);
        for row in self.rows.drain(..) {
            if noted.places.is_multiple_of(in_window) {
                noted.windows.push(noted.places);
            }
            let region = noted.regions.partition_point(|first| *first <= row) - 1;
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

    /// Puts out all rows.
    pub(super) fn end(mut self, put_out: &mut dyn FnMut(&Batch) -> Result<(), Fault>) -> Result<(), Fault> {
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
        let Noted { scratch, regions, notes, windows, beside: mut queue, .. } = noted;
        let files = Windows::create("window", &self.whole.schema, windows);
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
        self.sorting.passing.begin(Phase::Order, rows);
        let (mut windows, mut coming) = (files.end().into_iter(), VecDeque::new());
        loop {
            // The next ones are put in order beside the output.
            while coming.len() < threads()
                && let Some(window) = windows.next()
            {
                match window.bytes().map_err(unread)? > self.window * LARGE {
                    true => coming.extend(self.scatter_again(window, &scratch)?.into_iter().map(Coming::Window)),
                    false => coming.push_back(Coming::begin(window, &scratch)),
                }
            }
            let Some(next) = coming.pop_front() else { return Ok(()) };
            self.sorting.go_on()?;
            let rows = match next {
                Coming::Window(window) => read_window(&window, &scratch)?,
                Coming::Task(task) => task.wait()?,
            };
            self.put_in_order(rows, &mut queue, put_out)?;
        }
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
    fn scatter_again(&self, window: Window, scratch: &Scratch) -> Result<Vec<Window>, Fault> {
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
        let files = Windows::create(&format!("part-{}", window.first), &self.whole.schema, starts);
        for piece in window.read().map_err(unread)? {
            let (rows, places) = piece.map_err(unread)?;
            let places: Vec<_> = places.into_iter().enumerate().map(|(row, place)| (place, 0, row as u32)).collect();
            files.add(scratch, &Scattered { pieces: &[rows], places }).map_err(unwritten)?;
        }
        window.remove(scratch).map_err(unwritten)?;
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

/// A window that is to be put out.
enum Coming {
    Window(Window),
    Task(Task<Result<Ordered, Fault>>),
}

impl Coming {
    fn begin(window: Window, scratch: &Arc<Scratch>) -> Coming {
        let scratch = scratch.clone();
        Coming::Task(Task::begin(move || read_window(&window, &scratch)))
    }
}

/// The rows of a window, which is removed.
fn read_window(window: &Window, scratch: &Scratch) -> Result<Ordered, Fault> {
    let (mut pieces, mut places) = (Vec::new(), Vec::new());
    for (at, piece) in window.read().map_err(unread)?.enumerate() {
        let (rows, of) = piece.map_err(unread)?;
        places.extend(of.iter().enumerate().map(|(row, place)| (*place, at as u32, row as u32)));
        pieces.push(rows);
    }
    window.remove(scratch).map_err(unwritten)?;
    ordered((pieces, places), window.first)
}

/// Rows in the order of their places: these are all numbers from `first` on.
fn ordered((pieces, places): Read, first: u64) -> Result<Ordered, Fault> {
    let mut at = vec![None; places.len()];
    for (place, piece, row) in places {
        let there = place.checked_sub(first).and_then(|place| at.get_mut(place as usize));
        *there.ok_or_else(out_of_place)? = Some((piece as usize, row as usize));
    }
    let at = at.into_iter().collect::<Option<Vec<_>>>().ok_or_else(out_of_place)?;
    let bytes: u64 = pieces.iter().map(|rows| weight(&rows.rows) / 8).sum();
    match bytes <= TOGETHER && !at.is_empty() {
        true => Ok(Ordered::One(Batch::interleave(&pieces, &at)?)),
        false => Ok(Ordered::Of(pieces, at)),
    }
}

fn out_of_place() -> Fault {
    unread(std::io::Error::new(std::io::ErrorKind::InvalidData, "rows are missing where they were noted"))
}

impl Ordered {
    fn len(&self) -> usize {
        match self {
            Ordered::One(rows) => rows.len(),
            Ordered::Of(_, at) => at.len(),
        }
    }

    /// What a row takes, bits.
    fn bits(&self, row: usize) -> u64 {
        match self {
            Ordered::One(rows) => rows.bits(row),
            Ordered::Of(pieces, at) => pieces[at[row].0].bits(at[row].1),
        }
    }

    fn slice(&self, from: usize, rows: usize) -> Result<Batch, Fault> {
        match self {
            Ordered::One(all) => Ok(all.slice(from..from + rows)),
            Ordered::Of(pieces, at) => Ok(Batch::interleave(pieces, &at[from..from + rows])?),
        }
    }
}

impl Noted {
    fn create(sorting: &Sorting, whole: &Whole, window: u64, beside: &Beside) -> std::io::Result<Noted> {
        let scratch = Arc::new(Scratch::create(&sorting.folder, sorting.quota.clone())?);
        let regions = whole.regions(window);
        let beside = match beside.is_nothing() {
            true => None,
            false => Some(Queue::create(&scratch, beside.writes())?),
        };
        let notes = Notes::create(&scratch, regions.len())?;
        Ok(Noted { scratch, regions, notes, windows: Vec::new(), places: 0, beside })
    }
}

fn unwritten(error: std::io::Error) -> Fault {
    RunError::unwritten("put rows in order", &error).into()
}

fn unread(error: std::io::Error) -> Fault {
    RunError::unread("rows that are put in order", &error).into()
}
