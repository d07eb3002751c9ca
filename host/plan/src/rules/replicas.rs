//! A transform has as many instances as there are cores, where nobody says how many and as far as the budget leaves room.

use crate::draft::Draft;
use crate::memory::PROCESS;
use crate::plan::Load;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    let Some(budget) = draft.budget else {
        draft.replicas.clone_from(&draft.wanted);
        return;
    };
    draft.replicas = (0..draft.kinds.len()).map(|step| draft.asked(step)).collect();
    let stages = if draft.load == Load::Eager { 1 } else { draft.group_of_stage.len() };
    for stage in 1..=stages {
        let is_loaded = |step: &usize| draft.load == Load::Eager || draft.step_stage[*step] == stage;
        let steps: Vec<usize> = draft.order.iter().copied().filter(is_loaded).collect();
        let weight = |step: &usize| draft.weight(*step, draft.replicas[*step]);
        let mut room = budget.saturating_sub(steps.iter().map(weight).fold(PROCESS, u64::saturating_add));
        // One more each, from the first to the last, again and again: the slowest of them is known to nobody.
        let mut grown = true;
        while std::mem::take(&mut grown) {
            for step in &steps {
                let instances = draft.replicas[*step];
                let more = draft.weight(*step, instances + 1).saturating_sub(draft.weight(*step, instances));
                if instances < draft.wanted[*step] && more <= room {
                    draft.replicas[*step] += 1;
                    room -= more;
                    grown = true;
                }
            }
        }
    }
}
