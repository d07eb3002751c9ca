//! What a run would take over from earlier ones, and why not the rest.

use std::path::{Path, PathBuf};

use callboard_plan::Feed;

use super::Run;
use crate::error::RunError;
use crate::stage::kept::{Earlier, key};
use crate::store::folder::{self, recorded};
use crate::store::records::Change;
use crate::store::work::count;

/// Whether the work of a step is there already.
#[derive(Clone, Debug)]
pub struct StepReuse {
    /// The step.
    pub step: String,
    /// Whether, and why not.
    pub verdict: Verdict,
}

/// Whether the work of a step is there already, as far as can be said before rows are read.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// No earlier run has a step of this name or of this work.
    New,
    /// It may write files, which would not be written without it: it is called again in every run.
    Writes,
    /// The step is different from that of the latest run that has it.
    Changed {
        /// That run's folder.
        run: PathBuf,
        /// What differs.
        changes: Vec<Change>,
    },
    /// The step is the same. Work on rows that are the same is taken over.
    Same {
        /// The folder of the run that did it.
        run: PathBuf,
        /// Rows that it was done on.
        rows: u64,
        /// Nodes before it that are other ones, or new: what they put out may differ.
        behind: Vec<String>,
    },
}

impl Run {
    /// What would be taken over of [`Settings::earlier`](crate::Settings::earlier), by step, in the order in which rows reach them.
    ///
    /// # Errors
    ///
    /// Files that a step is granted cannot be read.
    pub fn reuse(&self) -> Result<Vec<StepReuse>, RunError> {
        let earlier = Earlier::of(&self.prepared);
        let mut changed: Vec<String> = Vec::new();
        let mut steps = Vec::new();
        let order: Vec<&String> = self.plan().stages().iter().flat_map(|stage| &stage.steps).collect();
        for name in order {
            let key = key(&self.prepared, name).map_err(|error| error.in_step(name))?;
            let feeds: Vec<&Feed> = self.plan().edges_into(name).map(|edge| &edge.from).collect();
            let equal = earlier.with_key(name, &key);
            let verdict = match (equal.first(), earlier.named(name)) {
                _ if self.prepared.step(name).grants.writes() => Verdict::Writes,
                (Some(found), _) => {
                    let run = run_of(found);
                    let before = |feed: &&Feed| changed.contains(&feed.node) || self.differs(&feed.node, &run);
                    let behind = feeds.iter().filter(|feed| before(feed)).map(|feed| feed.to_string()).collect();
                    Verdict::Same { rows: count(&equal), behind, run }
                }
                (None, Some((found, other))) => {
                    Verdict::Changed { run: run_of(found), changes: key.changes(&other.key) }
                }
                (None, None) => Verdict::New,
            };
            if !matches!(&verdict, Verdict::Same { behind, .. } if behind.is_empty()) {
                changed.push(name.clone());
            }
            steps.push(StepReuse { step: name.clone(), verdict });
        }
        Ok(steps)
    }

    /// Whether an input is different from that of a run: by its files, their versions and their sizes.
    fn differs(&self, input: &str, run: &Path) -> bool {
        let (Some(now), Ok((.., recorded))) =
            (self.prepared.checked.inputs.get(input), folder::open(run).and_then(|run| recorded(&run)))
        else {
            return false;
        };
        let then = recorded.inputs.get(input).map(|then| (&then.files, &then.versions, then.bytes));
        then != Some((&now.files, &now.versions, now.bytes))
    }
}

/// The run whose `work/STEP` this is.
fn run_of(work: &Path) -> PathBuf {
    work.parent().and_then(Path::parent).unwrap_or(work).to_owned()
}
