//! `semantic-dedup`, a pipeline of its own: what goes is near something that stays, however rows are cut and clusters are made.

use serde_json::{Value, json};

use crate::bench::{Bench, lines, step, straight};

/// Vectors of eight numbers, some of which are near each other.
fn rows(count: usize) -> Vec<Value> {
    let row = |id: usize| {
        let of = id * 7 % 12;
        let item = |at: usize| ((of * 8 + at) as f32 * 1.7).sin() + ((id * 8 + at) as f32 * 2.3).cos() * 0.3;
        json!({"id": id, "vector": (0..8).map(item).collect::<Vec<f32>>()})
    };
    (0..count).map(row).collect()
}

fn cosine(a: &Value, b: &Value) -> f64 {
    let numbers = |row: &Value| -> Vec<f64> {
        row["vector"].as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
    };
    let (a, b) = (numbers(a), numbers(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

fn kept(bench: &Bench, config: &str, rest: &str) -> Vec<Value> {
    let table = format!(
        "[[steps]]\nname = \"near\"\nuse = \"./semantic-dedup.toml\"\nconfig = {{ column = \"vector\", threshold = 0.98, {config} }}\n"
    );
    let report = bench.pipeline(straight(&table) + rest).overwrite().report();
    let keep = step(&report, "near:keep");
    assert_eq!((keep.rows_in, keep.rows_rejected), (500, 0));
    let out = bench.rows("out.jsonl");
    assert!(out.iter().all(|row| row.as_object().unwrap().len() == 2), "only the columns of the input: {:?}", out[0]);
    out
}

/// A wrong outcome would lose what has nothing like it left, or keep what is near an earlier row.
#[test]
fn what_goes_is_near_what_stays() {
    let bench = Bench::new();
    bench.put_bundled_pipeline("semantic-dedup");
    let rows = rows(500);
    bench.put("docs.jsonl", lines(rows.clone()));
    let mut expected: Vec<&Value> = vec![];
    for row in &rows {
        if expected.iter().all(|kept| cosine(kept, row) < 0.98) {
            expected.push(row);
        }
    }
    assert!((12..200).contains(&expected.len()), "{} of 500 rows stay", expected.len());
    let one = kept(&bench, "clusters = 1", "");
    assert_eq!(one.iter().collect::<Vec<_>>(), expected, "all pairs are compared");

    for keep in ["first", "nearest", "furthest"] {
        let config = format!("clusters = 6, keep = \"{keep}\"");
        let several = kept(&bench, &config, "");
        let ids: Vec<u64> = several.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert!(ids.is_sorted() && ids.len() < 300, "{} rows stay", ids.len());
        for row in &rows {
            assert!(several.iter().any(|kept| cosine(kept, row) >= 0.979_99), "{row} has nothing like it left");
        }
        let cut = kept(&bench, &config, "[run]\nbatch_rows = 17\nreplicas = 3\n");
        assert_eq!(cut, several, "how rows are cut does not matter");
    }
}

/// A wrong outcome would let through what an earlier corpus has, or drop what it has nothing like.
#[test]
fn what_is_near_a_row_of_an_earlier_corpus_goes() {
    let bench = Bench::new();
    bench.put_bundled_pipeline("semantic-dedup");
    // Rows of five of the twelve kinds are known.
    let is_known = |row: &Value| row["id"].as_u64().is_some_and(|id| id * 7 % 12 < 5 && id % 2 == 0);
    let (known, fresh): (Vec<Value>, Vec<Value>) = rows(500).into_iter().partition(is_known);
    bench.put("docs.jsonl", lines(fresh.clone()));
    bench.put("known.jsonl", lines(known.clone()));
    let (mut stay, mut like_known): (Vec<&Value>, usize) = (vec![], 0);
    for row in &fresh {
        if known.iter().any(|known| cosine(known, row) >= 0.98) {
            like_known += 1;
        } else if stay.iter().all(|kept| cosine(kept, row) < 0.98) {
            stay.push(row);
        }
    }
    assert!(like_known > 20 && stay.len() > 5, "{like_known} are near a known row, {} stay", stay.len());
    let ids = |rows: &[Value]| -> Vec<u64> { rows.iter().map(|row| row["id"].as_u64().unwrap()).collect() };
    let near = |config: &str| {
        let table = format!(
            "[[steps]]\nname = \"near\"\nuse = \"./semantic-dedup.toml\"\nfrom = {{ rows = \"docs\", known = \"earlier\" }}\n\
             config = {{ column = \"vector\", threshold = 0.98, {config} }}\n"
        );
        let text = straight(&table) + "[inputs.earlier]\npath = \"known.jsonl\"\n";
        bench.pipeline(text).overwrite().report();
        bench.rows("out.jsonl")
    };
    let expected: Vec<u64> = stay.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids(&near("")), expected, "so few rows are one cluster: all pairs are compared");
    let marked = near("keep = \"all\", cluster = \"like\", size = \"alike\"");
    assert_eq!(marked.len(), fresh.len());
    assert_eq!(marked.iter().filter(|row| row["like"].is_null() && row["alike"].is_null()).count(), like_known);
    let first_of_group = |(at, row): &(usize, &Value)| row["like"].as_u64() == Some(*at as u64);
    let firsts: Vec<Value> = marked.iter().enumerate().filter(first_of_group).map(|(_, row)| row.clone()).collect();
    assert_eq!(ids(&firsts), expected);
    let alike: u64 = firsts.iter().map(|row| row["alike"].as_u64().unwrap()).sum();
    assert_eq!(alike as usize, fresh.len() - like_known, "each row is counted in one group");
}
