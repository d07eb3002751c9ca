//! A transform has as many instances as there are cores, where nobody says how many and as far as the budget leaves room. One that sends
//! requests has one, and spare ones: waiting for a server takes no core.

use crate::choices::{MOST_SPARE, STAGE_INSTANCES};
use crate::draft::Draft;
use crate::memory::PROCESS;
use crate::problem::Findings;
use crate::scan::Kind;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    replicas(draft);
    spare(draft);
}

/// Instances for which a budget has room take at most half of what it leaves: the other half is for rows.
fn spare(draft: &mut Draft<'_>) {
    let most = draft.pipeline.run.instances.unwrap_or(STAGE_INSTANCES);
    for steps in draft.loaded_together() {
        let asks = |step: &usize| {
            let parsed = &draft.pipeline.steps[*step];
            draft.kinds[*step] == Kind::Transform && parsed.replicas.is_none() && !parsed.grants.http.is_empty()
        };
        let asking: Vec<usize> = steps.iter().copied().filter(asks).collect();
        let instances: u64 = steps.iter().map(|step| u64::from(draft.replicas[*step])).sum();
        let Some(share) = most.saturating_sub(instances).checked_div(asking.len() as u64) else { continue };
        let weight = |step: &usize| draft.weight(*step, draft.replicas[*step]);
        let taken = steps.iter().map(weight).fold(PROCESS, u64::saturating_add);
        let room = draft.budget.map(|budget| budget.saturating_sub(taken) / 2 / asking.len() as u64);
        for step in asking {
            let fitting = room.map_or(u64::MAX, |room| room / draft.needs[step].bytes.max(LEAST));
            draft.spare[step] = fitting.min(share).min(u64::from(MOST_SPARE)) as u32;
        }
    }
}

/// What an instance takes at least, bytes.
const LEAST: u64 = 256 << 10;

fn replicas(draft: &mut Draft<'_>) {
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
