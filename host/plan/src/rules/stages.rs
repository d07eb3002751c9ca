//! Which stage each step runs in: no edge goes back, none of a global step's lies within a stage, load groups are alone.
//!
//! Stages are filled one after the other: while a load group has all that it reads, it is the next stage; otherwise the
//! next stage takes every step that can be in it. That gives the fewest stages. Each group costs one stage in any plan,
//! so only the stages between them count; and to run a group earlier, or to take one step more into a stage, never
//! takes a step away from a later one. (Without groups it is the longest path, an edge of a global step counting 1.)

use crate::draft::Draft;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, findings: &mut Findings) {
    let reads = draft.read_by_step();
    let mut group_of: Vec<Option<usize>> = vec![None; reads.len()];
    for (nth, group) in draft.groups.iter().enumerate() {
        for step in &group.steps {
            group_of[*step] = Some(nth);
        }
    }

    let mut stage_of = vec![0; reads.len()];
    let mut group_done = vec![false; draft.groups.len()];
    while stage_of.contains(&0) {
        let stage = draft.group_of_stage.len() + 1;
        let ready = (0..draft.groups.len()).find(|nth| {
            let has_all = |step: &usize| reads[*step].iter().all(|u| stage_of[*u] > 0 || group_of[*u] == Some(*nth));
            !group_done[*nth] && draft.groups[*nth].steps.iter().all(has_all)
        });
        if let Some(nth) = ready {
            group_done[nth] = true;
            for step in &draft.groups[nth].steps {
                stage_of[*step] = stage;
            }
        } else {
            for step in &draft.order {
                let follows = |u: &usize| match stage_of[*u] {
                    0 => false,
                    before if before == stage => !draft.is_global(*u) && !draft.is_global(*step),
                    _ => true,
                };
                if stage_of[*step] == 0 && group_of[*step].is_none() && reads[*step].iter().all(follows) {
                    stage_of[*step] = stage;
                }
            }
            if !stage_of.contains(&stage) {
                // Cycles and groups that need each other were refused; never loop on what they missed.
                return findings.add(&None, "the load groups cannot be run in any order");
            }
        }
        draft.group_of_stage.push(ready);
    }
    if draft.group_of_stage.is_empty() {
        // Inputs and outputs only.
        draft.group_of_stage.push(None);
    }
    draft.step_stage = stage_of;
}
