//! Steps that are pipelines: each is replaced by the steps of its own pipeline, whose names begin with its name.
//!
//! The step's `from` takes the place of that pipeline's inputs, its `config` that of the params, and what the pipeline puts out is
//! what the step puts out. An output called `dropped` or `rejected` is the step's side door of that name.

use std::collections::HashMap;

use super::check::{LONGEST_PATH, WITHIN, is_step_name};
use super::document::Node;
use super::model::{From, Located, Pipeline, Step};
use super::read::Role;
use super::splice::{ONE_ROUTE, Spliced, splice};
use super::{TextLimits, params, tree, typed};
use crate::door::Feed;
use crate::problem::{At, Findings, Problem, Problems, Source};
use crate::route::Route;
use crate::spelling::quoted;

/// How deep pipelines may lie in pipelines: what is deeper uses itself.
const DEEPEST: usize = 8;

/// The text of a pipeline that is used as a step; or the problem with it, at no place.
pub type Text = Result<Source, Problem>;

/// Whether a `use` names the file of a pipeline rather than a component.
pub fn is_pipeline(uses: &str) -> bool {
    uses.ends_with(".toml") || uses.ends_with(".json")
}

impl Pipeline {
    /// Replaces each step for which there is a text by the steps of that pipeline. These may be pipelines in turn. A text that cannot be
    /// read is given as the problem with it. With all params put in, the texts may together take what `limits` allow one pipeline.
    ///
    /// # Errors
    /// What is wrong with one of the texts, or with how a step uses it, with its place.
    pub fn expanded<'a>(
        mut self,
        text_of: impl Fn(&Step) -> Option<&'a Text>,
        limits: TextLimits,
    ) -> Result<Self, Problems> {
        let mut findings = Findings::new(self.source.clone());
        let steps = std::mem::take(&mut self.steps);
        let mut parts: HashMap<String, Spliced> = HashMap::new();
        let mut last: Option<Located<String>> = None;
        let mut out = Vec::with_capacity(steps.len());
        let mut room = limits.expanded;
        for mut step in steps {
            if let (From::Default, Some(before)) = (&step.from, &last)
                && (parts.contains_key(&before.value) || text_of(&step).is_some())
            {
                step.from = implied(before, &step);
            }
            last = Some(step.name.clone());
            let Some(text) = text_of(&step) else {
                out.push(step);
                continue;
            };
            let Some(inner) = inner(&step, text, &mut room, limits, &mut findings)? else { continue };
            let mut inner = inner;
            take_routes(&mut self.routes, &mut inner, &step.at);
            if let (From::Default, false) = (&step.from, inner.inputs.is_empty()) {
                let Some(nth) = only_input(&self, "step", &step.name, &mut findings) else { continue };
                step.from = implied(&self.inputs[nth].name, &step);
            }
            if let Some(mut spliced) = splice(&step, inner, &mut findings) {
                out.append(&mut spliced.steps);
                if is_pipeline(&step.uses) && !self.pipelines.contains(&step.uses.value) {
                    self.pipelines.push(step.uses.value.clone());
                }
                parts.insert(step.name.value.clone(), spliced);
                if super::within(out.len(), 0, &mut findings).is_none() {
                    return findings.or(None);
                }
            }
        }
        if let Some(last) = last.filter(|last| parts.contains_key(&last.value)) {
            for output in self.outputs.iter_mut().filter(|output| matches!(output.from, From::Default)) {
                output.from = From::Implied(vec![Located { value: Feed::node(&last), at: output.at.clone() }]);
            }
        }
        let outputs = self.outputs.iter_mut().map(|output| &mut output.from);
        for from in out.iter_mut().map(|step| &mut step.from).chain(outputs) {
            refer_to_zips(from, &parts, &mut findings);
            refer(from, &parts, &mut findings);
        }
        self.steps = out;
        super::within(0, super::feeds(&self), &mut findings);
        self.load_groups_hold_no(&parts, &mut findings);
        findings.or(Some(self))
    }

    fn load_groups_hold_no(&self, parts: &HashMap<String, Spliced>, findings: &mut Findings) {
        let super::LoadGroups::Lists(groups) = &self.run.load_groups else { return };
        for name in groups.iter().flat_map(|group| &group.value).filter(|name| parts.contains_key(&name.value)) {
            let message = format!("a load group names `{}`, which is a pipeline of several steps", name.value);
            findings.add_with_help(&name.at, message, "load groups are made of single steps");
        }
    }
}

/// Adds the routes of an inner pipeline, by their new places.
fn take_routes(routes: &mut Vec<Located<Route>>, inner: &mut Pipeline, at: &At) {
    let before = u32::try_from(routes.len()).unwrap_or(u32::MAX);
    let moved = |feed: &mut Located<Feed>| {
        feed.value.branch = feed.branch.map(|branch| branch.saturating_add(before));
    };
    let outputs = inner.outputs.iter_mut().map(|output| &mut output.from);
    for from in inner.steps.iter_mut().map(|step| &mut step.from).chain(outputs) {
        from.lists_mut().into_iter().flatten().for_each(moved);
    }
    routes.extend(inner.routes.drain(..).map(|route| Located { value: route.value, at: at.clone() }));
}

/// What a step reads that does not say it.
fn implied(before: &Located<String>, step: &Step) -> From {
    From::Implied(vec![Located { value: Feed::node(before), at: step.at.clone() }])
}

/// The pipeline that a step uses, with the step's configuration as its params. Its places are those of the configuration, in the text
/// that uses it: what is wrong in its own text is an error that points there. `room` is what it may take with its params put in.
fn inner(
    step: &Step,
    text: &Text,
    room: &mut usize,
    limits: TextLimits,
    findings: &mut Findings,
) -> Result<Option<Pipeline>, Problems> {
    let (name, uses) = (&step.name.value, &step.uses.value);
    let source = match text {
        Ok(source) => source,
        Err(Problem { message, help, .. }) => {
            findings.push(&step.uses.at, format!("the pipeline `{uses}` cannot be read: {message}"), help.clone());
            return Ok(None);
        }
    };
    if name.split(WITHIN).count() > DEEPEST || name.len() > LONGEST_PATH / 2 {
        let message = format!("step `{name}`: pipelines lie in pipelines more than {DEEPEST} deep, or have long names");
        findings.add_with_help(&step.uses.at, message, format!("does `{uses}` use itself?"));
        return Ok(None);
    }
    let limits = TextLimits { expanded: *room, ..limits };
    let read = |config: &Node, forget: bool, findings: &mut Findings| {
        let mut own = Findings::new(source.clone());
        let root = tree(limits, &mut own);
        let mut root = own.or(root)?;
        if forget {
            root.forget_places();
        }
        let given = params::give(&mut root, config, &step.at, findings);
        let pipeline = given.and_then(|()| typed(&mut root, Role::Step, &[], limits, findings));
        Ok((root.size(), pipeline))
    };
    let mut outer = Findings::new(findings.source.clone());
    let (size, inner) = read(&Node::of(&step.config, Some(&step.config_places)), true, &mut outer)?;
    *room = room.saturating_sub(size);
    if outer.is_empty() {
        return Ok(inner);
    }
    if !outer.all_have_places() {
        // Something is wrong in its own text: read once more, with the places there.
        let mut own = Findings::new(source.clone());
        let (_, pipeline) = read(&Node::of(&step.config, None), false, &mut own)?;
        own.or(pipeline)?;
    }
    findings.take(outer, &format!("step `{name}`: "));
    Ok(None)
}

/// Puts what a step that is a pipeline puts out in the place of its name.
fn refer(from: &mut From, parts: &HashMap<String, Spliced>, findings: &mut Findings) {
    let replace = |feeds: &mut Vec<Located<Feed>>| {
        let feeds_of = |feed: Located<Feed>, findings: &mut Findings| match parts.get(&feed.node) {
            None => vec![feed],
            Some(part) => match part.feeds(feed.door) {
                Ok(feeds) => {
                    if feed.branch.is_some() && feeds.iter().any(|feed| feed.branch.is_some()) {
                        let message = format!("`{}` puts out rows that a route takes some of already", feed.node);
                        findings.add_with_help(&feed.at, message, ONE_ROUTE);
                    }
                    let branch = |value: &Feed| Feed {
                        branch: feed.branch.or(value.branch),
                        every: value.every || feed.every,
                        ..value.clone()
                    };
                    feeds.iter().map(|value| Located { value: branch(value), at: feed.at.clone() }).collect()
                }
                Err(_) if feed.every => {
                    let every = feed.door.map(|door| part.every(door)).unwrap_or_default();
                    let branch = |value: Feed| Feed { branch: feed.branch, ..value };
                    every.into_iter().map(|value| Located { value: branch(value), at: feed.at.clone() }).collect()
                }
                Err(why) => {
                    findings.add_with_help(&feed.at, format!("`{}` has no rows: {}", feed.whole(), why.0), why.1);
                    vec![]
                }
            },
        };
        let before = std::mem::take(feeds);
        *feeds = before.into_iter().flat_map(|feed| feeds_of(feed, findings)).collect();
    };
    from.lists_mut().into_iter().for_each(replace);
}

/// What is behind a name that stands for a zip must be all that a step reads; and a branch of a zip is one feed.
fn refer_to_zips(from: &mut From, parts: &HashMap<String, Spliced>, findings: &mut Findings) {
    let part = |feed: &Located<Feed>| parts.get(&feed.node).map(|part| (part, part.zip(feed.door)));
    if let From::Zip(feeds, _) = from {
        for feed in feeds {
            let Some((part, zip)) = part(feed) else { continue };
            let feeds = part.feeds(feed.door).map_or(1, <[Feed]>::len);
            if zip.is_some() || feeds != 1 {
                let joins = if zip.is_some() { "zips" } else { "appends" };
                let message =
                    format!("`{}` is no branch of a zip: its pipeline {joins} several in its output", feed.whole());
                findings.add_with_help(&feed.at, message, "let a step read it, and name that step here");
            }
        }
        return;
    }
    let of_zip = |feed: &&Located<Feed>| matches!(part(feed), Some((_, Some(_))));
    let Some(zipped) = from.feeds().into_iter().find(of_zip).cloned() else { return };
    let alone = matches!(from, From::Implied(feeds) | From::Append(feeds) if feeds.len() == 1);
    if !alone || zipped.branch.is_some() {
        let message = format!("`{}` is a zip, which can only be read alone and whole", zipped.whole());
        findings.add_with_help(&zipped.at, message, "let a step read it, and name that step here");
        return;
    }
    if let Some((_, Some(how))) = part(&zipped) {
        *from = From::Zip(vec![zipped.clone()], Located { value: how.value.clone(), at: zipped.at });
    }
}

/// The name of a step within one that is a pipeline.
pub(super) fn within(outer: &str, inner: &str, at: &At, findings: &mut Findings) -> String {
    let name = format!("{outer}{WITHIN}{inner}");
    if !is_step_name(&name) {
        let message = format!("the name `{name}` is longer than {LONGEST_PATH} bytes");
        findings.add_with_help(at, message, "give the steps shorter names");
    }
    name
}

/// `use` as the pipeline that is run must say it: paths are relative to the file that they stand in.
pub(super) fn beside(outer: &str, inner: &str) -> String {
    let is_path = crate::catalog::is_path(inner) || is_pipeline(inner);
    match outer.rsplit_once('/') {
        Some((folder, _)) if is_path && !inner.starts_with('/') => {
            format!("{folder}/{}", inner.trim_start_matches("./"))
        }
        _ => inner.to_owned(),
    }
}

/// The only input of a pipeline, which a step or an output without `from` reads, by its index.
pub(crate) fn only_input(
    pipeline: &Pipeline,
    what: &str,
    name: &Located<String>,
    findings: &mut Findings,
) -> Option<usize> {
    let inputs = || pipeline.inputs.iter().map(|input| input.name.as_str());
    match &pipeline.inputs[..] {
        [_] => Some(0),
        [] => {
            let message = format!("{what} `{}` has nothing to read: there is no input", name.value);
            findings.add_with_help(&name.at, message, "add one:\n[inputs.docs]\npath = \"data/*.jsonl\"");
            None
        }
        [first, ..] => {
            let message = format!(
                "{what} `{}` has no `from`, and there are {} inputs: {}",
                name.value,
                pipeline.inputs.len(),
                quoted(inputs())
            );
            let all: Vec<String> = inputs().map(|name| format!("\"{name}\"")).collect();
            let help = format!(
                "say which: `from = \"{}\"`, or all, one after the other: `from = [{}]`",
                first.name.value,
                all.join(", ")
            );
            findings.add_with_help(&name.at, message, help);
            None
        }
    }
}
