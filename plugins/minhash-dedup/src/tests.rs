//! The step as a whole: what stays, what is written, and that clusters are those of the exact Jaccard index.

use std::collections::{HashMap, HashSet};

use callboard_sdk::testing::{self, Outcome, dropped};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::*;

fn run(config: Value, rows: Value) -> Outcome {
    testing::global::<MinhashDedup>(config, [rows]).unwrap()
}

fn words(range: std::ops::Range<usize>) -> String {
    range.map(|word| format!("w{word}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_first_of_each_cluster_stays() {
    let rows = json!([
        { "id": 0, "text": words(0..60) },
        { "id": 1, "text": words(100..160) },
        { "id": 2, "text": words(0..62) },
        { "id": 3, "text": format!("  {}", words(100..160).replace(' ', "\n")) },
        { "id": 4, "text": words(30..90) },
        { "id": 5, "text": words(2..64) }
    ]);
    let outcome = run(json!({}), rows.clone());
    let ids: Vec<_> = outcome.rows.iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [0, 1, 4]);
    let near = |row, first| dropped(row, &format!("near-duplicate of row {first}"));
    assert_eq!(outcome.removed, [near(2, 0), near(3, 1), near(5, 0)]);

    let written = run(json!({ "keep": "all", "cluster": "group", "size": "of" }), rows.clone());
    let columns: Vec<_> = written.rows.iter().map(|row| [&row["id"], &row["group"], &row["of"]]).collect();
    assert_eq!(columns, [[0, 0, 3], [1, 1, 2], [2, 0, 3], [3, 1, 2], [4, 4, 1], [5, 0, 3]]);
    assert_eq!(written.removed, []);
    let first = run(json!({ "size": "of" }), rows);
    assert_eq!(first.rows[0], json!({ "id": 0, "text": words(0..60), "of": 3 }));
}

/// 0 and 5 share 58 of 62 shingles at `ngram` 1: a threshold above that parts them, and so do longer shingles.
#[test]
fn the_configuration_says_what_is_near() {
    let rows = json!([{ "text": words(0..60) }, { "text": words(2..62) }, { "text": words(0..60).to_uppercase() }]);
    let left = |config| run(config, rows.clone()).rows.len();
    assert_eq!(left(json!({ "ngram": 1, "threshold": 0.93 })), 2);
    assert_eq!(left(json!({ "ngram": 1, "threshold": 0.94 })), 3);
    assert_eq!(left(json!({ "ngram": 50, "threshold": 0.8 })), 3);
    assert_eq!(left(json!({ "lowercase": true })), 1);
    assert_eq!(left(json!({ "bands": 14, "rows": 8 })), 2);
    assert_eq!(left(json!({ "bands": 14, "rows": 8, "threshold": 1 })), 3);
}

#[test]
fn what_has_no_words_is_like_nothing() {
    let rows = json!([{ "text": "" }, { "text": null }, { "text": " \n" }, { "text": "" }, { "text": null }]);
    assert_eq!(run(json!({}), rows).rows.len(), 5);
    let short = json!([{ "text": "a b" }, { "text": "a  b" }, { "text": "b a" }, { "text": "a b c" }]);
    assert_eq!(run(json!({}), short).removed, [dropped(1, "near-duplicate of row 0")]);
    assert_eq!(run(json!({}), json!([{ "text": "a" }])).rows.len(), 1);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let wrong = |config: Value| {
        let error = testing::global::<MinhashDedup>(config, [json!([{ "text": "a", "n": 1 }])]).unwrap_err();
        (error.at.unwrap(), error.message)
    };
    let at = |pointer: &str, message: &str| (pointer.to_owned(), message.to_owned());
    for threshold in [0.0, 1.5, -1.0] {
        assert_eq!(wrong(json!({ "threshold": threshold })).0, "/threshold");
    }
    assert_eq!(wrong(json!({ "bands": 5 })), at("/bands", "`bands` are given without `rows`"));
    assert_eq!(wrong(json!({ "rows": 5 })), at("/rows", "`rows` are given without `bands`"));
    assert_eq!(
        wrong(json!({ "bands": 20, "rows": 7 })),
        at("/permutations", "20 `bands` of 7 `rows` need more than 128 `permutations`")
    );
    assert_eq!(wrong(json!({ "column": "n" })).0, "/column");
    assert_eq!(wrong(json!({ "ngram": 0 })).0, "/ngram");
    assert_eq!(wrong(json!({ "keep": "last" })).0, "/keep");
    assert_eq!(wrong(json!({ "cluster": "c", "size": "c" })), at("/size", "`cluster` and `size` are one column"));
    assert_eq!(wrong(json!({ "cluster": "" })).0, "/cluster");
}

/// Numbers without a pattern, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 += 1;
        (xxh3_64(&self.0.to_le_bytes()) % bound as u64) as usize
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
    let mut clusters = Clusters::new(texts.len() as u32);
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
                clusters.join(other, row);
            }
        }
    }
    pairs((0..texts.len() as u32).map(|row| clusters.first(row)))
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
    let rows: Value = texts.iter().map(|text| json!({ "text": text })).collect();
    for (key, value) in [("threshold", json!(threshold)), ("keep", json!("all")), ("cluster", json!("cluster"))] {
        config[key] = value;
    }
    let outcome = run(config, rows);
    let found = pairs(outcome.rows.iter().map(|row| row["cluster"].as_u64().unwrap() as u32));
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
