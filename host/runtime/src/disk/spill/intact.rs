//! Whether a spill is what was written, before anything relies on it.

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::read::log_of;
use super::{HOLDS, Sealed, logs, scan};
use crate::disk::reference::Reference;

/// Reads a sealed spill, every byte of it: all that was written is there, and nothing has been altered.
pub(crate) fn intact(folder: &Path, sealed: &Sealed) -> io::Result<()> {
    let (files, frames) = scan(folder, sealed)?;
    let logs = logs(folder, sealed)?;
    let next = AtomicUsize::new(0);
    let look = || {
        let mut scratch = Vec::new();
        while let Some((segment, frame)) = frames.get(next.fetch_add(1, Ordering::Relaxed)) {
            if frame.kind == HOLDS {
                files[*segment].check(frame, &mut scratch)?;
                continue;
            }
            let body = files[*segment].read(frame)?;
            for logged in Reference::decode(&body).iter().flat_map(|(reference, _)| &reference.logged) {
                log_of(folder, &logs, logged)?.1.check(&logged.frame, &mut scratch)?;
            }
        }
        Ok(())
    };
    // Nothing of the run goes on before this has ended: all cores read.
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(frames.len());
    std::thread::scope(|scope| {
        let looking: Vec<_> = (1..threads).map(|_| scope.spawn(look)).collect();
        let looked = look();
        looking.into_iter().fold(looked, |looked, other| looked.and(other.join().expect("reading does not panic")))
    })
}
