//! The batches that an input has given so far, by their digests: a run that is resumed sees whether it gives the same again.

use std::io;
use std::path::PathBuf;

use super::frames::FrameWriter;
use super::sync::Syncer;
use crate::rows::Batch;

/// The digests of an input's batches, in order.
pub(crate) struct Seen {
    before: Vec<u128>,
    at: usize,
    seed: u64,
    writer: FrameWriter,
}

impl Seen {
    /// Opens the file of digests, or makes it.
    pub(crate) fn open(path: PathBuf, seed: u64, syncer: &Syncer) -> io::Result<Seen> {
        let (writer, frames) = FrameWriter::reopen(path)?;
        syncer.watch(writer.file());
        Ok(Seen { before: frames.iter().map(|frame| frame.tag).collect(), at: 0, seed, writer })
    }

    /// Whether the next batch is what it was, as far as it has been seen before.
    pub(crate) fn is_same(&mut self, batch: &Batch) -> io::Result<bool> {
        let digest = batch.digest(0..batch.rows.num_columns(), self.seed);
        let before = self.before.get(self.at).copied();
        self.at += 1;
        if before.is_none() {
            self.writer.append(0, batch.len() as u32, digest, &[[0u8; 0]])?;
        }
        Ok(before.is_none_or(|before| before == digest))
    }
}
