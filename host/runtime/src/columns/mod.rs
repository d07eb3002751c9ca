//! Rows between Arrow and the contract: the layouts of `wit/columns.wit`, spelled in Arrow's types.
//!
//! [`Flat`] lays a record batch out as the contract wants it, borrowing its buffers; [`lift_within`] takes what a guest
//! returned, checks all of it, and makes a record batch; [`schema_of`] does the same for a declared schema.

mod flat;
mod fuzz;
mod layout;
mod lift;
mod schema;

pub(crate) use flat::{Flat, whole_offsets};
pub use fuzz::fuzz_columns;
pub(crate) use lift::{lift, lift_within};
pub use schema::display;
pub(crate) use schema::schema_of;

/// Nesting that the contract allows, a column of numbers being 1 deep.
const MAX_DEPTH: usize = 32;
