//! Rows that go no further, on their way to the step's side doors and to `rejects.jsonl`.

use std::sync::{Arc, Mutex};

use callboard_sandbox::Fate;

use crate::error::Fault;
use crate::ports::{Doors, Stop, Wanted};
use crate::rejects::{Rejects, Remover};
use crate::rows::Batch;
use crate::store::Removed;

/// Rows of one batch of a step's first input that go no further.
pub(crate) struct Aside {
    batch: Batch,
    /// Those that a door puts out, dropped and rejected, with their reasons.
    by_door: [Vec<(u32, Arc<str>)>; 2],
    /// Those that were rejected, for `rejects.jsonl`, and the writer of its lines.
    rejected: Vec<(u32, Arc<str>)>,
    remover: Remover,
}

impl Aside {
    /// `removed` are numbers of rows in the batch. `wanted` says which doors are read.
    ///
    /// # Errors
    ///
    /// The first rejected row, where the pipeline lets none be rejected.
    pub(crate) fn of(remover: &Remover, batch: Batch, removed: Vec<Removed>, wanted: Wanted) -> Result<Aside, Fault> {
        let rejected = remover.rejected(&batch, &removed)?;
        let mut by_door: [Vec<(u32, Arc<str>)>; 2] = Default::default();
        for removed in removed {
            if wanted.has(removed.fate()) {
                by_door[usize::from(removed.rejected)].push((removed.row as u32, removed.reason));
            }
        }
        Ok(Aside { batch, by_door, rejected, remover: remover.clone() })
    }

    /// The batch.
    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The rows that leave by a door, and their batch.
    pub(crate) fn by_door(&self, fate: Fate) -> (&Batch, &[(u32, Arc<str>)]) {
        (&self.batch, &self.by_door[usize::from(fate == Fate::Rejected)])
    }

    /// Writes rejected rows down, and puts out what a door wants.
    pub(crate) fn put_out(self, step: &str, doors: &mut Doors, rejects: &Mutex<Rejects>) -> Result<(), Stop> {
        let write = |lines: &[u8]| rejects.lock().expect("no holder panics").write(step, lines);
        self.remover.lines(step, &self.batch, &self.rejected, write)?;
        for (fate, rows) in [Fate::Dropped, Fate::Rejected].into_iter().zip(&self.by_door) {
            // A reason, where one was given.
            let given = rows.iter().map(|(row, reason)| (*row, Some(&**reason).filter(|reason| !reason.is_empty())));
            doors.put_out(fate, &self.batch, &given.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
