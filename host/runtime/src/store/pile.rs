//! Batches of one schema on the disk, each read back by itself, for as long as a step works on them.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;

use super::frames::{Body, FrameFile, FrameWriter};
use super::ipc::{self, RowEncoder};
use super::records::Frame;
use super::scatter::Scratch;
use crate::rows::weight;

/// Rows, and about the bytes, of a frame of rows that are written in another order: many such frames are in memory at a time when
/// they are merged.
const FRAME_ROWS: usize = 4096;
const FRAME_BYTES: u64 = 64 << 10;

/// A file of batches, in a folder for a while.
pub(crate) struct Pile {
    schema: SchemaRef,
    written: Mutex<FrameWriter>,
    /// Those that nobody uses now: each thread that writes takes one.
    encoders: Mutex<Vec<RowEncoder>>,
    file: FrameFile,
    scratch: Arc<Scratch>,
    held: AtomicU64,
}

impl Pile {
    /// Makes the file, or opens the one that an earlier process left in the folder.
    pub(crate) fn open(scratch: &Arc<Scratch>, name: &str, schema: SchemaRef) -> io::Result<Pile> {
        let (writer, _) = FrameWriter::reopen(scratch.path(name))?;
        scratch.take_bytes(writer.len())?;
        let held = AtomicU64::new(writer.len());
        let (file, written) = (writer.reader(), Mutex::new(writer));
        Ok(Pile { schema, written, encoders: Mutex::default(), file, scratch: scratch.clone(), held })
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends rows; from where they can be read again.
    pub(crate) fn push(&self, rows: &RecordBatch) -> io::Result<Frame> {
        let unused = self.encoders.lock().expect("no holder panics").pop();
        let mut encoder = unused.map_or_else(|| RowEncoder::new(&self.schema), Ok)?;
        let body = encoder.encode(rows)?;
        self.encoders.lock().expect("no holder panics").push(encoder);
        self.held.fetch_add(self.scratch.take(&body)?, Ordering::Relaxed);
        let body = Body::of(&body);
        self.written.lock().expect("no holder panics").append_sealed(0, rows.num_rows() as u32, 0, &body)
    }

    /// Appends rows in an order, in small frames.
    pub(crate) fn push_in_order(&self, rows: &RecordBatch, order: &[u32]) -> io::Result<Vec<Frame>> {
        let of_a_row = (weight(rows) / 8).div_ceil(rows.num_rows().max(1) as u64).max(1);
        let at_once = ((FRAME_BYTES / of_a_row) as usize).clamp(1, FRAME_ROWS);
        let frames = order.chunks(at_once).map(|order| {
            let ordered = take_record_batch(rows, &UInt32Array::from(order.to_vec())).map_err(io::Error::other)?;
            self.push(&ordered)
        });
        frames.collect()
    }

    /// Whether a frame that an earlier process wrote is there, intact.
    pub(crate) fn is_intact(&self, frame: &Frame, body: &mut Vec<u8>) -> bool {
        self.file.check(frame, body).is_ok()
    }

    pub(crate) fn read(&self, frame: &Frame) -> io::Result<RecordBatch> {
        ipc::decode(&self.schema, &self.file.read(frame)?, None)
    }
}

/// A file of batches that another process has left, to be read.
pub(crate) struct LeftPile {
    schema: SchemaRef,
    file: FrameFile,
}

impl LeftPile {
    pub(crate) fn open(folder: &Path, name: &str, schema: SchemaRef) -> io::Result<LeftPile> {
        Ok(LeftPile { schema, file: FrameFile::open(folder.join(name))? })
    }

    pub(crate) fn read(&self, frame: &Frame) -> io::Result<RecordBatch> {
        ipc::decode(&self.schema, &self.file.read(frame)?, None)
    }
}

impl Drop for Pile {
    fn drop(&mut self) {
        if !self.scratch.stays() {
            let _ = std::fs::remove_file(self.file.path());
        }
        self.scratch.give_back(*self.held.get_mut());
    }
}
