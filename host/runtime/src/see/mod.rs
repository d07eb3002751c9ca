//! What a run did, seen afterwards: its rows at any node, read from what it kept.
//!
//! A [`replay`] is a run without calls: inputs are read again, and the results of calls come from the run's logs. Nothing is
//! written but rows between stages, in a folder of its own that goes with it. A [`Tap`](crate::rows::Tap) looks on.

mod diff;
mod look;
mod numbered;
mod output;
mod peek;
mod pick;
mod replay;
mod stats;
mod trace;
mod tried;

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

pub use diff::diff_runs;
pub use look::{RowsWanted, Shown};
pub use peek::{peek_files, peek_run};
pub use stats::{stats_files, stats_run};
pub use trace::{Changed, Followed, Traced, TracedFate, TracedStep, trace_run};
pub use tried::{Gone, TriedStep};

/// A run to be looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Looking {
    /// The run's folder.
    pub run: PathBuf,
    /// Where compiled components are kept, and the user's key.
    pub cache: PathBuf,
    /// The [digest](crate::RunSummary::trust) of a run that nothing proves to be this user's, and whose inputs are read all the same.
    pub trusted: Option<u128>,
    /// Cancelled to stop.
    pub cancel: CancellationToken,
}

impl Looking {
    /// A run of this user's, in its folder.
    pub fn at(run: &Path, cache: PathBuf) -> Looking {
        Looking { run: run.to_owned(), cache, trusted: None, cancel: CancellationToken::new() }
    }

    /// The same with another `trusted`.
    pub fn trusted(self, trusted: Option<u128>) -> Looking {
        Looking { trusted, ..self }
    }

    /// The same with another `cancel`.
    pub fn cancel(self, cancel: CancellationToken) -> Looking {
        Looking { cancel, ..self }
    }
}
