//! The rules that shape a plan, in the order in which they are applied.
//!
//! Each reads what those before it have decided, and decides a little more; none takes a decision back.

mod appended_feeds_spill;
mod budget;
mod global_edges_spill;
mod input_and_output_stages;
mod instances;
mod intakes;
mod load_groups;
mod replicas;
mod stage_boundaries_spill;
mod stages;
mod zips_in_step;

use crate::draft::Draft;
use crate::problem::Findings;

type Rule = fn(&mut Draft<'_>, &mut Findings);

/// A rule and its reason.
const RULES: [(Rule, &str); 11] = [
    (
        load_groups::apply,
        "steps of a load group are loaded together, apart from the rest: what that forbids is refused",
    ),
    (budget::apply, "a plan that cannot fit the budget is refused before anything is read"),
    (
        stages::apply,
        "as few stages as global steps, load groups and the budget allow: each one loads, and spills, once more",
    ),
    (instances::apply, "each instance is a thread, a memory and its addresses, which no budget of bytes counts"),
    (replicas::apply, "instances that nobody asked for are for cores that are idle, and not worth a stage"),
    (
        input_and_output_stages::apply,
        "a file is read once, where it is needed first, and written once, where the last rows come from",
    ),
    (intakes::apply, "a global step needs its whole input: read it before anything is in memory"),
    (stage_boundaries_spill::apply, "rows outlive their stage in a file only"),
    (global_edges_spill::apply, "a global step seeks in its rows, and may put them out when nobody reads yet"),
    (
        appended_feeds_spill::apply,
        "a second branch would wait in a full channel while the first is read: a diamond would never end",
    ),
    (
        zips_in_step::apply,
        "branches of one stage that part and meet again advance together; others would wait for each other in full channels",
    ),
];

/// Applies all rules; where one finds that it cannot be done, those behind it have nothing to work on.
pub(crate) fn apply(draft: &mut Draft<'_>, findings: &mut Findings) {
    for (rule, _) in RULES {
        rule(draft, findings);
        if !findings.is_empty() {
            return;
        }
    }
}
