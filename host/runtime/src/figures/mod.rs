//! Columns of rows in figures, in bounded memory: sketches of their values, and what other thresholds of a step would drop.
//!
//! `columns` has all columns of some rows, `sketch` the values of one; `spread`, `ranks` and `frequent` are what that is made of.
//! `thresholds` are those of `conditions` and of the `heuristics` of `quality`.
//! `gathering` is what looks on while a run goes on.

mod columns;
mod conditions;
mod frequent;
mod gathering;
mod heuristics;
mod ranks;
mod sketch;
mod spread;
mod thresholds;

pub use columns::StatsWanted;
pub(crate) use columns::{Columns, MOST};
pub(crate) use gathering::{Gathering, columns_of};
pub(crate) use thresholds::Thresholds;
