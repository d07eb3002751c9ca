//! An output of the file, and how it is made of several files: `max_rows`, `max_bytes`, `max_partitions`, `append`.

use std::collections::HashSet;

use callboard_words::template::Template;

use super::access::access;
use super::document::{Data, Node};
use super::fields::{Fields, boolean, bytes, integer, text, text_table, texts, wrong_type};
use super::model::{From, Located, Output, OutputColumn, Parts};
use super::read::{Role, stats};
use super::sources::{Routes, from};
use crate::problem::Findings;

/// The highest level that any way of compressing has.
const MOST_LEVEL: u64 = 22;
/// The most partitions that an output can be allowed.
pub(crate) const MOST_PARTITIONS: u64 = 100_000;

pub(super) fn output(
    name: Located<String>,
    node: &Node,
    role: Role,
    routes: &Routes,
    findings: &mut Findings,
) -> Option<Output> {
    let fields = Fields::of(node, "an output", findings)?;
    let path = role.path(&fields, "path = \"out/rows.jsonl\"", findings);
    let path = path.and_then(|node| text(node, "`path`", findings));
    let format = fields.get("format").and_then(|node| text(node, "`format`", findings));
    let compression = fields.get("compression").and_then(|node| text(node, "`compression`", findings));
    let level = fields.get("level").and_then(|node| integer(node, "`level`", 0, MOST_LEVEL, findings));
    let columns = fields.get("columns").and_then(|node| columns(node, findings));
    let access = fields.get("access").and_then(|node| access(node, findings)).unwrap_or_default();
    let parts = parts(&fields, path.as_ref(), findings);
    let stats = stats(&fields, findings);
    let from = fields.get("from").and_then(|node| from(node, false, routes, findings));
    fields.get("like");
    fields.end(None, findings);
    Some(Output {
        name,
        path: path.unwrap_or(Located { value: String::new(), at: None }),
        access,
        format,
        compression,
        level: level.map(|level| level as u32),
        columns,
        parts,
        stats,
        from: from.unwrap_or(From::Default),
        places: node.places(),
        at: node.at.clone(),
    })
}

/// How the output is made of several files. Where the path is not read, neither are its keys.
fn parts(fields: &Fields<'_>, path: Option<&Located<String>>, findings: &mut Findings) -> Parts {
    let node = |key| fields.get(key);
    let max_rows = node("max_rows").and_then(|node| integer(node, "`max_rows`", 1, u64::MAX, findings));
    let max_bytes = node("max_bytes").and_then(|node| bytes(node, "`max_bytes`", findings));
    let max_partitions =
        node("max_partitions").and_then(|node| integer(node, "`max_partitions`", 1, MOST_PARTITIONS, findings));
    let append = node("append").and_then(|node| boolean(node, "`append`", findings)).unwrap_or_default();
    let Some(path) = path else { return Parts::default() };
    // A template that cannot be read is found where paths are.
    let template = match Template::of(&path.value) {
        Some(Err(_)) => return Parts::default(),
        template => template.and_then(Result::ok),
    };
    let numbered = template.as_ref().is_some_and(Template::is_numbered);
    let partitioned = template.as_ref().is_some_and(|template| !template.columns().is_empty());
    for (key, is_set, fits) in [
        ("max_rows", max_rows.is_some(), numbered),
        ("max_bytes", max_bytes.is_some(), numbered),
        ("append", append, numbered),
        ("max_partitions", max_partitions.is_some(), partitioned),
    ] {
        let Some(node) = node(key).filter(|_| is_set && !fits) else { continue };
        let (message, help) = match key {
            "max_partitions" => (
                "`max_partitions` bounds the values of columns, and the path names no column".to_owned(),
                "path = \"out/{language}/part-{n}.jsonl\"",
            ),
            key => (
                format!("`{key}` makes numbered parts, and the path has no place for the number"),
                "path = \"out/part-{n}.jsonl\"",
            ),
        };
        findings.add_with_help(&node.at, message, help);
    }
    Parts { max_rows, max_bytes, max_partitions, append }
}

fn columns(node: &Node, findings: &mut Findings) -> Option<Vec<OutputColumn>> {
    let columns = match &node.data {
        Data::Table(_) => text_table(node, "`columns`", findings),
        Data::List(_) => texts(node, "`columns`", findings)?.into_iter().map(|name| (name.clone(), name)).collect(),
        other => return wrong_type(node, "`columns`", other, "a list or a table", findings),
    };
    if columns.is_empty() && findings.is_empty() {
        findings.add(&node.at, "`columns` is empty");
    }
    let mut named = HashSet::new();
    for (name, _) in &columns {
        if name.value.is_empty() {
            findings.add(&name.at, "`columns` has a column without a name");
        } else if !named.insert(&name.value) {
            findings.add(&name.at, format!("`columns` names `{}` twice", name.value));
        }
    }
    let column =
        |(name, column): (Located<String>, Located<String>)| OutputColumn { name: name.value, column: column.value };
    Some(columns.into_iter().map(column).collect())
}
