//! Whether a record of a journal can be one of a plan. A journal's checksums find accidents; whoever makes one on purpose names what they
//! like, and names lead to files.

use std::collections::BTreeSet;

use callboard_plan::{Feed, Plan, Reader, Stage};
use serde_json::Value;

use super::records::Sealed;
use super::records::{Intake, Record, StageEnded};

/// No figure of a run is larger, so that none of their sums leaves 64 bits.
const LARGEST: f64 = (1_u64 << 53) as f64;

/// Refuses a record that names what its plan does not have, or counts what nothing can count.
pub(super) fn fits(record: &Record, plan: &Plan) -> Result<(), String> {
    figures(record)?;
    match record {
        Record::Begun { .. } | Record::Changed { .. } | Record::Committing | Record::Ended { .. } => Ok(()),
        Record::Intake { input, taken: Intake { rows: _, spills, routed, unread: _, rejects: _, stats: _ } } => {
            if plan.input(input).is_none() {
                return Err(format!("names an input `{input}`, which the plan does not have"));
            }
            let strange = spills.keys().chain(routed.keys()).find(|feed| feed.node != *input || feed.door.is_some());
            if let Some(feed) = strange {
                return Err(format!("names rows of `{feed}`, which input `{input}` does not have"));
            }
            routes(routed.keys(), plan)?;
            spills.iter().try_for_each(|(feed, spill)| spilled(feed, spill, plan))
        }
        Record::Stage { stage, ended } => match plan.stages().iter().find(|planned| planned.index == *stage) {
            None => Err(format!("names stage {stage}, and the plan has {}", plan.stages().len())),
            Some(planned) => ended_as(ended, planned, plan),
        },
    }
}

fn figures(record: &Record) -> Result<(), String> {
    let mut record = record.clone();
    // Figures of columns may be whatever columns hold.
    if let Record::Intake { taken, .. } = &mut record {
        taken.stats = None;
    }
    if let Record::Stage { ended, .. } = &mut record {
        if let Some((step, _)) = ended.cost.steps.iter().find(|(_, counts)| !counts.are_plausible()) {
            return Err(format!("has accounts of `{step}` that do not add up"));
        }
        ended.cost.stats.clear();
        ended.cost.output_stats.clear();
        // Steps count whatever they like in these.
        ended.cost.steps.values_mut().for_each(|counts| counts.counters.clear());
    }
    match serde_json::to_value(&record).is_ok_and(|json| are_within(&json)) {
        true => Ok(()),
        false => Err("has a figure that no run reaches".to_owned()),
    }
}

fn are_within(json: &Value) -> bool {
    match json {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() <= LARGEST),
        Value::Array(items) => items.iter().all(are_within),
        Value::Object(members) => members.values().all(are_within),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn ended_as(ended: &StageEnded, stage: &Stage, plan: &Plan) -> Result<(), String> {
    let StageEnded { cost, spills, outputs, rejects } = ended;
    same("steps", cost.steps.keys(), &stage.steps)?;
    same("outputs", outputs.keys(), &stage.outputs)?;
    let strange = rejects.keys().find(|name| !stage.steps.contains(name) && !stage.inputs.contains(name));
    let mut read = cost.rows_read.keys().chain(cost.unread.keys());
    let strange = strange.or_else(|| read.find(|input| plan.input(input).is_none()));
    let is_node =
        |name: &&String| [&stage.steps, &stage.inputs, &stage.intakes].iter().any(|names| names.contains(name));
    let strange = strange.or_else(|| cost.stats.keys().find(|name| !is_node(name)));
    let strange = strange.or_else(|| cost.output_stats.keys().find(|name| !stage.outputs.contains(name)));
    if let Some(name) = strange {
        return Err(format!("names `{name}`, which stage {} does not have", stage.index));
    }
    let here =
        |feed: &Feed| [&stage.steps, &stage.inputs, &stage.intakes].iter().any(|names| names.contains(&feed.node));
    if let Some(feed) = cost.routed.keys().find(|feed| !here(feed)) {
        return Err(format!("names rows of `{feed}`, which stage {} does not have", stage.index));
    }
    routes(cost.routed.keys(), plan)?;
    let steps = cost.zipped_for_steps.iter().map(|(step, joined)| (Reader::Step(step.clone()), joined.len()));
    let outputs = cost.zipped_for_outputs.iter().map(|(output, joined)| (Reader::Output(output.clone()), joined.len()));
    for (reader, branches) in steps.chain(outputs) {
        let zip = plan.zip_of(&reader).filter(|zip| zip.how.names.len() == branches);
        if zip.is_none() || plan.stage_of_reader(&reader) != Some(stage.index) {
            return Err(format!("counts rows of {branches} branches for `{reader}`, which reads no such zip"));
        }
    }
    for (feed, spill) in spills {
        if !here(feed) {
            return Err(format!("names rows of `{feed}`, which stage {} does not have", stage.index));
        }
        spilled(feed, spill, plan)?;
    }
    Ok(())
}

/// Routes that the plan has.
fn routes<'a>(mut routed: impl Iterator<Item = &'a Feed>, plan: &Plan) -> Result<(), String> {
    match routed.find(|feed| !plan.edges_out_of(feed).any(|edge| edge.route.is_some())) {
        None => Ok(()),
        Some(feed) => Err(format!("counts rows of `{feed}`, which is no route of the plan")),
    }
}

fn same<'a>(what: &str, found: impl Iterator<Item = &'a String>, planned: &'a [String]) -> Result<(), String> {
    match found.collect::<BTreeSet<_>>() == planned.iter().collect() {
        true => Ok(()),
        false => Err(format!("has other {what} than the plan")),
    }
}

/// Rows that some node reads, and the rows and logs that they refer to.
fn spilled(feed: &Feed, sealed: &Sealed, plan: &Plan) -> Result<(), String> {
    let is_read = |feed: &Feed| plan.edges_out_of(feed).next().is_some();
    let mut feeds = std::iter::once(feed).chain(sealed.bases.iter().map(|base| &base.feed));
    if let Some(feed) = feeds.find(|feed| !is_read(feed)) {
        return Err(format!("names rows of `{feed}`, which nothing in the plan reads"));
    }
    match sealed.logs.iter().find(|log| !log.is_of(plan)) {
        None => Ok(()),
        Some(log) => Err(format!("names `{}`, which is not the log of a step", log.path().display())),
    }
}
