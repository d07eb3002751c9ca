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

/// The sentences of a page, and the rows of its tables, of all sections but the last, which says what is not promised.
fn sentences(page: &str) -> Vec<String> {
    let (mut sentences, mut paragraph, mut in_table) = (Vec::new(), String::new(), false);
    let sections = page.split("\n## ").skip(1).filter(|section| !section.starts_with("What is not promised"));
    for line in sections.flat_map(|section| section.lines().skip(1).chain([""])) {
        let item = line
            .strip_prefix("- ")
            .or_else(|| line.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". "));
        if line.is_empty() || line.starts_with(['#', '|']) || item.is_some() {
            end(&mut paragraph, &mut sentences);
        }
        // The first row of a table says what its columns are.
        if line.starts_with('|') && in_table && !line.starts_with("|---") {
            sentences.push(line.to_owned());
        }
        in_table = line.starts_with('|');
        if !line.is_empty() && !line.starts_with(['#', '|']) {
            paragraph += item.unwrap_or(line).trim();
            paragraph += " ";
        }
    }
    sentences
}

/// Takes a paragraph apart where a full stop stands before what begins a sentence.
fn end(paragraph: &mut String, sentences: &mut Vec<String>) {
    let paragraph = std::mem::take(paragraph);
    let mut rest = paragraph.trim();
    while !rest.is_empty() {
        let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '`' || c == '*');
        let stop = rest.match_indices(". ").map(|(at, _)| at + 1).find(|at| begins(rest[*at..].trim_start()));
        let (sentence, behind) = rest.split_at(stop.unwrap_or(rest.len()));
        sentences.push(sentence.to_owned());
        rest = behind.trim_start();
    }
}

/// Stands for the tests of a sentence that promises nothing by itself: it advises, or says what another one means.
const EXPLAINS: &str = "(explains)";

/// `tests/cli/sandbox.txt` names the tests of each sentence of `docs/sandbox.md`. With `BLESS=1` it gets the page's sentences, and those
/// that are new are without tests there.
#[test]
fn every_sentence_about_the_sandbox_has_its_tests() {
    let page = fs::read_to_string(repository("docs/sandbox.md")).unwrap();
    let sentences = sentences(&page);
    assert!(sentences.len() > 100, "{} sentences", sentences.len());
    let file = repository("tests/cli/sandbox.txt");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let known: Vec<(&str, &str)> =
        lines.chunks(2).map(|pair| (pair[0], pair.get(1).map_or("", |line| line.trim()))).collect();
    if std::env::var_os("BLESS").is_some() {
        let tests = |sentence: &str| known.iter().find(|(known, _)| *known == sentence).map_or("", |(_, tests)| tests);
        let entries = sentences.iter().map(|sentence| format!("{sentence}\n    {}\n", tests(sentence)));
        fs::write(&file, entries.collect::<String>()).unwrap();
        return;
    }
    for (sentence, (listed, _)) in sentences.iter().zip(&known) {
        assert_eq!(sentence, listed, "a sentence of the page, and the one in its place in `tests/cli/sandbox.txt`");
    }
    assert_eq!(sentences.len(), known.len(), "the sentences of the page, and those in `tests/cli/sandbox.txt`");
    let wrong = known.iter().filter(|(_, tests)| *tests != EXPLAINS).flat_map(|(sentence, tests)| {
        missing(tests).into_iter().map(move |why| format!("{}…: {why}", sentence.chars().take(60).collect::<String>()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let explaining = known.iter().filter(|(_, tests)| *tests == EXPLAINS).count();
    assert!(explaining <= 8, "{explaining} sentences promise nothing");
    let page =
        "# A page\n\nIt begins.\n\n## One\n\nSays `this`. And\nthat:\n\n- an item, 1.5 long.\n\n| a |\n|---|\n| b |\n";
    assert_eq!(self::sentences(page), ["Says `this`.", "And that:", "an item, 1.5 long.", "| b |"]);
}
