//! A test guest that no test uses is forgotten, and a forgotten guest proves nothing.

use std::path::Path;

use serde_json::Value;

use crate::bench::guests;

#[test]
fn every_test_guest_is_named_by_a_test() {
    let list: Value = serde_json::from_slice(&std::fs::read(guests().join("guests.json")).unwrap()).unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let files = ["runtime", "cli"].map(|folder| std::fs::read_dir(tests.join(folder)).unwrap());
    let files = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let sources: String = sources.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let is_named =
        |guest: &str| sources.contains(&format!("\"{guest}\"")) || sources.contains(&format!("/{guest}.wasm"));
    let guests = list["tests"].as_array().unwrap().iter().map(|guest| guest.as_str().unwrap());
    let forgotten: Vec<&str> = guests.filter(|guest| !is_named(guest)).collect();
    assert!(forgotten.is_empty(), "no test uses {forgotten:?}: add one, or remove the guest");
}
