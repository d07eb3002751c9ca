//! The rooms of the host: which module imports which, read from the sources.
//!
//! In `host/runtime` a room imports only rooms that stand before it in [`ORDER`]. In every crate, the modules at the top form no
//! circle of more than [`LARGEST_CIRCLE`].
#![forbid(unsafe_code)]

mod flags;
mod imports;
mod packages;
mod prose;
mod threads;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::imports;

/// The rooms of `host/runtime`, the lowest first.
const ORDER: &[&str] = &[
    "error",
    "events",
    "settings",
    "rows",
    "store",
    "course",
    "curves",
    "residence",
    "rejects",
    "ports",
    "fates",
    "global",
    "prepare",
    "figures",
    "stage",
    "tell",
    "run",
    "cluster",
    "probe",
    "see",
    "fuzz",
];
/// Modules that may import each other in a circle.
const LARGEST_CIRCLE: usize = 4;

type Imports = BTreeMap<String, BTreeMap<String, BTreeSet<PathBuf>>>;

fn host(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src")
}

#[test]
fn rooms_of_the_runtime_import_one_way() {
    let place = |room: &str| ORDER.iter().position(|known| *known == room);
    let mut faults = Vec::new();
    for (room, imported) in imports(&host("runtime")) {
        let Some(own) = place(&room) else {
            faults.push(format!("`{room}` has no place in ORDER"));
            continue;
        };
        for (other, files) in imported {
            if place(&other).is_none_or(|other| other > own) {
                let file = files.first().expect("something imports it").display().to_string();
                faults.push(format!("`{room}` imports `{other}`, which stands above it: {file}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn modules_form_no_large_circle() {
    for entry in std::fs::read_dir(host("runtime").join("../..")).unwrap() {
        let source = entry.unwrap().path().join("src");
        let imports = imports(&source);
        for module in imports.keys() {
            let circle: Vec<&String> = imports
                .keys()
                .filter(|other| reaches(&imports, module, other) && reaches(&imports, other, module))
                .collect();
            assert!(
                circle.len() <= LARGEST_CIRCLE,
                "{}: these import each other in a circle: {circle:?}",
                source.display()
            );
        }
    }
}

/// Whether a module imports another, or one that does.
fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(module) = left.pop() {
        for next in imports.get(module).into_iter().flat_map(BTreeMap::keys) {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                left.push(next);
            }
        }
    }
    false
}

/// Where the runtime may make types into text and back: what a run reads again is in one room, under one number. The others are
/// written for people and programs.
const WRITTEN: &[&str] = &[
    "store/records/",
    "tell/calls.rs",
    "tell/diff.rs",
    "tell/report.rs",
    "tell/runs.rs",
    "tell/stats.rs",
    "tell/tasks.rs",
    "rejects.rs",
];

#[test]
fn what_lies_on_the_disk_stands_in_one_room() {
    let derives = regex::Regex::new(r"derive\([^)]*\b(De)?[Ss]erialize\b").unwrap();
    let runtime = host("runtime");
    let mut found = BTreeSet::new();
    for file in imports::sources(&runtime) {
        let name = file.strip_prefix(&runtime).unwrap().to_string_lossy().into_owned();
        if derives.is_match(&std::fs::read_to_string(&file).unwrap()) {
            match WRITTEN.iter().find(|room| name.starts_with(**room)) {
                Some(room) => drop(found.insert(*room)),
                None => panic!("a type in `{name}` is written down: it belongs into store/records, under FORMAT"),
            }
        }
    }
    assert!(found.contains("store/records/") && found.contains("tell/report.rs"), "{found:?}");
}

/// Crates with `unsafe` of their own, each with its reason.
const UNSAFE: &[(&str, &str)] = &[
    ("host/sandbox/src/lib.rs", "maps compiled components: it denies unsafe code but there"),
    (
        "host/python/src/lib.rs",
        "takes rows of Python's libraries by the Arrow C data interface, and exports the command: it denies unsafe code but there",
    ),
    (
        "host/launcher/src/main.rs",
        "loads the native module and calls the command in it: it denies unsafe code but there",
    ),
    ("host/cli/src/lib.rs", "an allocator that says why memory ran out"),
    ("tests/runtime/main.rs", "measures a hostile component's memory with an allocator of its own"),
    ("tests/guests/hostile-global/src/lib.rs", "misbehaves"),
    ("tests/fuzz/src/lib.rs", "a module of the tests, whose root forbids it"),
];

#[test]
fn no_crate_has_unsafe_code_but_those_that_say_why() {
    let repository = host("runtime").join("../../..");
    let roots = ["host", "plugins", "plugins/sdk/rust", "tests", "tests/guests", "xtask", "."];
    let mut seen = 0;
    for folder in roots {
        for entry in std::fs::read_dir(repository.join(folder)).unwrap() {
            let entry = entry.unwrap().path();
            for root in ["src/lib.rs", "src/main.rs", "main.rs", "lib.rs", "build.rs"].map(|root| entry.join(root)) {
                let Ok(source) = std::fs::read_to_string(&root) else { continue };
                seen += 1;
                let name = root.display().to_string();
                let excused = UNSAFE.iter().any(|(known, _)| name.ends_with(known));
                assert!(
                    source.contains("#![forbid(unsafe_code)]") != excused,
                    "{name}: a crate forbids unsafe code, or UNSAFE says why it does not"
                );
            }
        }
    }
    assert!(seen > 50, "{seen} roots are hardly all");
}
