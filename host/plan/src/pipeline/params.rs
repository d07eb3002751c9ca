//! `[params]`, `${params.x}` and `--set`.

use super::document::{Data, Entry, Node, parse_toml};
use super::read::stem;
use crate::problem::{Findings, Source};
use crate::spelling::{hint, quoted};

const SETTABLE: &str = "what can be set: `--set params.KEY=VALUE`, `--set steps.NAME.config.KEY=VALUE`";

/// One `--set`.
struct Set<'a> {
    text: &'a str,
    path: Vec<String>,
    value: Node,
}

/// Puts params and `--set` into the tree, so that no `${params.x}` remains outside `params` itself.
pub(crate) fn apply(root: &mut Node, sets: &[String], findings: &mut Findings) {
    let sets: Vec<Set<'_>> = sets.iter().filter_map(|text| parse_set(text, findings)).collect();

    let (of_params, of_steps): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.path[0] == "params");
    for set in of_params {
        set_param(root, set, findings);
    }

    let params = root.get("params").cloned();
    let params = params.as_ref();
    if let Some(params) = params {
        refuse_references(params, findings);
    }
    if let Data::Table(entries) = &mut root.data {
        for entry in entries.iter_mut().filter(|entry| entry.key != "params") {
            substitute(&mut entry.value, params, &mut vec![entry.key.clone()], findings);
        }
    }

    for mut set in of_steps {
        let mut of_set = Findings::new(findings.source.clone());
        substitute(&mut set.value, params, &mut set.path, &mut of_set);
        findings.take(of_set, &format!("`--set {}`: ", set.text));
        set_config(root, set, findings);
    }
}

fn parse_set<'a>(text: &'a str, findings: &mut Findings) -> Option<Set<'a>> {
    let Some((key, value)) = text.split_once('=') else {
        findings.add_with_help(&None, format!("`--set {text}` has no `=`"), SETTABLE);
        return None;
    };
    let path = key_path(key.trim());
    let settable = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["params", _] => true,
        ["steps", _, "config", ..] => path.len() > 3,
        _ => false,
    };
    if !settable {
        let message = format!("`--set {text}` names nothing that can be set");
        findings.add_with_help(&None, message, SETTABLE);
        return None;
    }
    let mut value = set_value(value);
    forget_places(&mut value);
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
    let data = match serde_json::from_str::<serde_json::Value>(value) {
        Ok(json) => from_json(json),
        Err(_) => Data::Text(value.to_owned()),
    };
    Node { data, at: None }
}

fn from_json(json: serde_json::Value) -> Data {
    use serde_json::Value;
    let node = |json| Node { data: from_json(json), at: None };
    match json {
        Value::Null => Data::Null,
        Value::Bool(bool) => Data::Bool(bool),
        Value::Number(number) => Data::Number(number),
        Value::String(text) => Data::Text(text),
        Value::Array(items) => Data::List(items.into_iter().map(node).collect()),
        Value::Object(map) => {
            Data::Table(map.into_iter().map(|(key, value)| Entry { key, key_at: None, value: node(value) }).collect())
        }
    }
}

/// Places in the text of a `--set` are none in the file.
fn forget_places(node: &mut Node) {
    node.at = None;
    match &mut node.data {
        Data::List(items) => items.iter_mut().for_each(forget_places),
        Data::Table(entries) => {
            for entry in entries {
                entry.key_at = None;
                forget_places(&mut entry.value);
            }
        }
        _ => {}
    }
}

fn set_param(root: &mut Node, set: Set<'_>, findings: &mut Findings) {
    let key = &set.path[1];
    let params = root.get_mut("params");
    let names = names_of(params.as_deref());
    match params.and_then(|params| params.get_mut(key)) {
        Some(param) => param.data = set.value.data,
        None => findings.push(
            &None,
            format!("`--set {}`: the pipeline has no param `{key}`", set.text),
            hint(key, "params", names.iter().map(String::as_str)),
        ),
    }
}

fn set_config(root: &mut Node, set: Set<'_>, findings: &mut Findings) {
    let name = set.path[1].as_str();
    let Some(Node { data: Data::List(steps), .. }) = root.get_mut("steps") else {
        let message = format!("`--set {}`: the pipeline has no steps", set.text);
        return findings.add(&None, message);
    };
    let names: Vec<String> = steps.iter().filter_map(step_name).collect();
    let Some(step) = steps.iter_mut().find(|step| step_name(step).as_deref() == Some(name)) else {
        return findings.push(
            &None,
            format!("`--set {}`: the pipeline has no step `{name}`", set.text),
            hint(name, "steps", names.iter().map(String::as_str)),
        );
    };
    // From the step along `config.KEY…`, making tables where there are none.
    let mut node = step;
    for key in &set.path[2..] {
        let (at, kind) = (node.at.clone(), node.data.kind());
        let Data::Table(entries) = &mut node.data else {
            return findings.add(&at, format!("`--set {}` leads through {kind}", set.text));
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

/// Replaces `${params.x}` in every string below `node`, which stands under the keys of `path`; `$${` is a plain `${`.
fn substitute(node: &mut Node, params: Option<&Node>, path: &mut Vec<String>, findings: &mut Findings) {
    match &mut node.data {
        Data::Text(text) if text.contains("${") => match substituted(text, params, is_secret(path)) {
            Ok(data) => node.data = data,
            Err((message, help)) => findings.push(&node.at, message, help),
        },
        Data::List(items) => {
            for item in items {
                substitute(item, params, path, findings);
            }
        }
        Data::Table(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                substitute(&mut entry.value, params, path, findings);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Where `${env.NAME}` stands for a variable, which is put in when the secret is sent.
fn is_secret(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(path[..], ["steps", "grant", "secret", _, "value"])
}

/// In a secret, what is no param stays as it is.
fn substituted(text: &str, params: Option<&Node>, secret: bool) -> Result<Data, (String, Option<String>)> {
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
            return Err(("`${` has no `}`".to_owned(), Some(help)));
        };
        let param = lookup(reference, params)?;
        if at == 0 && after.is_empty() && rest.len() == text.len() {
            return Ok(param.data.clone());
        }
        match &param.data {
            Data::Text(text) => out.push_str(text),
            Data::Number(number) => out.push_str(&number.to_string()),
            Data::Bool(bool) => out.push_str(&bool.to_string()),
            other => {
                return Err((
                    format!("`${{{reference}}}` is {}, which cannot be put into a text", other.kind()),
                    Some(format!("use it alone, as in \"${{{reference}}}\"")),
                ));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(Data::Text(out))
}

fn lookup<'a>(reference: &str, params: Option<&'a Node>) -> Result<&'a Node, (String, Option<String>)> {
    let Some(name) = reference.trim().strip_prefix("params.") else {
        let help = "params are used as `${params.NAME}`; write `$${` for a plain `${`";
        return Err((format!("`${{{reference}}}` is no param"), Some(help.to_owned())));
    };
    params.and_then(|params| params.get(name)).ok_or_else(|| {
        let names = names_of(params);
        let names = || names.iter().map(String::as_str);
        let help = match crate::spelling::nearest(name, names()) {
            Some(near) => format!("did you mean `${{params.{near}}}`?"),
            None if names().next().is_some() => format!("params: {}", quoted(names())),
            None => format!("give it a value:\n[params]\n{name} = \"…\""),
        };
        (format!("unknown param `{name}`"), Some(help))
    })
}
