//! What `SECURITY.md` promises has a test, and every test that it names is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// The rows of the table: a promise, and the tests of it.
fn rows(text: &str) -> Vec<(&str, &str)> {
    let table = text.split_once("| promise | test |\n").expect("the table of promises").1;
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').rsplit_once(" | ").expect("two columns")).collect()
}

fn sources(at: &Path) -> Vec<PathBuf> {
    match at.is_dir() {
        true => fs::read_dir(at).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect(),
        false => {
            Some(at.to_owned()).into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")).collect()
        }
    }
}

/// Why a row's tests are not what it says: each is a name in backticks, behind the file or folder that it is in; a folder of cases, or a
/// target of the fuzzer, stands for itself.
fn missing(tests: &str) -> Vec<String> {
    let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
    let (mut missing, mut within, mut found) = (Vec::new(), Vec::new(), 0);
    for name in named {
        if name.contains('/') {
            let at = repository(name);
            if !at.exists() {
                missing.push(format!("there is no `{name}`"));
            }
            found += usize::from(
                name.starts_with("tests/cli/") || name.starts_with("tests/plans/") || name.starts_with("tests/fuzz/"),
            );
            within = sources(&at).iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect();
            continue;
        }
        let marked = |text: &String| {
            text.split("#[test]").skip(1).any(|test| {
                let declared = test.split_once("fn ").map_or("", |(_, declared)| declared);
                declared.starts_with(&format!("{name}("))
            })
        };
        match within.iter().any(marked) {
            true => found += 1,
            false => missing.push(format!("there is no test `{name}` there")),
        }
    }
    if found == 0 {
        missing.push("no test is named".to_owned());
    }
    missing
}

#[test]
fn every_promise_has_tests_that_are_there() {
    let text = fs::read_to_string(repository("SECURITY.md")).unwrap();
    let rows = rows(&text);
    assert!(rows.len() > 30, "{} rows", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|(promise, tests)| missing(tests).into_iter().map(move |why| format!("{}: {why}", promise.trim())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(missing("`tests/cli/promises.rs`, `no_such_test`").len(), 1, "and one that is gone is noticed");
    assert_eq!(missing("`tests/runtime/forged.rs`"), ["no test is named"]);
}
