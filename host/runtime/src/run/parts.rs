//! What the nodes of a run, and who wires them, find in it.

use std::sync::{Arc, MutexGuard};

use arrow::datatypes::SchemaRef;
use callboard_io::{FilePlace, Finished, Staged};
use callboard_plan::PlannedStep;

use super::Run;
use crate::bound::Bound;
use crate::check::{Input, Output, Way};
use crate::disk::journal::Record;
use crate::disk::positions::Positions;
use crate::disk::seen::Seen;
use crate::disk::sync::Syncer;
use crate::disk::{Deed, Work};
use crate::error::{Class, RunError};
use crate::flight::Admission;
use crate::kept::Kept;
use crate::ports::Stop;
use crate::removed::{Files, Rejects, Remover};

impl Run {
    pub(crate) fn step(&self, name: &str) -> &PlannedStep {
        self.plan.step(name).expect("a plan names its own steps")
    }

    pub(crate) fn bound(&self, step: &str) -> Arc<Bound> {
        self.checked.bounds[step].clone()
    }

    pub(crate) fn schema(&self, node: &str) -> &SchemaRef {
        &self.checked.schemas[node]
    }

    pub(crate) fn ways(&self, node: &str) -> &[Way] {
        &self.checked.ways[node]
    }

    pub(crate) fn input(&self, name: &str) -> &Input {
        &self.checked.inputs[name]
    }

    pub(crate) fn output(&self, name: &str) -> &Output {
        &self.checked.outputs[name]
    }

    /// Where a node that reads waits for room.
    pub(crate) fn admission(&self, node: &str) -> Admission {
        Admission::new(self.memory.flight.clone(), &self.plan, node, self.observer.clone())
    }

    pub(crate) fn source_file(&self, step: &str) -> u32 {
        self.checked.sources[step]
    }

    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.checked.files
    }

    /// The doors of a step that somebody reads, by their full names.
    pub(crate) fn doors(&self, step: &str) -> Vec<String> {
        self.plan.doors_of(step).into_iter().map(|door| door.of(step)).collect()
    }

    pub(crate) fn remover(&self, step: &str) -> Remover {
        Remover { on_error: self.step(step).on_error, files: self.files().clone() }
    }

    pub(super) fn rejects(&self) -> MutexGuard<'_, Rejects> {
        self.rejects.lock().expect("no holder panics")
    }

    pub(crate) fn keep_rejects(&self, step: &str, lines: &[u8]) -> Result<(), Stop> {
        let written = self.rejects().write(step, lines);
        Ok(written.map_err(|error| RunError::unwritten("write rejected rows", &error))?)
    }

    pub(crate) fn finished(&self, output: &str, finished: Finished) {
        self.finished.lock().expect("no holder panics").insert(output.to_owned(), finished);
    }

    /// Where an output lies until all are complete.
    pub(crate) fn staged(&self, output: &str) -> Result<Staged, RunError> {
        let kept = self.kept.as_ref().ok_or_else(|| RunError::new(Class::Bug, "the run has no folder yet"))?;
        Ok(Staged::new(kept.outputs(), output))
    }

    /// Whether an input was read into a spill by an earlier process, and how many rows it had.
    pub(crate) fn has_taken_in(&self, input: &str) -> Option<u64> {
        self.past.intakes.get(input).map(|(rows, _)| *rows)
    }

    pub(crate) fn profile_place(&self) -> Option<&FilePlace> {
        self.profiles.as_ref().and_then(|profiles| profiles.place())
    }

    pub(crate) fn resumable(&self) -> bool {
        self.settings.resumable
    }

    pub(crate) fn journal(&self, record: &Record) -> Result<(), RunError> {
        self.kept.as_ref().map_or(Ok(()), |kept| kept.journal(record))
    }

    pub(crate) fn syncer(&self) -> Option<Syncer> {
        self.kept.as_ref().and_then(Kept::syncer)
    }

    pub(crate) fn seen(&self, input: &str) -> Result<Option<Seen>, RunError> {
        let seen = self.kept.as_ref().map_or(Ok(None), |kept| kept.seen(input));
        seen.map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    pub(crate) fn positions(&self, output: &str) -> Result<Option<Positions>, RunError> {
        let positions = self.kept.as_ref().map_or(Ok(None), |kept| kept.positions(output));
        positions.map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    pub(crate) fn work(&self, step: &str) -> Option<&Work> {
        self.kept.as_ref().and_then(|kept| kept.work(step)).map(|work| &**work)
    }

    pub(crate) fn shared_work(&self, step: &str) -> Option<Arc<Work>> {
        self.kept.as_ref().and_then(|kept| kept.work(step)).cloned()
    }

    /// Whether a step's work may be there already, so that its component need not be loaded before that is known.
    pub(crate) fn may_reuse(&self, step: &str) -> bool {
        self.work(step).is_some_and(|work| !work.is_empty())
    }

    /// Where a source that was stopped goes on.
    pub(crate) fn cursor(&self, source: &str) -> Option<Vec<u8>> {
        let deeds = self.work(source)?.in_order(0, None);
        let cursors = deeds.filter_map(|(deed, _)| match deed {
            Deed::Page { cursor, .. } => Some(cursor),
            _ => None,
        });
        cursors.last()
    }
}
