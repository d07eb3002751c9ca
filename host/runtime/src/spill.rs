//! Rows between stages: segments of checksummed frames in the run's folder.
//!
//! A frame is a header of 32 bytes (magic, rows, first row, length, XXH3-64 of the body) and an Arrow IPC message. A frame is
//! written whole or is not read: what does not match its checksum is an error, never rows. A segment is sealed by its
//! renaming; a spill is readable when all of its segments are.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::writer::StreamEncoder;
use arrow::ipc::{Block, MetadataVersion};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::rows::{Batch, record_batch};

/// A segment is sealed when it has so many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
const MAGIC: [u8; 4] = *b"CBF1";
const HEADER: usize = 32;
/// The hidden columns stand first.
const HIDDEN: usize = 2;

/// Writes a spill.
pub(crate) struct SpillWriter {
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    encoder: StreamEncoder,
    /// The schema's message, which every segment begins with.
    preamble: Vec<Buffer>,
    open: Option<(File, PathBuf, u64)>,
    frames: Vec<Frame>,
    segments: Vec<PathBuf>,
    rows: u64,
    bytes: u64,
    total: Arc<AtomicU64>,
}

/// Where a frame lies.
#[derive(Clone, Debug)]
struct Frame {
    segment: usize,
    offset: u64,
    length: u64,
    first_row: u64,
    rows: u32,
    checksum: u64,
}

impl SpillWriter {
    /// Begins a spill in a folder of its own. `total` counts the bytes written by all spills of a stage.
    pub(crate) fn create(folder: PathBuf, schema: SchemaRef, total: Arc<AtomicU64>) -> io::Result<SpillWriter> {
        std::fs::create_dir_all(&folder)?;
        let stored = stored_schema(&schema);
        let mut encoder = StreamEncoder::try_new(&stored).map_err(broken)?;
        let preamble = encoder.encode(&RecordBatch::new_empty(stored.clone())).map_err(broken)?;
        Ok(SpillWriter {
            folder,
            schema,
            stored,
            encoder,
            preamble,
            open: None,
            frames: Vec::new(),
            segments: Vec::new(),
            rows: 0,
            bytes: 0,
            total,
        })
    }

    /// Appends a batch of the schema.
    pub(crate) fn push(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut columns: Vec<Arc<dyn Array>> = vec![Arc::new(batch.file.clone()), Arc::new(batch.line.clone())];
        columns.extend(batch.rows.columns().iter().cloned());
        let stored = record_batch(self.stored.clone(), columns, batch.len()).map_err(broken)?;
        let body = self.encoder.encode(&stored).map_err(broken)?;
        let length = body.iter().map(|b| b.len() as u64).sum();
        let mut checksum = Xxh3::new();
        body.iter().for_each(|part| checksum.update(part));
        let checksum = checksum.digest();

        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&(batch.len() as u32).to_le_bytes());
        header[8..16].copy_from_slice(&self.rows.to_le_bytes());
        header[16..24].copy_from_slice(&u64::to_le_bytes(length));
        header[24..].copy_from_slice(&checksum.to_le_bytes());

        let (mut file, path, at) = match self.open.take() {
            Some(open) => open,
            None => self.begin_segment()?,
        };
        let mut parts: Vec<IoSlice<'_>> = vec![IoSlice::new(&header)];
        parts.extend(body.iter().map(|part| IoSlice::new(part)));
        write_all(&mut file, &mut parts)?;
        self.frames.push(Frame {
            segment: self.segments.len(),
            offset: at + HEADER as u64,
            length,
            first_row: self.rows,
            rows: batch.len() as u32,
            checksum,
        });
        self.rows += batch.len() as u64;
        self.bytes += HEADER as u64 + length;
        self.total.fetch_add(HEADER as u64 + length, Ordering::Relaxed);
        self.open = Some((file, path, at + HEADER as u64 + length));
        if at >= SEGMENT_BYTES { self.seal_segment() } else { Ok(()) }
    }

    fn begin_segment(&mut self) -> io::Result<(File, PathBuf, u64)> {
        let path = self.folder.join(format!("{:05}.part", self.segments.len()));
        let mut file = File::create_new(&path)?;
        let length = self.preamble.iter().map(|part| part.len() as u64).sum();
        write_all(&mut file, &mut self.preamble.iter().map(|part| IoSlice::new(part)).collect::<Vec<_>>())?;
        Ok((file, path, length))
    }

    fn seal_segment(&mut self) -> io::Result<()> {
        if let Some((_, path, _)) = self.open.take() {
            let sealed = path.with_extension("segment");
            std::fs::rename(&path, &sealed)?;
            self.segments.push(sealed);
        }
        Ok(())
    }

    /// Ends the spill: from here on it can be read.
    pub(crate) fn seal(mut self) -> io::Result<Spill> {
        self.seal_segment()?;
        let files = self.segments.iter().map(File::open).collect::<io::Result<_>>()?;
        Ok(Spill {
            folder: self.folder,
            schema: self.schema,
            stored: self.stored,
            frames: self.frames,
            segments: self.segments,
            files,
            rows: self.rows,
        })
    }
}

/// A sealed spill. Its files are removed when it is dropped: when the last stage that reads it has ended.
pub(crate) struct Spill {
    folder: PathBuf,
    schema: SchemaRef,
    stored: SchemaRef,
    frames: Vec<Frame>,
    segments: Vec<PathBuf>,
    files: Vec<File>,
    rows: u64,
}

impl Spill {
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The first row of a frame, counted over the whole spill.
    pub(crate) fn first_row(&self, frame: usize) -> u64 {
        self.frames[frame].first_row
    }

    /// The size of a row of a frame, on average, in bytes.
    pub(crate) fn row_bytes(&self, frame: usize) -> u64 {
        let Frame { length, rows, .. } = self.frames[frame];
        length.div_ceil(u64::from(rows))
    }

    /// The frame that holds a row; `row` is less than [`Spill::rows`].
    pub(crate) fn frame_of(&self, row: u64) -> usize {
        self.frames.partition_point(|frame| frame.first_row <= row) - 1
    }

    /// Reads a frame: of its columns those whose indices are given, in that order, or all.
    pub(crate) fn read(&self, frame: usize, columns: Option<&[usize]>) -> io::Result<Batch> {
        let Frame { segment, offset, length, rows, checksum, .. } = self.frames[frame];
        let torn = |what: &str| {
            let path = self.segments[segment].display();
            io::Error::new(io::ErrorKind::InvalidData, format!("`{path}`, byte {offset}: {what}"))
        };
        let mut body = MutableBuffer::from_len_zeroed(length as usize);
        self.files[segment].read_exact_at(&mut body, offset)?;
        if xxh3_64(&body) != checksum {
            return Err(torn("the rows do not match their checksum"));
        }
        let body = Buffer::from(body);
        let metadata = 8 + i32::from_le_bytes(body[4..8].try_into().expect("four bytes"));
        let mut decoder = FileDecoder::new(self.stored.clone(), MetadataVersion::V5);
        if let Some(columns) = columns {
            let hidden = 0..HIDDEN;
            decoder = decoder.with_projection(hidden.chain(columns.iter().map(|c| c + HIDDEN)).collect());
        }
        let block = Block::new(0, metadata, length as i64 - i64::from(metadata));
        let stored = decoder.read_record_batch(&block, &body).map_err(broken)?;
        let stored = stored.filter(|b| b.num_rows() == rows as usize).ok_or_else(|| torn("not the rows announced"))?;
        let schema = match columns {
            Some(columns) => Arc::new(self.schema.project(columns).map_err(broken)?),
            None => self.schema.clone(),
        };
        let visible = stored.columns()[HIDDEN..].to_vec();
        Ok(Batch {
            file: UInt32Array::from(stored.column(0).to_data()),
            line: UInt64Array::from(stored.column(1).to_data()),
            rows: record_batch(schema, visible, rows as usize).map_err(broken)?,
        })
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // What cannot be removed is left for who removes the run's folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The hidden columns, then the visible ones, by place: names need not be unique beside them.
fn stored_schema(schema: &Schema) -> SchemaRef {
    let hidden = [Field::new("file", DataType::UInt32, true), Field::new("line", DataType::UInt64, true)];
    let visible = schema.fields().iter().enumerate().map(|(i, f)| f.as_ref().clone().with_name(i.to_string()));
    Arc::new(Schema::new(hidden.into_iter().chain(visible).collect::<Vec<_>>()))
}

fn write_all(file: &mut File, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

/// The folder of a node's spill.
pub(crate) fn folder(run: &Path, node: &str) -> PathBuf {
    run.join("spill").join(node)
}
