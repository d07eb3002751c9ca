//! A run that is killed at any moment, and resumed until it is done, ends as one that nobody touched.
//!
//! A moment is something that can be seen in the run's folder, so what is hit does not depend on how fast the machine is: a
//! journal of so many records, a spill that appears, a log of work that has grown past so many bytes (seeded), an output in its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::bench::lines;
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

fn folder_with(files: &[(&str, String)]) -> tempfile::TempDir {
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
const BRANCHES: &str = r#"
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
const REFERENCES: &str = r#"
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
