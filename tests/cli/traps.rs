//! Links, pipes, devices and folders in the place of what commands read: a step's folder, a pipeline and what it names, the cache. Every
//! command ends in time, with an error that names the place or as if nothing were, and what a link leads to stays as it was.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::stage::{Said, Stage};

const PIPELINE: &str = "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n[[steps]]\nname = \"mine\"\nuse = \"./mine.wasm\"\n[outputs.out]\npath = \"out.jsonl\"\n";

/// What is put in a place; it gets the place, and what was there, which lies elsewhere now.
type Trap = (&'static str, fn(&Path, &Path));

const TRAPS: [Trap; 9] = [
    ("a link to nothing", |place, _| symlink("/nonexistent/nothing", place).unwrap()),
    ("a link to itself", |place, _| symlink(place, place).unwrap()),
    ("a link to what was there", |place, was| symlink(was, place).unwrap()),
    ("a link to what is precious", |place, _| symlink("precious", place).unwrap()),
    ("an endless device", |place, _| symlink("/dev/zero", place).unwrap()),
    ("a pipe", |place, _| mknodat(CWD, place, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap()),
    ("a socket", |place, _| mknodat(CWD, place, FileType::Socket, Mode::RUSR | Mode::WUSR, 0).unwrap()),
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

/// Every trap in each of these places, and then these commands.
fn tried(places: &[&str], lines: &[&str], allowed: &[&str]) {
    let line: String = lines.iter().map(|line| format!("callboard {line} > /dev/null; echo code $?; ")).collect();
    let cases = places.iter().flat_map(|place| TRAPS.map(|trap| (*place, trap)));
    // A pipeline may come through a pipe: `callboard check <(make-it)`.
    let cases = cases.filter(|(place, (what, _))| (*place, *what) != ("pipeline.toml", "a pipe"));
    every(cases.collect(), |(place, (what, trap))| {
        let stage = folder();
        let (at, was) = (stage.folder.join(place), stage.folder.join("was"));
        if fs::rename(&at, &was).is_err() {
            fs::write(&was, "").unwrap();
        }
        trap(&at, &was);
        is_sound(&stage, &stage.sh(&line), &format!("{place} is {what}"), allowed)
    });
}

/// Tries all cases, several at a time.
fn every<T: Send>(cases: Vec<T>, find: impl Fn(T) -> Vec<String> + Sync) {
    let (cases, faults) = (Mutex::new(cases), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = { cases.lock().unwrap().pop() } {
                    let found = find(case);
                    faults.lock().unwrap().extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of them\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn traps_in_a_steps_folder_end_in_words() {
    let places = [
        "step.toml",
        "mine.wasm",
        "rows.jsonl",
        "rows-2.jsonl",
        "expected.jsonl",
        "expected-removed.jsonl",
        "README.md",
    ];
    let lines = ["step inspect", "step conform", "step test", "step run ./mine.wasm < docs.jsonl"];
    tried(&places, &lines, &["rows-2.jsonl", "README.md"]);
    // Whoever made the folder does not decide what is written when its owner accepts the rows.
    tried(&["expected.jsonl", "expected-removed.jsonl"], &["step test --bless"], &[]);
}

#[test]
fn traps_around_a_pipeline_end_in_words() {
    let places = ["pipeline.toml", "mine.wasm", "docs.jsonl", ".callboard"];
    tried(&places, &["check pipeline.toml", "plan pipeline.toml --why", "runs list", "steps"], &[]);
    let run = ["run pipeline.toml -q --run-dir r", "compare pipeline.toml"];
    tried(&["pipeline.toml", "mine.wasm", "docs.jsonl"], &run, &["r", "out.jsonl"]);
}

/// What stands in the cache, or in its place, is not followed, used or waited for.
#[test]
fn traps_in_a_cache_end_in_words() {
    const RUN: &str = "CALLBOARD_CACHE=cache callboard run pipeline.toml -q --run-dir r --overwrite";
    let filled = || {
        let stage = folder();
        let cache = stage.folder.join("cache");
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, Permissions::from_mode(0o700)).unwrap();
        let first = stage.sh(RUN);
        assert_eq!(first.code, Some(0), "{}", first.stderr);
        fs::remove_dir_all(stage.folder.join("r")).unwrap();
        stage
    };
    let first = filled();
    let names = fs::read_dir(first.folder.join("cache")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut places: Vec<PathBuf> = names.map(|name| Path::new("cache").join(name)).collect();
    assert!(places.len() >= 3, "the key, what steps needed, and a component: {places:?}");
    places.push("cache".into());
    let cases = places.iter().flat_map(|place| TRAPS.map(|trap| (place.clone(), trap)));
    every(cases.collect(), |(place, (what, trap))| {
        let stage = filled();
        let (at, was) = (stage.folder.join(&place), stage.folder.join("was"));
        fs::rename(&at, &was).unwrap();
        trap(&at, &was);
        let line = format!(
            "{RUN}; echo code $?; CALLBOARD_CACHE=cache callboard check pipeline.toml > /dev/null; echo code $?; \
             CALLBOARD_CACHE=cache callboard step inspect ./mine.wasm > /dev/null; echo code $?"
        );
        let name = format!("{} is {what}", place.display());
        let mut faults = is_sound(&stage, &stage.sh(&line), &name, &["cache", "r", "out.jsonl"]);
        let rows = fs::read(stage.folder.join("out.jsonl")).unwrap();
        if rows != b"{\"text\":\"a\"}\n" {
            faults.push(format!("{name}: the output is {rows:?}"));
        }
        faults
    });
}
