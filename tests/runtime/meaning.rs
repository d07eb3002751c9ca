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
