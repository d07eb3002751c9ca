//! Rows between stages: segments of frames in the run's folder.
//!
//! A frame holds rows, or refers to rows of other spills ([`View`]), which stay as long as this one. A spill is readable when
//! it is sealed: then its journal's [`Sealed`] says what it must hold, and whoever opens it again holds it against that.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::digest::ColumnDigest;
use super::frames::{Frame, FrameFile, FrameWriter, named};
use super::ipc::{self, RowEncoder};
use super::reference::{Column, Reference};
use super::sync::Syncer;
use super::view::{self, View, assemble};
use crate::rows::{Batch, record_batch};

/// A segment is full when it has so many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// The hidden columns stand first.
pub(super) const HIDDEN: usize = 2;

/// A frame that holds its rows.
const HOLDS: u8 = 0;
/// A frame that refers to rows of other spills. Its tag has, above its first row, about what they take, bytes, and how many
/// rows are to be read for them.
const REFERS: u8 = 1;

/// Rows between stages would take more of the disk than they may.
#[derive(Debug, thiserror::Error)]
#[error("{} are used for rows between stages and {} more are needed, of {} allowed", ByteSize(*used), ByteSize(*more), ByteSize(*most))]
pub(crate) struct QuotaExceeded {
    used: u64,
    more: u64,
    most: u64,
}

/// What all spills of a run may take, and have taken.
#[derive(Debug)]
pub(crate) struct Quota {
    most: u64,
    used: AtomicU64,
    written: AtomicU64,
}

impl Quota {
    pub(crate) fn new(most: Option<u64>) -> Quota {
        Quota { most: most.unwrap_or(u64::MAX), used: AtomicU64::new(0), written: AtomicU64::new(0) }
    }

    fn take(&self, bytes: u64) -> io::Result<()> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        if used.saturating_add(bytes) > self.most {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(io::Error::other(QuotaExceeded { used, more: bytes, most: self.most }));
        }
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes written since this was last asked.
    pub(crate) fn take_written(&self) -> u64 {
        self.written.swap(0, Ordering::Relaxed)
    }
}

/// What a spill holds, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) segments: u32,
    pub(crate) frames: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// XXH3-64 over the checksums of all frames, hexadecimal.
    pub(crate) checksum: String,
    /// Of each column the digest of its values; none where no global step reads the spill.
    pub(crate) columns: Vec<String>,
    /// The spills that it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) bases: Vec<Base>,
}

/// A spill that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    /// The node, or the door, that put it out.
    pub(crate) node: String,
    /// [`Sealed::checksum`], as it was then.
    pub(crate) checksum: String,
}

/// Writes a spill.
pub(crate) struct SpillWriter {
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    encoder: RowEncoder,
    /// Of the columns that stand beside a reference, as the last one had them.
    beside: Option<(SchemaRef, RowEncoder)>,
    bases: Vec<Arc<Spill>>,
    open: Option<FrameWriter>,
    files: Vec<FrameFile>,
    frames: Vec<(usize, Frame)>,
    rows: u64,
    bytes: u64,
    checksum: Xxh3,
    columns: Vec<ColumnDigest>,
    quota: Arc<Quota>,
    syncer: Option<Syncer>,
}

impl SpillWriter {
    /// Begins a spill in a folder of its own, which is emptied. With `digests`, columns are digested on their way.
    pub(crate) fn create(
        folder: PathBuf,
        schema: SchemaRef,
        digests: bool,
        quota: Arc<Quota>,
        syncer: Option<Syncer>,
    ) -> io::Result<SpillWriter> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| named(&folder, &error))?;
        }
        std::fs::create_dir_all(&folder).map_err(|error| named(&folder, &error))?;
        let stored = stored_schema(&schema);
        let columns = if digests { schema.fields().len() } else { 0 };
        Ok(SpillWriter {
            folder,
            encoder: RowEncoder::new(&stored)?,
            schema,
            stored,
            beside: None,
            bases: Vec::new(),
            open: None,
            files: Vec::new(),
            frames: Vec::new(),
            rows: 0,
            bytes: 0,
            checksum: Xxh3::new(),
            columns: (0..columns).map(|_| ColumnDigest::new()).collect(),
            quota,
            syncer,
        })
    }

    /// Whether columns are digested on their way.
    pub(crate) fn digests(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Appends a batch of the schema.
    pub(crate) fn push(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.digest(batch);
        let mut columns: Vec<Arc<dyn Array>> = vec![Arc::new(batch.file.clone()), Arc::new(batch.line.clone())];
        columns.extend(batch.rows.columns().iter().cloned());
        let stored = record_batch(self.stored.clone(), columns, batch.len()).map_err(broken)?;
        let body = self.encoder.encode(&stored)?;
        self.append(HOLDS, batch.len(), 0, &body)
    }

    /// Appends rows of other spills, which are not written again. `rows` are the same rows, needed where they are digested.
    pub(crate) fn refer(&mut self, view: &View, rows: Option<&Batch>) -> io::Result<()> {
        if self.digests() {
            self.digest(rows.expect("rows that are digested have been read"));
        }
        if self.bases.is_empty() {
            self.bases.clone_from(&view.bases);
        }
        let mut body = vec![view.reference.encode()?];
        let head = body[0].len();
        if !view.own.is_empty() {
            let own = own_schema(&self.stored, &view.reference);
            let encoder = match &mut self.beside {
                Some((schema, encoder)) if *schema == own => encoder,
                beside => &mut beside.insert((own.clone(), RowEncoder::new(&own)?)).1,
            };
            body.extend(encoder.encode(&record_batch(own, view.own.clone(), view.rows).map_err(broken)?)?);
        }
        let own: usize = body.iter().map(|part| part.len()).sum::<usize>() - head;
        let half = |number: u64| u128::from(u32::try_from(number).unwrap_or(u32::MAX));
        self.append(REFERS, view.rows, half(view.weight()) << 96 | half(view.bytes + own as u64) << 64, &body)
    }

    fn digest(&mut self, batch: &Batch) {
        self.columns.iter_mut().zip(batch.rows.columns()).for_each(|(digest, column)| digest.add(column));
    }

    fn append(&mut self, kind: u8, rows: usize, tag: u128, body: &[Buffer]) -> io::Result<()> {
        self.quota.take(body.iter().map(|part| part.len() as u64).sum())?;
        let segment = self.files.len();
        let file = match &mut self.open {
            Some(open) => open,
            None => {
                let file = FrameWriter::create(segment_path(&self.folder, segment))?;
                self.syncer.iter().for_each(|syncer| syncer.watch(file.file()));
                self.open.insert(file)
            }
        };
        let frame = file.append(kind, rows as u32, tag | u128::from(self.rows), body)?;
        self.checksum.update(&frame.checksum.to_le_bytes());
        self.frames.push((segment, frame));
        self.rows += rows as u64;
        self.bytes += frame.length;
        if file.len() >= SEGMENT_BYTES {
            self.end_segment();
        }
        Ok(())
    }

    fn end_segment(&mut self) {
        self.files.extend(self.open.take().map(|open| open.reader()));
    }

    /// Ends the spill: from here on it can be read.
    pub(crate) fn seal(mut self) -> Spill {
        self.end_segment();
        let sealed = Sealed {
            segments: self.files.len() as u32,
            frames: self.frames.len() as u64,
            rows: self.rows,
            bytes: self.bytes,
            checksum: format!("{:016x}", self.checksum.digest()),
            columns: self.columns.iter().map(ColumnDigest::text).collect(),
            bases: self.bases.iter().map(|base| base.as_base()).collect(),
        };
        Spill {
            bases: self.bases,
            folder: self.folder,
            schema: self.schema,
            stored: self.stored,
            frames: self.frames,
            files: self.files,
            sealed,
            quota: self.quota,
        }
    }
}

/// A sealed spill.
pub(crate) struct Spill {
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    frames: Vec<(usize, Frame)>,
    files: Vec<FrameFile>,
    sealed: Sealed,
    bases: Vec<Arc<Spill>>,
    quota: Arc<Quota>,
}

impl Spill {
    /// Opens a spill that was sealed before; `bases` are the spills that it refers to. Its frames are held against what they
    /// must be by their headers; rows when they are read.
    pub(crate) fn open(
        folder: PathBuf,
        schema: SchemaRef,
        sealed: Sealed,
        bases: Vec<Arc<Spill>>,
        quota: Arc<Quota>,
    ) -> io::Result<Spill> {
        if !bases.iter().map(|base| base.as_base()).eq(sealed.bases.iter().cloned()) {
            return Err(damaged(&folder, "the rows that it refers to are not those that were there"));
        }
        let (files, frames) = scan(&folder, &sealed)?;
        quota.take(sealed.bytes)?;
        Ok(Spill { stored: stored_schema(&schema), folder, schema, frames, files, sealed, bases, quota })
    }

    /// What a spill notes that refers to it.
    fn as_base(&self) -> Base {
        let node = self.folder.file_name().expect("a spill has a folder of its own");
        Base { node: node.to_string_lossy().into_owned(), checksum: self.sealed.checksum.clone() }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    pub(crate) fn rows(&self) -> u64 {
        self.sealed.rows
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The first row of a frame, counted over the whole spill.
    pub(crate) fn first_row(&self, frame: usize) -> u64 {
        self.frames[frame].1.tag as u64
    }

    pub(crate) fn frame_rows(&self, frame: usize) -> usize {
        self.frames[frame].1.rows as usize
    }

    /// The size of a row of a frame, on average, in bytes, wherever it lies.
    pub(crate) fn row_bytes(&self, frame: usize) -> u64 {
        let Frame { kind, length, rows, tag, .. } = self.frames[frame].1;
        let bytes = if kind == REFERS { u64::from((tag >> 64) as u32) } else { length };
        bytes.div_ceil(u64::from(rows))
    }

    /// How many rows are to be read for a frame: its own, or those of the frames that it refers to.
    pub(crate) fn weight(&self, frame: usize) -> u64 {
        let Frame { kind, rows, tag, .. } = self.frames[frame].1;
        u64::from(if kind == REFERS { (tag >> 96) as u32 } else { rows })
    }

    /// The frame that holds a row; `row` is less than [`Spill::rows`].
    pub(crate) fn frame_of(&self, row: u64) -> usize {
        self.frames.partition_point(|(_, frame)| frame.tag as u64 <= row) - 1
    }

    /// Reads a frame: of its columns those whose indices are given, in that order, or all.
    pub(crate) fn read(&self, frame: usize, columns: Option<&[usize]>) -> io::Result<Batch> {
        self.read_some(frame, columns, None)
    }

    /// As [`Spill::read`]; of its rows those that are chosen, of which there is at least one, or all.
    pub(super) fn read_some(
        &self,
        frame: usize,
        columns: Option<&[usize]>,
        chosen: Option<&BooleanBuffer>,
    ) -> io::Result<Batch> {
        let (segment, frame) = &self.frames[frame];
        let file = &self.files[*segment];
        let schema = match columns {
            Some(columns) => Arc::new(self.schema.project(columns).map_err(broken)?),
            None => self.schema.clone(),
        };
        let wanted: Vec<usize> = match columns {
            Some(columns) => (0..HIDDEN).chain(columns.iter().map(|column| column + HIDDEN)).collect(),
            None => (0..self.stored.fields().len()).collect(),
        };
        let chosen = chosen.filter(|chosen| chosen.count_set_bits() < chosen.len());
        let filter = chosen.map(view::filter);
        let choose = |stored: &RecordBatch| -> io::Result<Vec<ArrayRef>> {
            if stored.num_rows() != frame.rows as usize {
                return Err(file.damaged(frame, "not the rows that its header announces"));
            }
            match &filter {
                None => Ok(stored.columns().to_vec()),
                Some(filter) => stored.columns().iter().map(|column| filter.filter(column).map_err(broken)).collect(),
            }
        };
        let rows = chosen.map_or(frame.rows as usize, BooleanBuffer::count_set_bits);
        let body = file.read(frame)?;
        if frame.kind == HOLDS {
            let columns = choose(&ipc::decode(&self.stored, &body, Some(wanted))?)?;
            return view::batch(&schema, columns, rows);
        }
        let unfitting = || file.damaged(frame, "it does not fit the rows that it refers to");
        let (reference, body) = Reference::decode(&body).ok_or_else(unfitting)?;
        if reference.columns.len() != self.stored.fields().len() {
            return Err(unfitting());
        }
        let own: Vec<usize> = wanted.iter().filter_map(|column| reference.own(*column)).collect();
        let own = match own.is_empty() {
            true => Vec::new(),
            false => choose(&ipc::decode(&own_schema(&self.stored, &reference), &body, Some(own))?)?,
        };
        let batch = assemble(&self.bases, &self.schema, &reference, &wanted, &own, chosen)?;
        batch.filter(|batch| batch.len() == rows).ok_or_else(unfitting)
    }

    /// Removes its files. What cannot be removed is left for who removes the run's folder.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.folder);
        self.quota.give_back(self.sealed.bytes);
    }
}

/// The segments of a spill, and its frames, each with the index of its segment.
type Segments = (Vec<FrameFile>, Vec<(usize, Frame)>);

/// Reads a sealed spill, every byte of it: all that was written is there, and nothing has been altered.
pub(crate) fn intact(folder: &Path, sealed: &Sealed) -> io::Result<()> {
    let (files, frames) = scan(folder, sealed)?;
    frames.iter().try_for_each(|(segment, frame)| files[*segment].read(frame).map(drop))
}

/// The segments and frames of a sealed spill, which are those that were written, by their headers.
fn scan(folder: &Path, sealed: &Sealed) -> io::Result<Segments> {
    let (mut files, mut frames, mut checksum) = (Vec::new(), Vec::new(), Xxh3::new());
    for segment in 0..sealed.segments as usize {
        let file = FrameFile::open(segment_path(folder, segment))?;
        for frame in file.scan()?.0 {
            checksum.update(&frame.checksum.to_le_bytes());
            frames.push((segment, frame));
        }
        files.push(file);
    }
    let rows: u64 = frames.iter().map(|(_, frame)| u64::from(frame.rows)).sum();
    if (frames.len() as u64, rows) != (sealed.frames, sealed.rows) {
        return Err(damaged(folder, &format!("{rows} rows are there of {}", sealed.rows)));
    }
    if format!("{:016x}", checksum.digest()) != sealed.checksum {
        return Err(damaged(folder, "these are not the rows that were written"));
    }
    Ok((files, frames))
}

fn damaged(folder: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is damaged: {what}", folder.display()))
}

fn segment_path(folder: &Path, segment: usize) -> PathBuf {
    folder.join(format!("{segment:05}.segment"))
}

/// The hidden columns, then the visible ones, by place: names need not be unique beside them.
fn stored_schema(schema: &Schema) -> SchemaRef {
    let hidden = [Field::new("file", DataType::UInt32, true), Field::new("line", DataType::UInt64, true)];
    let visible = schema.fields().iter().enumerate().map(|(i, f)| f.as_ref().clone().with_name(i.to_string()));
    Arc::new(Schema::new(hidden.into_iter().chain(visible).collect::<Vec<_>>()))
}

/// The columns that stand beside a reference, of those that are stored otherwise.
fn own_schema(stored: &Schema, reference: &Reference) -> SchemaRef {
    let own = stored.fields().iter().zip(&reference.columns).filter(|(_, column)| **column == Column::Own);
    Arc::new(Schema::new(own.map(|(field, _)| field.clone()).collect::<Vec<_>>()))
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

/// The names of some spills, and of those that they refer to, however far.
pub(crate) fn with_bases<'a>(
    spills: impl IntoIterator<Item = String>,
    sealed: impl Fn(&str) -> Option<&'a Sealed>,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut more: Vec<String> = spills.into_iter().collect();
    while let Some(spill) = more.pop() {
        more.extend(sealed(&spill).into_iter().flat_map(|sealed| &sealed.bases).map(|base| base.node.clone()));
        all.insert(spill);
    }
    all
}

/// The folder of a node's spill, or that of a door.
pub(crate) fn folder(run: &Path, node: &str) -> PathBuf {
    run.join("spill").join(node)
}
