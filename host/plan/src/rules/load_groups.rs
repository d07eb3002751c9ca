//! Which steps are loaded together, apart from the rest; what cannot be run is refused with the edge that forbids it.

use std::collections::HashMap;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::choices::Load;
use crate::draft::{Draft, Group, cycle_from};
use crate::effort::counted;
use crate::pipeline::LoadGroups;
use crate::problem::Findings;
use crate::spelling::quoted;

pub(crate) fn apply(draft: &mut Draft<'_>, findings: &mut Findings) {
    draft.groups = match &draft.pipeline.run.load_groups {
        LoadGroups::Lists(lists) if draft.load != Load::Step => {
            let steps = draft.pipeline.steps.iter().enumerate();
            let places: HashMap<&str, usize> = steps.map(|(nth, step)| (step.name.as_str(), nth)).collect();
            let index = |name: &str| places.get(name).copied();
            let group = |list: &crate::pipeline::Located<Vec<_>>| Group {
                steps: list.value.iter().filter_map(|name: &crate::pipeline::Located<String>| index(name)).collect(),
                at: list.at.clone(),
            };
            lists.iter().map(group).collect()
        }
        _ => {
            draft.one_step = true;
            (0..draft.pipeline.steps.len()).map(|step| Group { steps: vec![step], at: None }).collect()
        }
    };
    refuse_global_edges(draft, findings);
    refuse_rings(draft, findings);
}

/// An edge of a global step cannot lie within a stage, and so not within a group.
fn refuse_global_edges(draft: &Draft<'_>, findings: &mut Findings) {
    let groups = groups(draft);
    for (from, to) in draft.step_edges() {
        let Some(nth) = groups[from].filter(|group| groups[to] == Some(*group)) else { continue };
        if let Some(global) = [to, from].into_iter().find(|step| draft.is_global(*step)) {
            let message = format!(
                "{} cannot be run: `{}` is a global step, so `{}` cannot be in one stage",
                title(draft, nth),
                draft.step_name(global),
                draft.hop_name(from, to)
            );
            let (from, to) = (draft.step_name(from), draft.step_name(to));
            let help = format!(
                "a global step needs every row before it begins, and its stage ends with it: put `{from}` and `{to}` into different groups"
            );
            findings.add_with_help(&draft.groups[nth].at, message, help);
        }
    }
}

/// The group of each step that is in one.
fn groups(draft: &Draft<'_>) -> Vec<Option<usize>> {
    let mut groups = vec![None; draft.kinds.len()];
    for (nth, group) in draft.groups.iter().enumerate() {
        counted(group.steps.len());
        group.steps.iter().for_each(|step| groups[*step] = groups[*step].or(Some(nth)));
    }
    groups
}

/// With each group taken as one, there must be an order still.
fn refuse_rings(draft: &Draft<'_>, findings: &mut Findings) {
    // Nodes: the groups, in their order, then all steps (those in a group stay alone).
    let of_steps = self::groups(draft);
    let groups = draft.groups.len();
    let units: Vec<usize> = of_steps.iter().enumerate().map(|(step, group)| group.unwrap_or(groups + step)).collect();
    let mut graph = DiGraph::<(), ()>::new();
    for _ in 0..groups + units.len() {
        graph.add_node(());
    }
    let edges: Vec<(usize, usize)> = draft.step_edges().filter(|(from, to)| units[*from] != units[*to]).collect();
    for (from, to) in &edges {
        graph.update_edge(NodeIndex::new(units[*from]), NodeIndex::new(units[*to]), ());
    }

    let mut rings = kosaraju_scc(&graph);
    rings.retain(|ring| ring.len() > 1);
    for ring in rings {
        // Steps alone are in no ring, so that each ring has a group.
        let Some(first) = ring.iter().map(|node| node.index()).min() else { continue };
        let cycle = cycle_from(&graph, first);
        let hops: Vec<(usize, usize)> = cycle
            .windows(2)
            .filter_map(|hop| edges.iter().find(|(from, to)| units[*from] == hop[0] && units[*to] == hop[1]))
            .copied()
            .collect();
        let others: Vec<usize> = cycle[1..].iter().copied().filter(|unit| *unit < groups && *unit != first).collect();
        let at = &draft.groups[first].at;
        if let Some(other) = others.first() {
            let by: Vec<String> = hops.iter().map(|(from, to)| draft.hop_name(*from, *to)).collect();
            let message = format!(
                "{} and {} cannot be run: each must come before the other, by {}",
                title(draft, first),
                title(draft, *other),
                quoted(by.iter().map(String::as_str))
            );
            let parted: Vec<String> =
                draft.groups[first].steps.iter().map(|step| format!("[\"{}\"]", draft.step_name(*step))).collect();
            let help = format!(
                "the steps of a group run side by side, and so after all that any of them reads: give those of {} groups of their own: {}",
                title(draft, first),
                parted.join(", ")
            );
            findings.add_with_help(at, message, help);
        } else {
            let path = hops.first().map(|(from, _)| *from).into_iter().chain(hops.iter().map(|(_, to)| *to));
            let path: Vec<&str> = path.map(|step| draft.step_name(step)).collect();
            let between = quoted(path[1..path.len() - 1].iter().copied());
            let message =
                format!("{} cannot be run: `{}` leaves it and comes back", title(draft, first), path.join(" → "));
            let has_global = hops.iter().any(|(from, to)| draft.is_global(*from) || draft.is_global(*to));
            let help = if has_global {
                format!(
                    "a group runs in one stage, and {between} in another: split it into two groups, before and after"
                )
            } else {
                format!("a group shares its stage with nothing else: put {between} into it, or make two groups of it")
            };
            findings.add_with_help(at, message, help);
        }
    }
}

fn title(draft: &Draft<'_>, group: usize) -> String {
    let steps = quoted(draft.groups[group].steps.iter().map(|step| draft.step_name(*step)));
    format!("load group {} ({steps})", group + 1)
}
