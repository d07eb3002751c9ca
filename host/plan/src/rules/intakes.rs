//! An input that a global step of its stage needs is read, as a whole, before the stage's components are loaded: all that
//! read it, then and later, read the spill.

use crate::choices::Transport;
use crate::draft::{Draft, End};
use crate::effort::counted;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    counted(2 * draft.edges.len());
    for nth in 0..draft.edges.len() {
        let (from, to) = (draft.edges[nth].from, draft.edges[nth].to);
        if let End::Input(input) = from
            && draft.is_global_end(to)
            && draft.stage(to) == draft.input_stage[input]
        {
            draft.intake[input] = true;
        }
    }
    for edge in &mut draft.edges {
        if matches!(edge.from, End::Input(input) if draft.intake[input]) {
            edge.transport = Transport::Spill;
        }
    }
}
