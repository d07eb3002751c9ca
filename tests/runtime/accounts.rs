//! Accounts: at every step, rows in = rows put out at least once + dropped + rejected, and rows out = those + repeats + rows made.

use serde_json::{Value, json};

use crate::bench::{Bench, guests, lines, step, straight, use_step};

/// Every bundled step, told to do what moves rows most: (rows out, dropped, rejected, repeated) of eight rows.
const STEPS: [(&str, &str, [u64; 4]); 17] = [
    ("aggregate", "by = [\"text\"], figures = { n = \"count\" }", [3, 5, 0, 0]),
    ("assert", "rules = { known = \"size(text) > 0\" }, broken = \"report\"", [8, 0, 0, 0]),
    ("compute", "set = { part = \"n * 2\" }", [8, 0, 0, 0]),
    ("contamination", "ngram = 2", [1, 7, 0, 0]),
    ("exact-dedup", "columns = [\"text\"]", [3, 5, 0, 0]),
    ("explode", "column = \"tags\"", [11, 3, 0, 6]),
    ("filter", "where = \"n % 2 == 0\"", [4, 4, 0, 0]),
    ("hash", "as = \"digest\"", [8, 0, 0, 0]),
    ("join", "on = [\"text\"], columns = []", [29, 1, 0, 22]),
    ("language-id", "", [8, 0, 0, 0]),
    ("normalise", "lowercase = true", [8, 0, 0, 0]),
    ("quality", "", [0, 8, 0, 0]),
    ("sample", "rows = 3", [3, 5, 0, 0]),
    ("select", "drop = [\"n\"]", [8, 0, 0, 0]),
    ("sort", "by = [{ column = \"text\", descending = true }, \"n\"]", [8, 0, 0, 0]),
    ("split", "by = \"n\"", [8, 0, 0, 0]),
    ("text-stats", "", [8, 0, 0, 0]),
];

#[test]
fn every_bundled_step_accounts_for_every_row() {
    let bench = Bench::new();
    let texts = ["some words", "Some words", "some words"];
    let tags = [json!(["a", "b", "c"]), json!(["a", "b"]), json!([]), Value::Null, json!(["a"])];
    let row = |n: usize| json!({"n": n, "text": texts[n % 3], "tags": tags[n % 5]});
    bench.put("docs.jsonl", lines((0..7).map(row).chain([json!({"n": 7, "text": null, "tags": []})])));
    for (name, config, [out, dropped, rejected, repeated]) in STEPS {
        // What compares its rows with those of a second input has the same rows there.
        let from = match name {
            "contamination" | "join" => "from = { rows = \"docs\", others = \"docs\" }\n",
            _ => "",
        };
        let step_of = use_step(name, name, &format!("{from}config = {{ {config} }}"));
        let text = straight(&step_of) + "[run]\nbatch_rows = 3\n";
        // That they add up is held by whoever asks for the report, and by the run itself.
        let report = bench.pipeline(text).overwrite().report();
        let step = step(&report, name);
        assert_eq!(
            [step.rows_in, step.rows_out, step.rows_dropped, step.rows_rejected, step.rows_repeated],
            [8, out, dropped, rejected, repeated],
            "{name}"
        );
    }
    let list: Value = serde_json::from_slice(&std::fs::read(guests().join("guests.json")).unwrap()).unwrap();
    let bundled: Vec<&str> = list["steps"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(bundled, STEPS.map(|(name, ..)| name), "a bundled step whose accounts nobody holds");
}
