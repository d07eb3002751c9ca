//! `[params]`, `${params.x}` and `--set`.

use super::declared;
use super::document::{Data, Entry, Node, parse_toml};
use super::like::{self, LIKE};
use super::read::stem;
use crate::problem::{At, Findings, Source};
use crate::sizes::exact;
use crate::spelling::{hint, quoted};
use callboard_words::{Help, Setting};

const SETTABLE: &str = "what can be set: keys of `params`, `run`, `inputs.NAME`, `outputs.NAME`, `steps.NAME` and `like.NAME`, such \
                        as `params.KEY=VALUE`, `steps.NAME.config.KEY=VALUE`";

/// All params, as a table.
const ALL: &str = "${params}";

/// One `--set`.
struct Set<'a> {
    text: &'a str,
    path: Vec<String>,
    value: Node,
}

/// Puts params and `--set` into the tree, so that no `${params.x}` remains outside `params` itself. `None` where they would make it too
/// large, which is found.
pub(crate) fn apply(root: &mut Node, sets: &[String], expanded: usize, findings: &mut Findings) -> Option<()> {
    let sets: Vec<Set<'_>> = sets.iter().filter_map(|text| parse_set(text, findings)).collect();

    let (of_params, others): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.path[0] == "params");
    for set in of_params {
        set_param(root, set, findings);
    }
    declared::resolve(root, findings)?;

    let params = root.get("params").cloned();
    if let Some(params) = &params {
        refuse_references(params, findings);
    }
    let mut filling = Filling { params: params.as_ref(), expanded, room: expanded };
    if let Data::Table(entries) = &mut root.data {
        for entry in entries.iter_mut().filter(|entry| entry.key != "params") {
            filling.fill(&mut entry.value, &mut vec![entry.key.clone()], findings)?;
        }
    }

    // Blocks are set before they are merged into what is like them, which is set afterwards.
    let (of_blocks, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|set| set.path[0] == LIKE);
    for set in of_blocks {
        filling.put(root, set, findings)?;
    }
    like::merge(root, filling.room, expanded, findings)?;
    for set in others {
        filling.put(root, set, findings)?;
    }
    Some(())
}

/// The finding that there is no room for what is put in.
pub(super) fn too_large(at: &At, expanded: usize, findings: &mut Findings) {
    let message = format!("with its params put in, the pipeline has more than {}", exact(expanded as u64));
    let help = Help::from("use long params less often, data belongs into files; or allow it: ");
    let help = help.set(Setting::MaxPipeline("64MiB".to_owned()));
    findings.add_with_help(at, message, help);
}

/// Puts the configuration of a step that is a pipeline in the place of that pipeline's params. A key that is no param is found, unless the
/// pipeline hands all of them on, and so is a param that has no value yet: `None` then, since nothing else can be judged.
pub(crate) fn give(root: &mut Node, config: &Node, step: &At, findings: &mut Findings) -> Option<()> {
    let all = uses_all(root);
    let Data::Table(given) = &config.data else { return Some(()) };
    let Data::Table(sections) = &mut root.data else { return Some(()) };
    let at = sections.iter().position(|section| section.key == "params").unwrap_or_else(|| {
        let value = Node { data: Data::Table(Vec::new()), at: None };
        sections.push(Entry { key: "params".to_owned(), key_at: None, value });
        sections.len() - 1
    });
    let Data::Table(params) = &mut sections[at].value.data else { return Some(()) };
    let names: Vec<String> = params.iter().map(|param| param.key.clone()).collect();
    for entry in given {
        match params.iter_mut().find(|param| param.key == entry.key) {
            Some(param) => {
                if let Some(wrong) = declared::set(&entry.key, &mut param.value, entry.value.clone()) {
                    findings.push(&entry.key_at, wrong.0, wrong.1);
                }
            }
            None if all => params.push(entry.clone()),
            None => {
                let help = hint(&entry.key, "params", names.iter().map(String::as_str));
                findings.push(&entry.key_at, format!("its pipeline has no param `{}`", entry.key), help);
            }
        }
    }
    let missing = declared::missing(&sections[at].value);
    for name in &missing {
        let message = format!("its pipeline needs the param `{name}`");
        findings.add_with_help(step, message, format!("config = {{ {name} = … }}"));
    }
    missing.is_empty().then_some(())
}

/// Puts the params of a file in the place of those of the pipeline; what is wrong is found in that file.
pub(crate) fn give_file(root: &mut Node, file: &Node, findings: &mut Findings) {
    let Some(given) = super::fields::table(file, "a file of params", findings) else { return };
    let mut params = root.get_mut("params");
    let names = names_of(params.as_deref());
    for Entry { key, key_at, value } in given {
        let Some(param) = params.as_deref_mut().and_then(|params| params.get_mut(key)) else {
            let help = hint(key, "params", names.iter().map(String::as_str));
            findings.push(key_at, format!("the pipeline has no param `{key}`"), help);
            continue;
        };
        let mut plain = value.clone();
        plain.forget_places();
        if let Some(wrong) = declared::set(key, param, plain) {
            findings.push(&value.at, wrong.0, wrong.1);
        }
    }
}

/// Whether `${params}`, all of them, is handed on somewhere.
fn uses_all(node: &Node) -> bool {
    match &node.data {
        Data::Text(text) => text == ALL,
        Data::List(items) => items.iter().any(uses_all),
        Data::Table(entries) => entries.iter().any(|entry| uses_all(&entry.value)),
        Data::Null | Data::Bool(_) | Data::Number(_) => false,
    }
}

fn parse_set<'a>(text: &'a str, findings: &mut Findings) -> Option<Set<'a>> {
    let Some((key, value)) = text.split_once('=') else {
        findings.add_with_help(&None, format!("override `{text}` has no `=`"), SETTABLE);
        return None;
    };
    let path = key_path(key.trim());
    let settable = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["params" | "run", _] => true,
        ["steps", _, "config"] => false,
        [LIKE, _, "config"] => false,
        ["inputs" | "outputs" | "steps" | LIKE, _, _, ..] => true,
        _ => false,
    };
    if !settable {
        let message = format!("override `{text}` names nothing that can be set");
        findings.add_with_help(&None, message, SETTABLE);
        return None;
    }
    let mut value = set_value(value);
    // Places in the text of a `--set` are none in the file.
    value.forget_places();
    Some(Set { text, path, value })
}

/// The parts of a dotted TOML key; empty when it is none.
fn key_path(key: &str) -> Vec<String> {
    let mut path = Vec::new();
    let mut scratch = Findings::new(Source::new("", format!("{key} = 0")));
    let text = scratch.source.text.clone();
    let mut node = parse_toml(&text, &mut scratch);
    while let Some(Node { data: Data::Table(mut entries), .. }) = node {
        if entries.len() != 1 {
            return Vec::new();
        }
        let Entry { key, value, .. } = entries.remove(0);
        path.push(key);
        node = Some(value);
    }
    path
}

/// A value of TOML or of JSON; what is neither is a string as it stands.
fn set_value(value: &str) -> Node {
    let mut scratch = Findings::new(Source::new("", ""));
    if let Some(Node { data: Data::Table(mut entries), .. }) = parse_toml(&format!("value = {value}"), &mut scratch)
        && entries.len() == 1
    {
        return entries.remove(0).value;
    }
    match serde_json::from_str(value) {
        Ok(json) => Node::of(&json, None),
        Err(_) => Node { data: Data::Text(value.to_owned()), at: None },
    }
}

fn set_param(root: &mut Node, set: Set<'_>, findings: &mut Findings) {
    let key = &set.path[1];
    let params = root.get_mut("params");
    let names = names_of(params.as_deref());
    match params.and_then(|params| params.get_mut(key)) {
        Some(param) => {
            if let Some(wrong) = declared::set(key, param, set.value) {
                findings.push(&None, format!("override `{}`: {}", set.text, wrong.0), wrong.1);
            }
        }
        None => findings.push(
            &None,
            format!("override `{}`: the pipeline has no param `{key}`", set.text),
            hint(key, "params", names.iter().map(String::as_str)),
        ),
    }
}

/// Puts a value where its path leads: to an input, step or output that is there, and to a key that need not be.
fn put(root: &mut Node, set: Set<'_>, findings: &mut Findings) {
    let (section, rest) = set.path.split_first().expect("what can be set has a path");
    let (start, keys) = match section.as_str() {
        "run" => (root, &set.path[..]),
        _ => {
            let what = if section == LIKE { "block" } else { section.trim_end_matches('s') };
            let sections = if section == LIKE { "blocks" } else { section.as_str() };
            let (name, keys) = rest.split_first().expect("it has a name in its path");
            let names = root.get(section).map(names_in).unwrap_or_default();
            let Some(node) = root.get_mut(section).and_then(|section| named(section, name)) else {
                let message = format!("override `{}`: the pipeline has no {what} `{name}`", set.text);
                return findings.push(&None, message, hint(name, sections, names.iter().map(String::as_str)));
            };
            (node, keys)
        }
    };
    // Along the keys, making tables where there are none.
    let mut node = start;
    for key in keys {
        let (at, kind) = (node.at.clone(), node.data.kind());
        let Data::Table(entries) = &mut node.data else {
            return findings.add(&at, format!("override `{}` leads through {kind}", set.text));
        };
        let index = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
            entries.push(Entry {
                key: key.clone(),
                key_at: None,
                value: Node { data: Data::Table(Vec::new()), at: None },
            });
            entries.len() - 1
        });
        node = &mut entries[index].value;
    }
    node.data = set.value.data;
}

/// The input or output, or step, of this name.
fn named<'a>(section: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    match &mut section.data {
        Data::List(steps) => steps.iter_mut().find(|step| step_name(step).as_deref() == Some(name)),
        Data::Table(entries) => entries.iter_mut().find(|entry| entry.key == name).map(|entry| &mut entry.value),
        _ => None,
    }
}

fn names_in(section: &Node) -> Vec<String> {
    match &section.data {
        Data::List(steps) => steps.iter().filter_map(step_name).collect(),
        _ => names_of(Some(section)),
    }
}

fn step_name(step: &Node) -> Option<String> {
    let text = |key| match &step.get(key)?.data {
        Data::Text(text) => Some(text.as_str()),
        _ => None,
    };
    text("name").map(str::to_owned).or_else(|| text("use").map(|uses| stem(uses).to_owned()))
}

fn names_of(table: Option<&Node>) -> Vec<String> {
    match table.map(|node| &node.data) {
        Some(Data::Table(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
        _ => Vec::new(),
    }
}

fn refuse_references(node: &Node, findings: &mut Findings) {
    match &node.data {
        Data::Text(text) if text.contains("${") => {
            findings.add(&node.at, "a param cannot use `${…}` itself");
        }
        Data::List(items) => items.iter().for_each(|item| refuse_references(item, findings)),
        Data::Table(entries) => entries.iter().for_each(|entry| refuse_references(&entry.value, findings)),
        _ => {}
    }
}

/// What is put into the tree, and how much more of it.
struct Filling<'a> {
    params: Option<&'a Node>,
    /// Bytes that may be put in,
    expanded: usize,
    /// and those of them that still may.
    room: usize,
}

impl Filling<'_> {
    /// Puts the value of a `--set`, filled in, where its path leads.
    fn put(&mut self, root: &mut Node, mut set: Set<'_>, findings: &mut Findings) -> Option<()> {
        let mut of_set = Findings::new(findings.source.clone());
        // As the file has it, where a list of steps has no names.
        let mut path = set.path.clone();
        if path[0] == "steps" {
            path.remove(1);
        }
        let filled = self.fill(&mut set.value, &mut path, &mut of_set);
        findings.take(of_set, &format!("override `{}`: ", set.text));
        filled?;
        put(root, set, findings);
        Some(())
    }

    /// Replaces `${params.x}` in every string below `node`, which stands under the keys of `path`; `$${` is a plain `${`. `None` where
    /// there is no room.
    fn fill(&mut self, node: &mut Node, path: &mut Vec<String>, findings: &mut Findings) -> Option<()> {
        match &mut node.data {
            Data::Text(text) if text.contains("${") => match substituted(text, self.params, is_secret(path), self.room)
            {
                Ok(data) => {
                    node.data = data;
                    self.room = self.room.saturating_sub(node.size());
                }
                Err(Unfilled::Wrong(message, help)) => findings.push(&node.at, message, help),
                Err(Unfilled::NoRoom) => {
                    too_large(&node.at, self.expanded, findings);
                    return None;
                }
            },
            Data::List(items) => {
                for item in items {
                    self.fill(item, path, findings)?;
                }
            }
            Data::Table(entries) => {
                for entry in entries {
                    path.push(entry.key.clone());
                    self.fill(&mut entry.value, path, findings)?;
                    path.pop();
                }
            }
            _ => {}
        }
        Some(())
    }
}

/// Why a text stays as it is.
enum Unfilled {
    /// What is wrong with it, and the fix.
    Wrong(String, Option<Help>),
    /// It would become too long.
    NoRoom,
}

/// Where `${env.NAME}` stands for a variable, which is put in when the secret is sent.
fn is_secret(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(path[..], ["steps", "grant", "secret", _, "value"] | [LIKE, _, "grant", "secret", _, "value"])
}

/// In a secret, what is not a param stays as it is. `room` is what the result may take, bytes.
fn substituted(text: &str, params: Option<&Node>, secret: bool, room: usize) -> Result<Data, Unfilled> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if secret && !rest[at + 2..].trim_start().starts_with("params.") {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        }
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let Some((reference, after)) = rest[at + 2..].split_once('}') else {
            let help = "write `$${` for a plain `${`".to_owned();
            return Err(Unfilled::Wrong("`${` has no `}`".to_owned(), Some(help.into())));
        };
        let param = lookup(reference, params).map_err(|(message, help)| Unfilled::Wrong(message, help))?;
        let alone = at == 0 && after.is_empty() && rest.len() == text.len();
        if out.len() + param.size() > room {
            return Err(Unfilled::NoRoom);
        }
        if alone {
            return Ok(param.data.clone());
        }
        match &param.data {
            Data::Text(text) => out.push_str(text),
            Data::Number(number) => out.push_str(&number.to_string()),
            Data::Bool(bool) => out.push_str(&bool.to_string()),
            other => {
                return Err(Unfilled::Wrong(
                    format!("`${{{reference}}}` is {}, which cannot be put into a text", other.kind()),
                    Some(format!("use it alone, as in \"${{{reference}}}\"").into()),
                ));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(Data::Text(out))
}

fn lookup<'a>(reference: &str, params: Option<&'a Node>) -> Result<&'a Node, (String, Option<Help>)> {
    if let (true, Some(params)) = (reference.trim() == "params", params) {
        return Ok(params);
    }
    let Some(name) = reference.trim().strip_prefix("params.") else {
        let help = match reference.trim().strip_prefix("env.") {
            Some(name) => Help::from(
                "variables of the environment are for the `value` of a `grant.secret` alone; otherwise use a param, \
                 `${params.NAME}`, and run with ",
            )
            .set(Setting::Param("NAME".to_owned(), format!("\"${name}\""))),
            None => "params are used as `${params.NAME}`; write `$${` for a plain `${`".into(),
        };
        return Err((format!("`${{{reference}}}` is not a param"), Some(help)));
    };
    params.and_then(|params| params.get(name)).ok_or_else(|| {
        let names = names_of(params);
        let names = || names.iter().map(String::as_str);
        let help = match crate::spelling::nearest(name, names()) {
            Some(near) => format!("did you mean `${{params.{near}}}`?"),
            None if names().next().is_some() => format!("params: {}", quoted(names())),
            None => format!("give it a value:\n[params]\n{name} = \"…\""),
        };
        (format!("unknown param `{name}`"), Some(help.into()))
    })
}
