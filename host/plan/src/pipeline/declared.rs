//! Params that say their type: `url = { type = "string" }`, `rows = { type = "integer", default = 100 }`.
//!
//! A param that is a table of these keys is a declaration; any other value is a default that any value may replace.

use super::document::{Data, Entry, Node};
use crate::problem::Findings;
use crate::spelling::{nearest, quoted};
use callboard_words::{Help, Setting};

const TYPE: &str = "type";
const DEFAULT: &str = "default";
const DESCRIPTION: &str = "description";

/// A type's name, and whether a value is of it.
type Type = (&'static str, fn(&Data) -> bool);

/// What a value may be.
const TYPES: [Type; 6] = [
    ("string", |data| matches!(data, Data::Text(_))),
    ("integer", |data| matches!(data, Data::Number(number) if !number.is_f64())),
    ("number", |data| matches!(data, Data::Number(_))),
    ("boolean", |data| matches!(data, Data::Bool(_))),
    ("list", |data| matches!(data, Data::List(_))),
    ("table", |data| matches!(data, Data::Table(_))),
];

/// What is wrong, and the fix.
pub(super) type Wrong = (String, Option<String>);

/// The word for the type, if this is a declaration.
fn declared(param: &Node) -> Option<&str> {
    let Data::Table(entries) = &param.data else { return None };
    if !entries.iter().all(|entry| [TYPE, DEFAULT, DESCRIPTION].contains(&entry.key.as_str())) {
        return None;
    }
    match &param.get(TYPE)?.data {
        Data::Text(word) => Some(word),
        _ => None,
    }
}

fn mismatch(name: &str, word: &str, value: &Data) -> Option<Wrong> {
    let (_, fits) = TYPES.iter().find(|(known, _)| *known == word)?;
    (!fits(value)).then(|| {
        let message = format!("param `{name}` is {}, expected {}", value.kind(), expected(word));
        let help = match (word, value) {
            ("string", Data::Number(_) | Data::Bool(_)) => Some("text is quoted: \"…\"".to_owned()),
            _ => None,
        };
        (message, help)
    })
}

fn expected(word: &str) -> String {
    let article = if word == "integer" { "an" } else { "a" };
    format!("{article} {word}")
}

/// Gives a param this value; what is wrong with it is returned, and then the param stays as it is.
pub(super) fn set(name: &str, param: &mut Node, value: Node) -> Option<Wrong> {
    let Some(word) = declared(param).map(str::to_owned) else {
        param.data = value.data;
        param.at = value.at.or(param.at.take());
        return None;
    };
    if let Some(wrong) = mismatch(name, &word, &value.data) {
        return Some(wrong);
    }
    let Data::Table(entries) = &mut param.data else { return None };
    match entries.iter_mut().find(|entry| entry.key == DEFAULT) {
        Some(default) => default.value = value,
        None => entries.push(Entry { key: DEFAULT.to_owned(), key_at: None, value }),
    }
    None
}

/// The declared params that have no value yet.
pub(super) fn missing(params: &Node) -> Vec<String> {
    let Data::Table(params) = &params.data else { return Vec::new() };
    let missing = params.iter().filter(|param| declared(&param.value).is_some() && param.value.get(DEFAULT).is_none());
    missing.map(|param| param.key.clone()).collect()
}

/// Replaces each declaration by its value. `None` if one has none, which is found.
pub(super) fn resolve(root: &mut Node, findings: &mut Findings) -> Option<()> {
    let Some(Node { data: Data::Table(params), .. }) = root.get_mut("params") else { return Some(()) };
    let mut all = Some(());
    for Entry { key, key_at, value } in params {
        let Some(word) = declared(value) else { continue };
        if !TYPES.iter().any(|(known, _)| *known == word) {
            let at = value.get(TYPE).and_then(|word| word.at.clone());
            let known = || TYPES.iter().map(|(known, _)| *known);
            let help = match nearest(word, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("types of params: {}", quoted(known())),
            };
            findings.add_with_help(&at, format!("the type of param `{key}` is `{word}`"), help);
        }
        match value.get(DEFAULT).cloned() {
            Some(default) => {
                if let Some(wrong) = mismatch(key, word, &default.data) {
                    findings.push(&default.at, wrong.0, wrong.1);
                }
                *value = default;
            }
            None => {
                let help = Help::from("give it one: ").set(Setting::Param(key.clone(), "…".to_owned()));
                findings.add_with_help(key_at, format!("param `{key}` has no value"), help);
                all = None;
            }
        }
    }
    all
}
