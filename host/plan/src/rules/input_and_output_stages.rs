//! An input is read once, in the first stage that needs it; an output is written in the latest stage that feeds it.

use crate::draft::{Draft, DraftEdge, End};
use crate::effort::counted;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    // Inputs that steps read are where the first of these is, and outputs at least where their steps are …
    for DraftEdge { from, to, .. } in &draft.edges {
        match (*from, *to) {
            (End::Input(i), End::Step(s)) => earliest(&mut draft.input_stage[i], draft.step_stage[s]),
            (End::Step(s), End::Output(o)) => latest(&mut draft.output_stage[o], draft.step_stage[s]),
            _ => {}
        }
    }
    let to_outputs: Vec<(usize, usize)> = draft
        .edges
        .iter()
        .filter_map(|edge| match (edge.from, edge.to) {
            (End::Input(i), End::Output(o)) => Some((i, o)),
            _ => None,
        })
        .collect();
    // … inputs that only outputs read follow those outputs, or else are in the first stage …
    let read_by_steps: Vec<bool> = draft.input_stage.iter().map(|stage| *stage > 0).collect();
    for (i, o) in &to_outputs {
        if !read_by_steps[*i] && draft.output_stage[*o] > 0 {
            earliest(&mut draft.input_stage[*i], draft.output_stage[*o]);
        }
    }
    for stage in &mut draft.input_stage {
        *stage = (*stage).max(1);
    }
    // … and outputs wait for the latest of their inputs.
    for (i, o) in &to_outputs {
        latest(&mut draft.output_stage[*o], draft.input_stage[*i]);
    }
    counted(2 * draft.edges.len() + 2 * to_outputs.len());
    let mut needs = vec![0; read_by_steps.len()];
    for (i, o) in &to_outputs {
        earliest(&mut needs[*i], draft.output_stage[*o]);
    }
    for (i, was) in read_by_steps.iter().enumerate() {
        if !was && needs[i] > 0 {
            draft.input_stage[i] = needs[i];
        }
    }
}

/// 0 is "none yet".
fn earliest(stage: &mut usize, other: usize) {
    *stage = if *stage == 0 { other } else { other.min(*stage) };
}

fn latest(stage: &mut usize, other: usize) {
    *stage = other.max(*stage);
}
