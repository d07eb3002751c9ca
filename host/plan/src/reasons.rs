//! Why a plan is as it is: what each stage begins for, and how each edge carries its rows.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::choices::{Boundary, Transport};
use crate::explain::cause;
use crate::lines::{hanging, sentence};
use crate::plan::{Edge, Plan, Reader, Stage};
use crate::scan::Kind;
use crate::sizes::written;

/// The reasons for a person: plain text, in lines of at most `width` characters where names are not longer.
pub fn reasons(plan: &Plan, width: usize) -> String {
    let known = Known::of(plan);
    let mut out = String::new();
    // Writing to a string does not fail.
    for stage in &plan.stages {
        let _ = writeln!(out, "{}", sentence(&format!("stage {}{}", stage.index, cause(stage, plan)), width));
        for line in boundary(stage) {
            let _ = writeln!(out, "{}", hanging(&line, 4, width));
        }
        for edge in plan.edges.iter().filter(|edge| known.stage_of(&edge.to) == stage.index) {
            let port = edge.port.as_ref().map_or_else(String::new, |port| format!(" as {port}"));
            let route = edge.route.as_ref().map_or_else(String::new, |route| format!(" {route}"));
            let line = format!("{}{route} → {}{port}: {}", edge.from.whole(), edge.to, known.why(plan, edge));
            let _ = writeln!(out, "{}", hanging(&line, 4, width));
        }
        out.push('\n');
    }
    out
}

/// What a stage begins for, beyond its title: the edges that part it from the stage before, and what would join the two.
fn boundary(stage: &Stage) -> Vec<String> {
    let before = stage.index.saturating_sub(1);
    match &stage.reason {
        Boundary::Start => vec!["the first stage: nothing comes before it".to_owned()],
        Boundary::Global { edges } => {
            let edges: Vec<String> = edges.iter().map(|edge| format!("{} → {}", edge.from, edge.to)).collect();
            vec![format!("parted from stage {before} by {}", edges.join(", "))]
        }
        Boundary::LoadGroup { group } => {
            vec![format!("`load_groups` names these steps in its list {group}; without it they may share a stage")]
        }
        Boundary::AfterLoadGroup { group } => {
            vec![format!("without list {group} of `load_groups`, these steps could be in stage {before}")]
        }
        Boundary::OneStep => vec!["each step is loaded alone, as `load_groups` = step asks".to_owned()],
        Boundary::Budget { together_bytes, .. } => {
            vec![format!("with a `budget` of {} it would be one stage with stage {before}", written(*together_bytes))]
        }
    }
}

/// What is asked of each edge, found once: plans may have thousands of steps.
struct Known<'a> {
    /// The stages of inputs and steps, and whether a step is global.
    nodes: HashMap<&'a str, (usize, bool)>,
    outputs: HashMap<&'a str, usize>,
    intakes: HashSet<&'a str>,
    /// The first feed of each port.
    first: HashMap<(&'a Reader, Option<&'a str>), &'a Edge>,
}

impl<'a> Known<'a> {
    fn of(plan: &'a Plan) -> Self {
        let inputs = plan.inputs.iter().map(|input| (input.name.as_str(), (input.stage, false)));
        let steps = plan.steps.iter().map(|step| (step.name.as_str(), (step.stage, step.kind == Kind::Global)));
        let first = plan.edges.iter().filter(|edge| edge.position == 0);
        Known {
            nodes: inputs.chain(steps).collect(),
            outputs: plan.outputs.iter().map(|output| (output.name.as_str(), output.stage)).collect(),
            intakes: plan.stages.iter().flat_map(|stage| &stage.intakes).map(String::as_str).collect(),
            first: first.map(|edge| ((&edge.to, edge.port.as_deref()), edge)).collect(),
        }
    }

    fn stage_of(&self, to: &Reader) -> usize {
        match to {
            Reader::Step(name) => self.nodes.get(name.as_str()).map_or(0, |(stage, _)| *stage),
            Reader::Output(name) => self.outputs.get(name.as_str()).copied().unwrap_or(0),
        }
    }

    fn why(&self, plan: &Plan, edge: &Edge) -> String {
        let from = edge.from.node.as_str();
        let (before, from_global) = self.nodes.get(from).copied().unwrap_or_default();
        let after = self.stage_of(&edge.to);
        if edge.transport == Transport::Channel {
            return match plan.input(from) {
                Some(_) => format!("read in stage {after}, batch by batch"),
                None => format!("in memory, batch by batch, since both are in stage {after}"),
            };
        }
        let to_global = edge.to.step().is_some_and(|name| self.nodes.get(name).is_some_and(|(_, global)| *global));
        if self.intakes.contains(from) {
            return format!(
                "in a file: `{from}` is read whole before stage {before} is loaded, since a global step there needs all of it"
            );
        }
        if before < after {
            return format!("in a file: rows leave their stage, {before}, in a file only");
        }
        if to_global || from_global && edge.to.step().is_some() {
            let step = if to_global { edge.to.name() } else { from };
            return format!(
                "in a file: `{step}` is a global step, which seeks in its rows and puts them out at its end"
            );
        }
        match self.first.get(&(&edge.to, edge.port.as_deref())) {
            Some(first) if edge.position > 0 => format!(
                "in a file: these rows are read when `{}` has ended, and in memory they would hold up what comes before them",
                first.from.whole()
            ),
            _ => "in a file".to_owned(),
        }
    }
}
