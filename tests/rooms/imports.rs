//! Which modules at the top of a crate name which others, by `crate::…` and by `super::…`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::Imports;

/// For each module at the top of the crate whose sources are in `source`, those that it imports, and the files that do.
pub(crate) fn imports(source: &Path) -> Imports {
    let files = sources(source);
    let module = |file: &PathBuf| {
        let parts: Vec<String> = file
            .strip_prefix(source)
            .unwrap()
            .with_extension("")
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .filter(|part| part != "mod")
            .collect();
        (!matches!(parts[0].as_str(), "lib" | "main")).then_some(parts)
    };
    let tops: BTreeSet<String> = files.iter().filter_map(module).map(|parts| parts[0].clone()).collect();
    let mut imports: Imports = tops.iter().map(|top| (top.clone(), BTreeMap::new())).collect();
    for file in &files {
        let Some(parts) = module(file) else { continue };
        for other in named(&fs::read_to_string(file).unwrap(), parts.len()) {
            if other != parts[0] && tops.contains(&other) {
                imports.get_mut(&parts[0]).unwrap().entry(other).or_default().insert(file.clone());
            }
        }
    }
    imports
}

/// The Rust files in a folder and in those below it.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// The modules at the top that a source names; `depth` is how deep its own module lies, from 1.
fn named(source: &str, depth: usize) -> BTreeSet<String> {
    let comment = Regex::new(r"//[^\n]*").unwrap();
    let source = comment.replace_all(source, "");
    let up = format!(r"\b(?:crate|{})::(?:(\w+)|\{{([^;]*)\}};)", ["super"; 16][..depth].join("::"));
    let mut named = BTreeSet::new();
    for found in Regex::new(&up).unwrap().captures_iter(&source) {
        if let Some(one) = found.get(1) {
            named.insert(one.as_str().to_owned());
        }
        // `use crate::{a::B, c};`: the names that stand first in each part.
        if let Some(many) = found.get(2) {
            let mut nested = 0_usize;
            for part in many.as_str().split_inclusive(['{', '}', ',']) {
                if nested == 0 {
                    named.extend(part.split([':', ',', '{', '}']).next().map(|name| name.trim().to_owned()));
                }
                match part.chars().last() {
                    Some('{') => nested += 1,
                    Some('}') => nested = nested.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }
    named
}

#[test]
fn names_are_found_wherever_they_stand() {
    let source = "use crate::{a::B, c, d::{e, f}};\nuse crate::g::h; // crate::no\nfn x() { crate::i::j(); super::super::k::l(); super::own::m() }";
    let found: Vec<String> = named(source, 2).into_iter().collect();
    assert_eq!(found, ["a", "c", "d", "g", "i", "k"]);
}
