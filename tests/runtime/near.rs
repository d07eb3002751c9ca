//! `minhash-dedup`, a pipeline of its own: what stays, what is written, and that clusters are those of the exact Jaccard index.

use std::collections::{HashMap, HashSet};

use callboard_runtime::{Looking, Report, RowsWanted, StatsWanted, peek_run, stats_run};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, step, straight, wired};

/// A pipeline that has `minhash-dedup`, called `near`, with this configuration and this in its table.
fn near(config: &Value, rest: &str) -> String {
    let config: Vec<String> =
        config.as_object().unwrap().iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let config = config.join(", ");
    format!("[[steps]]\nname = \"near\"\nuse = \"./minhash-dedup.toml\"\nconfig = {{ {config} }}\n{rest}\n")
}

/// Rows that go on, and the report.
fn deduplicated(config: &Value, rows: impl IntoIterator<Item = Value>) -> (Vec<Value>, Report) {
    let bench = Bench::new();
    bench.put_bundled_pipeline("minhash-dedup");
    bench.put("docs.jsonl", lines(rows));
    let report = bench.pipeline(straight(&near(config, ""))).report();
    (bench.rows("out.jsonl"), report)
}

fn words(range: std::ops::Range<usize>) -> String {
    range.map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")
}

/// Rows 0, 2 and 5 are near each other, and so are 1 and 3.
fn rows() -> Vec<Value> {
    let other_spaces = format!("  {}", words(100..160).replace(' ', "\n"));
    let texts = [words(0..60), words(100..160), words(0..62), other_spaces, words(30..90), words(2..64)];
    texts.into_iter().enumerate().map(|(id, text)| json!({ "id": id, "text": text })).collect()
}

fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[test]
fn the_first_of_each_cluster_stays() {
    let (out, report) = deduplicated(&json!({}), rows());
    assert_eq!(ids(&out), [0, 1, 4]);
    let keep = step(&report, "near:keep");
    assert_eq!([keep.rows_in, keep.rows_out, keep.rows_dropped, keep.rows_rejected], [6, 3, 3, 0]);
    assert_eq!(step(&report, "near:sign").rows_out, 6);

    let (out, _) = deduplicated(&json!({ "keep": "all", "cluster": "group", "size": "of" }), rows());
    let columns: Vec<_> = out.iter().map(|row| [&row["id"], &row["group"], &row["of"]]).collect();
    assert_eq!(columns, [[0, 0, 3], [1, 1, 2], [2, 0, 3], [3, 1, 2], [4, 4, 1], [5, 0, 3]]);
    let (out, _) = deduplicated(&json!({ "size": "of" }), rows());
    assert_eq!(out[0], json!({ "id": 0, "text": words(0..60), "of": 3 }));
}

/// A pipeline that is a step has no rows of its own: those of its last step are shown by its name.
#[test]
fn it_is_looked_at_by_the_name_that_the_pipeline_has_for_it() {
    let bench = Bench::new();
    bench.put_bundled_pipeline("minhash-dedup");
    bench.put("docs.jsonl", lines(rows()));
    let ended = bench.pipeline(straight(&near(&json!({}), ""))).end();
    let looking = Looking::at(&ended.run_folder, crate::trial::cache());
    ended.report();
    let shown = |node: &str| {
        let shown = peek_run(&looking, node, &RowsWanted { rows: 10, ..RowsWanted::default() }).unwrap();
        let rows: Vec<Value> = shown.json().unwrap().iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        ids(&rows)
    };
    assert_eq!([shown("near"), shown("near.dropped")], [[0, 1, 4], [2, 3, 5]]);
    assert_eq!(stats_run(&looking, "near", &StatsWanted::default()).unwrap().rows, 3);
    let wrong = peek_run(&looking, "nea", &RowsWanted::default()).unwrap_err();
    assert!(wrong.message.contains("no input, step or output `nea`"), "{wrong}");
}

#[test]
fn the_longest_of_each_cluster_stays() {
    let (out, _) = deduplicated(&json!({ "keep": "longest", "cluster": "group" }), rows());
    let of: Vec<_> = out.iter().map(|row| [&row["id"], &row["group"]]).collect();
    assert_eq!(of, [[3, 1], [4, 4], [5, 0]]);
}

#[test]
fn rows_near_a_known_one_go() {
    let bench = Bench::new();
    bench.put_bundled_pipeline("minhash-dedup");
    bench.put("docs.jsonl", lines(rows()));
    bench.put("known.jsonl", lines([json!({ "text": words(300..360) }), json!({ "text": words(1..62), "more": 1 })]));
    let run = |config: Value| {
        let step = near(&config, "from = { rows = \"docs\", known = \"known\" }");
        let outputs = [("out", ""), ("left", "from = \"near.dropped\"")];
        bench.pipeline(wired(&["docs", "known"], &outputs, &step)).overwrite().report();
        bench.rows("out.jsonl")
    };
    assert_eq!(ids(&run(json!({}))), [1, 4]);
    let left: Vec<_> =
        bench.rows("left.jsonl").into_iter().map(|row| (row["id"].clone(), row["_reason"].clone())).collect();
    let known = json!("near-duplicate of a known row");
    let expected = [(0, known.clone()), (2, known.clone()), (3, json!("near-duplicate")), (5, known)];
    assert_eq!(left, expected.map(|(id, reason)| (json!(id), reason)));
    let all = run(json!({ "keep": "all", "cluster": "group" }));
    let groups: Vec<_> = all.iter().map(|row| row["group"].clone()).collect();
    assert_eq!(groups, [json!(null), json!(1), json!(null), json!(1), json!(4), json!(null)]);
}

/// 0 and 1 share 58 of 62 shingles at `ngram` 1: a threshold above that separates them, and so do longer shingles.
#[test]
fn the_configuration_says_what_is_near() {
    let rows = [
        json!({ "text": words(0..60) }),
        json!({ "text": words(2..62) }),
        json!({ "text": words(0..60).to_uppercase() }),
    ];
    let left = |config: Value| deduplicated(&config, rows.clone()).0.len();
    assert_eq!(left(json!({ "ngram": 1, "threshold": 0.93 })), 2);
    assert_eq!(left(json!({ "ngram": 1, "threshold": 0.94 })), 3);
    assert_eq!(left(json!({ "ngram": 50, "threshold": 0.8 })), 3);
    assert_eq!(left(json!({ "lowercase": true })), 1);
    assert_eq!(left(json!({ "bands": 14, "rows": 8 })), 2);
    assert_eq!(left(json!({ "bands": 14, "rows": 8, "threshold": 1 })), 3);
    assert_eq!(left(json!({ "verify": "signature" })), 2);
}

#[test]
fn what_has_no_words_is_like_nothing() {
    let texts =
        [json!(""), json!(null), json!(" \n"), json!(""), json!(null), json!("a b"), json!("a  b"), json!("b a")];
    let rows = texts.into_iter().enumerate().map(|(id, text)| json!({ "id": id, "text": text }));
    assert_eq!(ids(&deduplicated(&json!({}), rows).0), [0, 1, 2, 3, 4, 5, 7]);
}

#[test]
fn mistakes_have_their_place() {
    let bench = Bench::new();
    bench.put_bundled_pipeline("minhash-dedup");
    bench.put("docs.jsonl", lines([json!({ "text": "a", "n": 1 })]));
    for (config, pointer, message) in [
        (json!({ "threshold": 1.5 }), "/threshold", "a number above 0 and up to 1 is expected"),
        (json!({ "bands": 5 }), "/bands", "`bands` are given without `rows`"),
        (json!({ "rows": 5 }), "/rows", "`rows` are given without `bands`"),
        (
            json!({ "bands": 20, "rows": 7 }),
            "/permutations",
            "20 `bands` of 7 `rows` need more than 128 `permutations`",
        ),
        (json!({ "column": "n" }), "/column", "column `n`"),
        (json!({ "keep": "last" }), "/keep", "unknown variant `last`"),
        (json!({ "cluster": "c", "size": "c" }), "/size", "`cluster` and `size` are one column"),
        (json!({ "colum": "c" }), "/colum", "unknown field `colum`"),
    ] {
        let error = bench.pipeline(straight(&near(&config, ""))).error();
        assert_eq!(error.place.step.as_deref(), Some("near:sign"), "{config}: {error}");
        assert_eq!(error.place.config.as_deref(), Some(pointer), "{config}: {error}");
        assert!(error.to_string().contains(message), "{config}: {error}");
    }
}

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mixed(self.0) % bound as u64) as usize
    }
}

/// Texts of 20 to 200 words; half of them are earlier ones with up to five words changed, taken out or put in: Jaccard indices
/// on both sides of the threshold, and many right beside it.
fn texts(count: usize) -> Vec<String> {
    let mut numbers = Numbers(0);
    let mut texts: Vec<Vec<usize>> = vec![];
    while texts.len() < count {
        let mut words: Vec<usize> = if texts.is_empty() || numbers.below(2) == 0 {
            (0..20 + numbers.below(180)).map(|_| numbers.below(3000)).collect()
        } else {
            let mut words = texts[numbers.below(texts.len())].clone();
            for _ in 0..numbers.below(6) {
                let (at, word) = (numbers.below(words.len()), numbers.below(3000));
                match numbers.below(3) {
                    0 => words[at] = word,
                    1 => words.insert(at, word),
                    _ => drop(words.remove(at)),
                }
            }
            words
        };
        words.truncate(200);
        texts.push(words);
    }
    texts.iter().map(|words| words.iter().map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")).collect()
}

/// Which pairs of rows are in one cluster, by the sets themselves.
fn exact(texts: &[String], threshold: f64) -> HashSet<(u32, u32)> {
    let sets: Vec<HashSet<Vec<&str>>> = texts
        .iter()
        .map(|text| text.split(' ').collect::<Vec<_>>().windows(5).map(<[&str]>::to_vec).collect())
        .collect();
    let mut rows_of: HashMap<&Vec<&str>, Vec<u32>> = HashMap::new();
    let mut parents: Vec<u32> = (0..texts.len() as u32).collect();
    for (row, set) in (0u32..).zip(&sets) {
        let mut shared: HashMap<u32, usize> = HashMap::new();
        for shingle in set {
            let others = rows_of.entry(shingle).or_default();
            others.iter().for_each(|other| *shared.entry(*other).or_default() += 1);
            others.push(row);
        }
        for (other, both) in shared {
            let either = set.len() + sets[other as usize].len() - both;
            if both as f64 / either as f64 >= threshold {
                let (a, b) = (first(&parents, other), first(&parents, row));
                parents[a.max(b) as usize] = a.min(b);
            }
        }
    }
    pairs((0..texts.len() as u32).map(|row| first(&parents, row)))
}

fn first(parents: &[u32], mut row: u32) -> u32 {
    while parents[row as usize] != row {
        row = parents[row as usize];
    }
    row
}

/// The pairs of rows whose cluster is the same.
fn pairs(clusters: impl Iterator<Item = u32>) -> HashSet<(u32, u32)> {
    let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut pairs = HashSet::new();
    for (row, cluster) in (0u32..).zip(clusters) {
        let before = members.entry(cluster).or_default();
        pairs.extend(before.iter().map(|other| (*other, row)));
        before.push(row);
    }
    pairs
}

/// The precision and recall of the step's clusters, and how many pairs there are.
fn judged(texts: &[String], threshold: f64, mut config: Value) -> (f64, f64, usize) {
    for (key, value) in [("threshold", json!(threshold)), ("keep", json!("all")), ("cluster", json!("cluster"))] {
        config[key] = value;
    }
    let (rows, _) = deduplicated(&config, texts.iter().map(|text| json!({ "text": text })));
    let found = pairs(rows.iter().map(|row| row["cluster"].as_u64().unwrap() as u32));
    let exact = exact(texts, threshold);
    let right = found.intersection(&exact).count() as f64;
    (right / found.len() as f64, right / exact.len() as f64, exact.len())
}

#[test]
fn clusters_are_those_of_the_exact_jaccard_index() {
    let texts = texts(3000);
    for threshold in [0.6, 0.8, 0.95] {
        let (precision, recall, pairs) = judged(&texts, threshold, json!({}));
        assert!(pairs > 300, "there are near-duplicates");
        assert!(precision >= 0.99 && recall >= 0.99, "{threshold}: precision {precision}, recall {recall}");
    }
}

/// Texts made of one template are alike to a degree, and fill huge buckets (of short bands the more so). The few that are
/// nearer are found among them.
#[test]
fn near_duplicates_among_texts_of_one_template() {
    let mut numbers = Numbers(0);
    let mut texts: Vec<String> = vec![];
    let mut text = |own: &[usize]| {
        let own: Vec<String> = own.iter().map(|word| format!("own{word}")).collect();
        texts.push(format!("{} {}", words(0..75), own.join(" ")));
    };
    for _ in 0..800 {
        let mut own: Vec<usize> = (0..25).map(|_| numbers.below(100_000)).collect();
        text(&own);
        if numbers.below(4) == 0 {
            own[numbers.below(20)] = numbers.below(100_000);
            own[24] = numbers.below(100_000);
            text(&own);
        }
    }
    let (precision, recall, pairs) = judged(&texts, 0.8, json!({ "bands": 14, "rows": 4 }));
    assert!(pairs > 150, "there are near-duplicates");
    assert!(precision >= 0.95 && recall >= 0.95, "precision {precision}, recall {recall}");
}
