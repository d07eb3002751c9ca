//! What is done of a step, as it is noted on the disk, and taken over by a process that resumes the run.

use callboard_sandbox::Fate;

use super::Counters;
use super::outcome::{Outcomes, PutOut};
use super::part::Results;
use super::parts::Parts;
use super::pieces::{Part, Piece, Pieces};
use super::rowset::RowSet;
use crate::error::Fault;
use crate::store::records::{Called, Cut, Laid};
use crate::store::{Before, Frame, Pile};

/// The result of a call about more rows than this is not noted: it is in the log of the step's work.
const MOST: usize = 1 << 22;

/// The parts as they are noted; `None` if all rows are in memory, so that cutting them again costs little.
pub(super) fn noted(parts: &Parts, all: &mut [Part], tag: u128) -> Result<Option<Cut>, Fault> {
    let is_there = |pieces: &Pieces| pieces.pieces.iter().any(|piece| matches!(piece, Piece::There(_)));
    let are_there = all.iter().flatten().flat_map(|pieces| pieces.ranges.iter().chain([pieces])).any(is_there);
    if are_there { brought(parts, all, tag).map(Some) } else { Ok(None) }
}

/// The parts as they are noted, all of them brought to the disk.
pub(super) fn brought(parts: &Parts, all: &mut [Part], tag: u128) -> Result<Cut, Fault> {
    for part in all.iter_mut() {
        for (port, pieces) in part.iter_mut().enumerate() {
            parts.write(pieces, port)?;
            pieces.ranges.iter_mut().try_for_each(|range| parts.write(range, port))?;
        }
    }
    let laid = all.iter().map(|part| part.iter().map(laid).collect()).collect();
    Ok(Cut { tag, size: parts.sizes.part, parts: laid })
}

fn laid(pieces: &Pieces) -> Laid {
    let frame = |piece: &Piece| match piece {
        Piece::There(frame) => Some(*frame),
        Piece::Here(_) | Piece::Left(..) => None,
    };
    Laid {
        rows: pieces.rows,
        bytes: pieces.bytes,
        frames: pieces.pieces.iter().filter_map(frame).collect(),
        ranges: pieces.ranges.iter().map(laid).collect(),
    }
}

/// The parts that did not end, with their numbers.
pub(super) fn remaining(before: &Before) -> Vec<(u32, Part)> {
    let parts = (0..).zip(&before.cut.parts).zip(&before.ended).filter(|(_, ended)| !**ended);
    parts.map(|((number, part), _)| (number, part.iter().map(pieces).collect())).collect()
}

fn pieces(laid: &Laid) -> Pieces {
    Pieces {
        pieces: laid.frames.iter().copied().map(Piece::There).collect(),
        rows: laid.rows,
        bytes: laid.bytes,
        ranges: laid.ranges.iter().map(pieces).collect(),
    }
}

/// Whether everything is there that an earlier process noted and that is read from now on.
pub(super) fn is_intact(before: &Before, parts: &Parts, outcomes: &Outcomes) -> bool {
    let mut body = Vec::new();
    let mut intact = |pile: &Pile, frames: &[Frame]| frames.iter().all(|frame| pile.is_intact(frame, &mut body));
    let of_calls = before.calls.iter().all(|called| {
        called.put_out.iter().all(|(.., frames)| intact(&outcomes.put_out, frames))
            && called.removed_runs.iter().all(|frames| intact(&outcomes.removed, frames))
    });
    let of_parts = before.cut.parts.iter().zip(&before.ended).filter(|(_, ended)| !**ended).all(|(part, _)| {
        part.len() == parts.piles.len()
            && part
                .iter()
                .zip(&parts.piles)
                .all(|(laid, pile)| laid.ranges.iter().chain([laid]).all(|laid| intact(pile, &laid.frames)))
    });
    of_calls && of_parts
}

/// The result of a call as it is noted; `None` if it is not, since it is about very many rows.
pub(super) fn called(part: u32, rows: u64, counters: &Counters, results: &Results) -> Option<Called> {
    let is_large = results.gone.exceeds(MOST) || results.removed.iter().any(|(.., rows)| rows.exceeds(MOST));
    (!is_large).then(|| called_of_any_size(part, rows, counters, results))
}

/// The result of a call as it is noted for another process.
pub(super) fn called_of_any_size(part: u32, rows: u64, counters: &Counters, results: &Results) -> Called {
    let removed = |(fate, reason, rows): &(Fate, std::sync::Arc<str>, RowSet)| {
        (*fate == Fate::Rejected, reason.to_string(), gaps(rows))
    };
    Called {
        part,
        rows,
        counters: counters.clone(),
        rejects: results.rejects,
        gone: gaps(&results.gone),
        unlisted: results.unlisted,
        removed: results.removed.iter().map(removed).collect(),
        put_out: results.put_out.iter().map(|put| (put.call.0, put.call.1, put.frames.clone())).collect(),
        removed_runs: results.removed_runs.clone(),
    }
}

/// The result of a call that was noted.
pub(super) fn results(called: Called, outcomes: &Outcomes) -> Results {
    let set = |gaps: Vec<u64>| {
        let mut set = RowSet::of(outcomes.rows);
        let rows = gaps.into_iter().scan(0u64, |row, gap| {
            *row = row.saturating_add(gap);
            Some(*row)
        });
        set.extend(rows.filter(|row| *row < outcomes.rows));
        set
    };
    let fate = |rejected| if rejected { Fate::Rejected } else { Fate::Dropped };
    Results {
        given: called.rows,
        gone: set(called.gone),
        unlisted: called.unlisted,
        put_out: called.put_out.into_iter().map(|(place, at, frames)| PutOut { call: (place, at), frames }).collect(),
        removed: called
            .removed
            .into_iter()
            .map(|(rejected, why, rows)| (fate(rejected), why.into(), set(rows)))
            .collect(),
        removed_runs: called.removed_runs,
        rejects: called.rejects,
    }
}

/// Rows in order, each as its distance from the one before.
fn gaps(rows: &RowSet) -> Vec<u64> {
    let mut rows: Vec<u64> = rows.rows().collect();
    rows.sort_unstable();
    let mut last = 0;
    rows.iter_mut().for_each(|row| *row -= std::mem::replace(&mut last, *row));
    rows
}
