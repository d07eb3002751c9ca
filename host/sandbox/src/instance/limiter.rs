//! The limit on what one instance may hold, and the count of what it holds.

use callboard_plan::MOST_MEMORY;
use wasmtime::ResourceLimiter;

use crate::error::{BudgetExceeded, Fault, LimitExceeded};
use crate::meter::Held;

/// What an element of a table costs the host, bytes: a reference.
const ELEMENT: usize = size_of::<usize>();
/// Core instances, tables and memories of one component: fixed when it was built, and in a handful for what compilers make.
/// Past them it is not instantiated.
const INSTANCES: usize = 100;
const TABLES: usize = 100;
const MEMORIES: usize = 16;

/// The engine's error for a component that has too many parts.
pub(super) fn too_many(words: &str) -> Option<LimitExceeded> {
    let (_, rest) = words.split_once("resource limit exceeded: ")?;
    let (part, requested) = rest.split_once(" count too high at ")?;
    let (what, limit) = match part {
        "instance" => ("core instances", INSTANCES),
        "table" => ("tables", TABLES),
        _ => ("memories", MEMORIES),
    };
    let requested = requested.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()?;
    Some(LimitExceeded { what, limit: limit as u64, present: 0, requested, key: None })
}

/// Counts every growth of a store's memories and tables, and ends the call that grows them too far.
pub(crate) struct Limiter {
    memory: u64,
    /// The budget of all steps together, rows and process included: for messages, the gauge has what is left to steps.
    budget: Option<u64>,
    held: Held,
}

impl Limiter {
    pub(crate) fn new(memory: u64, budget: Option<u64>, held: Held) -> Limiter {
        Limiter { memory: memory.min(MOST_MEMORY), budget, held }
    }

    /// What it holds, bytes.
    pub(crate) fn held(&self) -> u64 {
        self.held.bytes()
    }

    fn grow(&mut self, requested: u64) -> wasmtime::Result<bool> {
        let present = self.held.bytes();
        if present.saturating_add(requested) > self.memory {
            return Err(wasmtime::Error::new(LimitExceeded {
                what: "bytes of memory",
                limit: self.memory,
                present,
                requested,
                key: Some("limits.memory"),
            }));
        }
        self.held.grow(requested).map_err(|full| {
            let budget = self.budget.unwrap_or(full.most);
            let exceeded = BudgetExceeded { present, requested, all: full.now, most: full.most, budget };
            wasmtime::Error::new(Fault::Budget(exceeded))
        })?;
        Ok(true)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        match maximum {
            // A bound that the component set itself: its growth is refused as WebAssembly does it, and the component has to handle that.
            Some(maximum) if desired > maximum && (maximum as u64) < MOST_MEMORY => Ok(false),
            _ => self.grow((desired - current) as u64),
        }
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // A growth that was counted and then refused by the system ends the call: it would spoil the count.
        Err(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        match maximum {
            Some(maximum) if desired > maximum => Ok(false),
            _ => self.grow(((desired - current) as u64).saturating_mul(ELEMENT as u64)),
        }
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
