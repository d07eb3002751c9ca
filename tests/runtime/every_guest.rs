//! A test guest that no test uses is forgotten, and a forgotten guest proves nothing.

use std::path::Path;

use serde_json::Value;

use crate::bench::guests;

/// What a program does: its comments use nothing.
fn code_of(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| line.split("// ").next().unwrap_or_default()).collect()
}

/// As a component's file, or as what a helper makes its path of; not as a step's name.
fn is_named(code: &str, guest: &str) -> bool {
    let quoted = format!("\"{guest}\"");
    let is_use = |(at, _): (usize, &str)| {
        let before = code[..at].trim_end();
        !["==", "name =", "name:"].iter().any(|key| before.ends_with(key))
    };
    code.match_indices(&quoted).any(is_use)
        || code.contains(&format!("/{guest}.wasm"))
        || code.contains(&format!("\"{guest}.wasm\""))
}

#[test]
fn a_guest_in_a_comment_or_of_the_same_name_as_a_step_is_not_used() {
    for (text, used) in [
        ("bench.run(\"guests/lazy.wasm\")", true),
        ("use_step(\"one\", \"lazy\", \"\")", true),
        ("    // see \"lazy\"", false),
        ("run(); // \"lazy\" does", false),
        ("step.name == \"lazy\"", false),
        ("\"lazybones\"", false),
    ] {
        assert_eq!(is_named(&code_of(text), "lazy"), used, "{text}");
    }
}

#[test]
fn every_test_guest_is_named_by_a_test() {
    let list: Value = serde_json::from_slice(&std::fs::read(guests().join("guests.json")).unwrap()).unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let files = ["runtime", "cli"].map(|folder| std::fs::read_dir(tests.join(folder)).unwrap());
    let files = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let sources = sources.filter(|file| !file.ends_with("every_guest.rs"));
    let sources: String = sources.map(|file| code_of(&std::fs::read_to_string(file).unwrap())).collect();
    let is_named = |guest: &str| is_named(&sources, guest);
    let guests = list["tests"].as_array().unwrap().iter().map(|guest| guest.as_str().unwrap());
    let forgotten: Vec<&str> = guests.filter(|guest| !is_named(guest)).collect();
    assert!(forgotten.is_empty(), "no test uses {forgotten:?}: add one, or remove the guest");
}
