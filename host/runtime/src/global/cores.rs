//! Work on many rows, by all cores.

use callboard_io::in_order;

use crate::error::Fault;

/// More threads do not work on one step's rows: each of them holds some.
const MOST: usize = 8;

/// How many threads work at a time.
pub(super) fn threads() -> usize {
    callboard_io::threads().min(MOST)
}

/// Passes the results for all numbers below `count` to `to`, in order. [`threads`] of them are worked on or wait at a time, one more while
/// it is taken.
pub(super) fn on_all_cores<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, Fault> + Sync,
    to: impl FnMut(T) -> Result<(), Fault>,
) -> Result<(), Fault> {
    in_order(0..count, threads(), work, to)
}
