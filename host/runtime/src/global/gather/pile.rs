//! Batches of one schema on the disk, each read back by itself, for as long as a step works on them.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::store::Frame;
use crate::store::frames::{FrameFile, FrameWriter};
use crate::store::ipc::{self, RowEncoder};
use crate::store::{Quota, make_dir};

/// A file of batches.
pub(super) struct Pile {
    schema: SchemaRef,
    written: Mutex<(FrameWriter, RowEncoder)>,
    file: FrameFile,
    quota: Arc<Quota>,
    held: AtomicU64,
}

impl Pile {
    /// Makes the file in a folder, which is made too.
    pub(super) fn create(folder: &Path, name: &str, schema: SchemaRef, quota: Arc<Quota>) -> io::Result<Pile> {
        make_dir(folder)?;
        let writer = FrameWriter::create(folder.join(name))?;
        let (file, encoder) = (writer.reader(), RowEncoder::new(&schema)?);
        Ok(Pile { schema, written: Mutex::new((writer, encoder)), file, quota, held: AtomicU64::new(0) })
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The name of its file.
    pub(super) fn name(&self) -> String {
        self.file.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Appends rows; from where they can be read again.
    pub(super) fn push(&self, rows: &RecordBatch) -> io::Result<Frame> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, encoder) = &mut *written;
        let body = encoder.encode(rows)?;
        let bytes = body.iter().map(|part| part.len() as u64).sum();
        self.quota.take(bytes)?;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        writer.append(0, rows.num_rows() as u32, 0, &body)
    }

    pub(super) fn read(&self, frame: &Frame) -> io::Result<RecordBatch> {
        ipc::decode(&self.schema, &self.file.read(frame)?, None)
    }
}

impl Drop for Pile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.file.path());
        self.quota.give_back(self.held.load(Ordering::Relaxed));
    }
}
