//! TOML or JSON text as one tree whose every value knows its place.

use std::collections::BTreeMap;
use std::num::IntErrorKind;
use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use crate::problem::{At, Findings};

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) data: Data,
    pub(crate) at: At,
}

/// What both syntaxes can say. Dates of TOML are text here.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value, in the file's order; keys are distinct.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: At,
    pub(crate) value: Node,
}

/// Where a value and those below it stand in a text.
#[derive(Clone, Debug, Default)]
pub struct Places {
    at: At,
    /// By key, or by index.
    below: BTreeMap<String, Places>,
}

impl Places {
    /// The place that a JSON pointer leads to, or the last one on the way; none for the value as a whole.
    pub(crate) fn nearest(&self, pointer: &str) -> At {
        let (mut here, mut nearest) = (self, None);
        for key in pointer.split('/').skip(1) {
            let Some(next) = here.below.get(&key.replace("~1", "/").replace("~0", "~")) else { break };
            nearest = next.at.clone().or(nearest);
            here = next;
        }
        nearest
    }
}

impl Data {
    /// For "`x` is …".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(number) if number.is_f64() => "a float",
            Self::Number(_) => "an integer",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.data {
            Data::Table(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.data {
            Data::Table(entries) => entries.iter_mut().find(|e| e.key == key).map(|e| &mut e.value),
            _ => None,
        }
    }

    /// Where this value, and each below it, stands: key and all.
    pub(crate) fn places(&self) -> Places {
        let below = match &self.data {
            Data::Table(entries) => {
                let entry = |Entry { key, key_at, value }: &Entry| {
                    let whole = key_at.clone().zip(value.at.clone());
                    let at = whole.map(|(key, value)| key.start..value.end.max(key.end));
                    (key.clone(), Places { at, ..value.places() })
                };
                entries.iter().map(entry).collect()
            }
            Data::List(items) => items.iter().enumerate().map(|(nth, item)| (nth.to_string(), item.places())).collect(),
            _ => BTreeMap::new(),
        };
        Places { at: self.at.clone(), below }
    }

    /// A value with its places: what [`Node::places`] took apart.
    pub(crate) fn of(value: &Value, places: Option<&Places>) -> Self {
        let below = |key: &str| places.and_then(|places| places.below.get(key));
        let at = |key: &str| below(key).and_then(|places| places.at.clone());
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(bool) => Data::Bool(*bool),
            Value::Number(number) => Data::Number(number.clone()),
            Value::String(text) => Data::Text(text.clone()),
            Value::Array(items) => {
                let item = |(nth, item): (usize, &Value)| Self::of(item, below(&nth.to_string()));
                Data::List(items.iter().enumerate().map(item).collect())
            }
            Value::Object(members) => {
                let entry = |(key, value): (&String, &Value)| Entry {
                    key: key.clone(),
                    key_at: at(key),
                    value: Self::of(value, below(key)),
                };
                Data::Table(members.iter().map(entry).collect())
            }
        };
        Node { data, at: places.and_then(|places| places.at.clone()) }
    }

    /// Forgets where it stands, as what is not in the text that places point into.
    pub(crate) fn forget_places(&mut self) {
        self.at = None;
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(Self::forget_places),
            Data::Table(entries) => {
                for entry in entries {
                    entry.key_at = None;
                    entry.value.forget_places();
                }
            }
            _ => {}
        }
    }

    /// What it takes, bytes, about.
    pub(crate) fn size(&self) -> usize {
        let own = match &self.data {
            Data::Text(text) => text.len(),
            Data::List(items) => items.iter().map(Self::size).sum(),
            Data::Table(entries) => entries.iter().map(|entry| entry.key.len() + entry.value.size()).sum(),
            Data::Null | Data::Bool(_) | Data::Number(_) => 0,
        };
        own + size_of::<Self>()
    }

    /// The value without its places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(bool) => Value::Bool(*bool),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => items.iter().map(Self::to_json).collect(),
            Data::Table(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }
}

/// Reads the text; `None` when it has no right form (all faults of form are then among the findings).
pub(crate) fn parse(findings: &mut Findings) -> Option<Node> {
    // A mark of the byte order gives way to as many blanks, so that places stay as they are.
    let text = findings.source.text.clone();
    let unmarked = text.strip_prefix('\u{feff}').map(|rest| format!("   {rest}"));
    let text = unmarked.as_deref().unwrap_or(&text);
    if text.trim_start().starts_with('{') { parse_json(text, findings) } else { parse_toml(text, findings) }
}

/// Reads TOML.
pub(crate) fn parse_toml(text: &str, findings: &mut Findings) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        let word = error.span().and_then(|at| text.get(at));
        if let (Some(word), "duplicate key") = (word, message.as_str()) {
            duplicate_key(text, word, &error.span(), findings);
            continue;
        }
        match error.span().and_then(|at| bare_value(text, at)) {
            Some(word) => {
                let help = match word.to_lowercase().as_str() {
                    "true" | "false" => format!("booleans are in lower case: {}", word.to_lowercase()),
                    _ => format!("text is quoted: \"{word}\""),
                };
                findings.add_with_help(&error.span(), format!("`{word}` is not a value"), help);
            }
            None if message == "recursion limit" => {
                let help = "no part of a pipeline is nested that deep";
                findings.add_with_help(&error.span().or(Some(deepest(text))), "values are nested too deep", help);
            }
            None => findings.add(&error.span().or(Some(0..0)), message),
        }
    }
    if !errors.is_empty() {
        return None;
    }
    let root = toml_table(table.get_ref(), Some(0..0), findings);
    findings.is_empty().then_some(root)
}

/// Where the line begins that opens most: the parser does not say where it gave up.
fn deepest(text: &str) -> Range<usize> {
    let opens = |line: &str| line.bytes().filter(|byte| b"[{.".contains(byte)).count();
    let (mut deepest, mut at) = ((0, 0), 0);
    for line in text.split_inclusive('\n') {
        if opens(line) > deepest.0 {
            deepest = (opens(line), at);
        }
        at += line.len();
    }
    deepest.1..deepest.1
}

/// A key that is given twice, or a table that is opened twice.
fn duplicate_key(text: &str, word: &str, at: &At, findings: &mut Findings) {
    let before = at.as_ref().and_then(|at| text.get(..at.start)).unwrap_or_default();
    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
    let help = match line.trim_start().starts_with('[') && !text.trim_start().starts_with('{') {
        true => {
            format!("open each table once, with all of its keys; several tables of one name are a list, `[[{word}]]`")
        }
        false => "give each key once".to_owned(),
    };
    findings.add_with_help(at, format!("duplicate key `{word}`"), help);
}

/// A value that looks like text whose quotes were forgotten.
fn bare_value(text: &str, at: Range<usize>) -> Option<&str> {
    let is_value = text.get(..at.start)?.trim_end_matches([' ', '\t']).ends_with(['=', '[', ',']);
    let word = text.get(at)?;
    let is_word = word.starts_with(|c: char| c.is_alphabetic())
        && word.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c));
    (is_value && is_word).then_some(word)
}

fn toml_table(table: &DeTable<'_>, at: At, findings: &mut Findings) -> Node {
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        key_at: Some(key.span()),
        value: toml_value(value.get_ref(), Some(value.span()), findings),
    });
    Node { data: Data::Table(entries.collect()), at }
}

fn toml_value(value: &DeValue<'_>, at: At, findings: &mut Findings) -> Node {
    let data = match value {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Boolean(bool) => Data::Bool(*bool),
        DeValue::Datetime(date) => Data::Text(date.to_string()),
        DeValue::Integer(integer) => {
            let (digits, radix) = (integer.as_str(), integer.radix());
            let number = i64::from_str_radix(digits, radix)
                .map(Number::from)
                .or_else(|error| u64::from_str_radix(digits, radix).map(Number::from).map_err(|_| error));
            number.map_or_else(
                |error| {
                    match error.kind() {
                        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
                            findings.add(&at, "an integer has at most 64 bits")
                        }
                        _ => findings.add(&at, format!("`{integer}` is not an integer")),
                    }
                    Data::Null
                },
                Data::Number,
            )
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            number.map_or_else(
                || {
                    let help = "a pipeline has finite numbers only";
                    findings.add_with_help(&at, format!("`{}` is not a number", float.as_str()), help);
                    Data::Null
                },
                Data::Number,
            )
        }
        DeValue::Array(items) => {
            Data::List(items.iter().map(|item| toml_value(item.get_ref(), Some(item.span()), findings)).collect())
        }
        DeValue::Table(table) => return toml_table(table, at, findings),
    };
    Node { data, at }
}

/// Reads JSON: serde_json judges the text and decodes its literals, jsonc-parser knows the places.
fn parse_json(text: &str, findings: &mut Findings) -> Option<Node> {
    use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

    if let Err(error) = serde_json::from_str::<Value>(text) {
        let whole = error.to_string();
        let message = whole.rsplit_once(" at line ").map_or(&*whole, |(before, _)| before);
        let lines = text.split_inclusive('\n');
        let line_start: usize = lines.take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = line_start + error.column().saturating_sub(1);
        findings.add(&Some(at..at + 1), format!("not JSON: {message}"));
        return None;
    }
    match parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()) {
        Ok(tree) => {
            let root = json_value(&tree.value?, text, findings);
            findings.is_empty().then_some(root)
        }
        Err(error) => {
            findings.add(&Some(error.range().start..error.range().end), format!("not JSON: {}", error.kind()));
            None
        }
    }
}

fn json_value(value: &jsonc_parser::ast::Value<'_>, text: &str, findings: &mut Findings) -> Node {
    use jsonc_parser::ast::Value as Json;
    use jsonc_parser::common::Ranged;

    let range = value.range().start..value.range().end;
    let literal = &text[range.clone()];
    let data = match value {
        Json::NullKeyword(_) => Data::Null,
        Json::BooleanLit(bool) => Data::Bool(bool.value),
        Json::NumberLit(_) => serde_json::from_str(literal).map_or(Data::Null, Data::Number),
        Json::StringLit(_) => serde_json::from_str(literal).map_or(Data::Null, Data::Text),
        Json::Array(array) => Data::List(array.elements.iter().map(|item| json_value(item, text, findings)).collect()),
        Json::Object(object) => {
            let mut entries: Vec<Entry> = Vec::new();
            let mut seen = std::collections::HashSet::new();
            for property in &object.properties {
                let key_range = property.name.range();
                let key_at = key_range.start..key_range.end;
                let key: String = serde_json::from_str(&text[key_at.clone()]).unwrap_or_default();
                if seen.insert(key.clone()) {
                    let value = json_value(&property.value, text, findings);
                    entries.push(Entry { key, key_at: Some(key_at), value });
                } else {
                    duplicate_key(text, &key, &Some(key_at), findings);
                }
            }
            Data::Table(entries)
        }
    };
    Node { data, at: Some(range) }
}
