//! `sequence`, the source, in every language.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::built::{Built, in_every_language};

fn pipeline(built: &Built, config: &str) -> String {
    let component = built.step("source");
    format!(
        "callboard = 1\n[[steps]]\nname = \"step\"\nconfig = {{ {config} }}\nuse = \"{component}\"\n\
         [outputs.made]\npath = \"made.jsonl\"\n[outputs.typed]\npath = \"made.arrow\"\n"
    )
}

#[test]
fn all_make_the_same_rows() {
    let first = OnceLock::new();
    in_every_language(|built| {
        let mut all = Vec::new();
        for (config, start, count) in [
            ("", 1, 10),
            ("count = 0", 1, 0),
            ("count = 1", 1, 1),
            ("count = 1000", 1, 1000),
            ("start = -3, count = 2501", -3, 2501),
            ("start = 9007199254740990, count = 2", 9_007_199_254_740_990_i64, 2),
        ] {
            let bench = Bench::new();
            bench.run(&pipeline(built, config));
            let rows: Vec<Value> =
                (0..count).map(|n| json!({"n": start + n, "text": format!("row {}", start + n)})).collect();
            assert!(bench.lines("made.jsonl") == rows, "{config}");
            all.push([bench.bytes("made.jsonl"), bench.bytes("made.arrow")]);
        }
        assert!(*first.get_or_init(|| all.clone()) == all, "another language makes other bytes");
    });
}

/// A language whose numbers are fractions may refuse a number that they cannot hold, and may not bend it.
#[test]
fn a_large_number_is_taken_as_it_is_or_refused() {
    in_every_language(|built| {
        let bench = Bench::new();
        let pipeline = pipeline(built, "start = 9223372036854775806, count = 2");
        match bench.try_run(&pipeline) {
            Ok(_) => {
                let rows = [i64::MAX - 1, i64::MAX].map(|n| json!({"n": n, "text": format!("row {n}")}));
                assert_eq!(bench.lines("made.jsonl"), rows);
            }
            Err(said) => assert!(said.contains("step `step`, config `start`"), "{said}"),
        }
    });
}

#[test]
fn what_is_wrong_with_a_configuration_has_its_place() {
    in_every_language(|built| {
        let bench = Bench::new();
        for (config, at) in
            [("count = -1", "count"), ("start = \"x\"", "start"), ("typo = 1", "typo"), ("start = 0.5", "start")]
        {
            let said = bench.refused(&pipeline(built, config));
            assert!(said.contains(&format!("step `step`, config `{at}`")), "{config}\n{said}");
        }
    });
}
