//! Why each stage begins.

use crate::choices::{Boundary, GlobalEdge};
use crate::draft::Draft;
use crate::memory::PROCESS;

/// The reason why `stage` is not one with the stage before.
pub(crate) fn reason(draft: &Draft<'_>, stage: usize) -> Boundary {
    let group = |stage: usize| stage.checked_sub(1).and_then(|nth| draft.group_of_stage[nth]);
    if draft.one_step && draft.step_stage.contains(&stage) {
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
    let parts = |(from, to): &(usize, usize)| {
        draft.step_stage[*from] == stage - 1
            && draft.step_stage[*to] == stage
            && (draft.is_global(*from) || draft.is_global(*to))
    };
    let name = |step: usize| draft.step_name(step).to_owned();
    let mut edges: Vec<GlobalEdge> = Vec::new();
    for (from, to) in draft.step_edges().filter(parts) {
        let edge = GlobalEdge { from: name(from), to: name(to) };
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    if let (true, Some(budget_bytes)) = (edges.is_empty(), draft.budget) {
        let both = (0..draft.kinds.len()).filter(|step| (stage - 1..=stage).contains(&draft.step_stage[*step]));
        let weights = both.map(|step| draft.weight(step, draft.asked(step)));
        return Boundary::Budget { together_bytes: weights.fold(PROCESS, u64::saturating_add), budget_bytes };
    }
    Boundary::Global { edges }
}
