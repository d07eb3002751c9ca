//! A library's caller has no command line: what fixes an error is a `Setting`, and `host/cli/src/show/flags.rs` has the flags.

use std::collections::BTreeSet;
use std::process::Command;

use regex::Regex;

use super::{host, imports};

/// Commands of others, whose flags may be named like ours.
const OF_OTHERS: &[&str] = &["zstd "];

#[test]
fn no_message_of_a_library_names_a_flag() {
    let flags = flags();
    assert!(["budget", "set", "run-dir", "bless"].iter().all(|flag| flags.contains(*flag)), "{flags:?}");
    let comment = Regex::new(r"(?m)^\s*//.*$").unwrap();
    let literal = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#).unwrap();
    let flag = Regex::new(r"(?:^|[^-\w])--([a-z][a-z-]*)").unwrap();
    let mut literals = 0;
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(host("runtime").join("../..")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.ends_with("cli") {
            continue;
        }
        for file in imports::sources(&folder.join("src")) {
            let source = std::fs::read_to_string(&file).unwrap();
            for text in literal
                .captures_iter(&comment.replace_all(&source, "").replace("'\"'", ""))
                .map(|found| found[1].to_owned())
            {
                literals += 1;
                let ours = |found: regex::Captures<'_>| flags.contains(&found[1]);
                if flag.captures_iter(&text).any(ours) && !OF_OTHERS.iter().any(|other| text.contains(other)) {
                    faults.push(format!("{}: {text}", file.display()));
                }
            }
        }
    }
    assert!(literals > 4_000, "{literals} texts are hardly all");
    assert!(faults.is_empty(), "name a `callboard_words::Setting` instead:\n{}", faults.join("\n"));
}

/// The flags of every verb, from its help.
fn flags() -> BTreeSet<String> {
    let help = |verbs: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_callboard")).args(verbs).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (flag, verb) = (Regex::new(r"--([a-z][a-z-]*)").unwrap(), Regex::new(r"(?m)^  ([a-z]+) ").unwrap());
    let verbs = |text: &str| -> Vec<String> { verb.captures_iter(text).map(|found| found[1].to_owned()).collect() };
    let mut texts = vec![help(&[])];
    for first in verbs(&texts[0]).iter().filter(|verb| *verb != "help") {
        let text = help(&[first]);
        let seconds = if text.contains("\nCommands:") { verbs(&text) } else { Vec::new() };
        texts.extend(seconds.iter().filter(|verb| *verb != "help").map(|second| help(&[first, second])));
        texts.push(text);
    }
    texts.iter().flat_map(|text| flag.captures_iter(text)).map(|found| found[1].to_owned()).collect()
}
