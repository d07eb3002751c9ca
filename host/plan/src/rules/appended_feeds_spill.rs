//! All but the first of the feeds that are appended to one port are spills.

use crate::choices::Transport;
use crate::draft::Draft;
use crate::problem::Findings;

pub(crate) fn apply(draft: &mut Draft<'_>, _: &mut Findings) {
    for edge in draft.edges.iter_mut().filter(|edge| edge.position > 0) {
        edge.transport = Transport::Spill;
    }
}
