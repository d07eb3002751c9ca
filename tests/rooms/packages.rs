//! What embedders use can be packaged: `cargo package` takes what lies in a crate's folder, and nothing around it.

use std::fs;

use super::{host, imports};

/// The crates that embedders use.
const PACKAGED: [&str; 6] = ["words", "files", "plan", "io", "sandbox", "runtime"];
/// What these are made of beside each other: the SDK's columns, and the conditions of routes.
const BELOW: [(&str, &str); 2] = [("sdk", "../../plugins/sdk/rust/src"), ("cel", "../../plugins/cel/src")];

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
        assert!(map.contains("//! ```") || name == "cel", "{name}: its documentation has no example");
    }
}
