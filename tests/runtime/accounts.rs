//! Accounts: at every step, rows in = rows put out at least once + dropped + rejected, and rows out = those + repeats + rows made.

use serde_json::{Value, json};

use crate::bench::{Bench, guests, lines, step, straight, use_step};
use crate::model::{Act, Model};

/// The bundled steps that make rows of nothing: what is held of sources in general holds of them.
const SOURCES: [&str; 1] = ["sampler"];

/// Every bundled step, told to do what moves rows most: (rows out, dropped, rejected, repeated) of eight rows.
const STEPS: [(&str, &str, [u64; 4]); 22] = [
    ("aggregate", "by = [\"text\"], figures = { n = \"count\" }", [3, 5, 0, 0]),
    ("assert", "rules = { known = \"size(text) > 0\" }, broken = \"report\"", [8, 0, 0, 0]),
    ("cluster", "column = \"vector\"", [8, 0, 0, 0]),
    ("compute", "set = { part = \"n * 2\" }", [8, 0, 0, 0]),
    ("contamination", "ngram = 2", [1, 7, 0, 0]),
    ("embed", "model = \"tiny\", dimensions = 2", [8, 0, 0, 0]),
    ("exact-dedup", "columns = [\"text\"]", [3, 5, 0, 0]),
    ("explode", "column = \"tags\"", [11, 3, 0, 6]),
    ("fasttext", "model = \"tone.bin\"", [8, 0, 0, 0]),
    ("filter", "where = \"n % 2 == 0\"", [4, 4, 0, 0]),
    ("hash", "as = \"digest\"", [8, 0, 0, 0]),
    ("join", "on = [\"text\"], columns = []", [29, 1, 0, 22]),
    (
        "judge",
        "model = \"tiny\", rubric = \"overall\", instruction = \"text\", texts = \"tags\", prompt = \"{{ texts | length }}\"",
        [5, 0, 3, 0],
    ),
    ("language-id", "", [8, 0, 0, 0]),
    ("llm", "model = \"tiny\", prompt = \"{{ text }}\"", [7, 0, 1, 0]),
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
    let row = |n: usize| json!({"n": n, "text": texts[n % 3], "tags": tags[n % 5], "vector": [0.5, n % 3]});
    bench.put("docs.jsonl", lines((0..7).map(row).chain([json!({"n": 7, "text": null, "tags": [], "vector": null})])));
    bench.put("tone.bin", include_bytes!("../../plugins/fasttext/tiny/tone.bin"));
    let model = Model::start(|text, _| match text.parse() {
        Ok(texts) => Act::Say(json!({"ratings": vec![json!({"reason": "so", "rating": 3}); texts]}).to_string()),
        Err(_) => Act::Reply,
    });
    for (name, config, [out, dropped, rejected, repeated]) in STEPS {
        // What compares its rows with those of a second input has the same rows there.
        let from = match name {
            "contamination" | "join" => "from = { rows = \"docs\", others = \"docs\" }\n",
            _ => "",
        };
        // What asks a model has one here.
        let (config, grant) = match name {
            "embed" | "judge" | "llm" => {
                let at = format!("http://127.0.0.1:{}/v1", model.port);
                let grant = format!("\non_error = \"reject\"\ngrant.http = [\"POST {at}/\"]");
                (format!("{config}, url = \"{at}\""), grant)
            }
            "fasttext" => (config.to_owned(), "\ngrant.files = [\"tone.bin\"]".to_owned()),
            _ => (config.to_owned(), String::new()),
        };
        let step_of = use_step(name, name, &format!("{from}config = {{ {config} }}{grant}"));
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
    let bundled = list["steps"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let bundled: Vec<&str> = bundled.filter(|name| !SOURCES.contains(name)).collect();
    assert_eq!(bundled, STEPS.map(|(name, ..)| name), "a bundled step whose accounts nobody holds");
}
