//! This crate is copied out of the workspace, so what it spells out must be what the workspace's tables say.

use std::fs;

use serde_json::Value;

/// The lines of a table of a `Cargo.toml`, without comments.
fn table(manifest: &str, name: &str) -> Vec<(String, String)> {
    let rows = manifest.lines().skip_while(|line| *line != format!("[{name}]")).skip(1);
    let rows = rows.take_while(|line| !line.starts_with('['));
    let row = |line: &str| line.split_once(" = ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    let table: Vec<_> = rows.filter(|line| !line.starts_with('#')).filter_map(row).collect();
    assert!(!table.is_empty(), "there is no [{name}]");
    table
}

#[test]
fn versions_are_those_of_the_workspace() {
    let here = env!("CARGO_MANIFEST_DIR");
    let own = fs::read_to_string(format!("{here}/Cargo.toml")).unwrap();
    let workspace = fs::read_to_string(format!("{here}/../../../Cargo.toml")).unwrap();
    let same = |of: &str, from: &str| {
        let theirs = table(&workspace, from);
        for row in table(&own, of) {
            assert!(theirs.contains(&row), "[{of}] has {row:?}, and [{from}] has not: {theirs:?}");
        }
    };
    same("dependencies", "workspace.dependencies");
    same("lints.rust", "workspace.lints.rust");
    same("lints.clippy", "workspace.lints.clippy");
    let package = table(&own, "package");
    // The workspace publishes nothing of itself; what its crates for embedders are made of is published with them.
    for row in table(&workspace, "workspace.package").into_iter().filter(|(key, _)| key != "publish") {
        assert!(package.contains(&row), "the workspace has {row:?}, and the SDK has not: {package:?}");
    }
    assert!(!own.contains("workspace = true") && !own.contains("path ="), "it depends on where it lies");
}

/// The versions that a step's own crate asks for meet those of the SDK, or there would be two `serde`s.
#[test]
fn templates_ask_for_the_same_versions() {
    let here = env!("CARGO_MANIFEST_DIR");
    let own = table(&fs::read_to_string(format!("{here}/Cargo.toml")).unwrap(), "dependencies");
    let version = |name: &str| {
        let (_, value) = own.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}"));
        let value = value.split_once("version = ").map_or(value.as_str(), |(_, rest)| rest);
        serde_json::Deserializer::from_str(value).into_iter::<Value>().next().unwrap().unwrap()
    };
    let templates =
        ["plugins/templates/rust/transform", "plugins/templates/rust/global", "plugins/templates/rust/source"];
    for folder in templates.into_iter().chain(["tests/languages/mirror/rust"]) {
        let manifest = fs::read_to_string(format!("{here}/../../../{folder}/Cargo.toml")).unwrap();
        assert!(
            manifest.lines().any(|line| line == "[workspace]"),
            "{folder} does not build inside of another workspace"
        );
        for name in ["serde", "schemars"] {
            let (_, asked) = table(&manifest, "dependencies").into_iter().find(|(key, _)| key == name).unwrap();
            assert!(asked.contains(&version(name).to_string()), "{folder} asks for {name} {asked}");
        }
    }
}
