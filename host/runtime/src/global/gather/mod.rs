//! Rows of a global step, brought together: by key, by each of many keys, in order.
//!
//! Rows are cut into [`parts`] by their keys' digests; those that do not fit the memory lie on the disk. A part is [arranged](arrange)
//! in memory and given to a call by a [`reader`], one part an instance at a time; a group that is larger than that is [streamed](stream).
//! What calls did is brought into one order and put out ([`outcome`]). No byte of it depends on how many parts or instances there are.

mod arrange;
mod keys;
mod merge;
mod outcome;
mod part;
mod parts;
mod pile;
mod reader;
mod stream;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use callboard_plan::pipeline::BatchSize;
use callboard_sandbox::{Bound, RowReader, caught, spawn_scoped};
use tokio_util::sync::CancellationToken;

use super::{GlobalWriter, Whole};
use crate::error::{Fault, RunError};
use crate::rows::flight::Charge;
use crate::store::Quota;

use arrange::arrange;
use outcome::Outcomes;
use parts::{LEVELS, Part, Parts};
use reader::{Given, PartReader};
use stream::Streamed;

pub(super) use part::Calling;
pub(crate) use part::PartWriter;

/// Bytes of a part, and of one among very many, where nothing speaks against it.
pub(crate) const PART: u64 = 2 << 20;
pub(crate) const LARGEST: u64 = 16 << 20;
/// Bytes of parts that may stay in memory.
pub(crate) const MEMORY: u64 = 32 << 20;
/// A part that is so many times as large as it should be is cut again.
const LARGE: u64 = 4;
/// What an arranged part takes, in relation to its rows.
const TIMES: u64 = 3;

/// Where rows are brought together, and what they may take.
#[derive(Clone)]
pub(crate) struct Room {
    /// Made when it is needed, and removed.
    pub(crate) folder: PathBuf,
    pub(crate) quota: Arc<Quota>,
    /// Bytes of a part.
    pub(crate) part: u64,
    /// Bytes of a part where there are very many.
    pub(crate) largest: u64,
    /// Bytes of parts that may stay in memory.
    pub(crate) memory: u64,
    /// Of the digests of keys.
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) stop: [CancellationToken; 2],
}

impl Room {
    fn go_on(&self) -> Result<(), Fault> {
        match self.stop.iter().any(CancellationToken::is_cancelled) {
            true => Err(Fault::Interrupted),
            false => Ok(()),
        }
    }
}

/// Removes what is left of a folder.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
        // That of all steps, once the last of them has none.
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}

/// A step whose rows are brought together.
pub(crate) struct Gathering<'a> {
    pub(crate) wholes: &'a [Whole],
    pub(crate) bound: &'a Arc<Bound>,
    pub(crate) room: Room,
    pub(crate) cut: BatchSize,
    /// What parts in memory, and what is noted of them, take.
    pub(crate) charge: Option<Charge>,
}

/// Makes one call with some of the rows: gives the writer back if it ended well.
pub(crate) type Caller<'a> =
    Box<dyn FnMut(&dyn Fn() -> (Vec<Box<dyn RowReader>>, PartWriter)) -> Result<PartWriter, Fault> + Send + 'a>;

impl Gathering<'_> {
    /// Calls a step with all parts of its rows, and gives what it did to `writer`. There may be several callers, who work side by side.
    pub(crate) fn run(self, callers: Vec<Caller<'_>>, writer: &mut GlobalWriter) -> Result<(), Fault> {
        let Gathering { wholes, bound, room, cut, charge } = self;
        if room.folder.exists() {
            std::fs::remove_dir_all(&room.folder).map_err(unwritten)?;
        }
        let _folder = Folder(room.folder.clone());
        let outcomes = Arc::new(Outcomes::new(bound, wholes[0].rows(), &room)?);
        let (parts, all) = Parts::cut(wholes, bound, room)?;
        let calls = Calls {
            parts: Arc::new(parts),
            outcomes,
            calling: writer.calling(),
            cut,
            charge: Mutex::new((charge, 0)),
            streamed: AtomicUsize::new(0),
        };
        // A call is made even where there are no rows: a step may have something to put out all the same.
        let all = if all.is_empty() { vec![wholes.iter().map(|_| Default::default()).collect()] } else { all };
        let queue = Mutex::new(all.into_iter());
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            let (calls, queue, failure) = (&calls, &queue, &failure);
            let work = move |mut caller: Caller<'_>| {
                let worked = caught(|| {
                    while lock(failure).is_none()
                        && !calls.outcomes.is_failing()
                        && let Some(part) = { lock(queue).next() }
                    {
                        calls.call(part, 0, &mut caller)?;
                    }
                    Ok(())
                });
                if let Err(fault) = worked.unwrap_or_else(|error| Err(error.into())) {
                    lock(failure).get_or_insert(fault);
                }
            };
            let mut callers = callers.into_iter();
            let last = callers.next();
            for caller in callers {
                if let Err(error) = spawn_scoped(scope, move || work(caller)) {
                    lock(failure).get_or_insert(error.into());
                }
            }
            last.into_iter().for_each(work);
        });
        if let Some(fault) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(fault);
        }
        let Calls { parts, outcomes, charge: _held, .. } = calls;
        let room = parts.room.clone();
        drop(parts);
        let outcomes = Arc::into_inner(outcomes).ok_or_else(|| Fault::Host("a call outlived its step".to_owned()))?;
        outcomes.put_out(writer, &room)
    }
}

/// The calls of a step.
struct Calls {
    parts: Arc<Parts>,
    outcomes: Arc<Outcomes>,
    calling: Calling,
    cut: BatchSize,
    /// What is held, and how much of it by calls.
    charge: Mutex<(Option<Charge>, u64)>,
    /// Groups that were streamed so far: each has files of its own.
    streamed: AtomicUsize,
}

impl Calls {
    /// Calls a step with a part, or with the parts that it is cut into.
    fn call(&self, part: Part, level: u32, caller: &mut Caller<'_>) -> Result<(), Fault> {
        let parts = &self.parts;
        parts.room.go_on()?;
        let bytes: u64 = part.iter().map(|rows| rows.bytes).sum();
        let given: Vec<Given> = match bytes > parts.room.part * LARGE {
            false => {
                self.hold((bytes * TIMES) as i64)?;
                let arranged = arrange(parts, &part)?;
                parts.forget(&part);
                arranged.into_iter().map(Given::Arranged).collect()
            }
            true => {
                let cut = if level < LEVELS { parts.split(&part, level)? } else { None };
                if let Some(cut) = cut {
                    parts.forget(&part);
                    drop(part);
                    return cut.into_iter().try_for_each(|part| self.call(part, level + 1, caller));
                }
                let name = self.streamed.fetch_add(1, Ordering::Relaxed).to_string();
                let stream =
                    |(port, rows)| Streamed::of(parts, port, rows, &name).map(|rows| Given::Streamed(Arc::new(rows)));
                part.into_iter().enumerate().map(stream).collect::<Result<_, _>>()?
            }
        };
        let first = match given[0].rows() {
            0 => (u64::MAX, 0),
            _ => given[0].groups(&[0])?[0],
        };
        let grouped = parts.bound.gathered.is_grouped();
        let begin = || {
            let reader = |given: &Given| {
                Box::new(PartReader { given: given.clone(), cut: self.cut, grouped }) as Box<dyn RowReader>
            };
            let writer = PartWriter::new(&self.outcomes, given[0].clone(), first, &self.calling);
            (given.iter().map(reader).collect(), writer)
        };
        let writer = caller(&begin)?;
        self.outcomes.add(writer)?;
        if bytes <= parts.room.part * LARGE {
            self.hold(-((bytes * TIMES) as i64))?;
        }
        Ok(())
    }

    /// Counts what calls hold, and all that is noted.
    fn hold(&self, more: i64) -> Result<(), Fault> {
        let mut charge = lock(&self.charge);
        let held = charge.1.saturating_add_signed(more);
        charge.1 = held;
        let all = held + self.parts.held() + self.outcomes.bytes();
        match &mut charge.0 {
            Some(charge) => Ok(charge.set(all).map_err(RunError::from)?),
            None => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unwritten(error: std::io::Error) -> Fault {
    RunError::unwritten("bring rows together", &error).into()
}

fn unread(error: std::io::Error) -> Fault {
    RunError::unread("rows that are brought together", &error).into()
}
