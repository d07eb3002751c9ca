//! A test guest that no test uses is forgotten, and a forgotten guest proves nothing.

use std::path::Path;

use serde_json::Value;

use crate::bench::guests;

#[test]
fn every_test_guest_is_named_by_a_test() {
    let list: Value = serde_json::from_slice(&std::fs::read(guests().join("guests.json")).unwrap()).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/runtime");
    let sources = std::fs::read_dir(here).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let sources: String = sources.collect();
    let is_named =
        |guest: &str| sources.contains(&format!("\"{guest}\"")) || sources.contains(&format!("/{guest}.wasm"));
    let guests = list["tests"].as_array().unwrap().iter().map(|guest| guest.as_str().unwrap());
    let forgotten: Vec<&str> = guests.filter(|guest| !is_named(guest)).collect();
    assert!(forgotten.is_empty(), "no test uses {forgotten:?}: add one, or remove the guest");
}
