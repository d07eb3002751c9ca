//! The plan in words: stages, why each begins, and how rows get from one to the next.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use crate::choices::{Boundary, Load, MaxRejects, Transport};
use crate::grants::{Grants, HttpGrant, SecretGrant};
use crate::lines::{Columns, Row, sentence};
use crate::need::{Need, NeedFrom};
use crate::pipeline::{Limits, OnError, RETRIES};
use crate::plan::{Edge, Plan, PlannedInput, PlannedOutput, PlannedStep, Stage, StepLimits};
use crate::scan::Kind;
use crate::sizes::{about, exact};
use crate::spelling::quoted;
use crate::zip::Zip;

/// The plan for a person: plain text, no colours, in lines of at most `width` characters where names and paths are not longer.
pub fn explain(plan: &Plan, width: usize) -> String {
    let known = Known::of(plan);
    let stages: Vec<(String, Vec<Row>)> =
        plan.stages.iter().map(|stage| (title(stage, plan), rows(stage, &known))).collect();
    let columns = Columns::of(&stages.iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>(), width);
    let mut out = String::new();
    // Writing to a string does not fail.
    let (steps, stages_) = (count(plan.steps.len(), "step"), count(plan.stages.len(), "stage"));
    let budget = plan.budget.map_or_else(String::new, |budget| format!(", in {}", about(budget)));
    let _ = writeln!(out, "{}: {steps} in {stages_}{budget}", plan.name);
    for (title, rows) in &stages {
        let _ = writeln!(out, "\n{}", sentence(title, width));
        for line in rows.iter().flat_map(|row| columns.lines(row)) {
            let _ = writeln!(out, "{line}");
        }
    }
    for note in notes(plan) {
        let _ = write!(out, "\n{}\n", sentence(&note, width));
    }
    out
}

/// Steps by name, and edges by what they lead to: searched for one by one, they would take the square of the steps.
struct Known<'a> {
    steps: HashMap<&'a str, &'a PlannedStep>,
    inputs: HashMap<&'a str, &'a PlannedInput>,
    outputs: HashMap<&'a str, &'a PlannedOutput>,
    edges: HashMap<(&'a str, bool), Vec<&'a Edge>>,
}

impl<'a> Known<'a> {
    fn of(plan: &'a Plan) -> Self {
        let steps = plan.steps.iter().map(|step| (step.name.as_str(), step)).collect();
        let mut edges: HashMap<(&str, bool), Vec<&Edge>> = HashMap::new();
        for edge in &plan.edges {
            edges.entry((edge.to.name(), edge.to.step().is_some())).or_default().push(edge);
        }
        let inputs = plan.inputs.iter().map(|input| (input.name.as_str(), input)).collect();
        let outputs = plan.outputs.iter().map(|output| (output.name.as_str(), output)).collect();
        Known { steps, inputs, outputs, edges }
    }

    fn edges_into(&self, name: &str, is_step: bool) -> std::vec::IntoIter<&'a Edge> {
        self.edges.get(&(name, is_step)).cloned().unwrap_or_default().into_iter()
    }
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `stage 2, about 92 MiB: …`, and why it begins.
pub(crate) fn title(stage: &Stage, plan: &Plan) -> String {
    format!("stage {}, about {}{}", stage.index, about(stage.predicted.total_bytes()), cause(stage, plan))
}

/// Why a stage begins, behind a colon; nothing for the first.
pub(crate) fn cause(stage: &Stage, plan: &Plan) -> String {
    let mut title = String::new();
    match &stage.reason {
        Boundary::Start => {}
        Boundary::OneStep => title.push_str(": each step is loaded alone"),
        Boundary::Budget { together_bytes, budget_bytes } => {
            let (together, budget) = (about(*together_bytes), about(*budget_bytes));
            _ = write!(title, ": with stage {} it would take {together}, and the budget is {budget}", stage.index - 1)
        }
        Boundary::LoadGroup { group } => _ = write!(title, ": load group {group}"),
        Boundary::AfterLoadGroup { group } => {
            _ = write!(title, ": behind load group {group}, which shares its stage with nothing")
        }
        Boundary::Global { edges } => {
            let is_global = |name: &str| plan.step(name).is_some_and(|step| step.kind == Kind::Global);
            let distinct = |names: Vec<&str>| {
                let mut seen = HashSet::new();
                names.into_iter().filter(|name| seen.insert(*name)).map(str::to_owned).collect::<Vec<_>>()
            };
            let starts = edges.iter().map(|edge| edge.to.as_str()).filter(|name| is_global(name)).collect();
            let starts = distinct(starts);
            // A global step that reads another one is reason enough by itself.
            let ends = edges.iter().filter(|edge| !is_global(&edge.to)).map(|edge| edge.from.as_str()).collect();
            let ends = distinct(ends);
            let verb = |names: &[String], one: &str, many: &str| {
                let verb = if names.len() == 1 { one } else { many };
                format!("{} {verb}", quoted(names.iter().map(String::as_str)))
            };
            let mut reasons = Vec::new();
            if !starts.is_empty() {
                let needs = verb(&starts, "needs all of its rows first", "need all of their rows first");
                reasons.push(needs);
            }
            if !ends.is_empty() {
                reasons.push(verb(&ends, "puts its rows out at its end", "put their rows out at their end"));
            }
            _ = write!(title, ": {}", reasons.join(", "));
        }
    }
    title
}

/// What stands behind a node whose columns are looked at.
const STATS: &str = "stats";

fn rows(stage: &Stage, known: &Known<'_>) -> Vec<Row> {
    let input = |name: &String, when: &str| {
        let paths = known.inputs.get(name.as_str()).map(|input| input.paths.join(", ")).unwrap_or_default();
        Row {
            mark: " ",
            name: name.clone(),
            what: "input".to_owned(),
            from: format!("{paths}{when}"),
            need: String::new(),
            limits: if known.inputs.get(name.as_str()).is_some_and(|input| input.stats) { STATS } else { "" }
                .to_owned(),
        }
    };
    let intakes = stage.intakes.iter().map(|name| input(name, " (before anything is loaded)"));
    let inputs = stage.inputs.iter().map(|name| input(name, ""));
    let steps = stage.steps.iter().filter_map(|name| known.steps.get(name.as_str()));
    let steps = steps.map(|step| step_row(step, known));
    let outputs = stage.outputs.iter().filter_map(|name| known.outputs.get(name.as_str())).map(|output| Row {
        mark: " ",
        name: output.name.clone(),
        what: "output".to_owned(),
        from: from(known.edges_into(&output.name, false), output.zip.as_ref()),
        need: String::new(),
        limits: format!("to {}{}", output.path, if output.stats { format!(", {STATS}") } else { String::new() }),
    });
    intakes.chain(inputs).chain(steps).chain(outputs).collect()
}

fn step_row(step: &PlannedStep, known: &Known<'_>) -> Row {
    let uses = if step.uses == step.name { String::new() } else { format!(" {}", step.uses) };
    let mut limits = vec![
        exact(step.limits.memory_bytes),
        format!("{} a call", duration(step.limits.time_ms)),
        format!("{} to open", duration(step.limits.open_ms)),
    ];
    if step.kind == Kind::Global {
        limits[1] = format!("{} to run", duration(step.limits.time_ms));
    }
    let has_several = step.replicas > 1 || step.spare > 0;
    if has_several {
        let up_to = if step.spare > 0 { "up to " } else { "" };
        limits.insert(0, format!("{up_to}{} replicas", step.replicas + step.spare));
    }
    limits[usize::from(has_several)].insert_str(0, "at most ");
    limits.extend(unusual_limits(step));
    if let Some(batch) = step.batch {
        limits.push(format!("batches of {} rows or {}", batch.rows, exact(batch.bytes)));
    }
    match (step.on_error, step.max_rejects) {
        (OnError::Fail, _) => {}
        (OnError::Reject, None) => limits.push("rejects rows".to_owned()),
        (OnError::Reject, Some(most)) => limits.push(format!("rejects {}", at_most(most, "its rows"))),
    }
    if step.stats {
        limits.push(STATS.to_owned());
    }
    Row {
        mark: if step.kind == Kind::Global { "■" } else { " " },
        name: step.name.clone(),
        what: format!("{}{uses}", step.kind.as_str()),
        from: from(known.edges_into(&step.name, true), step.ports.first().and_then(|port| port.zip.as_ref())),
        need: need(step),
        limits: limits.join(", "),
    }
}

/// "2 × 200 MiB (declared, measured 310 MiB)".
fn need(step: &PlannedStep) -> String {
    let Need { bytes, from, measured_bytes } = step.need;
    let times = if step.replicas > 1 { format!("{} × ", step.replicas) } else { String::new() };
    let differs = |measured: &u64| measured.abs_diff(bytes) > bytes / 10;
    let measured = measured_bytes.filter(differs).map(|measured| format!(", measured {}", about(measured)));
    format!("{times}{} ({}{})", about(bytes), from.as_str(), measured.unwrap_or_default())
}

/// Limits that most pipelines leave alone, where this one does not.
fn unusual_limits(step: &PlannedStep) -> Vec<String> {
    let StepLimits {
        memory_bytes: _,
        time_ms: _,
        open_ms: _,
        returned_bytes,
        carried_bytes,
        log_lines,
        log_bytes,
        rows_per_row,
        component_bytes,
    } = step.limits;
    let usual = StepLimits::of(&Limits::default(), step.kind);
    let all = [
        (returned_bytes != usual.returned_bytes, format!("{} returned", exact(returned_bytes))),
        (carried_bytes != usual.carried_bytes, format!("{} carried", exact(carried_bytes))),
        (log_lines != usual.log_lines, format!("{log_lines} lines of log")),
        (log_bytes != usual.log_bytes, format!("{} of log", exact(log_bytes))),
        (rows_per_row != usual.rows_per_row, format!("{rows_per_row} rows from one")),
        (component_bytes != usual.component_bytes, format!("component of {}", exact(component_bytes))),
        (step.retries != RETRIES, format!("retries = {}", step.retries)),
    ];
    all.into_iter().filter_map(|(is_unusual, text)| is_unusual.then_some(text)).collect()
}

fn at_most(most: MaxRejects, of: &str) -> String {
    match most {
        MaxRejects::Rows(0) => "no row".to_owned(),
        MaxRejects::Rows(1) => "at most 1 row".to_owned(),
        MaxRejects::Rows(rows) => format!("at most {rows} rows"),
        MaxRejects::Percent(percent) => format!("at most {percent}% of {of}"),
    }
}

/// "from a, then b (spill)"; "left from a (spill), right from b (spill)"; "zip of a, b, by rows of c".
fn from<'a>(edges: impl Iterator<Item = &'a Edge>, zip: Option<&Zip>) -> String {
    let mut text = String::new();
    for edge in edges {
        let spill = if edge.transport == Transport::Spill { " (spill)" } else { "" };
        let before = match (edge.position, &edge.port) {
            (0, None) if zip.is_some() => "zip of ".to_owned(),
            (0, None) => "from ".to_owned(),
            (0, Some(port)) if text.is_empty() => format!("{port} from "),
            (0, Some(port)) => format!(", {port} from "),
            _ if zip.is_some() => ", ".to_owned(),
            _ => ", then ".to_owned(),
        };
        let route = edge.route.as_ref().map_or_else(String::new, |route| format!(" {route}"));
        _ = write!(text, "{before}{}{route}{spill}", edge.from.whole());
    }
    if let Some(zip) = zip {
        _ = write!(text, ", by rows of {}", zip.fork);
    }
    text
}

/// What a reader may not expect.
fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if !plan.steps.is_empty() {
        let about =
            "about: what a stage is predicted to take with these needs, rows in flight and the process included";
        notes.push(match plan.steps.iter().any(|step| step.need.from == NeedFrom::Assumed) {
            true => format!("{about}; assumed: nothing is known of the step until a run has measured it"),
            false => about.to_owned(),
        });
    }
    if plan.load == Load::Eager {
        notes.push("eager: the components of all stages are loaded from the first moment to the last".to_owned());
    }
    if plan.edges.iter().any(|edge| edge.transport == Transport::Spill) {
        notes.push("spill: rows are kept in a file of the run's folder until they are read".to_owned());
    }
    if plan.edges.iter().any(|edge| edge.from.door.is_some()) {
        let doors = "dropped, rejected: rows that a step left out, or could not handle, as the step received them, with `_reason`, \
                     `_step`, `_input`, `_file` and `_line`";
        notes.push(doors.to_owned());
    }
    notes.extend(grants(plan));
    if let Some(most) = plan.max_rejects {
        let most = at_most(most, "the rows read");
        notes.push(format!("all steps together reject {most}; one more, and the run stops"));
    }
    let read: HashSet<&str> =
        plan.edges.iter().filter(|edge| edge.from.door.is_none()).map(|edge| edge.from.node.as_str()).collect();
    let unread: Vec<&str> =
        plan.steps.iter().map(|step| step.name.as_str()).filter(|name| !read.contains(name)).collect();
    if !unread.is_empty() {
        notes.push(format!("nothing reads what {} returns: those rows are counted but not kept", quoted(unread)));
    }
    notes
}

/// A line for each step that may reach out of its sandbox.
fn grants(plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    let granted = plan.steps.iter().filter(|step| !step.grants.is_empty());
    let lines: Vec<String> = granted.map(|step| format!("`{}` may {}", step.name, may(&step.grants))).collect();
    if !lines.is_empty() {
        notes.push(lines.join("\n"));
    }
    let exempt: Vec<&str> =
        plan.steps.iter().filter(|step| step.grants.reaches_out()).map(|step| step.name.as_str()).collect();
    if !exempt.is_empty() {
        notes.push(format!(
            "the rows of {}, and of what follows, may differ from run to run: the plan does not hold what `grant.http` and \
             `grant.clock` answer",
            quoted(exempt)
        ));
    }
    notes
}

fn may(grants: &Grants) -> String {
    let Grants { files, http, env, secrets, clock } = grants;
    let of = |verb: &str, what: Vec<String>| (!what.is_empty()).then(|| format!("{verb} {}", what.join(", ")));
    let paths = |write| files.iter().filter(|file| file.write == write).map(|file| file.path.clone()).collect();
    let secret = |(host, secret): (&String, &SecretGrant)| format!("{} to {host}", secret.header);
    let all = [
        of("read", paths(false)),
        of("read and write", paths(true)),
        of("send", http.iter().map(HttpGrant::to_string).collect()),
        of("with a secret", secrets.iter().map(secret).collect()),
        of("see", env.iter().map(|name| format!("${name}")).collect()),
        clock.then(|| "read the clock".to_owned()),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn duration(millis: u64) -> String {
    humantime::format_duration(Duration::from_millis(millis)).to_string()
}
