//! Whether a record of a journal can be one of a plan. A journal's checksums find accidents; whoever makes one on purpose names what they
//! like, and names lead to files.

use std::collections::BTreeSet;

use callboard_plan::{Plan, Stage};

use super::journal::{Record, StageEnded};
use super::spill::Sealed;

/// Refuses a record that names what its plan does not have.
pub(super) fn fits(record: &Record, plan: &Plan) -> Result<(), String> {
    match record {
        Record::Begun { .. } | Record::Changed { .. } | Record::Committing | Record::Ended { .. } => Ok(()),
        Record::Intake { input, rows: _, spill } => {
            if plan.input(input).is_none() {
                return Err(format!("names an input `{input}`, which the plan does not have"));
            }
            spilled(input, spill, plan)
        }
        Record::Stage { stage, ended } => match plan.stages().iter().find(|planned| planned.index == *stage) {
            None => Err(format!("names stage {stage}, and the plan has {}", plan.stages().len())),
            Some(planned) => ended_as(ended, planned, plan),
        },
    }
}

fn ended_as(ended: &StageEnded, stage: &Stage, plan: &Plan) -> Result<(), String> {
    let StageEnded { cost, spills, outputs, rejects } = ended;
    same("steps", cost.steps.keys(), &stage.steps)?;
    same("outputs", outputs.keys(), &stage.outputs)?;
    let strange = rejects.keys().find(|step| !stage.steps.contains(step));
    let strange = strange.or_else(|| cost.rows_read.keys().find(|input| plan.input(input).is_none()));
    if let Some(name) = strange {
        return Err(format!("names `{name}`, which stage {} does not have", stage.index));
    }
    for (node, spill) in spills {
        let of = plan.edges_out_of(node).next().map(|edge| &edge.from.node);
        if !of.is_some_and(|of| [&stage.steps, &stage.inputs, &stage.intakes].iter().any(|names| names.contains(of))) {
            return Err(format!("names rows of `{node}`, which stage {} does not have", stage.index));
        }
        spilled(node, spill, plan)?;
    }
    Ok(())
}

fn same<'a>(what: &str, found: impl Iterator<Item = &'a String>, planned: &'a [String]) -> Result<(), String> {
    match found.collect::<BTreeSet<_>>() == planned.iter().collect() {
        true => Ok(()),
        false => Err(format!("has other {what} than the plan")),
    }
}

/// Rows that some node reads, and the rows and logs that they refer to.
fn spilled(node: &str, sealed: &Sealed, plan: &Plan) -> Result<(), String> {
    let is_read = |node: &str| plan.edges_out_of(node).next().is_some();
    let mut nodes = std::iter::once(node).chain(sealed.bases.iter().map(|base| base.node.as_str()));
    if let Some(node) = nodes.find(|node| !is_read(node)) {
        return Err(format!("names rows of `{node}`, which nothing in the plan reads"));
    }
    match sealed.logs.iter().find(|log| !log.is_of(plan)) {
        None => Ok(()),
        Some(log) => Err(format!("names `{}`, which is not the log of a step", log.path().display())),
    }
}
