//! The plan, with the rows that went along its edges.

use std::collections::HashMap;

use callboard_plan::{Door, Edge, Plan, Reader, svg_with};
use callboard_runtime::StepReport;
use callboard_words::figures::count;
use maud::{Markup, PreEscaped, html};

use crate::{Shown, wide};

/// A graph of more edges is drawn by the command `plan`, and looked at elsewhere.
const MOST: usize = 600;
/// One of more steps may be taller than a page of paper.
const TALL: usize = 16;

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    let plan = shown.plan?;
    if plan.edges().len() > MOST {
        return Some(
            html! { p.quiet { "A graph of " (count(plan.edges().len() as u64)) " edges is too large for a page: the command " code { "plan" } " draws it." } },
        );
    }
    let counted = Counted::of(shown, plan);
    let drawing = svg_with(plan, |edge| counted.rows(edge).map(count));
    let size = if plan.steps().len() > TALL { "tall" } else { "small" };
    let graph = html! { div.graph.(size) { (PreEscaped(drawing)) } };
    Some(html! {
        p.quiet {
            "Figures on the lines are rows. A thick yellow box reads all rows before it puts out any; dashed lines lead through files, from one stage to a later one."
        }
        (wide("The pipeline as a graph", &graph))
    })
}

struct Counted<'a> {
    shown: &'a Shown<'a>,
    steps: HashMap<&'a str, &'a StepReport>,
    /// How many edges lead to each step and output.
    into: HashMap<&'a Reader, usize>,
}

impl<'a> Counted<'a> {
    fn of(shown: &'a Shown<'a>, plan: &'a Plan) -> Counted<'a> {
        let mut into = HashMap::new();
        plan.edges().iter().for_each(|edge| *into.entry(&edge.to).or_default() += 1);
        Counted { shown, steps: shown.steps().map(|step| (step.name.as_str(), step)).collect(), into }
    }

    /// How many rows took an edge, as far as the report says it.
    fn rows(&self, edge: &Edge) -> Option<u64> {
        let Counted { shown, steps, into } = self;
        if edge.route.is_some() {
            // What a route took is known where nothing else is read.
            return match &edge.to {
                to if into.get(to) != Some(&1) => None,
                Reader::Step(name) => steps.get(name.as_str()).map(|step| step.rows_in),
                Reader::Output(name) => shown.report.outputs.get(name).map(|output| output.rows),
            };
        }
        let from = edge.from.node.as_str();
        match (steps.get(from), edge.from.door) {
            (Some(step), None) => Some(step.rows_out),
            (Some(step), Some(Door::Dropped)) => Some(step.rows_dropped),
            (Some(step), Some(Door::Rejected)) => Some(step.rows_rejected),
            (None, door) => {
                let moved = shown.unfinished.and_then(|stage| stage.steps.get(from)).map(|moved| match door {
                    None => moved.rows_out,
                    Some(Door::Dropped) => moved.rows_dropped,
                    Some(Door::Rejected) => moved.rows_rejected,
                });
                moved.or_else(|| shown.report.inputs.get(from).map(|input| input.rows).filter(|rows| *rows > 0))
            }
        }
    }
}
