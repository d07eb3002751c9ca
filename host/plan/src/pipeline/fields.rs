//! Takes a table apart key by key, and finds what is left over or of another type.

use std::cell::RefCell;

use serde_json::Number;

use super::document::{Data, Entry, Node};
use super::model::Located;
use crate::choices::MaxRejects;
use crate::problem::{At, Findings};
use crate::spelling::{nearest, quoted};

/// A table whose keys are asked for one after the other; what nobody asked for is unknown.
pub(crate) struct Fields<'a> {
    /// For messages: "a step".
    what: &'static str,
    entries: &'a [Entry],
    at: At,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// `None`, and a finding, if `node` is not a table.
    pub(crate) fn of(node: &'a Node, what: &'static str, findings: &mut Findings) -> Option<Self> {
        let entries = table(node, what, findings)?;
        Some(Self { what, entries, at: node.at.clone(), asked: RefCell::default() })
    }

    pub(crate) fn get(&self, key: &'static str) -> Option<&'a Node> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// A key that must be there; `example` is a line to paste.
    pub(crate) fn need(&self, key: &'static str, example: &str, findings: &mut Findings) -> Option<&'a Node> {
        let found = self.get(key);
        if found.is_none() {
            // Where a misspelt key stands, that is what is said.
            let misspelt = self.entries.iter().any(|entry| nearest(&entry.key, [key]).is_some());
            if !misspelt {
                let message = format!("{} has no `{key}`", self.what);
                findings.add_with_help(&self.at, message, format!("add `{example}`"));
            }
        }
        found
    }

    /// Finds the keys that nobody asked for; `aside` says where else such a key may belong.
    pub(crate) fn end(self, aside: Option<fn(&str) -> String>, findings: &mut Findings) {
        let asked = self.asked.into_inner();
        for Entry { key, key_at, .. } in self.entries {
            if asked.contains(&key.as_str()) {
                continue;
            }
            if findings.is_full() {
                return;
            }
            let help = match nearest(key, asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let keys = format!("keys of {}: {}", self.what, quoted(asked.iter().copied()));
                    aside.map_or(keys.clone(), |aside| format!("{}\n{keys}", aside(key)))
                }
            };
            let message = format!("{}unknown key `{key}` in {}", set(key_at), self.what);
            findings.add_with_help(key_at, message, help);
        }
    }
}

/// The entries of a table.
pub(crate) fn table<'a>(node: &'a Node, what: &str, findings: &mut Findings) -> Option<&'a [Entry]> {
    match &node.data {
        Data::Table(entries) => Some(entries),
        other => wrong_type(node, what, other, "a table", findings),
    }
}

/// The items of a list.
pub(crate) fn list<'a>(node: &'a Node, what: &str, findings: &mut Findings) -> Option<&'a [Node]> {
    match &node.data {
        Data::List(items) => Some(items),
        other => wrong_type(node, what, other, "a list", findings),
    }
}

/// A string that is not empty.
pub(crate) fn text(node: &Node, what: &str, findings: &mut Findings) -> Option<Located<String>> {
    match &node.data {
        Data::Text(text) if text.is_empty() => {
            findings.add(&node.at, format!("{what} is empty"));
            None
        }
        Data::Text(text) => Some(Located { value: text.clone(), at: node.at.clone() }),
        other => wrong_type(node, what, other, "a string", findings),
    }
}

/// One string or a list of them; not empty.
pub(crate) fn texts(node: &Node, what: &str, findings: &mut Findings) -> Option<Vec<Located<String>>> {
    match &node.data {
        Data::Text(_) => Some(vec![text(node, what, findings)?]),
        Data::List(items) if items.is_empty() => {
            findings.add(&node.at, format!("{what} is an empty list"));
            None
        }
        Data::List(items) => items.iter().map(|item| text(item, &format!("a member of {what}"), findings)).collect(),
        other => wrong_type(node, what, other, "a string or a list of strings", findings),
    }
}

/// A table of strings, in the file's order: key, and place of the key, to value.
pub(crate) fn text_table(node: &Node, what: &str, findings: &mut Findings) -> Vec<(Located<String>, Located<String>)> {
    let entries = table(node, what, findings).unwrap_or_default();
    let pair = |entry: &Entry| {
        let key = Located { value: entry.key.clone(), at: entry.key_at.clone() };
        let what = format!("`{}` in {what}", entry.key);
        Some((key, text(&entry.value, &what, findings)?))
    };
    entries.iter().filter_map(pair).collect()
}

/// `true` or `false`.
pub(crate) fn boolean(node: &Node, what: &str, findings: &mut Findings) -> Option<bool> {
    match &node.data {
        Data::Bool(bool) => Some(*bool),
        other => wrong_type(node, what, other, "a boolean", findings),
    }
}

/// An integer from `least` to `most`.
pub(crate) fn integer(node: &Node, what: &str, least: u64, most: u64, findings: &mut Findings) -> Option<u64> {
    match &node.data {
        Data::Number(number) if !number.is_f64() => {
            let fits = Number::as_u64(number).filter(|n| (least..=most).contains(n));
            if fits.is_none() {
                let message = format!("{what} is {number}");
                let help = if most >= i64::MAX as u64 {
                    format!("it is {least} or more")
                } else {
                    format!("it is from {least} to {most}")
                };
                findings.add_with_help(&node.at, message, help);
            }
            fits
        }
        other => wrong_type(node, what, other, "an integer", findings),
    }
}

/// Bytes, from a string such as "256MiB".
pub(crate) fn bytes(node: &Node, what: &str, findings: &mut Findings) -> Option<u64> {
    let example = "write it with its unit, such as \"256MiB\" or \"1GiB\"";
    quantity(node, what, example, findings, |text| text.parse::<bytesize::ByteSize>().ok().map(|size| size.as_u64()))
}

/// Milliseconds, from a string such as "5s".
pub(crate) fn millis(node: &Node, what: &str, findings: &mut Findings) -> Option<u64> {
    let example = "write it with its unit, such as \"500ms\", \"5s\" or \"10min\"";
    quantity(node, what, example, findings, |text| {
        let millis = humantime::parse_duration(text).ok()?.as_millis();
        u64::try_from(millis).ok()
    })
}

fn quantity(
    node: &Node,
    what: &str,
    example: &str,
    findings: &mut Findings,
    read: impl Fn(&str) -> Option<u64>,
) -> Option<u64> {
    let (shown, has_unit, read) = match &node.data {
        Data::Text(text) => {
            let has_unit = !text.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let readable = text.is_ascii() && !text.starts_with('-');
            (format!("`{text}`"), has_unit, readable.then(|| read(text)).flatten())
        }
        Data::Number(number) => (format!("`{number}`"), false, None),
        other => return wrong_type(node, what, other, "a string", findings),
    };
    match read {
        Some(0) if has_unit => {
            findings.add(&node.at, format!("{what} is {shown}, which allows nothing"));
            None
        }
        Some(quantity) if has_unit => Some(quantity),
        _ if !has_unit => {
            findings.add_with_help(&node.at, format!("{what} is {shown}, without a unit"), example);
            None
        }
        _ => {
            let message = format!("{what} is {shown}, which cannot be read");
            findings.add_with_help(&node.at, message, example);
            None
        }
    }
}

/// A number of rows, or a share such as "0.5%".
pub(crate) fn max_rejects(node: &Node, findings: &mut Findings) -> Option<MaxRejects> {
    let found = match &node.data {
        Data::Number(number) => Number::as_u64(number).map(MaxRejects::Rows),
        Data::Text(text) => percent(text).map(MaxRejects::Percent),
        other => return wrong_type(node, "`max_rejects`", other, "an integer, or a string such as \"0.5%\"", findings),
    };
    if found.is_none() {
        let help = "write a number of rows, such as `100`, or a share over 0 up to 100, such as `\"0.5%\"` \
                    (six decimals at most)";
        findings.add_with_help(&node.at, format!("`max_rejects` is {}", node.to_json()), help);
    }
    found
}

/// Six decimals at most: such numbers are the same after they were written as JSON and read again.
fn percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim();
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let is_plain = [whole, decimals].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let percent = number.parse().ok().filter(|_| is_plain && decimals.len() <= 6)?;
    (percent > 0.0 && percent <= 100.0).then_some(percent)
}

/// One of a few words.
pub(crate) fn choice<T: Copy>(
    node: &Node,
    what: &str,
    choices: &[(&'static str, T)],
    findings: &mut Findings,
) -> Option<T> {
    let word = text(node, what, findings)?;
    let found = choices.iter().find(|(name, _)| *name == word.value).map(|(_, choice)| *choice);
    if found.is_none() {
        let names = choices.iter().map(|(name, _)| *name);
        let help = match nearest(&word, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", quoted(names)),
        };
        findings.add_with_help(&node.at, format!("{what} is `{}`", word.value), help);
    }
    found
}

pub(crate) fn wrong_type<T>(node: &Node, what: &str, is: &Data, expected: &str, findings: &mut Findings) -> Option<T> {
    // One bracket or two is what TOML is got wrong by.
    let help = match what {
        "`inputs`" => Some("each input is a table with its name: `[inputs.docs]`"),
        "`steps`" => Some("each step begins with two brackets: `[[steps]]`"),
        "`outputs`" => Some("each output is a table with its name: `[outputs.clean]`"),
        _ => None,
    };
    let help = match (is, expected) {
        (Data::Text(text), expected) if help.is_none() && expected.starts_with("a list") => {
            Some(format!("write it in brackets: [{text:?}]"))
        }
        _ => help.map(str::to_owned),
    };
    findings.push(&node.at, format!("{}{what} is {}, expected {expected}", set(&node.at), is.kind()), help);
    None
}

/// What has no place in the file is from the command line.
fn set(at: &At) -> &'static str {
    if at.is_none() { "override: " } else { "" }
}
