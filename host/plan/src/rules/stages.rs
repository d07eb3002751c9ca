//! Which stage each step runs in: no edge goes back, none of a global step's lies within a stage, load groups are alone, and
//! none takes more than the budget.
//!
//! Stages are filled one after the other: while a load group has all that it reads, it is the next stage; otherwise the
//! next stage takes every step that can be in it. That gives the fewest stages. Each group costs one stage in any plan,
//! so only the stages between them count; and to run a group earlier, or to take one step more into a stage, never
//! takes a step away from a later one. (Without groups it is the longest path, an edge of a global step counting 1.)
//!
//! With a budget a stage may not have room for every step that can be in it; then [`Packing`] tries which. Steps for which
//! there is a choice of stage are put where the largest stage stays smallest, as far as it is known what they need.

use crate::choices::Load;
use crate::draft::Draft;
use crate::memory::PROCESS;
use crate::packing::{Packed, Packing, heaviest};
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, findings: &mut Findings) {
    let reads = draft.read_by_step();
    let global: Vec<bool> = (0..reads.len()).map(|step| draft.is_global(step)).collect();
    let groups: Vec<Vec<usize>> = draft.groups.iter().map(|group| group.steps.clone()).collect();
    let packing = Packing { reads: &reads, global: &global, groups: &groups, order: &draft.order };
    let Some(stages) = stages(draft, &packing) else {
        // Cycles, groups that need each other and steps that do not fit were refused; never loop on what they missed.
        return findings.add(&None, "the steps cannot be run in any order");
    };
    draft.group_of_stage = stages.iter().map(|stage| stage.group).collect();
    for (nth, stage) in stages.iter().enumerate() {
        stage.steps.iter().for_each(|step| draft.step_stage[*step] = nth + 1);
    }
    if draft.group_of_stage.is_empty() {
        // Inputs and outputs only.
        draft.group_of_stage.push(None);
    }
}

fn stages(draft: &Draft<'_>, packing: &Packing<'_>) -> Option<Vec<Packed>> {
    let steps = 0..draft.kinds.len();
    let plain = packing.in_order(&vec![0; steps.len()], u64::MAX)?;
    if draft.one_step || draft.load == Load::Eager {
        return Some(plain);
    }
    let Some(budget) = draft.budget else {
        // Where nobody knows anything, the file's order is as good as any.
        let known = |step: usize| match draft.needs[step].is_known() {
            true => draft.needs[step].bytes.saturating_mul(u64::from(draft.wanted[step])),
            false => 0,
        };
        let weights: Vec<u64> = steps.map(known).collect();
        return Some(lighter(packing, &weights, plain));
    };
    let room = budget.saturating_sub(PROCESS);
    let weigh = |instances: &dyn Fn(usize) -> u32| -> Vec<u64> {
        steps.clone().map(|step| draft.weight(step, instances(step))).collect()
    };
    let (least, most) = (weigh(&|step| draft.asked(step)), weigh(&|step| draft.wanted[step]));
    let fewest = packing.fewest(&least, room)?;
    // Instances that nobody asked for are worth no stage.
    let (weights, stages) = match packing.fewest(&most, room) {
        Some(stages) if stages.len() == fewest.len() => (most, stages),
        _ => (least, fewest),
    };
    let fits = plain.len() == stages.len() && heaviest(&plain, &weights) <= room;
    Some(lighter(packing, &weights, if fits { plain } else { stages }))
}

/// As many stages, of which the heaviest is lighter if it can be.
fn lighter(packing: &Packing<'_>, weights: &[u64], stages: Vec<Packed>) -> Vec<Packed> {
    let now = heaviest(&stages, weights);
    let levelled = packing.level(weights, stages.clone());
    if heaviest(&levelled, weights) < now { levelled } else { stages }
}
