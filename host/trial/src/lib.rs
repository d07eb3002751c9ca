//! Tries one step in the real host: on rows that are given, on rows that are made up, against what the contract demands.
//!
//! 1. A [`Subject`] is found: a component, or the folder of a step with its `step.toml`.
//! 2. [`Trial::begin`] plans a pipeline of that one step in memory and makes a [`Probe`](callboard_runtime::Probe) of it.
//! 3. [`pipe`] sends rows through it. [`golden`] compares what comes out with what is written down, and [`drive`] goes on from these
//!    rows: other cuts, nulls, foreign letters, hundreds of batches. [`conform`] needs no rows: it makes them up.
//! 4. [`inspect`] tells what a component is without running it on rows, and what is wrong with one that does not fit.
//!
//! What was tried is a list of [`Finding`]s. Nothing is printed here.

#![forbid(unsafe_code)]

mod columns;
pub mod conform;
pub mod drive;
mod finding;
pub mod golden;
pub mod inspect;
mod kinds;
mod memory;
pub mod pipe;
mod replies;
mod rows;
mod schema;
mod subject;
mod trial;

pub use finding::{Finding, Outcome};
pub use replies::Replies;
pub use subject::{Subject, toml};
pub use trial::Trial;

use callboard_runtime::{Class, RunError};
use callboard_words::Help;
use callboard_words::text::plain;

/// Errors are the runtime's own: with their class, and what fixes them.
pub type Result<T, E = RunError> = std::result::Result<T, E>;

fn error(class: Class, message: impl Into<String>, help: Option<Help>) -> RunError {
    let error = RunError::new(class, message);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// What the system reports about a file.
fn unread(doing: &str, path: &std::path::Path, said: &std::io::Error) -> RunError {
    error(Class::System, format!("cannot {doing} `{}`: {}", path.display(), plain(said)), None)
}
