//! Links, pipes, devices and folders in the place of what commands read: a step's folder, a pipeline and what it names, the cache. Every
//! command ends in time, with an error that names the place or as if nothing were, and what a link leads to stays as it was.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::stage::{Said, Stage};

const PIPELINE: &str = "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n[[steps]]\nname = \"mine\"\nuse = \"./mine.wasm\"\n[outputs.out]\npath = \"out.jsonl\"\n";

/// What is put in a place; it gets the place, and what was there, which lies elsewhere now.
type Trap = (&'static str, fn(&Path, &Path));

const TRAPS: [Trap; 8] = [
    ("a link to nothing", |place, _| symlink("/nonexistent/nothing", place).unwrap()),
    ("a link to itself", |place, _| symlink(place, place).unwrap()),
    ("a link to what was there", |place, was| symlink(was, place).unwrap()),
    ("a link to what is precious", |place, _| symlink("precious", place).unwrap()),
    ("an endless device", |place, _| symlink("/dev/zero", place).unwrap()),
    ("a pipe", |place, _| mknodat(CWD, place, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap()),
    ("a folder", |place, _| fs::create_dir_all(place.join("inner")).unwrap()),
    ("a large file of nothing", |place, _| fs::File::create(place).unwrap().set_len(1 << 36).unwrap()),
];

/// A step's folder, which is a pipeline's too.
fn folder() -> Stage {
    let stage = Stage::empty();
    let put = |name: &str, bytes: &[u8]| fs::write(stage.folder.join(name), bytes).unwrap();
    put("mine.wasm", &fs::read(stage.folder.join("../guests/echo.wasm")).unwrap());
    put("step.toml", b"name = \"mine\"\nlanguage = \"rust\"\nkind = \"transform\"\n");
    put("config.json", b"{}");
    put("rows.jsonl", b"{\"text\":\"a\"}\n");
    put("expected.jsonl", b"{\"text\":\"a\"}\n");
    put("docs.jsonl", b"{\"text\":\"a\"}\n");
    put("pipeline.toml", PIPELINE.as_bytes());
    put("precious", b"thesis");
    stage
}

/// Neither a hang, nor a signal's death, nor a bug; and nothing of anybody's is altered.
fn is_sound(stage: &Stage, said: &Said, what: &str, allowed: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    if said.code != Some(0) {
        faults.push(format!("{what}: the shell ended with {:?}: {}", said.code, said.stderr));
    }
    let codes: Vec<i32> = said.stdout.lines().filter_map(|line| line.strip_prefix("code ")?.parse().ok()).collect();
    if codes.is_empty() || codes.iter().any(|code| !(0..=5).contains(code)) {
        faults.push(format!("{what}: {codes:?}, {}", said.stderr));
    }
    if codes.iter().any(|code| *code != 0) && !said.stderr.contains("error: ") {
        faults.push(format!("{what}: {codes:?} without an error: {}", said.stderr));
    }
    if said.stderr.contains("panicked at host") {
        faults.push(format!("{what}: {}", said.stderr));
    }
    if fs::read(stage.folder.join("precious")).unwrap() != b"thesis" {
        faults.push(format!("{what}: what a link led to was altered"));
    }
    for entry in fs::read_dir(&stage.folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = ["mine.wasm", "step.toml", "config.json", "rows.jsonl", "expected.jsonl", "expected-removed.jsonl"]
            .into_iter()
            .chain(["docs.jsonl", "pipeline.toml", "precious", "was", ".callboard"])
            .chain(allowed.iter().copied());
        if !known.into_iter().any(|known| known == name) {
            faults.push(format!("{what}: `{name}` was made"));
        }
    }
    faults
}

fn tried(places: &[&str], lines: &[&str], allowed: &[&str]) {
    let mut faults = Vec::new();
    for place in places {
        for (what, trap) in TRAPS {
            // A pipeline may come through a pipe: `callboard check <(make-it)`.
            if (*place, what) == ("pipeline.toml", "a pipe") {
                continue;
            }
            let stage = folder();
            let (at, was) = (stage.folder.join(place), stage.folder.join("was"));
            if fs::rename(&at, &was).is_err() {
                fs::write(&was, "").unwrap();
            }
            trap(&at, &was);
            let line: String =
                lines.iter().map(|line| format!("callboard {line} > /dev/null; echo code $?; ")).collect();
            let said = stage.sh(&line);
            faults.extend(is_sound(&stage, &said, &format!("{place} is {what}"), allowed));
        }
    }
    assert!(faults.is_empty(), "{} of them\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn traps_in_a_steps_folder_end_in_words() {
    let places = ["step.toml", "mine.wasm", "config.json", "rows.jsonl", "expected.jsonl", "expected-removed.jsonl"];
    tried(&places, &["step inspect", "step conform", "step test"], &[]);
}

#[test]
fn traps_around_a_pipeline_end_in_words() {
    let places = ["pipeline.toml", "mine.wasm", "docs.jsonl", ".callboard"];
    tried(&places, &["check pipeline.toml", "plan pipeline.toml --why", "runs list"], &[]);
    tried(&["pipeline.toml", "mine.wasm", "docs.jsonl"], &["run pipeline.toml -q --run-dir r"], &["r", "out.jsonl"]);
}

/// The cache is the user's own; what stands in it instead is not followed, used or waited for.
#[test]
fn traps_in_a_cache_end_in_words() {
    let mut faults = Vec::new();
    for (what, trap) in TRAPS {
        for which in ["key", "cwasm", "the cache"] {
            let stage = folder();
            let cache = stage.folder.join("cache");
            fs::create_dir(&cache).unwrap();
            fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
            let run = "CALLBOARD_CACHE=cache callboard run pipeline.toml -q --run-dir r --overwrite";
            let first = stage.sh(run);
            assert_eq!(first.code, Some(0), "{}", first.stderr);
            fs::remove_dir_all(stage.folder.join("r")).unwrap();
            let mut entries = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
            let place = match which {
                "the cache" => cache.clone(),
                "key" => cache.join("key"),
                _ => entries.find(|path| path.extension().is_some_and(|end| end == "cwasm")).unwrap(),
            };
            fs::rename(&place, stage.folder.join("was")).unwrap();
            trap(&place, &stage.folder.join("was"));
            let said = stage.sh(&format!(
                "{run}; echo code $?; CALLBOARD_CACHE=cache callboard check pipeline.toml > /dev/null; echo code $?"
            ));
            faults.extend(is_sound(&stage, &said, &format!("{which} is {what}"), &["cache", "r", "out.jsonl"]));
            let rows = fs::read(stage.folder.join("out.jsonl")).unwrap();
            if rows != b"{\"text\":\"a\"}\n" {
                faults.push(format!("{which} is {what}: the output is {rows:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} of them\n{}", faults.len(), faults.join("\n"));
}
