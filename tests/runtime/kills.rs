//! A run that is killed at any moment, and resumed until it is done, ends as one that nobody touched.
//!
//! A moment is something that can be seen in the run's folder, so what is hit does not depend on how fast the machine is: a
//! journal of so many records, a spill that appears, a log of work that has grown past so many bytes (seeded), an output in its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::bench::lines;
use crate::trial::{Trial, killed_when, was_killed};
use crate::victim::{Hit, Moment, Target, random};

/// Rows of texts, some there twice, some short, some with white space to be mended.
pub(crate) fn documents(rows: u64, seed: u64) -> String {
    const WORDS: [&str; 8] = ["curtain", "stage", "the", "  of", "board\t", "actor", "to", "when"];
    let mut numbers = random(seed);
    let mut next = move |below: u64| numbers.next().unwrap() % below;
    lines((0..rows).map(|id| {
        let duplicate = next(10) == 0;
        let words = if duplicate { 4 } else { next(40) };
        let text: Vec<&str> = (0..words).map(|n| WORDS[if duplicate { n } else { next(8) } as usize]).collect();
        json!({"id": id, "text": text.join(" "), "lang": if id % 3 == 0 { "no" } else { "en" }})
    }))
}

pub(crate) fn folder_with(files: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Three stages, each with work of its own.
pub(crate) fn three_stages(replicas: u32) -> String {
    let step = |rest: &str| format!("[[steps]]\n{rest}\nreplicas = {replicas}\n\n");
    let before = step("use = \"normalise\"\nconfig = { whitespace = \"collapse\" }") + &step("use = \"text-stats\"");
    let after = step("use = \"filter\"\nconfig = { where = \"n_words >= 3\" }") + &step("use = \"hash\"");
    format!(
        "callboard = 1\nname = \"three\"\n[inputs.docs]\npath = \"data/docs.jsonl\"\n\n\
         {before}[[steps]]\nuse = \"exact-dedup\"\n\n{after}\
         [outputs.clean]\npath = \"out/clean.jsonl\"\n\n[run]\nbatch_rows = 40\n"
    )
}

/// Two inputs, one of them rewritten, appended; a global step in the middle; outputs of several formats and of a side door; rows
/// that are rejected before the global step and behind it.
pub(crate) const BRANCHES: &str = r#"
callboard = 1
name = "branches"

[inputs.a]
path = "data/a.jsonl"

[inputs.b]
path = "data/b.jsonl"

[[steps]]
name = "left"
use = "normalise"
from = "a"

[[steps]]
name = "right"
use = "normalise"
from = "b"
config = { lowercase = true }

[[steps]]
name = "stats"
use = "text-stats"
from = ["left", "right"]

[[steps]]
name = "quality"
use = "quality"
config = { rules = ["gopher.words"], gopher = { words = [5, 100] } }

[[steps]]
name = "strict"
use = "filter"
config = { where = "100 / (id % 40) >= 0" }
on_error = "reject"

[[steps]]
name = "dedup"
use = "exact-dedup"

[[steps]]
name = "stricter"
use = "filter"
config = { where = "100 / (id % 33) >= 0" }
on_error = "reject"

[[steps]]
use = "hash"

[outputs.all]
path = "out/all.parquet"

[outputs.counted]
from = "stats"
path = "out/counted.csv.gz"

[outputs.short]
from = "quality.dropped"
path = "out/short.jsonl"

[outputs.odd]
from = ["strict.rejected", "stricter.rejected"]
path = "out/odd.jsonl"

[run]
batch_rows = 40
"#;

#[test]
fn a_run_that_is_killed_and_resumed_ends_as_one_that_nobody_touched() {
    let data = folder_with(&[("docs.jsonl", documents(3_000, 1))]);
    Target::new(&three_stages(1), data.path()).stand_it(1);
}

#[test]
fn so_it_does_with_replicas() {
    let data = folder_with(&[("docs.jsonl", documents(3_000, 2))]);
    Target::new(&three_stages(3), data.path()).stand_it(2);
}

#[test]
fn so_it_does_with_branches_side_doors_and_rejected_rows() {
    let data = folder_with(&[("a.jsonl", documents(1_500, 3)), ("b.jsonl", documents(1_500, 4))]);
    let mut target = Target::new(BRANCHES, data.path());
    let of = |name: &str| target.results[name].len();
    assert!(["rejects.jsonl", "short.jsonl", "odd.jsonl"].iter().all(|name| of(name) > 1_000), "rows take every way");
    target.stand_it(3);
}

/// Global steps one behind another, two of them beside each other: rows that lie in the spills of earlier stages.
pub(crate) const REFERENCES: &str = r#"
callboard = 1
name = "references"

[inputs.docs]
path = "data/docs.jsonl"

[[steps]]
use = "normalise"

[[steps]]
name = "ids"
use = "exact-dedup"
config = { columns = ["id"] }

[[steps]]
name = "texts"
use = "exact-dedup"

[[steps]]
name = "languages"
use = "exact-dedup"
from = "ids"
config = { columns = ["text", "lang"] }

[[steps]]
use = "text-stats"
from = ["texts", "languages"]

[outputs.all]
path = "out/all.jsonl"

[outputs.twice]
from = "texts.dropped"
path = "out/twice.jsonl"

[run]
batch_rows = 40
"#;

#[test]
fn so_it_does_where_rows_lie_in_the_spills_of_earlier_stages() {
    let data = folder_with(&[("docs.jsonl", documents(3_000, 5))]);
    Target::new(REFERENCES, data.path()).stand_it(5);
}

#[test]
fn a_source_goes_on_behind_the_last_page_that_it_gave() {
    let data = folder_with(&[]);
    let pipeline = "callboard = 1\nname = \"count\"\n[[steps]]\nname = \"count\"\nuse = \"guests/count-source.wasm\"\n\
                    config = { rows = 20000, page = 50 }\n[[steps]]\nuse = \"filter\"\n\
                    config = { where = \"n % 3 > 0\" }\n[outputs.out]\npath = \"out/n.jsonl\"\n";
    let mut target = Target::new(pipeline, data.path());
    for seed in 0..3 {
        let one = target.seeded(&mut random(seed), 1);
        target.trial(&one);
    }
    let quarters = [1, 2, 3].map(|quarter| Moment::Work("count".to_owned(), target.work["count"] * quarter / 4));
    target.trial(&quarters);
    assert!(target.hits.len() >= 3, "{:?}", target.hits);
    assert!(target.reused > 0);
}

/// 200 kills over the example pipeline, seeded, four to a run. It takes minutes:
/// `cargo test --release --workspace --test runtime -- --ignored two_hundred --nocapture`
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stderr, reason = "its result is a figure")]
fn two_hundred_kills_over_the_example() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/01-curate");
    let pipeline = fs::read_to_string(example.join("curate.toml")).unwrap();
    let mut target = Target::new(&pipeline, &example.join("data").canonicalize().unwrap());
    let mut numbers = random(200);
    while target.hits.len() < 200 {
        let four = target.seeded(&mut numbers, 4.min(200 - target.hits.len()));
        target.trial(&four);
    }
    let mut by_hit: BTreeMap<Hit, usize> = BTreeMap::new();
    target.hits.iter().for_each(|hit| *by_hit.entry(hit.clone()).or_default() += 1);
    eprintln!("200 kills in {} runs, all byte-identical in the end; killed in {by_hit:?}", target.trials);
}

/// A trial of a small pipeline, and what it comes to.
struct Small {
    scratch: tempfile::TempDir,
    good: Trial,
    kills: usize,
}

impl Small {
    fn new() -> Small {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("data")).unwrap();
        fs::write(scratch.path().join("data/docs.jsonl"), documents(100, 9)).unwrap();
        let good = Trial::new(scratch.path().join("good"), &three_stages(1), &scratch.path().join("data"));
        good.finish();
        Small { scratch, good, kills: 0 }
    }

    fn trial(&mut self) -> Trial {
        self.kills += 1;
        let folder = self.scratch.path().join(self.kills.to_string());
        Trial::new(folder, &three_stages(1), &self.scratch.path().join("data"))
    }

    /// Whatever lies there is listed and, resumed or run again, comes to what it should; a copy of it is removed.
    fn check(&self, trial: Trial, when: &str) {
        let said =
            |output: &Output| String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        if trial.path("run").exists() {
            let listed = trial.output(&[], &["runs", "list", "--dir", "."]);
            assert!(said(&listed).contains("./run "), "{when}: {}", said(&listed));
            let copied =
                std::process::Command::new("cp").args(["-a", "run", "copy"]).current_dir(&trial.folder).status();
            assert!(copied.unwrap().success());
            let removed = trial.output(&[], &["runs", "remove", "copy"]);
            assert!(removed.status.success() && !trial.path("copy").exists(), "{when}: {}", said(&removed));
        }
        trial.finish();
        assert!(trial.results() == self.good.results(), "{when}: not what it is when nobody kills the run");
        let left = fs::read_dir(&trial.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = left.filter(|name| name.ends_with(".begun")).collect();
        assert!(left.is_empty(), "{when}: {left:?} is left");
        fs::remove_dir_all(&trial.folder).unwrap();
    }
}

/// The first 5 ms of a run's folder, in which it is written down how the run begins. It takes minutes:
/// `cargo test --release -p callboard --test runtime -- --ignored four_hundred --nocapture`
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stderr, reason = "its result is a figure")]
fn four_hundred_kills_in_the_first_milliseconds() {
    let mut small = Small::new();
    let mut numbers = random(400);
    let (mut early, mut begun) = (0, 0);
    for _ in 0..400 {
        let trial = small.trial();
        let wait = std::time::Duration::from_micros(numbers.next().unwrap() % 5_000);
        let mut child = trial.go_on().spawn().unwrap();
        while !trial.path("run").exists() && !trial.path(".run.begun").exists() && child.try_wait().unwrap().is_none() {
        }
        let seen = std::time::Instant::now();
        while seen.elapsed() < wait {}
        child.kill().unwrap();
        child.wait().unwrap();
        early += usize::from(!trial.path("run").exists());
        begun += usize::from(trial.path("run").exists() && !trial.path("run/run.json").exists());
        small.check(trial, &format!("after {wait:?}"));
    }
    eprintln!("400 kills: {early} before the folder was there, {begun} before `run.json` was");
}

/// Killed at every call that alters the disk: of a run, of one that is resumed, and of one that is removed. It takes minutes, and `strace`:
/// `cargo test --release -p callboard --test runtime -- --ignored every_call --nocapture`
#[test]
#[ignore = "takes minutes, and strace"]
#[expect(clippy::print_stderr, reason = "its result is a figure")]
fn a_kill_at_every_call_that_alters_the_disk() {
    const CALLS: &str = "mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,ftruncate,flock,fsync,fdatasync,link,linkat,\
                         write,pwrite64,writev";
    let mut small = Small::new();
    let kinds: [(&str, &[&str]); 3] = [
        ("run", &["run", "pipeline.toml", "--run-dir", "run", "--quiet"]),
        ("resume", &["resume", "run", "--quiet"]),
        ("remove", &["runs", "remove", "run"]),
    ];
    for (what, arguments) in kinds {
        for nth in 1.. {
            let trial = small.trial();
            if what != "run" {
                let begun = killed_when(trial.go_on().spawn().unwrap(), || trial.count("stage") > 0);
                if !was_killed(begun) {
                    fs::remove_dir_all(&trial.folder).unwrap();
                    continue;
                }
            }
            let inject = format!("inject={CALLS}:signal=KILL:when={nth}");
            let trace = format!("trace={CALLS}");
            let ended = trial.output(&["strace", "-f", "-o", "/dev/null", "-e", &trace, "-e", &inject], arguments);
            let killed = was_killed(ended.status);
            assert!(killed || ended.status.success(), "{what} {nth}: {}", String::from_utf8_lossy(&ended.stderr));
            if killed || what != "remove" {
                small.check(trial, &format!("{what}, call {nth}"));
            }
            if !killed {
                eprintln!("{what}: killed at {} calls", nth - 1);
                break;
            }
        }
    }
}
