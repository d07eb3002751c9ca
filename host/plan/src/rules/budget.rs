//! What cannot fit the budget in any plan is refused, with the figures. Guesses are no reason for that: they are lowered to what
//! the budget leaves.

use crate::choices::Load;
use crate::draft::Draft;
use crate::memory::PROCESS;
use crate::need::NeedFrom;
use crate::problem::Findings;
use crate::sizes::{about, written};
use callboard_words::{Help, Setting};

/// No component is taken to do with less, in bytes.
const LEAST_GUESS: u64 = 4 << 20;

pub(crate) fn apply(draft: &mut Draft<'_>, findings: &mut Findings) {
    let Some(budget) = draft.budget else { return };
    let at = draft.pipeline.run.budget.as_ref().and_then(|budget| budget.at.clone());
    if budget < PROCESS {
        let message = format!("the budget is {}, and the process alone takes {}", about(budget), about(PROCESS));
        return findings.add_with_help(
            &at,
            message,
            Help::from("allow more, such as ").set(Setting::Budget(Some("1GiB".to_owned()))),
        );
    }
    let steps = 0..draft.kinds.len();
    steps.clone().for_each(|step| lower_guesses(draft, &[step], budget));
    steps.clone().for_each(|step| refuse_step(draft, step, budget, findings));
    if !findings.is_empty() {
        return;
    }
    if draft.load == Load::Eager {
        lower_guesses(draft, &steps.clone().collect::<Vec<_>>(), budget);
        // Rows of one stage at a time; to count those of all of them is a little too much.
        let all = steps.map(|step| draft.weight(step, draft.asked(step))).fold(PROCESS, u64::saturating_add);
        if all > budget {
            let message = format!("all steps at once take {}, and the budget is {}", about(all), about(budget));
            let help =
                Help::from("load them stage by stage: ").set(Setting::Load("staged")).and("; or allow as much: ");
            let help = help.set(Setting::Budget(Some(written(all))));
            findings.add_with_help(&at, message, help);
        }
    } else if !draft.one_step {
        for nth in 0..draft.groups.len() {
            lower_guesses(draft, &draft.groups[nth].steps.clone(), budget);
            refuse_group(draft, nth, budget, findings);
        }
    }
}

/// Steps in memory together whose needs are not known are taken to need no more than they can have, in equal shares.
fn lower_guesses(draft: &mut Draft<'_>, steps: &[usize], budget: u64) {
    let guessed: Vec<usize> = steps.iter().copied().filter(|step| !draft.needs[*step].is_known()).collect();
    let instances: u64 = guessed.iter().map(|step| u64::from(draft.asked(*step))).sum();
    let taken = steps.iter().map(|step| {
        let guess = if draft.needs[*step].is_known() { 0 } else { draft.needs[*step].bytes };
        let asked = draft.asked(*step);
        draft.weight(*step, asked).saturating_sub(guess.saturating_mul(u64::from(asked)))
    });
    let taken = taken.fold(PROCESS, u64::saturating_add);
    let share = budget.saturating_sub(taken).checked_div(instances).filter(|share| *share >= LEAST_GUESS);
    for step in guessed {
        let need = &mut draft.needs[step];
        need.bytes = share.map_or(need.bytes, |share| need.bytes.min(share));
    }
}

/// Alone, in as few instances as it may have.
fn refuse_step(draft: &Draft<'_>, step: usize, budget: u64, findings: &mut Findings) {
    let (need, instances) = (draft.needs[step], draft.asked(step));
    let alone = draft.weight(step, instances).saturating_add(PROCESS);
    if alone <= budget {
        return;
    }
    let pipeline = &draft.pipeline.steps[step];
    let times = if instances > 1 { format!("{instances} × ") } else { String::new() };
    let message = format!(
        "step `{}` does not fit the budget alone: it needs {times}{} ({}), which makes {} with rows and the process, and the \
         budget is {}",
        draft.step_name(step),
        about(need.bytes),
        need.from.as_str(),
        about(alone),
        about(budget)
    );
    let or = match need.from {
        _ if instances > 1 => "; or give it fewer `replicas`",
        NeedFrom::Declared => "; or declare less, if it takes less",
        NeedFrom::Measured => "; or make it need less: an earlier run measured this",
        NeedFrom::Limit | NeedFrom::Assumed => "; or say what it needs: needs = { memory = \"…\" }",
    };
    let at = pipeline.needs.as_ref().map_or_else(|| &pipeline.uses.at, |needs| &needs.at);
    findings.add_with_help(
        at,
        message,
        Help::from("allow as much: ").set(Setting::Budget(Some(written(alone)))).and(or),
    );
}

fn refuse_group(draft: &Draft<'_>, nth: usize, budget: u64, findings: &mut Findings) {
    let group = &draft.groups[nth];
    let all = group.steps.iter().map(|step| draft.weight(*step, draft.asked(*step))).fold(PROCESS, u64::saturating_add);
    if all > budget {
        let steps = crate::spelling::quoted(group.steps.iter().map(|step| draft.step_name(*step)));
        let message =
            format!("load group {} ({steps}) takes {}, and the budget is {}", nth + 1, about(all), about(budget));
        let help = Help::from("make two groups of it, or allow as much: ").set(Setting::Budget(Some(written(all))));
        findings.add_with_help(&group.at, message, help);
    }
}
