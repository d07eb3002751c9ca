//! What a component may hand the host in one call: as its limit says, and no more than a budget leaves.

use crate::error::{Class, Fault, LimitExceeded};
use callboard_words::sizes::{bytes, written};
use callboard_words::{Help, Setting};

/// How much one call may return, or hand over.
#[derive(Clone, Copy, Debug)]
pub struct Returnable {
    bytes: u64,
    /// The budget, where it is what decides.
    budget: Option<u64>,
}

impl Returnable {
    /// For a step whose limit is this many bytes.
    pub fn of(limit: u64) -> Returnable {
        Returnable { bytes: limit, budget: None }
    }

    /// The same, of a budget that leaves `left` bytes.
    pub(crate) fn within(self, left: u64, budget: u64) -> Returnable {
        match left < self.bytes {
            true => Returnable { bytes: left, budget: Some(budget) },
            false => self,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    /// Refuses what is known to cost more.
    pub fn check(&self, cost: u64) -> Result<(), Fault> {
        if cost > self.bytes { Err(self.exceeded("bytes of values returned in one call", cost)) } else { Ok(()) }
    }

    /// Why a call handed over too much: `requested`, or 0 where nobody knows.
    pub(crate) fn exceeded(&self, what: &'static str, requested: u64) -> Fault {
        let Some(budget) = self.budget else {
            let (limit, key) = (self.bytes, Some("limits.returned"));
            return LimitExceeded { what, limit, present: 0, requested, key }.into();
        };
        let what = what.strip_prefix("bytes of ").unwrap_or(what);
        let (left, all) = (bytes(self.bytes), bytes(budget));
        let message = format!("{what}: more than the {left} that a budget of {all} leaves for it");
        let help =
            "let the step return less at a time, or smaller batches: run.batch_rows, run.batch_bytes\nor allow more: ";
        let help = Help::from(help).set(Setting::Budget(Some(written(budget.saturating_mul(2)))));
        Fault::Refused { class: Class::Limit, message, help: Some(help) }
    }
}
