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

/// The parts of a page that say something: paragraphs, items and tables, of these sections; with what stands behind each in `<!-- tested: … -->`.
fn parts(text: &str) -> Vec<(String, Option<&str>)> {
    let sections = text.split("\n## ").skip(1).filter(|section| !section.starts_with("What is not promised"));
    let (mut parts, mut part): (Vec<(String, Option<&str>)>, String) = Default::default();
    for line in sections.flat_map(|section| section.lines().skip(1).chain([""])) {
        if let Some(tests) = line.strip_prefix("<!-- tested: ") {
            parts.push((std::mem::take(&mut part), Some(tests)));
            continue;
        }
        let begins = line.is_empty() || line.starts_with("- ") || line.as_bytes().get(1) == Some(&b'.');
        // What ends in a colon leads to what follows.
        if begins && !part.is_empty() && !part.trim_end().ends_with(':') {
            parts.push((std::mem::take(&mut part), None));
        }
        if begins {
            part.clear();
        }
        if !line.starts_with('#') && !line.is_empty() {
            part.push_str(line);
        }
    }
    parts
}

/// Each part of `docs/sandbox.md` but the last, which says what is not promised, names the tests of what it says.
#[test]
fn every_part_of_the_page_about_the_sandbox_has_its_tests() {
    let text = fs::read_to_string(repository("docs/sandbox.md")).unwrap();
    let parts = parts(&text);
    assert!(parts.len() > 30, "{} parts", parts.len());
    let wrong: Vec<String> = parts
        .iter()
        .flat_map(|(part, tests)| {
            let missing = tests.map_or(vec!["no test is named".to_owned()], missing);
            missing.into_iter().map(move |why| format!("{}…: {why}", part.chars().take(60).collect::<String>()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let parts = self::parts("# A page\n\nIt begins.\n\n## One\n\nSays this.\n<!-- tested: `a` -->\n\nAnd that.\n");
    assert_eq!(parts, [("Says this.".to_owned(), Some("`a` -->")), ("And that.".to_owned(), None)]);
}
