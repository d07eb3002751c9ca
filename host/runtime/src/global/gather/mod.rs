//! Rows of a global step, brought together: by key, by each of many keys, in order.
//!
//! Rows are cut into [`parts`] by their keys' digests; those that do not fit the memory lie on the disk. A part is [arranged](arrange)
//! in memory and given to a call by a [`reader`], one part an instance at a time; a group that is larger than that is
//! [streamed](stream), and sorted by [ranges] of its order. Each call has a [writer](part), and the [`outcome`] brings the results of all calls into one order. No byte of it depends on the
//! number of parts or instances.

mod arrange;
mod keys;
mod layout;
mod merge;
mod outcome;
mod part;
mod parts;
mod pieces;
mod progress;
mod ranges;
mod reader;
mod rowset;
mod shared;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callboard_plan::pipeline::BatchSize;
use callboard_sandbox::{RowReader, caught, spawn_scoped};
use twox_hash::XxHash3_128;

use super::{GlobalReader, GlobalWriter, Passed, Whole};
use crate::course;
use crate::error::{Fault, RunError};
use crate::fates::Ledger;
use crate::rows::flight::Charge;
use crate::store::Progress;
use crate::store::records::{Called, Gathered};
use crate::store::scatter::Scratch;

use arrange::arrange;
use outcome::Outcomes;
use parts::{LEVELS, Parts};
use pieces::{Part, Pieces};
use reader::{Given, PartReader};
use stream::Streamed;

pub(crate) use keys::of_rows as row_digests;
pub(super) use part::Calling;
pub(crate) use part::PartWriter;
pub(crate) use shared::{Duty, Shared, wanted};

/// Bytes of a part, of one where there are very many, and of parts that may stay in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    part: u64,
    largest: u64,
    memory: u64,
}

impl Sizes {
    /// The sizes to use within a budget in bytes. Larger ones were not faster.
    pub(crate) fn within(budget: Option<u64>) -> Sizes {
        let of = |most: u64, share: u64| budget.map_or(most, |budget| (budget / share).clamp(1 << 20, most));
        Sizes { part: of(2 << 20, 32), largest: of(16 << 20, 32), memory: of(32 << 20, 8) }
    }

    /// What tells rows that were cut with other sizes.
    fn tag(&self) -> u128 {
        let numbers = [self.part, self.largest, self.memory].map(u64::to_le_bytes);
        XxHash3_128::oneshot(&numbers.concat())
    }

    /// Bytes of a range of rows that are sorted: a few of them are in memory at a time.
    fn range(&self) -> u64 {
        self.largest.min(self.part * RANGE)
    }
}

/// A range is this many times as large as a part.
const RANGE: u64 = 2;
/// A part that is more than this many times too large is cut again.
const LARGE: u64 = 4;
/// Memory of an arranged part, as a multiple of its rows.
const TIMES: u64 = 3;

/// Makes one call with some of the rows. Returns the writer if the call succeeded, and what it counted.
pub(crate) type Caller<'a> = Box<
    dyn FnMut(&dyn Fn() -> (Vec<Box<dyn RowReader>>, PartWriter)) -> Result<(PartWriter, Counters), Fault> + Send + 'a,
>;

/// What a call counted, by name.
pub(crate) type Counters = BTreeMap<String, i64>;

/// Adds what one call counted.
pub(crate) type Count<'a> = dyn Fn(Counters) -> Result<(), Fault> + Sync + 'a;

/// Calls the step of `writer` with all parts of its inputs, and passes the results to `writer`. The callers work side by side;
/// `charge` counts the memory held for them, `count` what they counted. Calls that an earlier process made are not made again: gives
/// the rows that they were made with.
pub(crate) fn gather(
    wholes: &[Whole],
    writer: &mut GlobalWriter,
    sizes: Sizes,
    charge: Option<Charge>,
    callers: Vec<Caller<'_>>,
    count: &Count<'_>,
    shared: Option<&Shared>,
) -> Result<u64, Fault> {
    if let Some(shared) = shared {
        return shared::gather(shared, wholes, writer, sizes, charge, callers, count).map(|()| 0);
    }
    let log = writer.writing.work.clone();
    let Begun { scratch, parts, outcomes, queue, progress, calls: before } =
        Begun::of(wholes, writer, sizes, charge, log.as_ref())?;
    let calls = Calls {
        wholes,
        parts: Arc::new(parts),
        outcomes: Arc::new(outcomes),
        calling: writer.calling(),
        cut: writer.writing.cut,
        log,
        progress,
        unnoted: Mutex::default(),
        count,
        calls_hold: AtomicU64::new(0),
        reused: AtomicU64::new(0),
        is_shared: false,
    };
    let resumable = calls.progress.is_some();
    scratch.leave(resumable);
    let passing = &writer.writing.sorting.passing;
    passing.begin(course::Phase::Call, queue.iter().flat_map(|(_, part)| part).map(|pieces| pieces.rows).sum());
    let ran = before.into_iter().try_for_each(|called| calls.again(called)).and_then(|()| calls.make(queue, callers));
    let put_out = ran.and_then(|()| {
        let Calls { outcomes, parts, reused, .. } = calls;
        let outcomes = Arc::into_inner(outcomes).ok_or_else(|| Fault::Host("a call outlived its step".to_owned()))?;
        std::thread::scope(|scope| {
            // The disk takes its time to free them. A process that resumes the run needs them.
            if !resumable {
                spawn_scoped(scope, move || drop(parts))?;
            }
            outcomes.put_out(writer)
        })?;
        Ok(reused.into_inner())
    });
    scratch.leave(resumable && matches!(put_out, Err(Fault::Interrupted)));
    put_out
}

/// A step whose rows are cut, or were cut by an earlier process.
struct Begun {
    scratch: Arc<Scratch>,
    parts: Parts,
    outcomes: Outcomes,
    /// The parts that are to be worked on, with their numbers.
    queue: Vec<(u32, Part)>,
    /// Where what is done is noted.
    progress: Option<Progress>,
    /// The calls that an earlier process made.
    calls: Vec<Called>,
}

impl Begun {
    fn of(
        wholes: &[Whole],
        writer: &GlobalWriter,
        sizes: Sizes,
        charge: Option<Charge>,
        log: Option<&(Ledger, u128)>,
    ) -> Result<Begun, Fault> {
        let (bound, sorting) = (&writer.writing.bound, &writer.writing.sorting);
        let folder = sorting.folder.with_added_extension("gathered");
        // Parts are the same in a later process.
        let seed = log.and_then(|(log, _)| log.seed());
        let tag = log.and_then(|(log, tag)| Some(tag.wrapping_add(sizes.tag()).wrapping_add(log.key()?)));
        let make = |scratch: &Arc<Scratch>| -> Result<(Parts, Outcomes), Fault> {
            let outcomes = Outcomes::new(bound, wholes[0].rows(), writer.calling().on_error, scratch)?;
            Ok((Parts::new(wholes, bound.clone(), sizes, scratch, sorting.clone(), seed)?, outcomes))
        };
        if let Some(before) = tag.and_then(|tag| Progress::before(&folder, tag)) {
            let scratch = Arc::new(Scratch::open(&folder, sorting.quota.clone()));
            let (mut parts, outcomes) = make(&scratch)?;
            if progress::is_intact(&before, &parts, &outcomes) {
                (parts.sizes.part, parts.charge) = (before.cut.size, Mutex::new(charge));
                let queue = progress::remaining(&before);
                let progress = Some(Progress::open(&scratch).map_err(unwritten)?);
                sorting.passing.is_partial();
                return Ok(Begun { scratch, parts, outcomes, queue, progress, calls: before.calls });
            }
        }
        let scratch = Arc::new(Scratch::create(&folder, sorting.quota.clone()).map_err(unwritten)?);
        let (mut parts, outcomes) = make(&scratch)?;
        parts.charge = Mutex::new(charge);
        let mut all = parts.cut(wholes)?;
        if all.is_empty() {
            // The step is called once even if there are no rows.
            all.push(parts.empty());
        }
        let mut progress = None;
        if let Some(tag) = tag
            && let Some(cut) = progress::noted(&parts, &mut all, tag)?
        {
            let file = Progress::open(&scratch).map_err(unwritten)?;
            file.note(&Gathered::Cut(cut)).map_err(unwritten)?;
            progress = Some(file);
        }
        Ok(Begun { scratch, parts, outcomes, queue: (0..).zip(all).collect(), progress, calls: Vec::new() })
    }
}
/// The calls of a step.
struct Calls<'a> {
    wholes: &'a [Whole],
    parts: Arc<Parts>,
    outcomes: Arc<Outcomes>,
    calling: Calling,
    cut: BatchSize,
    /// Where what calls did is noted, and the tag of all that the step is given.
    log: Option<(Ledger, u128)>,
    /// Where what is done is noted for a process that resumes the run.
    progress: Option<Progress>,
    /// Parts with calls about too many rows to be noted there: those calls are looked up in the log.
    unnoted: Mutex<BTreeSet<u32>>,
    count: &'a Count<'a>,
    /// Bytes held for the calls in progress.
    calls_hold: AtomicU64,
    /// Rows of the first input whose calls were made by an earlier process.
    reused: AtomicU64,
    /// Whether another process puts the results out, so that each has to be noted.
    is_shared: bool,
}

impl Calls<'_> {
    /// Makes the calls with all parts of a queue. The callers work side by side.
    fn make(&self, queue: Vec<(u32, Part)>, callers: Vec<Caller<'_>>) -> Result<(), Fault> {
        let queue = Mutex::new(queue.into_iter());
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            let (queue, failure) = (&queue, &failure);
            let work = move |mut caller: Caller<'_>| {
                let worked = caught(|| {
                    while lock(failure).is_none()
                        && !self.outcomes.is_failing()
                        && let Some((number, part)) = { lock(queue).next() }
                    {
                        self.call(part, (number, 0), &mut caller)?;
                        if !lock(&self.unnoted).contains(&number) {
                            self.note(|| Gathered::Ended { part: number })?;
                        }
                    }
                    Ok(())
                });
                if let Err(fault) = worked.unwrap_or_else(|error| Err(error.into())) {
                    lock(failure).get_or_insert(fault);
                }
            };
            let mut callers = callers.into_iter();
            let here = callers.next();
            for caller in callers {
                if let Err(error) = spawn_scoped(scope, move || work(caller)) {
                    lock(failure).get_or_insert(error.into());
                }
            }
            here.into_iter().for_each(work);
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Takes over a call that an earlier process made.
    fn again(&self, called: Called) -> Result<(), Fault> {
        (self.count)(called.counters.clone())?;
        self.reused.fetch_add(called.rows, Ordering::Relaxed);
        self.outcomes.add(progress::results(called, &self.outcomes))
    }

    fn note(&self, done: impl FnOnce() -> Gathered) -> Result<(), Fault> {
        self.progress.as_ref().map_or(Ok(()), |progress| progress.note(&done()).map_err(unwritten))
    }

    /// Calls the step with a part, of this number, or with the parts that it is cut into, as often as `level` says.
    fn call(&self, part: Part, (number, level): (u32, u32), caller: &mut Caller<'_>) -> Result<(), Fault> {
        let parts = &self.parts;
        parts.sorting.go_on()?;
        let (bytes, here) = (part.iter().map(|rows| rows.bytes).sum::<u64>(), parts.held_by(&part));
        let is_large = bytes > parts.sizes.part * LARGE;
        if is_large && parts.is_one_group(&part)? {
            let stream = |(port, rows): (usize, Pieces)| match parts.is_whole(port) {
                true => Ok(Given::Whole(rows.rows)),
                false => Ok(Given::Streamed(Arc::new(Streamed::of(parts, port, rows)?))),
            };
            let given = part.into_iter().enumerate().map(stream).collect::<Result<Vec<_>, Fault>>()?;
            self.give(given, number, caller)?;
            parts.forget(here);
            return Ok(());
        }
        if is_large && level < LEVELS {
            let cut = parts.split(&part, level)?;
            drop(part);
            parts.forget(here);
            return cut.into_iter().try_for_each(|part| self.call(part, (number, level + 1), caller));
        }
        self.calls_hold.fetch_add(bytes * TIMES, Ordering::Relaxed);
        self.count()?;
        let arranged = arrange(parts, &part)?;
        drop(part);
        parts.forget(here);
        self.give(arranged, number, caller)?;
        self.calls_hold.fetch_sub(bytes * TIMES, Ordering::Relaxed);
        self.count()
    }

    /// Makes a call with these rows of each input.
    fn give(&self, given: Vec<Given>, part: u32, caller: &mut Caller<'_>) -> Result<(), Fault> {
        let first = match given[0].rows() {
            0 => (u64::MAX, 0),
            _ => given[0].groups(&[0])?[0],
        };
        let grouped = self.parts.bound.gathered.is_grouped();
        // A call that is made again has a tag of its own: the deeds of the first one do not count.
        let tag = self.log.as_ref().map(|(log, tag)| (log, tag_of(*tag, &given)));
        let attempts = AtomicU64::new(0);
        let writer = |attempt: u64| {
            let log = tag.map(|(log, tag)| (log.clone(), tag.wrapping_add(u128::from(attempt))));
            PartWriter::new(&self.outcomes, given[0].clone(), first, &self.calling, log)
        };
        if let Some((log, tag)) = tag
            && let Some((tag, file)) = (0..ATTEMPTS)
                .map(|attempt| tag.wrapping_add(u128::from(attempt)))
                .find_map(|tag| Some((tag, log.ended(tag)?)))
        {
            self.parts.sorting.passing.is_partial();
            let mut writer = PartWriter::new(&self.outcomes, given[0].clone(), first, &self.calling, None);
            let counters = log.replay(tag, file, |deed, written| writer.again(deed, written))?;
            self.reused.fetch_add(given[0].rows(), Ordering::Relaxed);
            return self.end(part, given[0].rows(), counters, writer);
        }
        let passed = || Passed::new(&self.parts.sorting.passing);
        let begin = || {
            let reader = |(port, given): (usize, &Given)| match given {
                Given::Whole(_) => {
                    let (whole, bound) = (self.wholes[port].clone(), self.parts.bound.clone());
                    Box::new(GlobalReader::new(whole, bound, port, passed())) as Box<dyn RowReader>
                }
                given => {
                    let (given, cut, passed) = (given.clone(), self.cut, passed());
                    Box::new(PartReader { given, cut, grouped, passed }) as Box<dyn RowReader>
                }
            };
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            (given.iter().enumerate().map(reader).collect(), writer(attempt))
        };
        let (writer, counters) = caller(&begin)?;
        writer.note_end(&counters)?;
        self.end(part, given[0].rows(), counters, writer)
    }

    /// Takes over the result of a call with `rows` rows of the first input.
    fn end(&self, part: u32, rows: u64, counters: Counters, writer: PartWriter) -> Result<(), Fault> {
        let rows_out = writer.rows_out();
        let results = writer.end()?;
        if self.is_shared {
            return self.note(|| Gathered::Called(progress::called_of_any_size(part, rows, &counters, &results)));
        }
        if let Some(progress) = &self.progress {
            match progress::called(part, rows, &counters, &results) {
                Some(called) => progress.note(&Gathered::Called(called)).map_err(unwritten)?,
                None => drop(lock(&self.unnoted).insert(part)),
            }
        }
        (self.count)(counters)?;
        self.parts.sorting.passing.kept(rows, rows_out);
        self.outcomes.add(results)
    }

    fn count(&self) -> Result<(), Fault> {
        self.parts.count(self.calls_hold.load(Ordering::Relaxed) + self.outcomes.bytes())
    }
}

/// As often as a call is made at most, and a result looked for.
const ATTEMPTS: u64 = 16;

/// What a call is known by: which rows it is given, in which order and groups. `tag` says what the rows of the inputs are.
fn tag_of(tag: u128, given: &[Given]) -> u128 {
    let mut digest = XxHash3_128::with_seed(tag as u64);
    digest.write(&tag.to_le_bytes());
    for given in given {
        given.digest(&mut digest);
    }
    digest.finish_128()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unwritten(error: std::io::Error) -> Fault {
    RunError::unwritten("bring rows together", &error).into()
}

fn unread(error: std::io::Error) -> Fault {
    RunError::unread("rows that are brought together", &error).into()
}
