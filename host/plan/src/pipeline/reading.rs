//! Which rows an input reads, and which columns it adds: `at`, `row`, `members`, `rows`, `rows_per_file`, `union`, `on_bad_row`, `hive`
//! and `add`.

use super::document::{Data, Entry, Node};
use super::fields::{Fields, boolean, choice, integer, list, table, text, wrong_type};
use super::model::{Added, OnError, Reading};
use crate::problem::Findings;

/// The keys of an input that say so.
pub(super) fn reading(fields: &Fields<'_>, findings: &mut Findings) -> Reading {
    Reading {
        at: fields.get("at").and_then(|node| pointer(node, findings)),
        whole_files: fields
            .get("row")
            .and_then(|node| choice(node, "`row`", &[("line", false), ("file", true)], findings))
            .unwrap_or_default(),
        members: fields.get("members").and_then(|node| members(node, findings)),
        rows: fields.get("rows").and_then(|node| integer(node, "`rows`", 1, u64::MAX, findings)),
        rows_per_file: fields
            .get("rows_per_file")
            .and_then(|node| integer(node, "`rows_per_file`", 1, u64::MAX, findings)),
        union: fields.get("union").and_then(|node| boolean(node, "`union`", findings)).unwrap_or_default(),
        on_bad_row: fields
            .get("on_bad_row")
            .and_then(|node| {
                choice(node, "`on_bad_row`", &[("fail", OnError::Fail), ("reject", OnError::Reject)], findings)
            })
            .unwrap_or_default(),
        hive: fields.get("hive").and_then(|node| boolean(node, "`hive`", findings)).unwrap_or_default(),
        add: fields.get("add").map(|node| added(node, findings)).unwrap_or_default(),
    }
}

fn pointer(node: &Node, findings: &mut Findings) -> Option<String> {
    let pointer = text(node, "`at`", findings)?;
    if !pointer.starts_with('/') {
        let message = format!("`at` is {:?}, and a JSON pointer begins with `/`", pointer.value);
        findings.add_with_help(&node.at, message, format!("at = \"/{}\"", pointer.value.replace('.', "/")));
        return None;
    }
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if !escapes {
        let message = format!("`at` is {:?}: in a JSON pointer, `~` is followed by `0` or `1`", pointer.value);
        findings.add_with_help(&node.at, message, "write `~0` for `~`, and `~1` for `/` in a key");
        return None;
    }
    Some(pointer.value)
}

fn members(node: &Node, findings: &mut Findings) -> Option<Vec<String>> {
    let listed = list(node, "`members`", findings)?;
    if listed.is_empty() {
        findings.add_with_help(&node.at, "`members` names none", "members = [\"json\", \"txt\"]");
        return None;
    }
    let mut extensions = Vec::new();
    for node in listed {
        let extension = text(node, "a member", findings)?.value;
        if extension.is_empty() || extension.starts_with('.') || extension.contains('/') {
            let message = format!("{extension:?} is not what stands behind the first dot of a name");
            findings.add_with_help(&node.at, message, "such as `json`, `txt` or `seg.json`");
            return None;
        }
        extensions.push(extension.to_lowercase());
    }
    Some(extensions)
}

fn added(node: &Node, findings: &mut Findings) -> Vec<(String, Added)> {
    let entries = table(node, "`add`", findings).unwrap_or_default();
    let one = |entry: &Entry| {
        if entry.key.is_empty() {
            findings.add(&entry.key_at, "`add` has a column without a name");
            return None;
        }
        Some((entry.key.clone(), value(entry, findings)?))
    };
    entries.iter().filter_map(one).collect()
}

fn value(Entry { key, value, .. }: &Entry, findings: &mut Findings) -> Option<Added> {
    const EXPECTED: &str = "a string, a number or a boolean";
    match &value.data {
        Data::Text(text) => match text.strip_prefix('@') {
            None => Some(Added::Text(text.clone())),
            Some("file") => Some(Added::File),
            Some("line") => Some(Added::Line),
            // As `@@file`: a text that begins with an `@`.
            Some(text) if text.starts_with('@') => Some(Added::Text(text.to_owned())),
            Some(_) => {
                let message = format!("`{key}` in `add` is `{text}`, which stands for nothing");
                let help = "`@file` is the file of a row, `@line` its line or number there; a text that begins with `@` begins with `@@`";
                findings.add_with_help(&value.at, message, help);
                None
            }
        },
        Data::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Some(Added::Integer(integer)),
            (None, Some(float)) if number.is_f64() && float.is_finite() => Some(Added::Float(float)),
            _ => {
                let message = format!("`{key}` in `add` is {number}, which 64 bits do not hold");
                findings.add_with_help(&value.at, message, "write it as a string");
                None
            }
        },
        Data::Bool(boolean) => Some(Added::Boolean(*boolean)),
        other => wrong_type(value, &format!("`{key}` in `add`"), other, EXPECTED, findings),
    }
}
