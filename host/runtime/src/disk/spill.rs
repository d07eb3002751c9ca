//! Rows between stages: segments of frames in the run's folder.
//!
//! A spill is readable when it is sealed: then its journal's [`Sealed`] says what it must hold, and whoever opens it again
//! holds it against that.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::digest::ColumnDigest;
use super::frames::{Frame, FrameFile, FrameWriter, named};
use super::ipc::{self, RowEncoder};
use super::sync::Syncer;
use crate::rows::{Batch, record_batch};

/// A segment is full when it has so many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// The hidden columns stand first.
const HIDDEN: usize = 2;

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
}

/// Writes a spill.
pub(crate) struct SpillWriter {
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    encoder: RowEncoder,
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

    /// Appends a batch of the schema.
    pub(crate) fn push(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.columns.iter_mut().zip(batch.rows.columns()).for_each(|(digest, column)| digest.add(column));
        let mut columns: Vec<Arc<dyn Array>> = vec![Arc::new(batch.file.clone()), Arc::new(batch.line.clone())];
        columns.extend(batch.rows.columns().iter().cloned());
        let stored = record_batch(self.stored.clone(), columns, batch.len()).map_err(broken)?;
        let body = self.encoder.encode(&stored)?;
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
        let frame = file.append(0, batch.len() as u32, u128::from(self.rows), &body)?;
        self.checksum.update(&frame.checksum.to_le_bytes());
        self.frames.push((segment, frame));
        self.rows += batch.len() as u64;
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
        };
        Spill {
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
    quota: Arc<Quota>,
}

impl Spill {
    /// Opens a spill that was sealed before. Its frames are held against what they must be by their headers; rows when they are read.
    pub(crate) fn open(folder: PathBuf, schema: SchemaRef, sealed: Sealed, quota: Arc<Quota>) -> io::Result<Spill> {
        let (files, frames) = scan(&folder, &sealed)?;
        quota.take(sealed.bytes)?;
        Ok(Spill { stored: stored_schema(&schema), folder, schema, frames, files, sealed, quota })
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

    /// The size of a row of a frame, on average, in bytes.
    pub(crate) fn row_bytes(&self, frame: usize) -> u64 {
        let Frame { length, rows, .. } = self.frames[frame].1;
        length.div_ceil(u64::from(rows))
    }

    /// The frame that holds a row; `row` is less than [`Spill::rows`].
    pub(crate) fn frame_of(&self, row: u64) -> usize {
        self.frames.partition_point(|(_, frame)| frame.tag as u64 <= row) - 1
    }

    /// Reads a frame: of its columns those whose indices are given, in that order, or all.
    pub(crate) fn read(&self, frame: usize, columns: Option<&[usize]>) -> io::Result<Batch> {
        let (segment, frame) = &self.frames[frame];
        let file = &self.files[*segment];
        let wanted = columns.map(|columns| (0..HIDDEN).chain(columns.iter().map(|c| c + HIDDEN)).collect());
        let stored = ipc::decode(&self.stored, &file.read(frame)?, wanted)?;
        if stored.num_rows() != frame.rows as usize {
            return Err(file.damaged(frame, "not the rows that its header announces"));
        }
        let schema = match columns {
            Some(columns) => Arc::new(self.schema.project(columns).map_err(broken)?),
            None => self.schema.clone(),
        };
        let visible = stored.columns()[HIDDEN..].to_vec();
        Ok(Batch::new(
            record_batch(schema, visible, stored.num_rows()).map_err(broken)?,
            UInt32Array::from(stored.column(0).to_data()),
            UInt64Array::from(stored.column(1).to_data()),
        ))
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
        let words = format!("`{}` is damaged: {rows} rows are there of {}", folder.display(), sealed.rows);
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    if format!("{:016x}", checksum.digest()) != sealed.checksum {
        let words = format!("`{}` is damaged: these are not the rows that were written", folder.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    Ok((files, frames))
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

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

/// The folder of a node's spill, or that of a door.
pub(crate) fn folder(run: &Path, node: &str) -> PathBuf {
    run.join("spill").join(node)
}
