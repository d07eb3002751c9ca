//! The plan as a diagram: a box for each stage, dotted arrows where rows are kept in a file.

use std::fmt::Write as _;

use crate::choices::Transport;
use crate::plan::{Plan, Reader};
use crate::scan::Kind;

/// The plan as a Mermaid flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    // Names may be words of Mermaid (`end`), so they are labels only. Writing to a string does not fail.
    for input in &plan.inputs {
        _ = writeln!(out, "  {}[/\"{}\"/]", id(plan, &input.name), input.name);
    }
    for stage in &plan.stages {
        if stage.steps.is_empty() {
            continue;
        }
        _ = writeln!(out, "  subgraph stage{0}[\"stage {0}\"]", stage.index);
        for step in stage.steps.iter().filter_map(|name| plan.step(name)) {
            let (open, close) = if step.kind == Kind::Global { ("[[\"■ ", "\"]]") } else { ("[\"", "\"]") };
            _ = writeln!(out, "    {}{open}{}{close}", id(plan, &step.name), step.name);
        }
        out.push_str("  end\n");
    }
    for output in &plan.outputs {
        _ = writeln!(out, "  {}[\\\"{}\"\\]", id_of_output(plan, &output.name), output.name);
    }
    for edge in &plan.edges {
        let arrow = if edge.transport == Transport::Spill { "-.->" } else { "-->" };
        // "dropped", "left", "dropped → left"
        let route = edge.route.as_ref().map(|route| quoted(&route.to_string()));
        let labels = [
            edge.from.door.map(|door| door.as_str().to_owned()),
            route,
            edge.port.as_ref().map(|p| p.replace('"', "#quot;")),
        ];
        let label = labels.into_iter().flatten().collect::<Vec<_>>().join(" → ");
        let label = if label.is_empty() { label } else { format!("|\"{label}\"|") };
        let to = match &edge.to {
            Reader::Step(name) => id(plan, name),
            Reader::Output(name) => id_of_output(plan, name),
        };
        _ = writeln!(out, "  {} {arrow}{label} {to}", id(plan, &edge.from.node));
    }
    out
}

/// A label within quotes: what Mermaid would read as its own is written otherwise.
fn quoted(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;").replace('|', "#124;")
}

/// `o0`: by place.
fn id_of_output(plan: &Plan, name: &str) -> String {
    plan.outputs.iter().position(|output| output.name == name).map(|place| format!("o{place}")).unwrap_or_default()
}

/// `i0`, `s0`: by kind and place.
fn id(plan: &Plan, name: &str) -> String {
    let inputs = plan.inputs.iter().map(|input| &input.name);
    let steps = plan.steps.iter().map(|step| &step.name);
    let place = |mut names: Box<dyn Iterator<Item = &String> + '_>| names.position(|other| other == name);
    let ends = [("i", place(Box::new(inputs))), ("s", place(Box::new(steps)))];
    ends.iter().find_map(|(kind, place)| Some(format!("{kind}{}", (*place)?))).unwrap_or_default()
}
