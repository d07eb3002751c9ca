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
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use tokio_util::sync::CancellationToken;

use crate::cluster::Inside;
use crate::error::RunError;
use crate::stage::kept::work_in;
use crate::store::Work;

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
    /// The run's folder, or the address of a work place in a store.
    pub run: PathBuf,
    /// Where compiled components are kept, and the user's key.
    pub cache: PathBuf,
    /// The [digest](crate::RunSummary::trust) of a run that nothing proves to be this user's, and whose inputs are read all the same.
    pub trusted: Option<u128>,
    /// Cancelled to stop.
    pub cancel: CancellationToken,
    /// What is known of one in a store, once that was asked for.
    inside: Arc<OnceLock<Option<Inside>>>,
}

impl Looking {
    /// A run of this user's, in its folder.
    pub fn at(run: &Path, cache: PathBuf) -> Looking {
        let (run, cancel, inside) = (run.to_owned(), CancellationToken::new(), Arc::default());
        Looking { run, cache, trusted: None, cancel, inside }
    }

    /// What is known of a run in a store.
    fn inside(&self) -> Result<Option<&Inside>, RunError> {
        if let Some(inside) = self.inside.get() {
            return Ok(inside.as_ref());
        }
        let inside = Inside::of(&self.run, &self.cache, &self.cancel)?;
        Ok(self.inside.get_or_init(|| inside).as_ref())
    }

    /// The folder with the files about the run: its own, or a copy.
    fn folder(&self) -> Result<&Path, RunError> {
        Ok(self.inside()?.map_or(&self.run, Inside::folder))
    }

    /// The work of a step, as of [`Works`](crate::stage::kept::Works).
    fn work(&self, step: &str, schema: &SchemaRef) -> Result<Option<Arc<Work>>, RunError> {
        match self.inside()? {
            Some(inside) => inside.work(step, schema),
            None => work_in(&self.run, step, schema),
        }
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
