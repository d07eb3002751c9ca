//! Rows in memory: batches with their origins and digests, joined, counted while they are in flight.
//!
//! This room knows Arrow alone: where rows lie on the disk is a [`Location`] that it passes on and cannot read.

mod batch;
pub(crate) mod digest;
pub(crate) mod flight;
mod join;
pub(crate) mod memory;
mod tap;

pub(crate) use batch::{Batch, Known, Location, fill, places, weight, widths};
pub(crate) use callboard_sandbox::record_batch;
pub(crate) use join::{DOOR_COLUMNS, appended, conform, created, join, known, only_carried};
pub(crate) use tap::{Tap, Tapped};
