//! Inputs, steps and outputs, each by itself: what a pipeline file cannot say, no plan has.

use std::collections::{BTreeSet, HashMap, HashSet};

use callboard_words::template::Template;

use crate::choices::{MOST_SPARE, MaxRejects};
use crate::door::Feed;
use crate::grants::variables;
use crate::parts::MOST_COMPONENT_BYTES;
use crate::pipeline::{MOST_BATCH_ROWS, MOST_INSTANCES, MOST_MEMORY, MOST_RETRIES, OnError, is_name, is_step_name};
use crate::plan::{Edge, Plan, PlannedInput, PlannedOutput, PlannedStep, StepLimits};
use crate::route::{MOST_BRANCHES, Route, Share};
use crate::scan::Kind;

pub(super) fn verify(plan: &Plan) -> Result<(), String> {
    if !is_name(&plan.name) {
        return Err("it has a name that no pipeline can have".to_owned());
    }
    if !(1..=MOST_BATCH_ROWS).contains(&plan.batch.rows) || plan.batch.bytes == 0 {
        return Err(format!("its batches have {} rows or {} bytes", plan.batch.rows, plan.batch.bytes));
    }
    let some = plan.steps.iter().any(|step| step.on_error == OnError::Reject)
        || plan.inputs.iter().any(|input| input.reading.on_bad_row == OnError::Reject);
    rejects(plan.max_rejects, some)?;
    for input in &plan.inputs {
        verify_input(input).map_err(|error| format!("input `{}` {error}", input.name))?;
    }
    for step in &plan.steps {
        verify_step(step).map_err(|error| format!("step `{}` {error}", step.name))?;
    }
    for output in &plan.outputs {
        verify_output(output).map_err(|error| format!("output `{}` {error}", output.name))?;
    }
    Ok(())
}

/// A branch has one route, and rows are shared out to all branches that there are.
pub(super) fn verify_routes(edges: &[Edge]) -> Result<(), String> {
    let mut routes: HashMap<&Feed, &Route> = HashMap::new();
    for edge in edges {
        let shown = || format!("edge `{} → {}`", edge.from, edge.to);
        let Some(route) = &edge.route else {
            match edge.from.branch {
                None => continue,
                Some(_) => return Err(format!("{} is a branch without a route", shown())),
            }
        };
        if edge.from.branch.is_none_or(|branch| branch == 0) {
            return Err(format!("{} has a route and is no branch", shown()));
        }
        if *routes.entry(&edge.from).or_insert(route) != route {
            return Err(format!("{} has another route than an edge beside it", shown()));
        }
    }
    let mut choices: HashMap<(Feed, Share), BTreeSet<u32>> = HashMap::new();
    for (feed, route) in &routes {
        let Route::Share(share) = route else { continue };
        let allowed = 2..=MOST_BRANCHES;
        if !allowed.contains(&u64::from(share.one_of))
            || share.nth >= share.one_of
            || share.pick == 0
            || share.pick > share.one_of
        {
            return Err(format!("`{feed}` is branch {} of {}, {} for each row", share.nth, share.one_of, share.pick));
        }
        let choice = Share { nth: 0, ..share.clone() };
        if !choices.entry((feed.whole(), choice)).or_default().insert(share.nth) {
            return Err(format!("`{feed}` is a branch that another is"));
        }
    }
    match choices.iter().find(|((_, share), branches)| branches.len() != share.one_of as usize) {
        None => Ok(()),
        Some(((feed, share), _)) => {
            Err(format!("`{feed}` is shared out to {} branches, and some are missing", share.one_of))
        }
    }
}

/// Names are folders of a run.
fn named(name: &str) -> Result<(), String> {
    if is_name(name) { Ok(()) } else { Err("has an invalid name".to_owned()) }
}

fn rejects(most: Option<MaxRejects>, some: bool) -> Result<(), String> {
    match most {
        Some(_) if !some => Err("may reject some rows, and rejects none".to_owned()),
        Some(MaxRejects::Percent(share)) if !(share > 0.0 && share <= 100.0) => {
            Err(format!("may reject {share}% of its rows"))
        }
        _ => Ok(()),
    }
}

fn verify_input(input: &PlannedInput) -> Result<(), String> {
    named(&input.name)?;
    if input.paths.is_empty() || input.paths.iter().any(String::is_empty) {
        return Err("has no path".to_owned());
    }
    if !input.limits.allow_something() {
        return Err("has limits that no input can have".to_owned());
    }
    if !input.reading.is_sound() {
        return Err("is read as no input can be".to_owned());
    }
    Ok(())
}

fn verify_output(output: &PlannedOutput) -> Result<(), String> {
    named(&output.name)?;
    if output.path.is_empty() {
        return Err("has no path".to_owned());
    }
    let template = Template::of(&output.path).transpose();
    if template.is_err() || !output.parts.allow_something() || (template == Ok(None) && !output.parts.is_empty()) {
        return Err("has parts that no output can have".to_owned());
    }
    let mut seen = HashSet::new();
    match &output.columns {
        Some(columns) if columns.is_empty() || !columns.iter().all(|column| seen.insert(&column.name)) => {
            Err("has no column, or one twice".to_owned())
        }
        _ => Ok(()),
    }
}

fn verify_step(step: &PlannedStep) -> Result<(), String> {
    if !is_step_name(&step.name) {
        return Err("has a name that none can have".to_owned());
    }
    // The component of a run is kept in a file of this name.
    if step.digest.len() != 64 || !step.digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("has a component with an invalid digest".to_owned());
    }
    if step.kind == Kind::Source && step.replicas != 1 || !(1..=MOST_INSTANCES).contains(&u64::from(step.replicas)) {
        return Err(format!("has {} instances", step.replicas));
    }
    if step.spare > MOST_SPARE || (step.spare > 0 && (step.kind != Kind::Transform || step.grants.http.is_empty())) {
        return Err(format!("has {} spare instances", step.spare));
    }
    if let Some(batch) = step.batch
        && (step.kind != Kind::Transform || !(1..=MOST_BATCH_ROWS).contains(&batch.rows) || batch.bytes == 0)
    {
        return Err(format!("is given {} rows or {} bytes at a time", batch.rows, batch.bytes));
    }
    if u64::from(step.retries) > MOST_RETRIES {
        return Err(format!("is called {} times again", step.retries));
    }
    let mut ours = HashSet::new();
    if !step.columns.values().all(|column| ours.insert(column)) {
        return Err("is given a column twice".to_owned());
    }
    rejects(step.max_rejects, step.on_error == OnError::Reject)?;
    verify_limits(&step.limits)?;
    verify_ports(step)?;
    verify_grants(step)
}

fn verify_limits(limits: &StepLimits) -> Result<(), String> {
    let StepLimits {
        memory_bytes,
        time_ms,
        open_ms,
        returned_bytes,
        carried_bytes,
        log_lines,
        log_bytes,
        rows_per_row,
        component_bytes,
    } = *limits;
    let work = [time_ms, open_ms, returned_bytes, carried_bytes, log_lines, log_bytes, rows_per_row];
    let least = [&[memory_bytes, component_bytes], &work[..]].concat();
    if memory_bytes > MOST_MEMORY || component_bytes > MOST_COMPONENT_BYTES || least.contains(&0) {
        return Err("has limits that no step can have".to_owned());
    }
    Ok(())
}

/// As many inputs as its kind has, told apart by their names.
fn verify_ports(step: &PlannedStep) -> Result<(), String> {
    let mut names = HashSet::new();
    let distinct = step.ports.iter().all(|port| names.insert(port.name.as_deref()));
    let unnamed = step.ports.iter().filter(|port| port.name.is_none()).count();
    let fits = match step.kind {
        Kind::Source => step.ports.is_empty(),
        Kind::Transform => step.ports.len() == 1 && unnamed == 1,
        Kind::Global => !step.ports.is_empty() && (unnamed == 0 || step.ports.len() == 1),
    };
    match distinct && fits {
        true => Ok(()),
        false => Err(format!("is a {} step with {} inputs", step.kind.as_str(), step.ports.len())),
    }
}

/// What a step may reach lies where a pipeline file can grant it, and no secret is in the plan.
fn verify_grants(step: &PlannedStep) -> Result<(), String> {
    let leads_out = |path: &str| path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..");
    if let Some(file) = step.grants.files.iter().find(|file| leads_out(&file.path)) {
        return Err(format!("is granted `{}`, which leads out of its folder", file.path));
    }
    for (host, secret) in &step.grants.secrets {
        if !step.grants.http.iter().any(|http| http.host == *host) {
            return Err(format!("has a secret for `{host}`, to which it may send nothing"));
        }
        if variables(&secret.value).is_none_or(|names| names.is_empty()) {
            return Err(format!("has a secret for `{host}` that names no variable"));
        }
    }
    Ok(())
}
