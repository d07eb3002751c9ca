//! What crosses the boundaries between stages.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use callboard_plan::Plan;

use super::live::Live;
use crate::error::RunError;
use crate::store::Spill;
use crate::store::spill::{self, Sealed};

/// The rows between stages, by the node or door that put them out.
#[derive(Default)]
pub(crate) struct Boundary {
    pub(crate) spills: HashMap<String, Arc<Spill>>,
}

impl Boundary {
    /// The rows that are left of stages that ended, for those that are to run.
    pub(crate) fn left_over(run: &Live<'_>) -> Result<Boundary, RunError> {
        let mut boundary = Boundary::default();
        let ended = run.prepared.past.stages.values().flat_map(|ended| &ended.spills);
        let intakes = run.prepared.past.intakes.iter().map(|(input, (_, sealed))| (input, sealed));
        let left: BTreeMap<&str, &Sealed> =
            ended.chain(intakes).map(|(node, sealed)| (node.as_str(), sealed)).collect();
        for node in left.keys() {
            let mut stages =
                run.prepared.plan.edges_out_of(node).filter_map(|edge| run.prepared.plan.stage_of_reader(&edge.to));
            if stages.any(|stage| !run.prepared.past.stages.contains_key(&stage)) {
                let opened = boundary.open(run, node, &left);
                opened.map_err(|error| RunError::unread("rows between stages", &error))?;
            }
        }
        run.quota.take_written();
        Ok(boundary)
    }

    /// Removes the spills that no stage after `stage` reads, unless one refers to them that is read.
    pub(crate) fn release(&mut self, plan: &Plan, stage: usize) {
        let is_read = |node: &str| plan.edges_out_of(node).any(|edge| plan.stage_of_reader(&edge.to) > Some(stage));
        let read = self.spills.keys().filter(|node| is_read(node)).cloned();
        let wanted = spill::with_bases(read, |node| self.spills.get(node).map(|spill| spill.sealed()));
        self.spills.retain(|node, spill| {
            let wanted = wanted.contains(node);
            if !wanted {
                spill.remove();
            }
            wanted
        });
    }

    /// Opens a spill that is left, and those that it refers to.
    fn open(&mut self, run: &Live<'_>, node: &str, left: &BTreeMap<&str, &Sealed>) -> io::Result<Arc<Spill>> {
        if let Some(spill) = self.spills.get(node) {
            return Ok(spill.clone());
        }
        let sealed = left.get(node).copied().ok_or_else(|| {
            let words = format!("the rows of `{node}` have been removed, and others refer to them");
            io::Error::new(io::ErrorKind::NotFound, words)
        })?;
        let bases = sealed.bases.iter().map(|base| self.open(run, &base.node, left)).collect::<io::Result<_>>()?;
        let folder = spill::folder(run.prepared.folder(), node);
        let spill = Spill::open(folder, run.prepared.schema(node).clone(), sealed.clone(), bases, run.quota.clone())?;
        let spill = Arc::new(spill);
        self.spills.insert(node.to_owned(), spill.clone());
        Ok(spill)
    }
}
