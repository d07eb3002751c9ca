//! An edge from one stage to a later one is a spill.

use crate::choices::Transport;
use crate::draft::Draft;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    for nth in 0..draft.edges.len() {
        let (from, to) = (draft.edges[nth].from, draft.edges[nth].to);
        if draft.stage(from) < draft.stage(to) {
            draft.edges[nth].transport = Transport::Spill;
        }
    }
}
