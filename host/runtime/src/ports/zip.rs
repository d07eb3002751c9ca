//! Rows of branches that part from one fork, joined again: those that come from the same row of it become one.
//!
//! Where nothing but transforms of one stage is between, each batch of the fork arrives as one batch of each branch, perhaps without
//! rows, so that the branches advance together. Whatever arrives is taken, so that no branch keeps another one waiting. Otherwise
//! every branch is a spill, and frames are read as they are needed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{SchemaRef, UInt64Type};
use callboard_plan::pipeline::BatchSize;
use callboard_sandbox::bytes;

use super::{Message, Stop, Supply, Zipped, bug, unnoted};
use crate::error::{Class, RunError};
use crate::rows::Batch;
use crate::rows::flight::{Admission, Flight, Writing};
use crate::store::Spill;
use crate::store::lengths::{Length, Lengths};
use crate::store::records::Joined;

/// Where it is noted at the end what was read of each branch.
pub(crate) type Note = Box<dyn Fn(Vec<Joined>) + Send>;

/// What rows of one branch may take until those of others are there that they belong to, bytes.
const MOST_WAITING: u64 = 256 << 20;

/// Reads branches, joined row by row.
pub(crate) struct ZipInlet {
    zipped: Arc<Zipped>,
    size: BatchSize,
    branches: Branches,
    /// What was joined, and not read yet.
    ready: VecDeque<Batch>,
    joined: Vec<Joined>,
    note: Option<Note>,
    /// Notes which rows of the branches became which: as many entries as branches for rows that were joined together.
    lengths: Option<Lengths>,
    flight: Arc<Flight>,
}

enum Branches {
    /// Each batch of the fork comes as one of each branch.
    InStep(InStep),
    /// Spills that are not sealed yet, or not looked at.
    Awaited(Vec<Supply>, Admission),
    Merged(Merge),
}

impl ZipInlet {
    /// For branches that advance together, received in one channel.
    pub(crate) fn in_step(
        zipped: Arc<Zipped>,
        size: BatchSize,
        channel: Receiver<(usize, Message)>,
        flight: Arc<Flight>,
        note: Note,
    ) -> ZipInlet {
        let branches = (0..zipped.branches()).map(|_| Arriving::default()).collect();
        ZipInlet::of(zipped, size, Branches::InStep(InStep { channel, branches }), flight, note)
    }

    /// For branches that are spills.
    pub(crate) fn merged(
        zipped: Arc<Zipped>,
        size: BatchSize,
        spills: Vec<Supply>,
        admission: Admission,
        flight: Arc<Flight>,
        note: Note,
    ) -> ZipInlet {
        ZipInlet::of(zipped, size, Branches::Awaited(spills, admission), flight, note)
    }

    fn of(zipped: Arc<Zipped>, size: BatchSize, branches: Branches, flight: Arc<Flight>, note: Note) -> ZipInlet {
        let joined = vec![Joined::default(); zipped.branches()];
        ZipInlet { zipped, size, branches, ready: VecDeque::new(), joined, note: Some(note), lengths: None, flight }
    }

    /// The same, which notes where its rows come from.
    pub(crate) fn noting(self, lengths: Option<Lengths>) -> ZipInlet {
        ZipInlet { lengths, ..self }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.zipped.schema
    }

    pub(super) fn next(&mut self) -> Result<Option<Batch>, Stop> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let more = match &mut self.branches {
                Branches::InStep(branches) => {
                    let Some(rows) = branches.next()? else { break };
                    let rows = join_parts(&self.zipped, rows)?;
                    let mut batches =
                        self.zipped.join(&rows, self.size, &mut self.joined).map_err(|error| bug(&error))?;
                    note_lengths(&mut self.lengths, &rows, &batches)?;
                    drop(rows);
                    // The reader's own batch is done when the last of these is.
                    for batch in batches.iter_mut().rev().skip(1) {
                        batch.more = true;
                    }
                    if batches.is_empty() {
                        batches.push(Batch::nothing());
                    }
                    for batch in batches {
                        let more = batch.more;
                        let batch = match batch.is_empty() {
                            true => batch,
                            false => self.flight.covered(&batch).map_err(RunError::from)?,
                        };
                        self.ready.push_back(Batch { more, ..batch });
                    }
                    continue;
                }
                Branches::Awaited(supplies, admission) => {
                    let merge = Merge::new(&self.zipped, std::mem::take(supplies), admission.clone(), &self.flight)?;
                    self.branches = Branches::Merged(merge);
                    continue;
                }
                Branches::Merged(merge) => merge.next(&self.zipped, self.size, &mut self.joined, &mut self.lengths)?,
            };
            let Some(more) = more else { break };
            self.ready.extend(more);
        }
        if let Some(note) = self.note.take() {
            note(std::mem::take(&mut self.joined));
            self.lengths.iter_mut().try_for_each(Lengths::end).map_err(|error| unnoted(&error))?;
        }
        Ok(None)
    }
}

/// Branches that advance together.
struct InStep {
    channel: Receiver<(usize, Message)>,
    branches: Vec<Arriving>,
}

/// What has arrived of a branch and waits for the others. A branch is ahead by no more than what is on its way in another one.
#[derive(Default)]
struct Arriving {
    /// Batches, each in its parts.
    whole: VecDeque<Vec<Batch>>,
    /// Parts of the next one.
    parts: Vec<Batch>,
    ended: bool,
}

impl InStep {
    /// What each branch has of the next batch of the fork; `None` at the end.
    fn next(&mut self) -> Result<Option<Vec<Vec<Batch>>>, Stop> {
        loop {
            if self.branches.iter().all(|branch| !branch.whole.is_empty()) {
                return Ok(Some(self.branches.iter_mut().filter_map(|branch| branch.whole.pop_front()).collect()));
            }
            if self.branches.iter().all(|branch| branch.ended) {
                return match self.branches.iter().all(|branch| branch.whole.is_empty() && branch.parts.is_empty()) {
                    true => Ok(None),
                    false => Err(RunError::new(Class::Bug, "branches of a zip did not end together").into()),
                };
            }
            let (branch, message) = self.channel.recv().map_err(|_| Stop::Elsewhere)?;
            let branch = &mut self.branches[branch];
            let Some(batch) = message else {
                branch.ended = true;
                continue;
            };
            let more = batch.more;
            if !batch.is_empty() {
                branch.parts.push(batch);
            }
            if !more {
                branch.whole.push_back(std::mem::take(&mut branch.parts));
            }
        }
    }
}

fn join_parts(zipped: &Zipped, rows: Vec<Vec<Batch>>) -> Result<Vec<Option<Batch>>, Stop> {
    let one = |(branch, parts)| zipped.one(branch, parts).map_err(|error| Stop::from(bug(&error)));
    rows.into_iter().enumerate().map(one).collect()
}

/// Notes how many rows of each branch became how many.
fn note_lengths(lengths: &mut Option<Lengths>, rows: &[Option<Batch>], joined: &[Batch]) -> Result<(), Stop> {
    let Some(lengths) = lengths else { return Ok(()) };
    let rows_out = joined.iter().map(|batch| batch.len() as u64).sum();
    let of_branch = |rows: &Option<Batch>| Length {
        rows_in: rows.as_ref().map_or(0, |rows| rows.len() as u64),
        rows_out,
        ..Length::default()
    };
    let noted = rows.iter().filter(|_| rows_out > 0).try_for_each(|rows| lengths.batch(of_branch(rows)));
    Ok(noted.map_err(|error| unnoted(&error))?)
}

/// Branches that lie in spills.
struct Merge {
    branches: Vec<Waiting>,
    admission: Admission,
    /// What waits takes this much; readers of other spills do not wait for it.
    held: Writing,
}

/// A branch, and its rows that wait for those that they belong to.
struct Waiting {
    spill: Arc<Spill>,
    /// The next frame.
    frame: usize,
    /// For each frame the smallest number of a row of the fork in it and those behind it.
    least: Vec<u64>,
    rows: VecDeque<Part>,
}

/// A frame, and the smallest and largest number in it.
struct Part {
    batch: Batch,
    least: u64,
    most: u64,
    bytes: u64,
}

impl Waiting {
    fn new(zipped: &Zipped, branch: usize, spill: Arc<Spill>) -> Result<Waiting, Stop> {
        let mut least = Vec::with_capacity(spill.frames());
        for frame in 0..spill.frames() {
            let rows = spill.read(frame, Some(&[zipped.stamp(branch)])).map_err(|error| unread(&error))?;
            let stamps = rows.rows.column(0).as_primitive::<UInt64Type>();
            if stamps.null_count() > 0 {
                return Err(made(&spill.feed().whole().to_string()).into());
            }
            least.push(stamps.values().iter().copied().min().unwrap_or(u64::MAX));
        }
        for frame in (1..least.len()).rev() {
            least[frame - 1] = least[frame - 1].min(least[frame]);
        }
        Ok(Waiting { spill, frame: 0, least, rows: VecDeque::new() })
    }

    /// All rows of smaller numbers have been read.
    fn below(&self) -> u64 {
        self.least.get(self.frame).copied().unwrap_or(u64::MAX)
    }

    fn read(&mut self, zipped: &Zipped, branch: usize) -> Result<(), Stop> {
        let batch = self.spill.read(self.frame, None).map_err(|error| unread(&error))?;
        self.frame += 1;
        let stamps = batch.rows.column(zipped.stamp(branch)).as_primitive::<UInt64Type>();
        let (mut least, mut most) = (u64::MAX, 0);
        for stamp in stamps.values() {
            (least, most) = (least.min(*stamp), most.max(*stamp));
        }
        let bytes = batch.bytes();
        self.rows.push_back(Part { least, most, bytes, batch });
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.rows.iter().map(|part| part.bytes).sum()
    }

    /// How many of its rows have smaller numbers.
    fn ready(&self, zipped: &Zipped, branch: usize, below: u64) -> usize {
        let of_part = |part: &Part| match (part.most < below, part.least < below) {
            (true, _) => part.batch.len(),
            (false, false) => 0,
            (false, true) => {
                let stamps = part.batch.rows.column(zipped.stamp(branch)).as_primitive::<UInt64Type>();
                stamps.values().iter().filter(|stamp| **stamp < below).count()
            }
        };
        self.rows.iter().map(of_part).sum()
    }

    /// Takes out the rows of smaller numbers; `in_order` becomes false if others lie before them.
    fn take(&mut self, zipped: &Zipped, branch: usize, below: u64, in_order: &mut bool) -> Result<Vec<Batch>, Stop> {
        let (mut taken, mut left): (Vec<Batch>, VecDeque<Part>) = (Vec::new(), VecDeque::new());
        for part in std::mem::take(&mut self.rows) {
            *in_order &= left.is_empty() || part.least >= below;
            if part.most < below {
                taken.push(part.batch);
                continue;
            }
            if part.least >= below {
                left.push_back(part);
                continue;
            }
            let stamps = part.batch.rows.column(zipped.stamp(branch)).as_primitive::<UInt64Type>();
            let (before, behind): (Vec<u32>, Vec<u32>) =
                (0..part.batch.len() as u32).partition(|row| stamps.value(*row as usize) < below);
            *in_order &= before.last().is_none_or(|last| behind.iter().all(|row| row > last));
            let least = behind.iter().map(|row| stamps.value(*row as usize)).min().unwrap_or(u64::MAX);
            let some = |rows: Vec<u32>| part.batch.take(&rows.into()).map_err(|error| Stop::from(bug(&error)));
            taken.push(some(before)?);
            let rest = some(behind)?;
            left.push_back(Part { least, most: part.most, bytes: rest.bytes(), batch: rest });
        }
        self.rows = left;
        Ok(taken)
    }
}

impl Merge {
    fn new(zipped: &Zipped, supplies: Vec<Supply>, admission: Admission, flight: &Arc<Flight>) -> Result<Merge, Stop> {
        let mut spills = Vec::with_capacity(supplies.len());
        for supply in supplies {
            spills.push(match supply {
                Supply::Sealed(spill) => spill,
                Supply::Sealing(spill) => spill.recv().map_err(|_| Stop::Elsewhere)?,
                Supply::Channel(_) => unreachable!("branches of a zip are all channels, or all spills"),
            });
        }
        let waiting = |(branch, spill)| Waiting::new(zipped, branch, spill);
        let branches = spills.into_iter().enumerate().map(waiting).collect::<Result<_, _>>()?;
        Ok(Merge { branches, admission, held: flight.writing() })
    }

    /// More rows; `None` at the end.
    fn next(
        &mut self,
        zipped: &Zipped,
        size: BatchSize,
        joined: &mut [Joined],
        lengths: &mut Option<Lengths>,
    ) -> Result<Option<Vec<Batch>>, Stop> {
        loop {
            let below = self.branches.iter().map(Waiting::below).min().unwrap_or(u64::MAX);
            let ready = self.branches.iter().enumerate().map(|(branch, waiting)| waiting.ready(zipped, branch, below));
            let (ready, bytes) =
                (ready.max().unwrap_or_default(), self.branches.iter().map(Waiting::bytes).sum::<u64>());
            let ended = below == u64::MAX;
            if ended && ready == 0 {
                return Ok(None);
            }
            if ready > 0
                && (ended || ready as u64 >= size.rows || bytes >= size.bytes.saturating_mul(joined.len() as u64))
            {
                let ticket = self.admission.admit();
                let (mut parts, mut in_order) = (Vec::with_capacity(self.branches.len()), true);
                for (branch, waiting) in self.branches.iter_mut().enumerate() {
                    parts.push(waiting.take(zipped, branch, below, &mut in_order)?);
                }
                // Rows that do not follow one another are not found by their numbers.
                lengths.take_if(|_| !in_order);
                let rows = join_parts(zipped, parts)?;
                let batches = zipped.join(&rows, size, joined).map_err(|error| bug(&error))?;
                note_lengths(lengths, &rows, &batches)?;
                drop(rows);
                self.hold()?;
                let ticket = Arc::new(ticket);
                return Ok(Some(
                    batches.into_iter().map(|batch| Batch { ticket: Some(ticket.clone()), ..batch }).collect(),
                ));
            }
            let next = (0..self.branches.len()).min_by_key(|branch| self.branches[*branch].below()).unwrap_or_default();
            self.branches[next].read(zipped, next)?;
            self.hold()?;
            if let Some(waiting) = self.branches.iter().find(|waiting| waiting.bytes() > MOST_WAITING) {
                return Err(out_of_order(&waiting.spill.feed().whole().to_string()).into());
            }
        }
    }

    fn hold(&mut self) -> Result<(), Stop> {
        let bytes = self.branches.iter().map(Waiting::bytes).sum();
        Ok(self.held.set(bytes).map_err(RunError::from)?)
    }
}

fn unread(error: &std::io::Error) -> RunError {
    RunError::unread("rows between stages", error)
}

fn made(feed: &str) -> RunError {
    let message =
        format!("a row of `{feed}` comes from no row of the fork: a step has made it, so that it cannot be zipped");
    RunError::new(Class::Data, message).help("zip before that step, or join by a column: use = \"join\"")
}

fn out_of_order(feed: &str) -> RunError {
    let message = format!(
        "rows of `{feed}` come in another order than those of the branches that they are zipped with, and more than {} would have to wait",
        bytes(MOST_WAITING)
    );
    RunError::new(Class::Limit, message)
        .help("zip before the step that changes their order, or join by a column: use = \"join\"")
}
