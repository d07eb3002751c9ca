//! A transform has as many instances as there are cores, where nobody says how many and as far as the budget leaves room.

use crate::draft::Draft;
use crate::memory::PROCESS;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    let Some(budget) = draft.budget else {
        draft.replicas.clone_from(&draft.wanted);
        return;
    };
    draft.replicas = (0..draft.kinds.len()).map(|step| draft.asked(step)).collect();
    for steps in draft.loaded_together() {
        let weight = |step: &usize| draft.weight(*step, draft.replicas[*step]);
        let mut room = budget.saturating_sub(steps.iter().map(weight).fold(PROCESS, u64::saturating_add));
        // One more each while all have room: neighbours of equal numbers hand rows on without a queue. One step that would take more
        // than all others together does not hold them back.
        let mut growing = steps;
        loop {
            growing.retain(|step| draft.replicas[*step] < draft.wanted[*step]);
            let more = |step: &usize| {
                let instances = draft.replicas[*step];
                draft.weight(*step, instances + 1).saturating_sub(draft.weight(*step, instances))
            };
            let all = growing.iter().map(more).fold(0, u64::saturating_add);
            if growing.is_empty() {
                break;
            }
            if all <= room {
                room -= all;
                growing.iter().for_each(|step| draft.replicas[*step] += 1);
                continue;
            }
            let heaviest =
                growing.iter().copied().max_by_key(|step| (more(step), *step)).filter(|step| more(step) > all / 2);
            match heaviest {
                Some(heaviest) if growing.len() > 1 => growing.retain(|step| *step != heaviest),
                _ => break,
            }
        }
    }
}
