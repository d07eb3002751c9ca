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
            ("start = 9223372036854775806, count = 2", i64::MAX - 1, 2),
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
