//! The steps of a pipeline in the place of the step that uses it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::compose::{beside, within};
use super::model::{From, Limits, Located, OnError, Output, Pipeline, Step};
use crate::door::{Door, Feed};
use crate::problem::{At, Findings};
use crate::spelling::{hint, quoted};
use crate::zip::Zipping;

/// What a step that is a pipeline becomes.
pub(super) struct Spliced {
    pub(super) steps: Vec<Step>,
    /// Their names.
    inside: Vec<String>,
    uses: String,
    out: Vec<Feed>,
    /// How these are joined, if they are not appended.
    zip: Option<Located<Zipping>>,
    doors: HashMap<Door, Vec<Feed>>,
}

impl Spliced {
    /// The doors of all of its steps, for a pipeline that does not say what its own are.
    pub(super) fn every(&self, door: Door) -> Vec<Feed> {
        self.inside.iter().map(|step| Feed { every: true, ..Feed::door(step, door) }).collect()
    }

    /// How what stands for the step is joined row by row, if it is.
    pub(super) fn zip(&self, door: Option<Door>) -> Option<&Located<Zipping>> {
        self.zip.as_ref().filter(|_| door.is_none())
    }

    /// What stands for the step, or for a door of it; or why nothing does, and the fix.
    pub(super) fn feeds(&self, door: Option<Door>) -> Result<&[Feed], (String, String)> {
        let Some(door) = door else { return Ok(&self.out) };
        let (word, uses) = (door.as_str(), &self.uses);
        match self.doors.get(&door) {
            None => Err((
                format!("the pipeline `{uses}` has no output `{word}`"),
                format!("name there what its {word} rows are:\n[outputs.{word}]\nfrom = \"STEP.{word}\""),
            )),
            Some(feeds) if feeds.is_empty() => Err((
                format!("no step of `{uses}` that its output `{word}` reads is there, or can have such a row"),
                "remove this".to_owned(),
            )),
            Some(feeds) => Ok(feeds),
        }
    }
}

/// The rows that a step that is a pipeline is given, by that pipeline's inputs; none for an optional one that is left out.
type Given<'a> = HashMap<&'a str, Vec<Located<Feed>>>;

/// What an input of the inner pipeline is given, if it is a zip: it must be all that a step reads.
struct Zipped<'a> {
    input: &'a str,
    how: Located<Zipping>,
}

pub(super) fn splice(outer: &Step, mut inner: Pipeline, findings: &mut Findings) -> Option<Spliced> {
    say_every_from(outer, &mut inner, findings)?;
    let Pipeline { inputs, mut steps, mut outputs, .. } = inner;
    let given =
        given(outer, &inputs.iter().map(|input| (&*input.name.value, input.optional)).collect::<Vec<_>>(), findings)?;
    leave_out(&given, &mut steps, &mut outputs);
    let zipped = match (&outer.from, inputs.first()) {
        (From::Zip(_, how), Some(input)) => Some(Zipped { input: &input.name, how: how.clone() }),
        _ => None,
    };
    refuse_two_routes(outer, &given, &steps, &outputs, findings)?;
    let (doors, mut out): (Vec<Output>, Vec<Output>) =
        outputs.into_iter().partition(|output| Door::ALL.iter().any(|door| door.as_str() == output.name.value));
    if out.len() != 1 {
        let names = quoted(out.iter().map(|output| output.name.as_str()));
        let has = if out.is_empty() { "none".to_owned() } else { names };
        let message = format!("a pipeline that is a step has one output, and `{}` has {has}", outer.uses.value);
        let help =
            "beside it, only outputs called `dropped` and `rejected` may be there: they are the step's side doors";
        findings.add_with_help(&outer.uses.at, message, help);
        return None;
    }
    let out = out.remove(0);
    if let Some(output) = doors.iter().chain([&out]).find(|output| output.columns.is_some()) {
        let message = format!(
            "output `{}` of `{}`, which is used as a step, chooses columns",
            output.name.value, outer.uses.value
        );
        findings.add_with_help(&outer.uses.at, message, "choose them by a step there: use = \"select\"");
        return None;
    }
    let mut through = |output: &Output| {
        let from = renamed_from(outer, output.from.clone(), &given, zipped.as_ref(), findings);
        let feeds: Vec<Feed> = from.feeds().into_iter().map(|feed| feed.value.clone()).collect();
        (feeds, if let From::Zip(_, how) = from { Some(how) } else { None })
    };
    let mut zipped_doors: Vec<String> = Vec::new();
    let rejects =
        |feed: &Feed| feed.door != Some(Door::Rejected) || on_error(outer, &steps, &feed.node) == OnError::Reject;
    let door = |output: &Output| {
        let door = Door::ALL.into_iter().find(|door| door.as_str() == output.name.value)?;
        let (feeds, zip) = through(output);
        if zip.is_some() {
            zipped_doors.push(output.name.value.clone());
        }
        Some((door, feeds.into_iter().filter(rejects).collect()))
    };
    let doors = doors.iter().filter_map(door).collect();
    let (out, zip) = through(&out);
    if let Some(door) = zipped_doors.first() {
        let message = format!("output `{door}` of `{}`, which is used as a step, is a zip", outer.uses.value);
        findings.add_with_help(&outer.uses.at, message, "let a step read the zip there, and name that step");
    }
    if out.is_empty() {
        let message = format!("`{}` puts nothing out without the inputs that are left out", outer.uses.value);
        findings.add(&outer.uses.at, message);
        return None;
    }
    let zipped = zipped.as_ref();
    let mut steps: Vec<Step> =
        steps.into_iter().map(|step| step_within(outer, step, &given, zipped, findings)).collect();
    if let Some(stats) = outer.stats.as_ref().filter(|stats| stats.value) {
        gather_stats(outer, stats, &mut steps, (&out, zip.is_some()), findings);
    }
    let inside = steps.iter().map(|step| step.name.value.clone()).collect();
    Some(Spliced { steps, inside, uses: outer.uses.value.clone(), out, zip, doors })
}

/// Figures of what the step puts out are those of the one inner step whose rows it puts out.
fn gather_stats(
    outer: &Step,
    stats: &Located<bool>,
    steps: &mut [Step],
    (out, is_zip): (&[Feed], bool),
    findings: &mut Findings,
) {
    let last = match out {
        [Feed { node, door: None, branch: None, .. }] if !is_zip => steps.iter_mut().find(|step| *step.name == *node),
        _ => None,
    };
    match last {
        Some(last) => last.stats = Some(stats.clone()),
        None => {
            let message = format!(
                "`stats` of step `{}`: `{}` does not put out the rows of one of its steps",
                outer.name.value, outer.uses.value
            );
            findings.add_with_help(&stats.at, message, "set `stats` on the output or the step that reads these rows");
        }
    }
}

/// A route takes some rows of an input or a step, and not of what a route takes.
fn refuse_two_routes(
    outer: &Step,
    given: &Given<'_>,
    steps: &[Step],
    outputs: &[Output],
    findings: &mut Findings,
) -> Option<()> {
    let sources = steps.iter().map(|step| &step.from).chain(outputs.iter().map(|output| &output.from));
    let mut routed = sources.flat_map(From::feeds).filter(|feed| feed.branch.is_some());
    let twice = routed.find_map(|feed| given.get(feed.node.as_str())?.iter().find(|given| given.branch.is_some()));
    let Some(twice) = twice else { return Some(()) };
    let message = format!("`{}` takes some of rows of which a route takes some already", outer.uses.value);
    findings.add_with_help(&twice.at, message, ONE_ROUTE);
    None
}

/// What fixes a route of a route.
pub(super) const ONE_ROUTE: &str =
    "write both conditions in one `where`, or put a step between them: its rows may be routed again";

/// Fills in every `from` that the inner pipeline leaves out.
fn say_every_from(outer: &Step, inner: &mut Pipeline, findings: &mut Findings) -> Option<()> {
    let node = |name: &str| From::Implied(vec![Located { value: Feed::node(name), at: None }]);
    let only_input = match &inner.inputs[..] {
        [only] => Some(node(&only.name)),
        [] => Some(From::Implied(vec![])),
        _ => None,
    };
    let mut before: Option<String> = None;
    let steps = inner.steps.iter_mut().map(|step| (Some(step.name.value.clone()), &mut step.from));
    for (name, from) in steps.chain(inner.outputs.iter_mut().map(|output| (None, &mut output.from))) {
        if let From::Default = from {
            let implied = before.as_deref().map(node).or_else(|| only_input.clone());
            let Some(implied) = implied else {
                let message =
                    format!("the first step of `{}` has no `from`, and there are several inputs", outer.uses.value);
                findings.add_with_help(
                    &outer.uses.at,
                    message,
                    format!("name one there: {}", inputs_of_names(&inner.inputs)),
                );
                return None;
            };
            *from = implied;
        }
        before = name.or(before);
    }
    Some(())
}

fn inputs_of_names(inputs: &[super::Input]) -> String {
    quoted(inputs.iter().map(|input| input.name.as_str()))
}

/// Which rows each input of the inner pipeline is given. `inputs`: their names, and whether they may be left out.
fn given<'a>(outer: &Step, inputs: &[(&'a str, bool)], findings: &mut Findings) -> Option<Given<'a>> {
    let mut given: Given<'a> = inputs.iter().map(|(name, _)| (*name, vec![])).collect();
    let (name, uses) = (&outer.name.value, &outer.uses.value);
    let names = || inputs.iter().map(|(name, _)| *name);
    let ports: Vec<(&str, &At, &[Located<Feed>])> = match &outer.from {
        From::Default => vec![],
        From::Implied(feeds) | From::Append(feeds) | From::Zip(feeds, _) => {
            names().take(1).map(|input| (input, &outer.at, &feeds[..])).collect()
        }
        // Rows of the first are carried, whatever it is called.
        From::Named(ports) => {
            let first = names().take(1).chain(ports.iter().skip(1).map(|(port, _)| port.value.as_str()));
            first.zip(ports).map(|(input, (port, feeds))| (input, &port.at, &feeds[..])).collect()
        }
    };
    if inputs.is_empty() && !matches!(&outer.from, From::Default | From::Implied(_)) {
        findings.add_with_help(
            &outer.at,
            format!("step `{name}` reads no rows: `{uses}` has no input"),
            "remove its `from`",
        );
        return None;
    }
    for (input, at, feeds) in ports {
        match given.get_mut(input) {
            Some(rows) => rows.extend_from_slice(feeds),
            None => {
                let message = format!("`{uses}` has no input `{input}`");
                findings.push(at, message, hint(input, "inputs", names()));
                return None;
            }
        }
    }
    let missing = inputs.iter().find(|(input, optional)| !optional && given[input].is_empty());
    if let Some((input, _)) = missing {
        let message = format!("step `{name}` is given no rows for the input `{input}` of `{uses}`");
        let example: Vec<String> = names().map(|name| format!("{name} = \"…\"")).collect();
        findings.add_with_help(&outer.at, message, format!("from = {{ {} }}", example.join(", ")));
        return None;
    }
    Some(given)
}

/// Removes steps and outputs whose rows, or first rows, are of an input that is left out, and what reads these.
fn leave_out(given: &Given<'_>, steps: &mut Vec<Step>, outputs: &mut [Output]) {
    let mut gone: HashSet<String> =
        given.iter().filter(|(_, feeds)| feeds.is_empty()).map(|(name, _)| (*name).to_owned()).collect();
    loop {
        let known = gone.len();
        for from in steps.iter_mut().map(|step| &mut step.from).chain(outputs.iter_mut().map(|output| &mut output.from))
        {
            let stays = |feed: &Located<Feed>| !gone.contains(&feed.node);
            match from {
                From::Default => {}
                From::Implied(feeds) | From::Append(feeds) => feeds.retain(stays),
                // Without one of its branches it is no zip.
                From::Zip(feeds, _) if !feeds.iter().all(stays) => feeds.clear(),
                From::Zip(..) => {}
                From::Named(ports) => {
                    ports.iter_mut().for_each(|(_, feeds)| feeds.retain(stays));
                    if ports.first().is_some_and(|(_, feeds)| feeds.is_empty()) {
                        ports.clear();
                    }
                    ports.retain(|(_, feeds)| !feeds.is_empty());
                }
            }
        }
        // A source has nothing to read from the beginning.
        steps.retain(|step| {
            let stays = !step.from.feeds().is_empty() || given.is_empty();
            if !stays {
                gone.insert(step.name.value.clone());
            }
            stays
        });
        if gone.len() == known {
            return;
        }
    }
}

/// Where rows of the inner pipeline come from, in the names of the outer one.
fn renamed_from(
    outer: &Step,
    from: From,
    given: &Given<'_>,
    zipped: Option<&Zipped<'_>>,
    findings: &mut Findings,
) -> From {
    let at = &outer.uses.at;
    let rename = |feeds: &[Located<Feed>]| feeds.iter().flat_map(|feed| renamed(outer, feed, given)).collect();
    let of_zip = |feed: &Located<Feed>| zipped.filter(|zipped| feed.node == zipped.input);
    if let (From::Implied(feeds) | From::Append(feeds), Some(zipped)) =
        (&from, from.feeds().into_iter().find_map(of_zip))
        && let [Located { value: Feed { branch: None, .. }, .. }] = &feeds[..]
    {
        return From::Zip(rename(feeds), zipped.how.clone());
    }
    if let Some(zipped) = from.feeds().into_iter().find_map(of_zip) {
        let message = format!(
            "step `{}` is given a zip, and a step of `{}` reads only some of the rows of its input `{}`, or others as well",
            outer.name.value, outer.uses.value, zipped.input
        );
        findings.add_with_help(
            &zipped.how.at,
            message,
            "let a step read the zip, such as use = \"select\", and give its rows",
        );
    }
    match from {
        From::Default => From::Default,
        From::Implied(feeds) => From::Implied(rename(&feeds)),
        From::Append(feeds) => From::Append(rename(&feeds)),
        From::Zip(feeds, how) => {
            if let Some(several) = feeds.iter().find(|feed| renamed(outer, feed, given).len() != 1) {
                let message = format!(
                    "`{}` zips `{}`, and step `{}` appends several to make it",
                    outer.uses.value,
                    several.whole(),
                    outer.name.value
                );
                findings.add_with_help(at, message, "let a step append them, and give its rows");
            }
            From::Zip(rename(&feeds), Located { value: how.value, at: at.clone() })
        }
        From::Named(ports) => {
            let port = |(port, feeds): (Located<String>, Vec<Located<Feed>>)| {
                (Located { value: port.value, at: at.clone() }, rename(&feeds))
            };
            From::Named(ports.into_iter().map(port).collect())
        }
    }
}

/// What the inner pipeline calls `feed`, as the outer one calls it.
fn renamed(outer: &Step, feed: &Located<Feed>, given: &Given<'_>) -> Vec<Located<Feed>> {
    match given.get(feed.node.as_str()) {
        Some(feeds) => {
            // Rows of the outer pipeline, of which a route of the inner one may take some.
            let given = |given: &Located<Feed>| {
                let branch = feed.branch.or(given.branch);
                Located { value: Feed { branch, ..given.value.clone() }, at: given.at.clone() }
            };
            feeds.iter().map(given).collect()
        }
        None => {
            let node = format!("{}{}{}", outer.name.value, super::check::WITHIN, feed.node);
            vec![Located { value: Feed { node, ..feed.value.clone() }, at: outer.at.clone() }]
        }
    }
}

/// What happens to a row that a step, called as the outer pipeline calls it, cannot handle.
fn on_error(outer: &Step, steps: &[Step], name: &str) -> OnError {
    let own = name.rsplit(super::check::WITHIN).next().unwrap_or(name);
    let said = steps.iter().find(|step| step.name.value == own).and_then(|step| step.on_error);
    said.or(outer.on_error).unwrap_or_default()
}

/// A step of the inner pipeline as one of the outer. What it does not say itself, the step that uses the pipeline says.
fn step_within(
    outer: &Step,
    step: Step,
    given: &Given<'_>,
    zipped: Option<&Zipped<'_>>,
    findings: &mut Findings,
) -> Step {
    let at = outer.uses.at.clone();
    if step.grants != Default::default() {
        let message = format!(
            "`{}` grants its step `{}` something, which a pipeline that is a step may not",
            outer.uses.value, step.name.value
        );
        findings.add_with_help(&at, message, "grant it here, to the step that uses the pipeline");
    }
    let name = within(&outer.name, &step.name, &at, findings);
    let columns = columns(&step, outer, &name, findings);
    let from = renamed_from(outer, step.from, given, zipped, findings);
    let on_error = step.on_error.or(outer.on_error);
    let max_rejects = match on_error {
        Some(OnError::Reject) => step.max_rejects.or(outer.max_rejects),
        _ => None,
    };
    Step {
        columns,
        name: Located { value: name, at: at.clone() },
        uses: Located { value: beside(&outer.uses, &step.uses), at: at.clone() },
        from,
        config: step.config,
        config_places: step.config_places,
        limits: limits(step.limits, &outer.limits),
        needs: step.needs.or_else(|| outer.needs.clone()),
        replicas: step.replicas.or_else(|| outer.replicas.clone()),
        batch: step.batch.or_else(|| outer.batch.clone()),
        on_error,
        max_rejects,
        retries: step.retries.or(outer.retries),
        stats: step.stats,
        grants: outer.grants.clone(),
        grant_places: outer.grant_places.clone(),
        at: outer.at.clone(),
    }
}

/// The names of columns through both tables: those of the step, and those of the step that uses its pipeline.
fn columns(step: &Step, outer: &Step, name: &str, findings: &mut Findings) -> BTreeMap<String, String> {
    let through = |ours: &String| outer.columns.get(ours).unwrap_or(ours).clone();
    let mut columns: BTreeMap<String, String> =
        step.columns.iter().map(|(theirs, ours)| (theirs.clone(), through(ours))).collect();
    let hidden: HashSet<&String> = step.columns.values().collect();
    for (theirs, ours) in &outer.columns {
        if !columns.contains_key(theirs) && !hidden.contains(theirs) {
            columns.insert(theirs.clone(), ours.clone());
        }
    }
    let mut seen = HashSet::new();
    if let Some(twice) = columns.values().find(|ours| !seen.insert(*ours)) {
        let message = format!("`columns` gives `{twice}` to step `{name}` twice");
        findings.add_with_help(&outer.at, message, "each column of the pipeline has one name in a step");
    }
    columns
}

/// A limit of the step, or else of the step that uses its pipeline.
fn limits(own: Limits, outer: &Limits) -> Limits {
    Limits {
        memory_bytes: own.memory_bytes.or(outer.memory_bytes),
        time_ms: own.time_ms.or(outer.time_ms),
        open_ms: own.open_ms.or(outer.open_ms),
        returned_bytes: own.returned_bytes.or(outer.returned_bytes),
        carried_bytes: own.carried_bytes.or(outer.carried_bytes),
        log_lines: own.log_lines.or(outer.log_lines),
        log_bytes: own.log_bytes.or(outer.log_bytes),
        rows_per_row: own.rows_per_row.or(outer.rows_per_row),
        component_bytes: own.component_bytes.or(outer.component_bytes),
    }
}
