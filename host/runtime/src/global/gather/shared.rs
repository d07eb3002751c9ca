//! A step whose rows are brought together by key, done by several processes. Each of some cuts its share of the rows into parts; each of others makes the
//! calls with its share of the parts; and one puts the results out, in the order of the input. What one leaves for others lies in a
//! folder: rows or results, and the file `done`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use callboard_plan::pipeline::OnError;
use twox_hash::XxHash3_128;

use super::outcome::Outcomes;
use super::parts::Parts;
use super::pieces::{Part, Piece, Pieces};
use super::{Caller, Calls, Count, Sizes, progress, unread, unwritten};
use crate::error::{Fault, RunError};
use crate::global::{GlobalWriter, Whole};
use crate::rows::flight::Charge;
use crate::store::records::{Called, Cut, Gathered};
use crate::store::scatter::Scratch;
use crate::store::{Before, Frame, LeftPile, Pile, Progress};

/// What one of several processes does of a step.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    /// The seed of keys' digests, which all have.
    pub(crate) seed: u64,
    pub(crate) duty: Duty,
}

/// What a process does of a step, and which share of that, of how many.
#[derive(Clone, Debug)]
pub(crate) enum Duty {
    /// A share of the rows is cut into parts, which are left in a folder.
    Scatter { share: (u32, u32), to: PathBuf },
    /// The step is called with a share of the parts, which were left in these folders; the results are left in another one.
    Parts { share: (u32, u32), from: Vec<PathBuf>, to: PathBuf },
    /// What was left in these folders is put out.
    Merge { from: Vec<PathBuf> },
}

impl Shared {
    /// Whether nothing is put out.
    pub(crate) fn leaves(&self) -> bool {
        !matches!(self.duty, Duty::Merge { .. })
    }

    /// Whether the step is called.
    pub(crate) fn calls(&self) -> bool {
        matches!(self.duty, Duty::Parts { .. })
    }

    /// What tells the rows that a process was given, and what it did of them.
    fn tag(&self, wholes: &[Whole], duty: u64, (share, of): (u32, u32)) -> u128 {
        let mut digest = XxHash3_128::with_seed(self.seed);
        let rows = wholes.iter().map(Whole::rows);
        [duty, share.into(), of.into()].into_iter().chain(rows).for_each(|n| digest.write(&n.to_le_bytes()));
        digest.finish_128()
    }

    /// What each process with a duty left.
    fn left<'a>(
        &self,
        wholes: &'a [Whole],
        duty: u64,
        from: &'a [PathBuf],
    ) -> impl Iterator<Item = Result<(&'a Path, Before), Fault>> {
        let (of, shared) = (from.len() as u32, self.clone());
        from.iter().zip(0..).map(move |(folder, share)| {
            let left = Progress::before(folder, shared.tag(wholes, duty, (share, of)));
            Ok((folder.as_path(), left.ok_or_else(|| damaged(folder))?))
        })
    }
}

/// Duties in tags.
const SCATTER: u64 = 1;
const PARTS: u64 = 2;

/// Does what one process does of a step.
pub(super) fn gather(
    shared: &Shared,
    wholes: &[Whole],
    writer: &mut GlobalWriter,
    sizes: Sizes,
    charge: Option<Charge>,
    callers: Vec<Caller<'_>>,
    count: &Count<'_>,
) -> Result<(), Fault> {
    let (bound, sorting) = (writer.writing.bound.clone(), writer.writing.sorting.clone());
    let here = sorting.folder.with_added_extension("gathered");
    let scratch = |folder: &Path, stays: bool| {
        let scratch = Arc::new(Scratch::create(folder, sorting.quota.clone()).map_err(unwritten)?);
        scratch.leave(stays);
        Ok::<_, Fault>(scratch)
    };
    let parts = |scratch: &Arc<Scratch>, charge| {
        let mut parts = Parts::new(wholes, bound.clone(), sizes, scratch, sorting.clone(), Some(shared.seed))?;
        parts.charge = Mutex::new(charge);
        Ok::<_, Fault>(parts)
    };
    let rows = wholes[0].rows();
    match &shared.duty {
        Duty::Scatter { share, to } => {
            let scratch = scratch(to, true)?;
            let mut parts = parts(&scratch, charge)?;
            parts.share = (share.0.into(), share.1.into());
            let mut all = parts.cut_all(wholes)?;
            let cut = progress::brought(&parts, &mut all, shared.tag(wholes, SCATTER, *share))?;
            let done = Progress::open(&scratch).map_err(unwritten)?;
            done.note(&Gathered::Cut(cut)).map_err(unwritten)
        }
        Duty::Parts { share, from, to } => {
            let mut parts = parts(&scratch(&here, false)?, charge)?;
            let mut queue = left_parts(shared, wholes, &mut parts, *share, from)?;
            if share.0 == 0 && wholes.iter().all(|whole| whole.rows() == 0) {
                // The step is called once even if there are no rows.
                queue.push((0, parts.empty()));
            }
            let left = scratch(to, true)?;
            let (tag, size) = (shared.tag(wholes, PARTS, *share), parts.sizes.part);
            let number = |(number, _): &(u32, Part)| *number as usize + 1;
            let done = Progress::open(&left).map_err(unwritten)?;
            let cut = Cut { tag, size, parts: vec![Vec::new(); queue.last().map_or(0, number)] };
            done.note(&Gathered::Cut(cut)).map_err(unwritten)?;
            // Whether a row may be rejected is for whoever has all of them.
            let outcomes = Outcomes::new(&bound, rows, OnError::Reject, &left)?;
            let calls = Calls {
                wholes,
                parts: Arc::new(parts),
                outcomes: Arc::new(outcomes),
                calling: writer.calling(),
                cut: writer.writing.cut,
                log: None,
                progress: Some(done),
                unnoted: Mutex::default(),
                count,
                calls_hold: AtomicU64::new(0),
                reused: AtomicU64::new(0),
                is_shared: true,
            };
            calls.make(queue, callers)
        }
        Duty::Merge { from } => {
            let outcomes = Outcomes::new(&bound, rows, writer.calling().on_error, &scratch(&here, false)?)?;
            for left in shared.left(wholes, PARTS, from) {
                let (folder, before) = left?;
                let open = |of: &Pile, name| LeftPile::open(folder, name, of.schema().clone()).map_err(unread);
                let (put_out, removed) = (open(&outcomes.put_out, "put-out")?, open(&outcomes.removed, "removed")?);
                for called in before.calls {
                    sorting.go_on()?;
                    count(called.counters.clone())?;
                    let moved = moved(called, (&put_out, &outcomes.put_out), (&removed, &outcomes.removed))?;
                    outcomes.add(progress::results(moved, &outcomes))?;
                }
            }
            outcomes.put_out(writer)
        }
    }
}

/// The parts of a share, with their numbers: where their rows lie in what others left.
fn left_parts(
    shared: &Shared,
    wholes: &[Whole],
    parts: &mut Parts,
    (share, of): (u32, u32),
    from: &[PathBuf],
) -> Result<Vec<(u32, Part)>, Fault> {
    let count = parts.size(wholes)?;
    let mine = share_of(count, (share, of));
    let mut all: Vec<Part> = mine.clone().map(|_| parts.empty()).collect();
    parts.left = parts.layouts.iter().map(|_| Vec::with_capacity(from.len())).collect();
    for (at, left) in shared.left(wholes, SCATTER, from).enumerate() {
        let (folder, before) = left?;
        if before.cut.parts.len() as u64 != count {
            return Err(damaged(folder));
        }
        for (port, layout) in parts.layouts.iter().enumerate() {
            let pile = LeftPile::open(folder, &rows_of(port), layout.schema.clone());
            parts.left[port].push(pile.map_err(unread)?);
        }
        for (part, laid) in all.iter_mut().zip(&before.cut.parts[mine.clone()]) {
            if part.len() != laid.len() {
                return Err(damaged(folder));
            }
            for (pieces, laid) in part.iter_mut().zip(laid) {
                let Pieces { pieces, rows, bytes, .. } = pieces;
                pieces.extend(laid.frames.iter().map(|frame| Piece::Left(at, *frame)));
                (*rows, *bytes) = (rows.saturating_add(laid.rows), bytes.saturating_add(laid.bytes));
            }
        }
    }
    let numbered = (mine.start as u32..).zip(all);
    Ok(numbered.filter(|(_, part)| part.iter().any(|pieces| pieces.rows > 0)).collect())
}

/// The file of the rows of a port.
fn rows_of(port: usize) -> String {
    format!("rows-{port}")
}

/// A share of the parts.
fn share_of(parts: u64, (share, of): (u32, u32)) -> Range<usize> {
    let begin = |share: u32| (u128::from(parts) * u128::from(share) / u128::from(of)) as usize;
    begin(share)..begin(share + 1)
}

/// Bytes between two ranges that are read with them: that costs less than to ask twice.
const GAP: u64 = 256 << 10;

/// Which bytes a share of the parts takes of the files that rows were left in, by their names; `folder` needs to have no more than [`DONE`] of
/// what was left. `None` if that is damaged.
pub(crate) fn wanted(folder: &Path, share: (u32, u32)) -> Option<Vec<(String, Vec<Range<u64>>)>> {
    let cut = Progress::cut(folder)?;
    let parts = &cut.parts[share_of(cut.parts.len() as u64, share)];
    let ports = cut.parts.iter().map(Vec::len).max().unwrap_or(0);
    let of_port = |port: usize| {
        let laid = parts.iter().filter_map(|part| part.get(port));
        let mut spans: Vec<Range<u64>> = laid.flat_map(|laid| &laid.frames).map(Frame::span).collect();
        spans.sort_by_key(|span| span.start);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for span in spans {
            match ranges.last_mut().filter(|last| span.start <= last.end.saturating_add(GAP)) {
                Some(last) => last.end = last.end.max(span.end),
                None => ranges.push(span),
            }
        }
        (rows_of(port), ranges)
    };
    Some((0..ports).map(of_port).collect())
}

/// The result of a call, with the rows that were put out or removed in files of this process.
fn moved(called: Called, put_out: (&LeftPile, &Pile), removed: (&LeftPile, &Pile)) -> Result<Called, Fault> {
    let copied = |(from, to): (&LeftPile, &Pile), frames: Vec<Frame>| {
        let copy = |frame: Frame| to.push(&from.read(&frame).map_err(unread)?).map_err(unwritten);
        frames.into_iter().map(copy).collect::<Result<Vec<Frame>, Fault>>()
    };
    let Called { put_out: runs, removed_runs, .. } = called;
    let runs = runs.into_iter().map(|(place, at, frames)| Ok((place, at, copied(put_out, frames)?)));
    let (runs, removed_runs) = (
        runs.collect::<Result<Vec<_>, Fault>>()?,
        removed_runs.into_iter().map(|frames| copied(removed, frames)).collect::<Result<Vec<_>, Fault>>()?,
    );
    Ok(Called { put_out: runs, removed_runs, ..called })
}

fn damaged(folder: &Path) -> Fault {
    let message = format!("what a task left in `{}` is damaged, or is of other rows", folder.display());
    RunError::new(crate::error::Class::System, message).into()
}
