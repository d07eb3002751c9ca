//! The rows of a window, put in order.

use std::sync::Arc;

use callboard_io::Task;

use super::shuffle::{unread, unwritten};
use crate::error::Fault;
use crate::rows::{Batch, weight};
use crate::store::scatter::{Scratch, Window};

/// Rows that are copied into one batch when they are put in order, bytes.
const TOGETHER: u64 = 256 << 20;
/// Batches, and where their rows go, as `Scattered` has it.
pub(super) type Read = (Vec<Batch>, Vec<(u64, u32, u32)>);

/// Rows in the order in which they go out.
pub(super) enum Ordered {
    /// As they are.
    One(Batch),
    /// Which row of which of these each is: they would be too large together.
    Of(Vec<Batch>, Vec<(usize, usize)>),
}

/// A window that is to be put out.
pub(super) enum Coming {
    Window(Window),
    Task(Task<Result<Ordered, Fault>>),
}

impl Coming {
    /// Reads a window in another thread, and removes those that are `gone`; with `once`, this one, too.
    pub(super) fn begin(window: Arc<Window>, gone: Vec<Arc<Window>>, once: bool, scratch: &Arc<Scratch>) -> Coming {
        let scratch = scratch.clone();
        Coming::Task(Task::begin(move || {
            let rows = read_window(&window)?;
            let gone = gone.iter().chain(once.then_some(&window));
            gone.into_iter().try_for_each(|window| window.remove(&scratch)).map_err(unwritten)?;
            Ok(rows)
        }))
    }
}

/// The rows of a window.
pub(super) fn read_window(window: &Window) -> Result<Ordered, Fault> {
    let (mut pieces, mut places) = (Vec::new(), Vec::new());
    for (at, piece) in window.read().map_err(unread)?.enumerate() {
        let (rows, of) = piece.map_err(unread)?;
        places.extend(of.iter().enumerate().map(|(row, place)| (*place, at as u32, row as u32)));
        pieces.push(rows);
    }
    ordered((pieces, places), window.first)
}

/// Rows in the order of their places: these are all numbers from `first` on.
pub(super) fn ordered((pieces, places): Read, first: u64) -> Result<Ordered, Fault> {
    let mut at = vec![None; places.len()];
    for (place, piece, row) in places {
        let there = place.checked_sub(first).and_then(|place| at.get_mut(place as usize));
        *there.ok_or_else(out_of_place)? = Some((piece as usize, row as usize));
    }
    let at = at.into_iter().collect::<Option<Vec<_>>>().ok_or_else(out_of_place)?;
    let bytes: u64 = pieces.iter().map(|rows| weight(&rows.rows) / 8).sum();
    match bytes <= TOGETHER && !at.is_empty() {
        true => Ok(Ordered::One(Batch::interleave(&pieces, &at)?)),
        false => Ok(Ordered::Of(pieces, at)),
    }
}

pub(super) fn out_of_place() -> Fault {
    unread(std::io::Error::new(std::io::ErrorKind::InvalidData, "rows are missing where they were noted"))
}

impl Ordered {
    pub(super) fn len(&self) -> usize {
        match self {
            Ordered::One(rows) => rows.len(),
            Ordered::Of(_, at) => at.len(),
        }
    }

    /// What a row takes, bits.
    pub(super) fn bits(&self, row: usize) -> u64 {
        match self {
            Ordered::One(rows) => rows.bits(row),
            Ordered::Of(pieces, at) => pieces[at[row].0].bits(at[row].1),
        }
    }

    pub(super) fn slice(&self, from: usize, rows: usize) -> Result<Batch, Fault> {
        match self {
            Ordered::One(all) => Ok(all.slice(from..from + rows)),
            Ordered::Of(pieces, at) => Ok(Batch::interleave(pieces, &at[from..from + rows])?),
        }
    }
}
