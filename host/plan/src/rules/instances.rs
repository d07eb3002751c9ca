//! The instances of a stage have a total: each has a thread, a memory and its address space, however little it needs.
//!
//! More that somebody asked for are refused; those that nobody asked for are shared out.

use crate::choices::{Load, MOST_STAGE_INSTANCES, STAGE_INSTANCES};
use crate::draft::Draft;
use crate::problem::Findings;
use callboard_words::{Help, Setting};

pub(crate) fn apply(draft: &mut Draft<'_>, findings: &mut Findings) {
    let most = draft.pipeline.run.instances.unwrap_or(STAGE_INSTANCES);
    for steps in draft.loaded_together() {
        let asked: u64 = steps.iter().map(|step| u64::from(draft.asked(*step))).sum();
        if asked > most {
            refuse(draft, &steps, asked, most, findings);
            continue;
        }
        let open = |step: &&usize| draft.pipeline.steps[**step].replicas.is_none();
        let open: Vec<usize> = steps.iter().filter(open).copied().collect();
        let share = (most - asked).checked_div(open.len() as u64).unwrap_or(0);
        // One of each is among those that are asked for.
        let share = u32::try_from(share).unwrap_or(u32::MAX).saturating_add(1);
        open.iter().for_each(|step| draft.wanted[*step] = draft.wanted[*step].min(share));
    }
}

fn refuse(draft: &Draft<'_>, steps: &[usize], asked: u64, allowed: u64, findings: &mut Findings) {
    let Some(most) = steps.iter().copied().max_by_key(|step| (draft.asked(*step), std::cmp::Reverse(*step))) else {
        return;
    };
    let pipeline = &draft.pipeline.steps[most];
    let together = if draft.load == Load::Eager { "all steps at once" } else { "the steps of a stage" };
    let message = format!(
        "{together} would have {asked} instances at once, and at most {allowed} are allowed; `{}` has {} of them",
        draft.step_name(most),
        draft.asked(most)
    );
    let at = pipeline.replicas.as_ref().map_or_else(|| &pipeline.uses.at, |replicas| &replicas.at);
    let mut help = Help::from("give steps fewer `replicas`, or load them apart: ").set(Setting::Load("step"));
    help = help.and(", or [run] load_groups");
    if asked <= MOST_STAGE_INSTANCES {
        help = help.and(format!("\nor, if the machine has the memory, under `[run]`: instances = {asked}"));
    }
    findings.add_with_help(at, message, help);
}
