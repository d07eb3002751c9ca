//! The limit on what one instance may hold, and the count of what it holds.

use wasmtime::ResourceLimiter;

use crate::error::LimitExceeded;
use crate::meter::Held;

/// Elements of all tables of an instance.
const TABLE_ELEMENTS: usize = 1_000_000;

/// Counts every growth of a store's memories and tables, and ends the call that grows them too far.
pub(crate) struct Limiter {
    memory: u64,
    held: Held,
    elements: usize,
}

impl Limiter {
    pub(crate) fn new(memory: u64, held: Held) -> Limiter {
        Limiter { memory, held, elements: 0 }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (present, requested) = (self.held.bytes(), (desired - current) as u64);
        if present + requested > self.memory {
            return Err(wasmtime::Error::new(LimitExceeded {
                what: "bytes of linear memory",
                limit: self.memory,
                present,
                requested,
                key: Some("limits.memory"),
            }));
        }
        self.held.grow(requested);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // A growth that was counted and then refused by the system ends the call: it would spoil the count.
        Err(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let requested = desired - current;
        if self.elements + requested > TABLE_ELEMENTS {
            return Err(wasmtime::Error::new(LimitExceeded {
                what: "elements of tables",
                limit: TABLE_ELEMENTS as u64,
                present: self.elements as u64,
                requested: requested as u64,
                key: None,
            }));
        }
        self.elements += requested;
        Ok(true)
    }

    fn instances(&self) -> usize {
        100
    }

    fn tables(&self) -> usize {
        100
    }

    fn memories(&self) -> usize {
        16
    }
}
