//! What crosses the boundaries between stages.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use callboard_plan::{Feed, Plan};

use super::live::Live;
use crate::error::{Class, RunError};
use crate::store::Spill;
use crate::store::records::Sealed;
use crate::store::spill;

/// The rows between stages.
#[derive(Default)]
pub(crate) struct BetweenStages {
    pub(crate) spills: HashMap<Feed, Arc<Spill>>,
}

impl BetweenStages {
    /// The rows that are left of stages that ended, for those that are to run.
    pub(crate) fn left_over(run: &Live<'_>) -> Result<BetweenStages, RunError> {
        let mut boundary = BetweenStages::default();
        let ended = run.prepared.past.stages.values().flat_map(|ended| &ended.spills);
        let ended = ended.map(|(feed, sealed)| (feed.clone(), sealed));
        let intakes = run.prepared.past.intakes.values().flat_map(|taken| &taken.spills);
        let intakes = intakes.map(|(feed, sealed)| (feed.clone(), sealed));
        let left: BTreeMap<Feed, &Sealed> = ended.chain(intakes).collect();
        for feed in left.keys() {
            let mut stages =
                run.prepared.plan.edges_out_of(feed).filter_map(|edge| run.prepared.plan.stage_of_reader(&edge.to));
            if stages.any(|stage| !run.prepared.past.stages.contains_key(&stage)) {
                let opened = boundary.open(run, feed, &left);
                opened.map_err(|error| match error.kind() {
                    // A step has another component now, which reads more columns.
                    io::ErrorKind::Unsupported => RunError::new(Class::Pipeline, error.to_string())
                        .help("run the pipeline again: work on rows that did not change is not done twice"),
                    _ => RunError::unread("rows between stages", &error),
                })?;
            }
        }
        run.quota.take_written();
        Ok(boundary)
    }

    /// Removes the spills that no stage after `stage` reads, unless one refers to them that is read.
    pub(crate) fn release(&mut self, plan: &Plan, stage: usize) {
        let is_read = |feed: &Feed| plan.edges_out_of(feed).any(|edge| plan.stage_of_reader(&edge.to) > Some(stage));
        let read = self.spills.keys().filter(|feed| is_read(feed)).cloned();
        let wanted = spill::with_bases(read, |feed| self.spills.get(feed).map(|spill| spill.sealed()));
        self.spills.retain(|feed, spill| {
            let wanted = wanted.contains(feed);
            if !wanted {
                spill.remove();
            }
            wanted
        });
    }

    /// Opens a spill that is left, and those that it refers to.
    fn open(&mut self, run: &Live<'_>, feed: &Feed, left: &BTreeMap<Feed, &Sealed>) -> io::Result<Arc<Spill>> {
        if let Some(spill) = self.spills.get(feed) {
            return Ok(spill.clone());
        }
        let sealed = left.get(feed).copied().ok_or_else(|| {
            let words = format!("the rows of `{feed}` have been removed, and others refer to them");
            io::Error::new(io::ErrorKind::NotFound, words)
        })?;
        let bases = sealed.bases.iter().map(|base| self.open(run, &base.feed, left)).collect::<io::Result<_>>()?;
        let folder = spill::folder(run.prepared.folder(), feed);
        let (schema, quota) = (run.prepared.schema(feed).clone(), run.quota.clone());
        let spill = Spill::open(feed.clone(), folder, schema, sealed.clone(), bases, quota)?;
        let spill = Arc::new(spill);
        self.spills.insert(feed.clone(), spill.clone());
        Ok(spill)
    }
}
