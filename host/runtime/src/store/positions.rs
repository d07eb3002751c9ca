//! How far outputs are written: a run that is resumed continues there.

use std::io;
use std::path::{Path, PathBuf};

use callboard_io::Position;

use super::frames::{FrameFile, FrameWriter};
use super::records::Frame;
use super::sync::Syncer;

/// The positions of an output, in a file beside it.
pub(crate) struct Positions {
    writer: FrameWriter,
    last: Option<Position>,
}

impl Positions {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: PathBuf, syncer: &Syncer) -> io::Result<Positions> {
        let (writer, frames) = FrameWriter::reopen(path)?;
        syncer.watch(writer.file());
        let file: FrameFile = writer.reader();
        let last = frames.last().and_then(|frame| position(&file, frame));
        Ok(Positions { writer, last })
    }

    /// The last position of an earlier process.
    pub(crate) fn last(&self) -> Option<Position> {
        self.last
    }

    pub(crate) fn note(&mut self, position: &Position) -> io::Result<()> {
        let body = [position.rows.to_le_bytes(), position.bytes.to_le_bytes()].concat();
        self.writer.append(0, 0, position.digest, &[body]).map(drop)
    }
}

/// What was noted of an output of the run in a folder, in order; `None` if that is not whole.
pub(crate) fn noted(run: &Path, output: &str) -> Option<Vec<Position>> {
    let file = FrameFile::open(run.join("positions").join(output)).ok()?;
    let (frames, torn) = file.scan().ok()?;
    if torn > 0 {
        return None;
    }
    frames.iter().map(|frame| position(&file, frame)).collect()
}

fn position(file: &FrameFile, frame: &Frame) -> Option<Position> {
    let body = file.read(frame).ok()?;
    let number = |range: std::ops::Range<usize>| Some(u64::from_le_bytes(body.get(range)?.try_into().ok()?));
    Some(Position { rows: number(0..8)?, bytes: number(8..16)?, digest: frame.tag })
}
