//! The zips of a plan: whether their branches part where they are said to, and which of them arrive in step.

use std::collections::{HashMap, HashSet};

use crate::choices::Transport;
use crate::door::{Door, Feed};
use crate::plan::{Edge, Plan, PlannedStep, Reader};
use crate::scan::Kind;
use crate::zip::{Absent, Flow, Same, Zip, in_step};

/// All rows of a node, or of a door of it.
type Whole<'a> = (&'a str, Option<Door>);

struct Planned<'a> {
    steps: HashMap<&'a str, &'a PlannedStep>,
    inputs: HashMap<&'a str, usize>,
    intakes: HashSet<&'a str>,
    /// The edges into each step.
    into: HashMap<&'a str, Vec<&'a Edge>>,
    /// The forks of steps that zip branches which arrive in step.
    in_step: HashMap<&'a str, Whole<'a>>,
}

/// Whether the branches of each zip arrive in step, by what reads them.
pub(super) fn verify(plan: &Plan) -> Result<HashMap<Reader, bool>, String> {
    let zips: HashMap<Reader, &Zip> = plan.zips().collect();
    if plan.steps.iter().flat_map(|step| step.ports.iter().skip(1)).any(|port| port.zip.is_some()) {
        return Err("a zip is one of several inputs".to_owned());
    }
    if zips.is_empty() {
        return Ok(HashMap::new());
    }
    let mut into: HashMap<&str, Vec<&Edge>> = HashMap::new();
    let mut branches: HashMap<&Reader, Vec<&Feed>> = HashMap::new();
    for edge in &plan.edges {
        if let Reader::Step(name) = &edge.to {
            into.entry(name).or_default().push(edge);
        }
        branches.entry(&edge.to).or_default().push(&edge.from);
    }
    let mut known = Planned {
        steps: plan.steps.iter().map(|step| (step.name.as_str(), step)).collect(),
        inputs: plan.inputs.iter().map(|input| (input.name.as_str(), input.stage)).collect(),
        intakes: plan.stages.iter().flat_map(|stage| &stage.intakes).map(String::as_str).collect(),
        into,
        in_step: HashMap::new(),
    };
    let stages = plan.steps.iter().map(|step| (Reader::Step(step.name.clone()), step.stage));
    let of_outputs = plan.outputs.iter().map(|output| (Reader::Output(output.name.clone()), output.stage));
    let stages: HashMap<Reader, usize> = stages.chain(of_outputs).collect();
    let mut out = HashMap::new();
    let steps = plan.stages.iter().flat_map(|stage| &stage.steps).cloned().map(Reader::Step);
    let outputs = plan.outputs.iter().map(|output| Reader::Output(output.name.clone()));
    for reader in steps.chain(outputs) {
        let Some(zip) = zips.get(&reader) else { continue };
        let feeds = branches.get(&reader).cloned().unwrap_or_default();
        let fault = |what: &str| Err(format!("the zip that `{reader}` reads {what}"));
        let mut names = HashSet::new();
        if feeds.len() < 2 || zip.how.names.len() != feeds.len() || !zip.how.names.iter().all(|name| names.insert(name))
        {
            return fault("has no names for its branches, or too few branches");
        }
        if !feeds.iter().all({
            let mut all = HashSet::new();
            move |feed| all.insert(*feed)
        }) {
            return fault("names a branch twice");
        }
        if zip.how.absent == Absent::Skip && zip.how.same != Some(Same::List) {
            return fault("leaves out what is in no list");
        }
        let fork = (zip.fork.node.as_str(), zip.fork.door);
        let branches: Vec<Whole<'_>> = feeds.iter().map(|feed| (feed.node.as_str(), feed.door)).collect();
        if zip.fork.branch.is_some() || !branches.iter().all(|branch| known.goes_back(*branch, fork, &zips)) {
            return fault("has branches that do not part from its fork");
        }
        let stage = stages.get(&reader).copied().unwrap_or_default();
        let step = reader.step().and_then(|name| known.steps.get_key_value(name)).map(|(name, step)| (*name, *step));
        if step.is_some_and(|(_, step)| step.kind != Kind::Transform) {
            return fault("is not for a transform");
        }
        let flows = in_step(&known, &branches, fork, stage);
        if let (Some((name, _)), true) = (step, flows) {
            known.in_step.insert(name, fork);
        }
        out.insert(reader, flows);
    }
    Ok(out)
}

impl<'a> Planned<'a> {
    /// Whether the rows of a feed come from those of a fork, each from one of them.
    fn goes_back(&self, branch: Whole<'_>, fork: Whole<'_>, zips: &HashMap<Reader, &'a Zip>) -> bool {
        let mut feed = branch;
        // No way is longer than there are steps.
        for _ in 0..=self.steps.len() {
            if feed == fork {
                return true;
            }
            let Some(edges) = self.into.get(feed.0) else { return false };
            let port = edges.first().and_then(|edge| edge.port.as_ref());
            let first: Vec<&&Edge> = edges.iter().filter(|edge| edge.port.as_ref() == port).collect();
            feed = match zips.get(&Reader::Step(feed.0.to_owned())) {
                Some(zip) => (zip.fork.node.as_str(), zip.fork.door),
                None if first.len() == 1 => (first[0].from.node.as_str(), first[0].from.door),
                None => return false,
            };
        }
        false
    }
}

impl<'a> Flow for Planned<'a> {
    type Whole = Whole<'a>;

    fn stage(&self, (node, _): Whole<'a>) -> Option<usize> {
        match (self.steps.get(node), self.inputs.get(node)) {
            (Some(step), _) => (step.kind != Kind::Global).then_some(step.stage),
            (None, Some(stage)) => (!self.intakes.contains(node)).then_some(*stage),
            (None, None) => None,
        }
    }

    fn before(&self, (node, _): Whole<'a>) -> Option<Whole<'a>> {
        if self.steps.get(node)?.kind != Kind::Transform {
            return None;
        }
        if let Some(fork) = self.in_step.get(node) {
            return Some(*fork);
        }
        match &self.into.get(node)?[..] {
            [edge] if edge.transport == Transport::Channel => Some((edge.from.node.as_str(), edge.from.door)),
            _ => None,
        }
    }
}
