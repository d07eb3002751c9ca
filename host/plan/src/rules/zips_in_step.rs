//! Branches that are zipped are channels if all of them arrive in step with the batches of their fork; otherwise all of them are spills.

use crate::choices::Transport;
use crate::draft::{Draft, End};
use crate::forks::Whole;
use crate::problem::Findings;
use crate::scan::Kind;
use crate::zip::{Flow, in_step};

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    let zips = std::mem::take(&mut draft.zips);
    // Each after those that its branches go through.
    let mut forks: Vec<Option<Whole>> = vec![None; draft.kinds.len()];
    let first = first_edges(draft);
    for zip in &zips {
        let branches: Vec<Whole> = draft.edges[zip.edges.clone()].iter().map(|edge| (edge.from, edge.door)).collect();
        let stage = draft.stage(zip.to);
        let is_global = draft.is_global_end(zip.to);
        let drafted = Drafted { draft, forks: &forks, first: &first };
        let flows = !is_global && in_step(&drafted, &branches, zip.fork, stage);
        let transport = if flows { Transport::Channel } else { Transport::Spill };
        draft.edges[zip.edges.clone()].iter_mut().for_each(|edge| edge.transport = transport);
        if let (End::Step(step), true) = (zip.to, flows) {
            forks[step] = Some(zip.fork);
        }
    }
    draft.zips = zips;
}

/// The first edge into each step, and whether it is the only one.
fn first_edges(draft: &Draft<'_>) -> Vec<Option<(usize, bool)>> {
    let mut first: Vec<Option<(usize, bool)>> = vec![None; draft.kinds.len()];
    for (nth, edge) in draft.edges.iter().enumerate() {
        if let End::Step(step) = edge.to {
            first[step] = Some(first[step].map_or((nth, true), |(first, _)| (first, false)));
        }
    }
    first
}

struct Drafted<'a> {
    draft: &'a Draft<'a>,
    /// For each step whose rows are zipped, and arrive in step, their fork.
    forks: &'a [Option<Whole>],
    first: &'a [Option<(usize, bool)>],
}

impl Flow for Drafted<'_> {
    type Whole = Whole;

    fn stage(&self, (end, _): Whole) -> Option<usize> {
        match end {
            End::Input(input) => (!self.draft.intake[input]).then(|| self.draft.input_stage[input]),
            End::Step(step) => (!self.draft.is_global(step)).then(|| self.draft.step_stage[step]),
            End::Output(_) => None,
        }
    }

    fn before(&self, (end, _): Whole) -> Option<Whole> {
        let End::Step(step) = end else { return None };
        if self.draft.kinds[step] != Kind::Transform {
            return None;
        }
        if let Some(fork) = self.forks[step] {
            return Some(fork);
        }
        let (first, only) = self.first[step]?;
        let edge = &self.draft.edges[first];
        (only && edge.transport == Transport::Channel).then_some((edge.from, edge.door))
    }
}
