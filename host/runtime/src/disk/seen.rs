//! The batches that an input has given so far, by their digests: who resumes the run sees whether it gives the same again.

use std::io;
use std::path::PathBuf;

use arrow::array::RecordBatch;

use super::digest;
use super::frames::FrameWriter;
use super::sync::Syncer;

/// The digests of an input's batches, in order.
pub(crate) struct Seen {
    before: Vec<u128>,
    at: usize,
    writer: FrameWriter,
}

impl Seen {
    /// Opens the file of digests, or makes it.
    pub(crate) fn open(path: PathBuf, syncer: &Syncer) -> io::Result<Seen> {
        let (writer, frames) = FrameWriter::reopen(path)?;
        syncer.watch(writer.file());
        Ok(Seen { before: frames.iter().map(|frame| frame.tag).collect(), at: 0, writer })
    }

    /// Whether the next batch is what it was, as far as it has been seen before.
    pub(crate) fn is_same(&mut self, rows: &RecordBatch) -> io::Result<bool> {
        let digest = digest::of_rows(rows, 0);
        let before = self.before.get(self.at).copied();
        self.at += 1;
        if before.is_none() {
            self.writer.append(0, rows.num_rows() as u32, digest, &[[0u8; 0]])?;
        }
        Ok(before.is_none_or(|before| before == digest))
    }
}
