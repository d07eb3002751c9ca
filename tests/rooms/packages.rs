//! What embedders use can be packaged: `cargo package` takes what lies in a crate's folder, and nothing around it. And what is built
//! without optimisation here is not given to people so.

use std::fs;
use std::path::PathBuf;

use regex::Regex;

use super::{host, imports};

/// The crates that embedders use.
const PACKAGED: [&str; 6] = ["words", "files", "plan", "io", "sandbox", "runtime"];
/// What these are made of beside each other: the SDK's columns, and the conditions of routes, and the rules of `quality`.
const BELOW: [(&str, &str); 3] = [
    ("sdk", "../../plugins/sdk/rust/src"),
    ("cel", "../../plugins/cel/src"),
    ("heuristics", "../../plugins/heuristics/src"),
];

#[test]
fn what_embedders_use_needs_nothing_outside_its_folder() {
    let below = BELOW.map(|(name, folder)| (name, host("cli").join("..").join(folder)));
    for (name, source) in PACKAGED.map(|name| (name, host(name))).into_iter().chain(below) {
        let manifest = fs::read_to_string(source.join("../Cargo.toml")).unwrap();
        for line in ["\ndescription = \"", "\nlicense", "\npublish = true\n"] {
            assert!(manifest.contains(line), "{name}: its Cargo.toml has no line `{}`", line.trim());
        }
        let own = manifest.split("\n[dev-dependencies]").next().unwrap();
        for dependency in own.lines().filter_map(|line| line.strip_prefix("callboard-")) {
            let dependency = dependency.split(['.', ' ']).next().unwrap();
            let is_packaged = PACKAGED.contains(&dependency) || BELOW.iter().any(|(name, _)| *name == dependency);
            assert!(is_packaged, "{name} depends on callboard-{dependency}, which is not packaged");
        }
        let files = imports::sources(&source);
        assert!(!files.is_empty(), "{name} has no sources");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            // Tests are not packaged with what they read.
            let code = text.split("#[cfg(test)]").next().unwrap();
            for line in
                code.lines().filter(|line| ["include", "path:", "#[path"].iter().any(|word| line.contains(word)))
            {
                let up = file.strip_prefix(&source).unwrap().components().count();
                assert!(line.matches("../").count() < up, "{}: {}", file.display(), line.trim());
            }
        }
        let map = fs::read_to_string(source.join("lib.rs")).unwrap();
        assert!(
            map.contains("//! ```") || ["cel", "heuristics"].contains(&name),
            "{name}: its documentation has no example"
        );
    }
}

#[test]
fn what_is_not_optimised_here_is_in_what_people_receive() {
    let manifest = fs::read_to_string(host("runtime").join("../../../Cargo.toml")).unwrap();
    let listed = |profile: &str, level: &str| -> Vec<String> {
        let (_, list) =
            manifest.split_once(&format!("\n[profile.{profile}.package]\n")).expect("the profile has a list");
        let end = format!(" = {{ opt-level = {level} }}");
        list.lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| Some(line.strip_suffix(&end)?.to_owned()))
            .collect()
    };
    let left_out = listed("release", "0");
    assert!(left_out.len() > 20, "{left_out:?}");
    assert_eq!(left_out, listed("dist", "\"s\""), "left: release, right: dist");
}

#[test]
fn what_is_left_out_of_the_tests_has_none() {
    let root = host("runtime").join("../../..");
    let (test, example) =
        (Regex::new(r"(?m)^\s*#\[test\]|proptest!").unwrap(), Regex::new(r"(?m)^\s*//[/!] ```").unwrap());
    let mut left_out = 0;
    for folder in ["host", "plugins", "tests/guests"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let folder = entry.unwrap().path();
            let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
            for (line, words) in [("\ntest = false\n", &test), ("\ndoctest = false\n", &example)] {
                if !manifest.contains(line) {
                    continue;
                }
                left_out += 1;
                let has = |file: &PathBuf| words.is_match(&fs::read_to_string(file).unwrap());
                let found = imports::sources(&folder.join("src")).into_iter().find(has);
                assert_eq!(found, None, "its Cargo.toml says `{}`", line.trim());
            }
        }
    }
    assert!(left_out > 40, "{left_out}");
}
