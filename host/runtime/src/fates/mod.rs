//! What happens to the rows that a step is given: the one place where they are counted, leave by side doors, and are taken over
//! from earlier work. Transforms come here once for each batch, global steps once for their whole input.
//!
//! [`Fates`] are the accounts; what goes no further goes [`Aside`]; a [`Ledger`] is the log of a step's work as its node uses it.

mod accounts;
mod aside;
mod bits;
mod ledger;

pub(crate) use accounts::Fates;
pub(crate) use aside::Aside;
pub(crate) use bits::Bits;
pub(crate) use ledger::{Done, Ledger};
