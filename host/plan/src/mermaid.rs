//! The plan as a diagram: a box for each stage, dotted arrows where rows are kept in a file.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::choices::Transport;
use crate::plan::{Plan, PlannedStep, Reader};
use crate::scan::Kind;

/// The plan as a Mermaid flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    let ids = Ids::of(plan);
    // Names may be words of Mermaid (`end`), so they are labels only. Writing to a string does not fail.
    for input in &plan.inputs {
        _ = writeln!(out, "  {}[/\"{}\"/]", ids.node(&input.name), input.name);
    }
    for stage in &plan.stages {
        if stage.steps.is_empty() {
            continue;
        }
        _ = writeln!(out, "  subgraph stage{0}[\"stage {0}\"]", stage.index);
        for step in stage.steps.iter().filter_map(|name| ids.step(plan, name)) {
            let (open, close) = if step.kind == Kind::Global { ("[[\"■ ", "\"]]") } else { ("[\"", "\"]") };
            _ = writeln!(out, "    {}{open}{}{close}", ids.node(&step.name), step.name);
        }
        out.push_str("  end\n");
    }
    for output in &plan.outputs {
        _ = writeln!(out, "  {}[\\\"{}\"\\]", ids.output(&output.name), output.name);
    }
    let zipped: HashSet<Reader> = plan.zips().map(|(reader, _)| reader).collect();
    for edge in &plan.edges {
        let arrow = if edge.transport == Transport::Spill { "-.->" } else { "-->" };
        // "dropped", "left", "dropped → left"
        let route = edge.route.as_ref().map(|route| quoted(&route.to_string()));
        let labels = [
            edge.from.door.map(|door| door.as_str().to_owned()),
            route,
            zipped.contains(&edge.to).then(|| "zip".to_owned()),
            edge.port.as_ref().map(|p| p.replace('"', "#quot;")),
        ];
        let label = labels.into_iter().flatten().collect::<Vec<_>>().join(" → ");
        let label = if label.is_empty() { label } else { format!("|\"{label}\"|") };
        let to = match &edge.to {
            Reader::Step(name) => ids.node(name),
            Reader::Output(name) => ids.output(name),
        };
        _ = writeln!(out, "  {} {arrow}{label} {to}", ids.node(&edge.from.node));
    }
    out
}

/// A label within quotes: what Mermaid would read as its own is written otherwise.
fn quoted(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;").replace('|', "#124;")
}

/// What nodes are called in the diagram: `i0`, `s0`, `o0`, by kind and place.
struct Ids<'a> {
    nodes: HashMap<&'a str, String>,
    steps: HashMap<&'a str, usize>,
    outputs: HashMap<&'a str, String>,
}

impl<'a> Ids<'a> {
    fn of(plan: &'a Plan) -> Self {
        let inputs = plan.inputs.iter().enumerate().map(|(nth, input)| (input.name.as_str(), format!("i{nth}")));
        let steps = plan.steps.iter().enumerate().map(|(nth, step)| (step.name.as_str(), format!("s{nth}")));
        let outputs = plan.outputs.iter().enumerate().map(|(nth, output)| (output.name.as_str(), format!("o{nth}")));
        Ids {
            nodes: inputs.chain(steps).collect(),
            steps: plan.steps.iter().enumerate().map(|(nth, step)| (step.name.as_str(), nth)).collect(),
            outputs: outputs.collect(),
        }
    }

    fn node(&self, name: &str) -> &str {
        self.nodes.get(name).map_or("", String::as_str)
    }

    fn step(&self, plan: &'a Plan, name: &str) -> Option<&'a PlannedStep> {
        self.steps.get(name).and_then(|nth| plan.steps.get(*nth))
    }

    fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }
}
