//! Checks of names and paths that need no component.

use std::collections::{HashMap, HashSet};

use callboard_words::template::Template;

use super::model::{LoadGroups, Located, OnError, Pipeline, Step};
use super::read::{MOST_MEMORY, Role};
use crate::choices::MEMORY_LIMIT;
use crate::door::{Door, EVERY, Feed};
use crate::problem::{At, Findings};
use crate::sizes::{exact, written};
use crate::spelling::{hint, nearest, quoted};

/// Names are made into file names.
pub(super) const LONGEST_NAME: usize = 100;
/// So are names within names, with more behind them.
pub(super) const LONGEST_PATH: usize = 200;

/// `all_read`: no input or step was left out because it could not be read, so that a name that is not there is wrong.
pub(crate) fn check(pipeline: &Pipeline, role: Role, all_read: bool, findings: &mut Findings) {
    let Pipeline { inputs, steps, outputs, .. } = pipeline;
    if inputs.is_empty() && steps.is_empty() && outputs.is_empty() && findings.is_empty() {
        let help = "add a step:\n[[steps]]\nuse = \"normalise\"";
        findings.add_with_help(&Some(0..0), "the pipeline has no inputs, steps or outputs", help);
    }
    names(pipeline, findings);
    needs(pipeline, findings);
    if all_read {
        sources(pipeline, role, findings);
        load_groups(pipeline, findings);
        if role == Role::Run {
            budget(pipeline, findings);
        }
    }
    output_paths(pipeline, findings);
}

/// Letters that names may have; a `.` is kept for the doors of steps.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits)
}

/// Behind the name of a step that is a pipeline, before that of a step of it.
pub(crate) const WITHIN: char = ':';

/// A name, or names one within the other.
pub(crate) fn is_step_name(name: &str) -> bool {
    name.len() <= LONGEST_PATH && name.split(WITHIN).all(is_name)
}

/// Finds what cannot be a name.
pub(super) fn well_formed(name: &Located<String>, help: Option<String>, findings: &mut Findings) {
    if !is_name(name) {
        let message = format!("`{}` cannot be a name", name.value.chars().take(LONGEST_NAME).collect::<String>());
        let rule = format!("a name has letters, digits, `_` and `-`, {LONGEST_NAME} at most");
        let help = help.map_or(rule.clone(), |help| format!("{help}\n{rule}"));
        findings.add_with_help(&name.at, message, help);
    }
}

fn names(pipeline: &Pipeline, findings: &mut Findings) {
    // What was there first of the same name? Outputs have a name space of their own: nothing reads from them.
    let mut taken: HashMap<&str, (&'static str, &At)> = HashMap::new();
    let inputs = pipeline.inputs.iter().map(|input| ("input", &input.name, None));
    let steps = pipeline.steps.iter().map(|step| ("step", &step.name, Some(&step.uses)));
    pipeline.outputs.iter().for_each(|output| well_formed(&output.name, None, findings));
    for (what, name, uses) in inputs.chain(steps) {
        // A step without a name of its own is called as what it uses, at the same place.
        let unnamed = uses.is_some_and(|uses| uses.at == name.at);
        let own_name = unnamed.then(|| "give the step a name: `name = \"…\"`".to_owned());
        well_formed(name, own_name, findings);
        if let Some((other, at)) = taken.get(name.as_str()) {
            let place = at.as_ref().map(|range| findings.source.span(range.clone()).line);
            let place = place.map_or(String::new(), |line| format!(" in line {line}"));
            let message = format!("two are called `{}`: the {other}{place} and this {what}", name.value);
            let help = match uses {
                Some(uses) if unnamed => format!(
                    "a step is called as what it uses; name this use of `{}`: `name = \"{}-2\"`",
                    uses.value, name.value
                ),
                _ => format!(
                    "`from` calls inputs and steps by their names alone, so no two share one: rename one, such as `{}-{what}`",
                    name.value
                ),
            };
            findings.add_with_help(&name.at, message, help);
        } else {
            taken.insert(name, (what, &name.at));
        }
    }
}

/// Every `from` names an input, a step or a door of a step.
fn sources(pipeline: &Pipeline, role: Role, findings: &mut Findings) {
    let inputs = pipeline.inputs.iter().map(|input| input.name.as_str());
    let readable: Vec<&str> = inputs.chain(pipeline.steps.iter().map(|step| step.name.as_str())).collect();
    let is_readable: HashSet<&str> = readable.iter().copied().collect();
    let by_name: HashMap<&str, &Step> = pipeline.steps.iter().map(|step| (step.name.as_str(), step)).collect();
    let steps_only = || pipeline.steps.iter().map(|step| step.name.as_str());
    let is_output = |name: &str| pipeline.outputs.iter().any(|output| output.name.value == name);
    let steps = pipeline.steps.iter().map(|step| &step.from);
    for from in steps.chain(pipeline.outputs.iter().map(|output| &output.from)) {
        for feed in from.feeds() {
            if feed.door.is_none() && is_readable.contains(feed.node.as_str()) {
                continue;
            }
            if findings.is_full() {
                return;
            }
            if feed.node == EVERY {
                if feed.door.is_none() {
                    let help = "the side doors of all steps are `*.dropped` and `*.rejected`; several names are a list: from = [\"a\", \"b\"]";
                    findings.add_with_help(&feed.at, "`from` names `*`, which is nothing without a side door", help);
                }
                continue;
            }
            let written = feed.whole().to_string();
            let (name, word) = written.split_once('.').unwrap_or((&written, ""));
            if let Some(step) = by_name.get(name) {
                door_of_step(step, role, feed, findings);
            } else if is_readable.contains(name) {
                let message =
                    format!("`from` names `{written}`, and `{name}` is an input, of which no row is left out");
                findings.add_with_help(&feed.at, message, "`.dropped` and `.rejected` are of steps");
            } else if let (Some(_), Some(near)) = (feed.door, nearest(name, steps_only())) {
                let message = format!("`from` names `{written}`, and `{name}` is not a step");
                findings.add_with_help(&feed.at, message, format!("did you mean `{near}.{word}`?"));
            } else if is_output(name) {
                let message = format!("`from` names the output `{name}`, which is only written");
                findings.add_with_help(&feed.at, message, "name the step or input that the output is from");
            } else {
                let help = hint(&written, "inputs and steps", readable.iter().copied());
                findings.push(&feed.at, format!("`from` names `{written}`, which is not an input or step"), help);
            }
        }
    }
}

/// A `from` with a dot behind a step's name.
fn door_of_step(step: &Step, role: Role, feed: &Located<Feed>, findings: &mut Findings) {
    let name = &step.name.value;
    match feed.door.filter(|_| feed.node == *name) {
        // What a pipeline that is a step does not say, the step that uses it may say.
        Some(Door::Rejected)
            if step.on_error == Some(OnError::Fail) || role == Role::Run && step.on_error() == OnError::Fail =>
        {
            let message =
                format!("`{}` never has a row: step `{name}` fails at the first that it cannot handle", feed.whole());
            findings.add_with_help(&feed.at, message, format!("add `on_error = \"reject\"` to step `{name}`"));
        }
        Some(_) => {}
        None => {
            let doors = Door::ALL.map(|door| Feed::door(name, door).to_string());
            let help = hint(
                &feed.whole().to_string(),
                &format!("besides its output, step `{name}` has"),
                doors.iter().map(String::as_str),
            );
            findings.push(
                &feed.at,
                format!("`from` names `{}`, which step `{name}` does not have", feed.whole()),
                help,
            );
        }
    }
}

fn load_groups(pipeline: &Pipeline, findings: &mut Findings) {
    let LoadGroups::Lists(groups) = &pipeline.run.load_groups else { return };
    let steps: Vec<&str> = pipeline.steps.iter().map(|step| step.name.as_str()).collect();
    let is_step: HashSet<&str> = steps.iter().copied().collect();
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for (nth, group) in groups.iter().enumerate() {
        for name in &group.value {
            if findings.is_full() {
                return;
            }
            if !is_step.contains(name.as_str()) {
                let message = format!("a load group names `{}`, which is not a step", name.value);
                findings.push(&name.at, message, hint(name, "steps", steps.iter().copied()));
            }
            match taken.insert(name, nth) {
                Some(before) if before != nth => {
                    let message = format!("step `{}` is in load groups {} and {}", name.value, before + 1, nth + 1);
                    findings.add_with_help(&name.at, message, "a step is loaded once: name it in one group");
                }
                Some(_) => findings.add(&name.at, format!("a load group names `{}` twice", name.value)),
                None => {}
            }
        }
    }
}

/// A step that needs more than it may have would end in its first run.
fn needs(pipeline: &Pipeline, findings: &mut Findings) {
    for step in &pipeline.steps {
        if let Some(needs) = step.needs.as_ref().filter(|needs| !step.limits.allow(needs.value)) {
            let message = format!(
                "step `{}` needs {}, more than its limit of {} allows",
                step.name.value,
                exact(needs.value),
                exact(step.limits.memory_bytes.unwrap_or(MEMORY_LIMIT)),
            );
            let help = match needs.value > MOST_MEMORY {
                true => "no component can have more than 4 GiB".to_owned(),
                false => format!("allow it: limits.memory = \"{}\"", written(needs.value)),
            };
            findings.add_with_help(&needs.at, message, help);
        }
    }
}

/// Where nothing rejects, the run ends at the first row that cannot be read or handled, whatever it may reject.
fn budget(pipeline: &Pipeline, findings: &mut Findings) {
    if let Some(max_rejects) = &pipeline.run.max_rejects
        && !pipeline.steps.iter().any(|step| step.on_error() == OnError::Reject)
        && !pipeline.inputs.iter().any(|input| input.reading.on_bad_row == OnError::Reject)
    {
        let message = "`max_rejects` counts rejected rows, and no step rejects any: each fails at the first";
        let help = "add `on_error = \"reject\"` to a step";
        findings.add_with_help(&max_rejects.at, message, help);
    }
}

/// As far as paths show it as they are written; links and folders are seen when the files are opened.
fn output_paths(pipeline: &Pipeline, findings: &mut Findings) {
    let mut written: HashMap<String, &str> = HashMap::new();
    let read =
        pipeline.inputs.iter().flat_map(|input| input.paths.iter().map(|path| (plain(path), &*input.name.value)));
    let read: HashMap<String, &str> = read.collect();
    for output in &pipeline.outputs {
        let path = plain(&output.path);
        let name = output.name.as_str();
        if let Some(other) = written.get(&path) {
            let message = format!("outputs {} are written to one file", quoted([*other, name]));
            findings.add_with_help(&output.path.at, message, "give each output its own `path`");
        }
        if let Some(input) = read.get(&path) {
            let message = format!("output `{name}` is the file that input `{input}` reads");
            findings.add_with_help(&output.path.at, message, "write to another `path`");
        }
        if !path.is_empty() {
            written.insert(path, name);
        }
        let Some(Ok(template)) = Template::of(&output.path) else { continue };
        if let Some(other) = written.insert(plain(&template.manifest()), name) {
            let message =
                format!("outputs {} have their files in one folder, and so one manifest", quoted([other, name]));
            findings.add_with_help(&output.path.at, message, "give each output a folder of its own");
        }
    }
}

/// `./a//b` as `a/b`.
pub(crate) fn plain(path: &str) -> String {
    let root = if path.starts_with('/') { "/" } else { "" };
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    format!("{root}{}", parts.collect::<Vec<_>>().join("/"))
}
