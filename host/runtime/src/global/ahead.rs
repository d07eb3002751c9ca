//! What a reader gives next, read beside the step that works on what it gave last.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Whole, unreadable};
use crate::error::Fault;
use crate::rows::record_batch;
use callboard_sandbox::BatchResult;
use callboard_sandbox::Bound;
use callboard_sandbox::Flat;

/// A frame of one of a port's spills, by their indices.
pub(super) type At = (usize, usize);

/// Reads frames, in a thread of its own once there is more than one.
pub(super) struct Ahead {
    source: Source,
    thread: Option<Beside>,
    /// The frame that the thread was asked for last, and whose rows were not taken yet.
    asked: Option<At>,
}

/// The ends of a thread that answers with the rows of frames.
struct Beside {
    frames: SyncSender<At>,
    rows: Receiver<Result<BatchResult, Fault>>,
}

/// What is read: the columns that the step declared to read of one of its inputs.
#[derive(Clone)]
struct Source {
    whole: Whole,
    bound: Arc<Bound>,
    port: usize,
}

impl Ahead {
    pub(super) fn new(whole: Whole, bound: Arc<Bound>, port: usize) -> Ahead {
        Ahead { source: Source { whole, bound, port }, thread: None, asked: None }
    }

    /// The rows of a frame behind the first `skipped`; `next` is the frame that is likely to be wanted then.
    pub(super) fn read(&mut self, at: At, skipped: usize, next: Option<At>) -> Result<BatchResult, Fault> {
        let asked = self.asked.take();
        let ready = match (&self.thread, asked) {
            // What was asked for has to be taken, whether it is what is wanted now or not.
            (Some(beside), Some(asked)) => beside.rows.recv().ok().filter(|_| asked == at && skipped == 0),
            _ => None,
        };
        let rows = ready.unwrap_or_else(|| self.source.read(at, skipped));
        if let Some(next) = next {
            if self.thread.is_none() {
                self.thread = self.source.clone().beside();
            }
            self.asked = self.thread.as_ref().filter(|beside| beside.frames.send(next).is_ok()).map(|_| next);
        }
        rows
    }
}

impl Source {
    /// Rows as the host returns them, which are copied here, beside the step.
    fn read(&self, (spill, frame): At, skipped: usize) -> Result<BatchResult, Fault> {
        let Source { whole, bound, port } = self;
        let rows = if whole.spills[spill].schema() == &whole.schema {
            let batch = whole.spills[spill].read(frame, Some(&bound.reads[*port])).map_err(unreadable)?;
            record_batch(bound.given[*port].clone(), batch.rows.columns().to_vec(), batch.len())?
        } else {
            bound.give(*port, &whole.frame(spill, frame)?.rows)?
        };
        Ok(Flat::of(&rows.slice(skipped, rows.num_rows() - skipped)).to_owned_batch())
    }

    /// A thread that answers until nobody asks any more; `None` if the system refuses it: the step then waits for its rows.
    fn beside(self) -> Option<Beside> {
        let (frames, wanted) = sync_channel::<At>(1);
        let (answer, rows) = sync_channel(1);
        let thread = std::thread::Builder::new().spawn(move || {
            for at in wanted {
                if answer.send(self.read(at, 0)).is_err() {
                    return;
                }
            }
        });
        thread.ok().map(|_| Beside { frames, rows })
    }
}
