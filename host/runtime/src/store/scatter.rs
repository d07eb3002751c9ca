//! Rows on their way into another order: first noted, then scattered, in files that are gone afterwards.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use arrow::error::ArrowError;

use super::frames::{FrameFile, FrameWriter, make_dir, named};
use super::head;
use super::ipc::{self, RowEncoder};
use super::pile::Pile;
use super::records::{Frame, Windowed};
use super::spill::{HIDDEN, Quota, stored_schema};
use super::view;
use crate::rows::{Batch, record_batch};

/// Bytes that a note takes: a row and its place.
const NOTE: usize = 16;
/// The place of a row that goes nowhere.
const NOWHERE: u64 = u64::MAX;
/// Notes that are held in memory.
const NOTES: usize = 1 << 20;

/// A folder for a while; what is in it counts as rows between stages.
pub(crate) struct Scratch {
    folder: PathBuf,
    quota: Arc<Quota>,
    held: AtomicU64,
    /// Whether it stays when it is dropped, for a process that resumes the run.
    stays: AtomicBool,
}

impl Scratch {
    /// Recreates the folder.
    pub(crate) fn create(folder: &Path, quota: Arc<Quota>) -> io::Result<Scratch> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(|error| named(folder, &error))?;
        }
        make_dir(folder)?;
        Ok(Scratch::open(folder, quota))
    }

    /// The folder as an earlier process left it.
    pub(crate) fn open(folder: &Path, quota: Arc<Quota>) -> Scratch {
        Scratch { folder: folder.to_owned(), quota, held: AtomicU64::new(0), stays: AtomicBool::new(false) }
    }

    /// Says whether the folder and what is in it are left there in the end.
    pub(crate) fn leave(&self, stays: bool) {
        self.stays.store(stays, Ordering::Relaxed);
    }

    pub(super) fn stays(&self) -> bool {
        self.stays.load(Ordering::Relaxed)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Takes room for what is about to be written; how many bytes that is.
    pub(super) fn take(&self, body: &[Buffer]) -> io::Result<u64> {
        let bytes = body.iter().map(|part| part.len() as u64).sum();
        self.take_bytes(bytes)?;
        Ok(bytes)
    }

    /// Takes room for bytes that are there, or about to be.
    pub(super) fn take_bytes(&self, bytes: u64) -> io::Result<()> {
        self.quota.take(bytes)?;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.quota.give_back(bytes);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.stays() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
        self.quota.give_back(*self.held.get_mut());
    }
}

/// Where rows are to go, by the region of the input that they come from.
pub(crate) struct Notes {
    file: FrameWriter,
    frames: Vec<Frame>,
    waiting: Vec<Vec<(u64, u64)>>,
    count: usize,
}

impl Notes {
    pub(crate) fn create(scratch: &Scratch, regions: usize) -> io::Result<Notes> {
        let file = FrameWriter::create(scratch.path("notes"))?;
        Ok(Notes { file, frames: Vec::new(), waiting: vec![Vec::new(); regions], count: 0 })
    }

    /// Notes that a row of a region goes to a place.
    pub(crate) fn add(&mut self, scratch: &Scratch, region: usize, row: u64, place: u64) -> io::Result<()> {
        self.waiting[region].push((row, place));
        self.count += 1;
        if self.count == NOTES { self.write(scratch) } else { Ok(()) }
    }

    fn write(&mut self, scratch: &Scratch) -> io::Result<()> {
        self.count = 0;
        for (region, notes) in self.waiting.iter_mut().enumerate().filter(|(_, notes)| !notes.is_empty()) {
            let numbers: Vec<u64> = notes.drain(..).flat_map(|(row, place)| [row, place]).collect();
            let (count, body) = (numbers.len() / 2, [Buffer::from_vec(numbers)]);
            scratch.take(&body)?;
            self.frames.push(self.file.append(0, count as u32, region as u128, &body)?);
        }
        Ok(())
    }

    /// The rows of a region, in order, and their places. The region has rows from `first` to before `end`, and each is noted once.
    pub(crate) fn of(&self, region: usize, first: u64, end: u64) -> io::Result<Vec<(u64, u64)>> {
        let mut places = vec![NOWHERE; (end - first) as usize];
        let mut note = |row: u64, place: u64| match row.checked_sub(first).and_then(|at| places.get_mut(at as usize)) {
            Some(at) => {
                *at = place;
                Ok(())
            }
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "a row is noted that is not in its region")),
        };
        self.waiting[region].iter().try_for_each(|(row, place)| note(*row, *place))?;
        let file = self.file.reader();
        for frame in self.frames.iter().filter(|frame| frame.tag == region as u128) {
            let body = file.read(frame)?;
            let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes are a number"));
            body.chunks_exact(NOTE).try_for_each(|of| note(number(&of[..8]), number(&of[8..])))?;
        }
        let noted = (first..).zip(places).filter(|(_, place)| *place != NOWHERE);
        Ok(noted.collect())
    }
}

/// Batches of one schema, in order, read once.
pub(crate) struct Queue {
    pile: Pile,
    frames: VecDeque<Frame>,
}

impl Queue {
    pub(crate) fn create(scratch: &Arc<Scratch>, schema: &SchemaRef) -> io::Result<Queue> {
        Ok(Queue { pile: Pile::open(scratch, "beside", schema.clone())?, frames: VecDeque::new() })
    }

    pub(crate) fn push(&mut self, rows: &RecordBatch) -> io::Result<()> {
        self.frames.push_back(self.pile.push(rows)?);
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> io::Result<Option<RecordBatch>> {
        self.frames.pop_front().map(|frame| self.pile.read(&frame)).transpose()
    }
}

/// Rows that were read together, and where they go: place, which of the batches, row of it.
pub(crate) struct Scattered<'a> {
    pub(crate) pieces: &'a [Batch],
    pub(crate) places: Vec<(u64, u32, u32)>,
}

/// Files of rows, each of those that go to places from its own start to the next one's.
pub(crate) struct Windows {
    name: String,
    starts: Vec<u64>,
    schema: SchemaRef,
    files: Vec<Mutex<Option<FrameWriter>>>,
}

impl Windows {
    /// `starts` ascend.
    pub(crate) fn create(name: &str, schema: &SchemaRef, starts: Vec<u64>) -> Windows {
        let files = starts.iter().map(|_| Mutex::default()).collect();
        Windows { name: name.to_owned(), schema: schema.clone(), starts, files }
    }

    /// Adds rows; several threads may do so.
    pub(crate) fn add(&self, scratch: &Scratch, rows: &Scattered<'_>) -> io::Result<()> {
        let mut encoder = RowEncoder::new(&placed(&self.schema))?;
        let mut by_window: Vec<Vec<(u64, u32, u32)>> = vec![Vec::new(); self.starts.len()];
        for row in &rows.places {
            by_window[self.starts.partition_point(|start| *start <= row.0) - 1].push(*row);
        }
        for (window, here) in by_window.into_iter().enumerate().filter(|(_, here)| !here.is_empty()) {
            let at: Vec<_> = here.iter().map(|(_, piece, row)| (*piece as usize, *row as usize)).collect();
            let batch = Batch::interleave(rows.pieces, &at).map_err(broken)?;
            let places = UInt64Array::from_iter_values(here.iter().map(|(place, ..)| *place));
            let mut columns: Vec<ArrayRef> = vec![Arc::new(batch.file), Arc::new(batch.line)];
            columns.extend(batch.rows.columns().iter().cloned());
            columns.push(Arc::new(places));
            let body = encoder.encode(&record_batch(placed(&self.schema), columns, here.len()).map_err(broken)?)?;
            scratch.take(&body)?;
            let file = &mut *self.files[window].lock().unwrap_or_else(PoisonError::into_inner);
            let file = match file {
                Some(file) => file,
                none => none.insert(FrameWriter::create(window_path(scratch, &self.name, window))?),
            };
            file.append(0, here.len() as u32, 0, &body)?;
        }
        Ok(())
    }

    /// The files, in order; they are closed until they are read.
    pub(crate) fn end(self) -> Vec<Window> {
        let files = self.files.into_iter().map(|file| file.into_inner().unwrap_or_else(PoisonError::into_inner));
        let window = |(file, first): (Option<FrameWriter>, u64)| {
            let file = file?;
            let (path, length) = (file.reader().path().to_owned(), file.len());
            Some(Window { path, first, length, schema: self.schema.clone() })
        };
        files.zip(self.starts).filter_map(window).collect()
    }
}

/// What says, beside windows, that all rows are in them.
const SCATTERED: &str = "scattered";

/// Notes that all of this many rows are in windows, for a process that resumes the run.
pub(crate) fn note_scattered(scratch: &Scratch, tag: u128, rows: u64, windows: &[Window]) -> io::Result<()> {
    let windows = windows.iter().map(|window| (window.first, window.length)).collect();
    let body = [head::encode(&Windowed { tag, rows, windows })?];
    scratch.take(&body)?;
    FrameWriter::create(scratch.path(SCATTERED))?.append(0, 0, 0, &body).map(drop)
}

/// The rows that an earlier process noted to be in windows, and the windows, each with the place behind its last row; `None` if it
/// noted none of what has this tag.
pub(crate) fn scattered(scratch: &Scratch, tag: u128, schema: &SchemaRef) -> Option<(u64, Vec<(Window, u64)>)> {
    // A window that was scattered again counts as a whole.
    for file in std::fs::read_dir(&scratch.folder).ok()?.flatten() {
        if file.file_name().as_encoded_bytes().starts_with(PART.as_bytes()) {
            std::fs::remove_file(file.path()).ok()?;
        }
    }
    let file = FrameFile::open(scratch.path(SCATTERED)).ok()?;
    let frame = *file.scan().ok()?.0.first()?;
    let (noted, _) = head::decode::<Windowed>(&file.read(&frame).ok()?)?;
    if noted.tag != tag {
        return None;
    }
    let ends = noted.windows.iter().skip(1).map(|(first, _)| *first).chain([noted.rows]);
    let window = |(at, ((first, length), end)): (usize, (&(u64, u64), u64))| {
        let path = window_path(scratch, WINDOW, at);
        (Window { path, first: *first, length: *length, schema: schema.clone() }, end)
    };
    Some((noted.rows, noted.windows.iter().zip(ends).enumerate().map(window).collect()))
}

/// The name of windows that are noted, and that of those which such a one was scattered into.
pub(crate) const WINDOW: &str = "window";
pub(crate) const PART: &str = "part";

fn window_path(scratch: &Scratch, name: &str, number: usize) -> PathBuf {
    scratch.path(&format!("{name}-{number:05}"))
}

/// Rows that go to places beside each other.
pub(crate) struct Window {
    path: PathBuf,
    /// The place that the first of them goes to.
    pub(crate) first: u64,
    /// What it takes of the disk, bytes.
    pub(crate) length: u64,
    schema: SchemaRef,
}

impl Window {
    /// Whether an earlier process has left it, intact. It counts as held then.
    pub(crate) fn is_left(&self, scratch: &Scratch) -> bool {
        let check = || -> io::Result<bool> {
            let (file, mut body) = (FrameFile::open(self.path.clone())?, Vec::new());
            let (frames, torn) = file.scan()?;
            frames.iter().try_for_each(|frame| file.check(frame, &mut body))?;
            scratch.take_bytes(frames.iter().map(|frame| frame.length).sum())?;
            Ok(torn == 0 && file.size()? == self.length)
        };
        check().unwrap_or(false)
    }

    /// Its rows as they were added, each batch with the places.
    pub(crate) fn read(&self) -> io::Result<impl Iterator<Item = io::Result<(Batch, Vec<u64>)>>> {
        let file = FrameFile::open(self.path.clone())?;
        let (frames, torn) = file.scan()?;
        if torn > 0 {
            let words = format!("`{}` is damaged: its last {torn} bytes are not rows", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        let (schema, stored) = (self.schema.clone(), placed(&self.schema));
        Ok(frames.into_iter().map(move |frame| {
            let rows = ipc::decode(&stored, &file.read(&frame)?, None)?;
            let mut columns = rows.columns().to_vec();
            let places = columns.pop().expect("the places stand last");
            let places = places.as_primitive::<UInt64Type>().values().to_vec();
            Ok((view::batch(&schema, columns, rows.num_rows())?, places))
        }))
    }

    pub(crate) fn remove(&self, scratch: &Scratch) -> io::Result<()> {
        let headers = FrameFile::open(self.path.clone())?.scan()?.0;
        std::fs::remove_file(&self.path).map_err(|error| named(&self.path, &error))?;
        scratch.give_back(headers.iter().map(|frame| frame.length).sum());
        Ok(())
    }
}

/// The columns of a spill, and the place of each row.
fn placed(schema: &SchemaRef) -> SchemaRef {
    let mut fields = stored_schema(schema).fields().to_vec();
    debug_assert!(fields.len() >= HIDDEN);
    fields.push(Arc::new(Field::new("place", DataType::UInt64, false)));
    Arc::new(Schema::new(fields))
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
