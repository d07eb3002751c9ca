//! The licences of everything that is compiled into the command and the bundled steps, from cargo's own list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::TARGET;
use crate::{Result, check, command};

/// A page with the crates, and below them each text of a licence once with the crates that it is of.
pub(super) fn licences(root: &Path) -> Result<String> {
    let mut cargo = check::cargo(root);
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]);
    let metadata = command::output(&mut cargo).ok_or("`cargo metadata` failed")?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| format!("`cargo metadata`: {error}"))?;
    let used = used(&metadata);
    let mut list = String::new();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut packages: Vec<&Value> = packages.filter(|package| used.contains(text(package, "id"))).collect();
    packages.sort_by_key(|package| (text(package, "name"), text(package, "version")));
    // The workspace's own are under the licence beside this page.
    for package in packages.into_iter().filter(|package| package["source"].is_string()) {
        let name = format!("{} {}", text(package, "name"), text(package, "version"));
        let licence = package["license"].as_str().ok_or(format!("{name} does not name its licence"))?;
        list += &format!("{name}: {licence}, {}\n", package["repository"].as_str().unwrap_or("no repository"));
        for text in texts_of(Path::new(text(package, "manifest_path")))? {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    let mut page = format!(
        "Callboard is licensed under Apache-2.0 (LICENSE). The command and the bundled steps contain these crates, and the\n\
         standard library of Rust (MIT OR Apache-2.0, https://github.com/rust-lang/rust):\n\n{list}"
    );
    for (text, crates) in texts {
        let crates = crates.into_iter().collect::<Vec<_>>().join(", ");
        page += &format!("\n{}\n{crates}\n\n{}\n", "-".repeat(80), text.trim());
    }
    Ok(page)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The packages that the command and the bundled steps are made of: neither what builds them nor what tests them.
fn used(metadata: &Value) -> BTreeSet<&str> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let begin = packages.filter(|package| {
        let name = text(package, "name");
        ["callboard", "callboard-python"].contains(&name) || name.starts_with("step-") || name.starts_with("part-")
    });
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let nodes: BTreeMap<&str, &Value> = nodes.map(|node| (text(node, "id"), node)).collect();
    let mut open: Vec<&str> = begin.map(|package| text(package, "id")).collect();
    let mut used = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !used.insert(id) {
            continue;
        }
        for dependency in nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten() {
            let kinds = dependency["dep_kinds"].as_array();
            if kinds.into_iter().flatten().any(|kind| kind["kind"].is_null()) {
                open.push(text(dependency, "pkg"));
            }
        }
    }
    used
}

/// The texts beside a manifest that say how a crate may be used.
fn texts_of(manifest: &Path) -> Result<Vec<String>> {
    let folder = manifest.parent().unwrap_or(manifest);
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"].iter().any(|start| name.starts_with(start))
    });
    files.sort();
    Ok(files
        .iter()
        .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\r', ""))
        .collect())
}
