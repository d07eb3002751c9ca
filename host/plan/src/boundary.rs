//! Why each stage begins.

use std::collections::HashSet;

use crate::choices::{Boundary, GlobalEdge};
use crate::draft::Draft;
use crate::effort::counted;
use crate::memory::PROCESS;

/// The reason why each stage is not one with the stage before; `steps` are those of each.
pub(crate) fn reasons(draft: &Draft<'_>, steps: &[Vec<usize>]) -> Vec<Boundary> {
    // Edges from a stage into the next one that cannot lie within a stage.
    let mut parting: Vec<Vec<GlobalEdge>> = vec![Vec::new(); steps.len()];
    let mut seen = HashSet::new();
    for (from, to) in draft.step_edges() {
        let (before, after) = (draft.step_stage[from], draft.step_stage[to]);
        let is_global = draft.is_global(from) || draft.is_global(to);
        if is_global && before + 1 == after && seen.insert((from, to)) {
            let name = |step: usize| draft.step_name(step).to_owned();
            parting[after - 1].push(GlobalEdge { from: name(from), to: name(to) });
        }
    }
    let group = |stage: usize| stage.checked_sub(1).and_then(|nth| draft.group_of_stage[nth]);
    let reason = |(nth, edges): (usize, Vec<GlobalEdge>)| {
        let stage = nth + 1;
        if draft.one_step && !steps[nth].is_empty() {
            return Boundary::OneStep;
        }
        if let Some(nth) = group(stage) {
            return Boundary::LoadGroup { group: nth + 1 };
        }
        if stage == 1 {
            return Boundary::Start;
        }
        if let Some(nth) = group(stage - 1) {
            return Boundary::AfterLoadGroup { group: nth + 1 };
        }
        if let (true, Some(budget_bytes)) = (edges.is_empty(), draft.budget) {
            let both = steps[nth - 1].iter().chain(&steps[nth]);
            let weights = both.map(|step| draft.weight(*step, draft.asked(*step)));
            return Boundary::Budget { together_bytes: weights.fold(PROCESS, u64::saturating_add), budget_bytes };
        }
        Boundary::Global { edges }
    };
    counted(steps.len());
    parting.into_iter().enumerate().map(reason).collect()
}
