//! From names to edges: fills in every `from` that the file leaves out.

use std::collections::{HashMap, HashSet};

use crate::choices::Transport;
use crate::door::{Door, Feed};
use crate::draft::{DraftEdge, End};
use crate::pipeline::{From, Located, OnError, Pipeline, instead, no_rows, only_input};
use crate::problem::{At, Findings};
use crate::scan::Kind;

/// All edges, by reader in the file's order, then by port and position. `kinds` lacks those whose component is missing.
pub(crate) fn wire(pipeline: &Pipeline, kinds: &[Option<Kind>], findings: &mut Findings) -> Vec<DraftEdge> {
    let mut edges = Vec::new();
    // Looked up one by one, names would take the square of the steps.
    let inputs = pipeline.inputs.iter().enumerate().map(|(nth, input)| (input.name.as_str(), End::Input(nth)));
    let steps = pipeline.steps.iter().enumerate().map(|(nth, step)| (step.name.as_str(), End::Step(nth)));
    let ends: HashMap<&str, End> = steps.chain(inputs).collect();
    let aside = aside(pipeline, &ends, kinds);
    let known = Known { pipeline, ends: &ends, kinds, aside: &aside };
    for (index, step) in pipeline.steps.iter().enumerate() {
        let to = End::Step(index);
        match (&step.from, kinds[index]) {
            (From::Default | From::Implied(_), Some(Kind::Source)) => {}
            (From::Append(feeds) | From::Zip(feeds, _), Some(Kind::Source)) => {
                let at = feeds.first().map_or(&step.at, |feed| &feed.at);
                refuse_feeds_of_source(&step.name, at, findings);
            }
            (From::Named(ports), Some(Kind::Source)) => {
                let at = ports.first().map_or(&step.at, |(port, _)| &port.at);
                refuse_feeds_of_source(&step.name, at, findings);
            }
            (From::Default, kind) if index == 0 => {
                // A step of unknown kind may be a source.
                if kind.is_some()
                    && let Some(input) = only_input(pipeline, "step", &step.name, findings).map(End::Input)
                {
                    edges.push(edge(input, to, None, 0, &step.at));
                }
            }
            (From::Default, _) => edges.push(edge(End::Step(index - 1), to, None, 0, &step.at)),
            (From::Implied(feeds), Some(_)) if feeds.is_empty() => {
                let message = format!("step `{}` has nothing to read: there is no input", step.name.value);
                findings.add(&step.at, message);
            }
            (From::Append(feeds) | From::Implied(feeds), _) => append(known, feeds, to, None, &mut edges, findings),
            (From::Zip(feeds, zip), kind) => {
                if kind == Some(Kind::Global) {
                    let message = format!(
                        "step `{}` is a global step, which reads rows that lie in files, and a zip joins rows as they come",
                        step.name.value
                    );
                    let help = "put a step between, which reads the zip and which this one reads:\n[[steps]]\nuse = \"select\"";
                    findings.add_with_help(&zip.at, message, help);
                }
                append(known, feeds, to, None, &mut edges, findings)
            }
            (From::Named(ports), kind) => {
                if kind == Some(Kind::Transform) {
                    let at = ports.first().map_or(&step.at, |(port, _)| &port.at);
                    let message = format!(
                        "step `{}` is a transform, which has one input; only a global step has several",
                        step.name.value
                    );
                    findings.add_with_help(at, message, "append with `from = [\"a\", \"b\"]`");
                }
                for (port, feeds) in ports {
                    append(known, feeds, to, Some(port), &mut edges, findings);
                }
            }
        }
    }
    for (index, output) in pipeline.outputs.iter().enumerate() {
        let to = End::Output(index);
        match &output.from {
            From::Append(feeds) | From::Implied(feeds) | From::Zip(feeds, _) => {
                append(known, feeds, to, None, &mut edges, findings)
            }
            From::Named(_) => {}
            From::Default if pipeline.steps.is_empty() => {
                if let Some(input) = only_input(pipeline, "output", &output.name, findings).map(End::Input) {
                    edges.push(edge(input, to, None, 0, &output.at));
                }
            }
            From::Default => edges.push(edge(End::Step(pipeline.steps.len() - 1), to, None, 0, &output.at)),
        }
    }
    edges
}

/// Inputs that nothing reads. In a pipeline with another fault that may be a consequence of it: of a cycle, for one.
pub(crate) fn unread(pipeline: &Pipeline, edges: &[DraftEdge], findings: &mut Findings) {
    let read: HashSet<End> = edges.iter().map(|edge| edge.from).collect();
    for (index, input) in pipeline.inputs.iter().enumerate() {
        if !read.contains(&End::Input(index)) {
            let message = format!("nothing reads input `{}`", input.name.value);
            let help = format!("read it with `from = \"{}\"`, or remove it", input.name.value);
            findings.add_with_help(&input.name.at, message, help);
        }
    }
}

fn edge(from: End, to: End, port: Option<&str>, position: usize, at: &At) -> DraftEdge {
    let port = port.map(str::to_owned);
    DraftEdge { from, door: None, branch: None, to, port, position, at: at.clone(), transport: Transport::Channel }
}

/// Steps that nothing but rows of side doors comes to, on whatever way: those rows left the pipeline already, so that what such a step
/// leaves out is no more of `*.dropped`.
fn aside(pipeline: &Pipeline, ends: &HashMap<&str, End>, kinds: &[Option<Kind>]) -> Vec<bool> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); pipeline.steps.len()];
    let mut reached = Vec::new();
    for (index, step) in pipeline.steps.iter().enumerate() {
        let first: &[Located<Feed>] = match &step.from {
            From::Implied(feeds) | From::Append(feeds) | From::Zip(feeds, _) => feeds,
            From::Named(ports) => ports.first().map_or(&[], |(_, feeds)| feeds),
            From::Default if index > 0 && kinds[index] != Some(Kind::Source) => {
                readers[index - 1].push(index);
                continue;
            }
            From::Default => &[],
        };
        for feed in first.iter().filter(|feed| feed.door.is_none()) {
            match ends.get(feed.node.as_str()) {
                Some(End::Step(from)) => readers[*from].push(index),
                _ => reached.push(index),
            }
        }
        if first.is_empty() {
            reached.push(index);
        }
    }
    let mut aside = vec![true; pipeline.steps.len()];
    while let Some(step) = reached.pop() {
        if std::mem::replace(&mut aside[step], false) {
            reached.extend(&readers[step]);
        }
    }
    aside
}

/// What is known when names become edges.
#[derive(Clone, Copy)]
struct Known<'a> {
    pipeline: &'a Pipeline,
    ends: &'a HashMap<&'a str, End>,
    /// Those of missing components lack.
    kinds: &'a [Option<Kind>],
    aside: &'a [bool],
}

/// Which rows an input is made of; `*.dropped` leaves out steps that have no such rows.
fn append(
    Known { pipeline, ends, kinds, aside }: Known<'_>,
    feeds: &[Located<Feed>],
    to: End,
    port: Option<&Located<String>>,
    edges: &mut Vec<DraftEdge>,
    findings: &mut Findings,
) {
    let mut position = 0;
    for feed in feeds {
        let Feed { node, door, branch, every } = &feed.value;
        // A pipeline that has been read names nothing that is not there.
        let Some(from) = ends.get(node.as_str()).copied() else { continue };
        if let (End::Step(step), Some(door)) = (from, door) {
            let is_source = kinds[step] == Some(Kind::Source);
            let rejects = *door == Door::Dropped || pipeline.steps[step].on_error() == OnError::Reject;
            if *every && (is_source || !rejects || aside[step]) {
                continue;
            }
            if is_source {
                refuse_door_of_source(node, *door, &feed.at, findings);
            }
        }
        let edge = edge(from, to, port.map(|port| port.value.as_str()), position, &feed.at);
        edges.push(DraftEdge { door: *door, branch: *branch, ..edge });
        position += 1;
    }
    if let (0, Some(feed)) = (position, feeds.iter().find(|feed| feed.every)) {
        findings.add_with_help(&feed.at, no_rows(feed), instead(feed));
    }
}

fn refuse_door_of_source(name: &str, door: Door, at: &At, findings: &mut Findings) {
    let message = format!("step `{name}` is a source, which reads no row that could be {}", door.as_str());
    findings.add_with_help(at, message, format!("its output is `from = \"{name}\"`"));
}

fn refuse_feeds_of_source(name: &str, at: &At, findings: &mut Findings) {
    let message = format!("step `{name}` is a source, which reads no rows");
    findings.add_with_help(at, message, "remove its `from`");
}
