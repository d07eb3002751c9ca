//! An input that a global step of its stage needs is read, as a whole, before the stage's components are loaded: all that
//! read it, then and later, read the spill.

use crate::choices::Transport;
use crate::draft::{Draft, End};
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    for input in 0..draft.intake.len() {
        let from = End::Input(input);
        let needs = |to: End| draft.is_global_end(to) && draft.stage(to) == draft.input_stage[input];
        draft.intake[input] = draft.edges.iter().any(|edge| edge.from == from && needs(edge.to));
        if draft.intake[input] {
            for edge in draft.edges.iter_mut().filter(|edge| edge.from == from) {
                edge.transport = Transport::Spill;
            }
        }
    }
}
