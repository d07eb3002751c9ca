//! Expressions in CEL's syntax, with SQL's three-valued logic: what `filter` and `compute` are configured with, and the host's routes.
//!
//! 1. `syntax` parses a text into a tree.
//! 2. `check` finds the columns that it names, whose types are known: a wrong name or type is an error before any row is read.
//! 3. `evaluate` gives the value of what was checked for a row; `reader` reads the columns as what they stand for.
//! 4. `columnar` decides simple conditions for whole columns, with the same results.
//!
//! What values there are is in `value`, how they compare in `compare`, what may be called in `functions`.
#![forbid(unsafe_code)]

#[cfg(not(target_arch = "wasm32"))]
mod agree;
mod arithmetic;
mod calendar;
mod check;
mod columnar;
mod compare;
#[cfg(not(target_arch = "wasm32"))]
mod comparisons;
mod decimal;
mod evaluate;
mod expression;
mod formula;
mod functions;
mod node;
mod reader;
mod show;
mod syntax;
mod template;
mod types;
mod value;

pub use columnar::Truth;
#[cfg(not(target_arch = "wasm32"))]
pub use comparisons::Comparison;
pub use expression::{Decided, Expression, Verdict};
pub use formula::Formula;

/// The names of all functions.
pub fn functions() -> impl Iterator<Item = &'static str> {
    functions::all().map(|function| function.name).chain(functions::SPECIAL)
}

#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub use agree::{fuzz, verdicts};
