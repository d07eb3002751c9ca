//! The table of threads and tokio runtimes in ARCHITECTURE.md is complete: it names every file of the host that starts one.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use super::{host, imports};

/// Starts threads for other files, which the table names.
const FOR_OTHERS: &str = "sandbox/guard.rs";

#[test]
fn every_file_that_starts_a_thread_is_in_the_table() {
    // A program is started by `.spawn()`, a thread by `spawn` with what it does.
    let starts = Regex::new(r"\bspawn(?:_scoped)?\([^)]|ThreadPoolBuilder::new\(|runtime::Builder::new_").unwrap();
    let root = host("runtime").join("../..").canonicalize().unwrap();
    let mut found = BTreeSet::new();
    for file in imports::sources(&root) {
        let source = fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        if code.iter().any(|line| starts.is_match(line) && !line.contains("fn spawn")) {
            let name = file.strip_prefix(&root).unwrap().to_string_lossy().replace("/src/", "/");
            if !name.contains("tests") && name != FOR_OTHERS {
                found.insert(name);
            }
        }
    }
    let page = fs::read_to_string(root.join("../ARCHITECTURE.md")).unwrap();
    let (_, table) = page.split_once("## Threads and tokio runtimes").expect("ARCHITECTURE.md has the table");
    let table = table.split("\n## ").next().unwrap();
    let named: BTreeSet<String> = Regex::new(r"`(\w+/[\w/]+\.rs)`")
        .unwrap()
        .captures_iter(table)
        .map(|name| name[1].to_owned())
        .filter(|name| name != "cli/main.rs")
        .collect();
    assert_eq!(named, found, "left: ARCHITECTURE's table; right: files that start threads or a tokio runtime");
}
