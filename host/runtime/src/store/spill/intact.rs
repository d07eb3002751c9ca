//! Whether a spill is what was written, before anything relies on it.

use std::io;
use std::path::Path;

use callboard_io::cores;
use rayon::prelude::*;

use super::read::log_of;
use super::{Frame, HOLDS, Sealed, logs, scan};
use crate::store::frames::FrameFile;
use crate::store::records::Reference;

/// Reads a sealed spill, every byte of it: all that was written is there, and nothing has been altered. Nothing of the run goes on
/// before this has ended, so all cores read.
pub(crate) fn intact(folder: &Path, sealed: &Sealed) -> io::Result<()> {
    let (files, frames) = scan(folder, sealed, &FrameFile::open)?;
    let logs = logs(folder, sealed)?;
    let check = |scratch: &mut Vec<u8>, (segment, frame): &(usize, Frame)| {
        if frame.kind == HOLDS {
            return files[*segment].check(frame, scratch);
        }
        let body = files[*segment].read(frame)?;
        let mut logged = Reference::decode(&body).into_iter().flat_map(|(reference, _)| reference.logged);
        logged.try_for_each(|logged| log_of(folder, &logs, &logged)?.1.check(&logged.frame, scratch))
    };
    match cores() {
        Some(cores) => cores.install(|| frames.par_iter().try_for_each_init(Vec::new, check)),
        None => frames.iter().try_for_each(|frame| check(&mut Vec::new(), frame)),
    }
}
