//! An edge into a global step is a spill, and so is one out of it, unless an output of the same stage takes the rows as they come.

use crate::choices::Transport;
use crate::draft::{Draft, End};
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    for nth in 0..draft.edges.len() {
        let (from, to) = (draft.edges[nth].from, draft.edges[nth].to);
        let is_written_only = matches!(to, End::Output(_));
        if draft.is_global_end(to) || (draft.is_global_end(from) && !is_written_only) {
            draft.edges[nth].transport = Transport::Spill;
        }
    }
}
