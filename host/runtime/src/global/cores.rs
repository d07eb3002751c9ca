//! Work on many rows, by all cores.

use rayon::prelude::*;

use crate::error::Fault;

/// More threads do not work on one step's rows: each of them holds some.
const MOST: usize = 8;

/// How many threads work at a time.
pub(super) fn threads() -> usize {
    callboard_io::threads().min(MOST)
}

/// The results for all numbers below `count`, in order; `count` is at most [`threads`] where a piece of work takes memory.
pub(super) fn on_all_cores<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, Fault> + Sync,
) -> Result<Vec<T>, Fault> {
    match callboard_io::cores() {
        Some(pool) if count > 1 && pool.current_num_threads() > 1 => {
            pool.install(|| (0..count).into_par_iter().map(&work).collect())
        }
        _ => (0..count).map(work).collect(),
    }
}
