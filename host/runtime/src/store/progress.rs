//! What is done of a step whose rows are brought together, for a process that resumes the run.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::frames::{FrameFile, FrameWriter};
use super::head;
use super::records::{Called, Cut, Gathered};
use super::scatter::Scratch;

/// The file, in the folder of the rows.
pub(crate) const DONE: &str = "done";

/// What an earlier process did.
pub(crate) struct Before {
    pub(crate) cut: Cut,
    /// The calls with rows of those parts that ended.
    pub(crate) calls: Vec<Called>,
    /// Whether each part ended.
    pub(crate) ended: Vec<bool>,
}

/// Notes what is done.
pub(crate) struct Progress {
    file: Mutex<FrameWriter>,
    scratch: Arc<Scratch>,
}

impl Progress {
    /// What an earlier process did in this folder, if it worked on what has this tag.
    pub(crate) fn before(folder: &Path, tag: u128) -> Option<Before> {
        let file = FrameFile::open(folder.join(DONE)).ok()?;
        let (mut before, mut calls): (Option<Before>, Vec<Called>) = (None, Vec::new());
        for frame in file.scan().ok()?.0 {
            let (done, _) = head::decode::<Gathered>(&file.read(&frame).ok()?)?;
            match (done, &mut before) {
                (Gathered::Cut(cut), None) if cut.tag == tag => {
                    before = Some(Before { ended: vec![false; cut.parts.len()], cut, calls: Vec::new() });
                }
                (Gathered::Called(called), Some(_)) => calls.push(called),
                (Gathered::Ended { part }, Some(before)) => *before.ended.get_mut(part as usize)? = true,
                _ => return None,
            }
        }
        let mut before = before?;
        // A part that had to be cut again may have calls that ended and calls that did not: all of them are made again.
        calls.retain(|called| before.ended.get(called.part as usize).is_some_and(|ended| *ended));
        before.calls = calls;
        Some(before)
    }

    /// The parts that an earlier process cut rows into in this folder, whatever these were.
    pub(crate) fn cut(folder: &Path) -> Option<Cut> {
        let file = FrameFile::open(folder.join(DONE)).ok()?;
        let first = *file.scan().ok()?.0.first()?;
        match head::decode::<Gathered>(&file.read(&first).ok()?)?.0 {
            Gathered::Cut(cut) => Some(cut),
            _ => None,
        }
    }

    /// Opens the file for more, or makes it.
    pub(crate) fn open(scratch: &Arc<Scratch>) -> io::Result<Progress> {
        let (file, _) = FrameWriter::reopen(scratch.path(DONE))?;
        scratch.take_bytes(file.len())?;
        Ok(Progress { file: Mutex::new(file), scratch: scratch.clone() })
    }

    pub(crate) fn note(&self, done: &Gathered) -> io::Result<()> {
        let body = [head::encode(done)?];
        self.scratch.take(&body)?;
        self.file.lock().unwrap_or_else(PoisonError::into_inner).append(0, 0, 0, &body).map(drop)
    }
}
