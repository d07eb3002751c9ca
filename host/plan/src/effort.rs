//! How much planning did, counted: tests compare it with the size of the pipeline, whatever the machine.

use std::cell::Cell;

thread_local! {
    static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
}

/// Notes that this many steps, edges or stages were looked at.
pub(crate) fn counted(things: usize) {
    LOOKED_AT.with(|looked_at| looked_at.set(looked_at.get().saturating_add(things as u64)));
}

/// How many steps, edges and stages planning looked at in this thread, each time that it did.
pub fn looked_at() -> u64 {
    LOOKED_AT.with(Cell::get)
}
