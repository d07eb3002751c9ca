//! Rows that an earlier process scattered into windows: a process that resumes the run puts those in order that are not written yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::SchemaRef;

use super::on_all_cores;
use super::shuffle::Sorting;
use crate::error::Fault;
use crate::store::scatter::{Scratch, Window, scattered};

/// Windows that are left.
pub(super) struct Left {
    pub(super) scratch: Arc<Scratch>,
    /// Those that hold rows which are not written, each with the place behind its last row.
    pub(super) windows: Vec<(Window, u64)>,
    /// The place of the first of these rows.
    pub(super) first: u64,
    /// All rows, those that are written, too.
    pub(super) rows: u64,
    /// How many rows were named again.
    pub(super) seen: u64,
}

impl Left {
    /// The windows of these rows, of which the first `had` are written; `None` if not all of the others are there, intact.
    pub(super) fn find(sorting: &Sorting, schema: &SchemaRef, had: u64) -> Result<Option<Left>, Fault> {
        let Some(tag) = sorting.tag else { return Ok(None) };
        let scratch = Arc::new(Scratch::open(&sorting.folder, sorting.quota.clone()));
        let Some((rows, mut windows)) = scattered(&scratch, tag, schema) else { return Ok(None) };
        windows.retain(|(_, end)| *end > had);
        let first = windows.first().map_or(rows, |(window, _)| window.first);
        // They may be those of a process whose output had more.
        if first > had {
            return Ok(None);
        }
        // Whoever stops this finds them next time.
        scratch.leave(true);
        let intact = AtomicBool::new(true);
        let look = |at: usize| {
            let (window, _): &(Window, u64) = &windows[at];
            intact.fetch_and(window.is_left(&scratch), Ordering::Relaxed);
            sorting.go_on()
        };
        on_all_cores(windows.len(), look, Ok)?;
        if !intact.into_inner() {
            scratch.leave(false);
            return Ok(None);
        }
        Ok(Some(Left { scratch, windows, first, rows, seen: 0 }))
    }
}
