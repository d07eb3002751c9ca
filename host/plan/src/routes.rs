//! The routes of a pipeline against each other: which branch each of them is, and whether all are there.

use std::collections::HashMap;

use crate::door::Door;
use crate::draft::{DraftEdge, End};
use crate::pipeline::Pipeline;
use crate::problem::Findings;
use crate::route::{Route, Share};

/// What decides which rows each edge takes, edge by edge.
pub(crate) fn routes(pipeline: &Pipeline, edges: &[DraftEdge], findings: &mut Findings) -> Vec<Option<Route>> {
    let mut out: Vec<Option<Route>> = edges.iter().map(|edge| route(pipeline, edge).cloned()).collect();
    let mut sources: HashMap<(Place, Option<Door>), Vec<usize>> = HashMap::new();
    for (nth, edge) in edges.iter().enumerate().filter(|(_, edge)| edge.branch.is_some()) {
        sources.entry((place(edge.from), edge.door)).or_default().push(nth);
    }
    let mut sources: Vec<Vec<usize>> = sources.into_values().collect();
    sources.sort_unstable();
    for routed in sources {
        number(pipeline, edges, &routed, &mut out, findings);
        let only_else = routed.iter().all(|nth| matches!(out[*nth], Some(Route::Else(_))));
        if only_else {
            let at = &edges[routed[0]].at;
            let message = "`else` takes what no other route takes, and there is no other route of these rows";
            findings.add_with_help(at, message, "name the step alone, or add routes: where = \"…\"");
        }
    }
    out
}

/// Numbers the branches that rows are shared out to, in the order in which they are written.
fn number(
    pipeline: &Pipeline,
    edges: &[DraftEdge],
    routed: &[usize],
    out: &mut [Option<Route>],
    findings: &mut Findings,
) {
    // A route of a step that is a pipeline may be several edges of one branch.
    let mut branches: Vec<(u32, usize)> = routed.iter().filter_map(|nth| Some((edges[*nth].branch?, *nth))).collect();
    branches.sort_by_key(|(branch, nth)| (edges[*nth].at.as_ref().map(|at| at.start), *branch));
    let mut choices: Vec<(Share, Vec<u32>)> = Vec::new();
    for (branch, nth) in branches {
        let Some(Route::Share(share)) = &mut out[nth] else { continue };
        let choice = match choices.iter_mut().find(|(other, _)| other.is_beside(share)) {
            Some((_, choice)) => choice,
            None => {
                choices.push((share.clone(), Vec::new()));
                &mut choices.last_mut().expect("it was just put there").1
            }
        };
        let place = choice.iter().position(|other| *other == branch).unwrap_or_else(|| {
            choice.push(branch);
            choice.len() - 1
        });
        share.nth = u32::try_from(place).unwrap_or(u32::MAX);
    }
    for (share, branches) in choices {
        if branches.len() == share.one_of as usize {
            continue;
        }
        let first = routed.iter().find(|nth| edges[**nth].branch == branches.first().copied());
        let Some(edge) = first.map(|nth| &edges[*nth]) else { continue };
        let (name, there) = (source(pipeline, edge), branches.len());
        let message = format!(
            "rows of `{name}` are shared out to {} branches, and {there} {} there",
            share.one_of,
            if there == 1 { "is" } else { "are" }
        );
        let help = "each branch is one `from` with the same `one_of`, `pick`, `seed` and `by`";
        findings.add_with_help(&edge.at, message, help);
    }
}

fn route<'a>(pipeline: &'a Pipeline, edge: &DraftEdge) -> Option<&'a Route> {
    let place = usize::try_from(edge.branch?.checked_sub(1)?).ok()?;
    pipeline.routes.get(place).map(|route| &route.value)
}

fn source(pipeline: &Pipeline, edge: &DraftEdge) -> String {
    let name = match edge.from {
        End::Input(nth) => &pipeline.inputs[nth].name.value,
        End::Step(nth) => &pipeline.steps[nth].name.value,
        End::Output(nth) => &pipeline.outputs[nth].name.value,
    };
    match edge.door {
        None => name.clone(),
        Some(door) => format!("{name}.{}", door.as_str()),
    }
}

/// An end, to be ordered and hashed.
type Place = (u8, usize);

fn place(end: End) -> Place {
    match end {
        End::Input(nth) => (0, nth),
        End::Step(nth) => (1, nth),
        End::Output(nth) => (2, nth),
    }
}
