//! Side doors: what a step drops and rejects, for who asks.

use serde_json::{Value, json};

use crate::bench::{Bench, step, use_step, wired};

fn with_doors(step: &str) -> String {
    let outputs = [("out", "from = \"odd\""), ("gone", "from = \"odd.dropped\""), ("bad", "from = \"odd.rejected\"")];
    wired(&["docs"], &outputs, step) + "[run]\nbatch_rows = 4\n"
}

fn behind(row: usize, reason: Option<&str>, file: &str) -> Value {
    json!({"id": row, "text": format!("row {row}"), "_reason": reason, "_step": "odd", "_input": "docs", "_file": file, "_line": row + 1})
}

#[test]
fn every_row_is_in_one_of_three_places_with_its_reason_and_origin() {
    let bench = Bench::with_rows(10);
    let config =
        "config = { drop = [\"row 1\"], omit = [\"row 2\", \"row 6\"], reject = [\"row 5\"], trap = [\"row 8\"] }";
    for replicas in [1, 3] {
        let text =
            with_doors(&use_step("odd", "picky", &format!("{config}\non_error = \"reject\"\nreplicas = {replicas}")));
        let report = bench.pipeline(text).overwrite().report();
        let file = bench.path("docs.jsonl").display().to_string();
        let gone = [behind(1, Some("dropped"), &file), behind(2, None, &file), behind(6, None, &file)];
        assert_eq!(bench.rows("gone.jsonl"), gone);
        let bad = bench.rows("bad.jsonl");
        assert_eq!(bad[0], behind(5, Some("it is `row 5`"), &file));
        assert!(bad[1]["id"] == 8 && bad[1]["_reason"].as_str().unwrap().contains("trapped"), "{}", bad[1]);
        assert_eq!(bench.column("out.jsonl", "id"), [0, 3, 4, 7, 9]);
        assert_eq!((report.outputs["gone"].rows, step(&report, "odd").rows_dropped), (3, 3));
    }
}

#[test]
fn a_global_step_has_doors_that_steps_can_read() {
    let bench = Bench::new();
    let rows = ["a", "b", "a", "c", "b", "a"].iter().enumerate().map(|(id, text)| json!({"id": id, "text": text}));
    bench.put("docs.jsonl", crate::bench::lines(rows));
    let steps = use_step("dedup", "exact-dedup", "config = { columns = [\"text\"] }")
        + &use_step("look", "echo", "from = \"dedup.dropped\"")
        + &use_step("both", "select", "from = [\"dedup\", \"short\"]")
        + &use_step(
            "short",
            "select",
            "from = \"look\"\nconfig = { drop = [\"_reason\", \"_step\", \"_input\", \"_file\", \"_line\"] }",
        );
    let outputs = [("twice", "from = \"look\""), ("all", "from = \"both\"")];
    let report = bench.pipeline(wired(&["docs"], &outputs, &steps)).report();
    assert_eq!(bench.column("twice.jsonl", "id"), [2, 4, 5]);
    assert_eq!(bench.column("twice.jsonl", "_line"), [3, 5, 6]);
    assert_eq!(bench.column("all.jsonl", "id"), [0, 1, 3, 2, 4, 5]);
    assert_eq!(step(&report, "look").rows_in, 3);
}

#[test]
fn nothing_is_kept_of_what_nobody_asks_for() {
    let bench = Bench::with_rows(10);
    let steps = use_step("odd", "picky", "config = { drop = [\"row 1\"] }") + &use_step("all", "echo-global", "");
    bench.pipeline(wired(&["docs"], &[("out", "")], &steps)).report();
    let doors = bench.names().into_iter().filter(|name| name.contains("odd.")).collect::<Vec<_>>();
    assert!(doors.is_empty(), "{doors:?}");
}

#[test]
fn appended_doors_say_which_step_each_row_left() {
    let bench = Bench::with_rows(6);
    let steps =
        use_step("first", "picky", "config = { drop = [\"row 1\"], reject = [\"row 2\"] }\non_error = \"reject\"")
            + &use_step("second", "picky", "from = \"docs\"\nconfig = { omit = [\"row 4\"] }");
    let outputs = [("out", ""), ("gone", "from = [\"first.dropped\", \"first.rejected\", \"second.dropped\"]")];
    bench.pipeline(wired(&["docs"], &outputs, &steps)).report();
    let left: Vec<_> = bench.rows("gone.jsonl").iter().map(|row| (row["id"].clone(), row["_step"].clone())).collect();
    assert_eq!(left, [(json!(1), json!("first")), (json!(2), json!("first")), (json!(4), json!("second"))]);
}

#[test]
fn the_help_for_columns_in_the_way_fixes_them() {
    let bench = Bench::new();
    bench.put("docs.jsonl", "{\"text\": \"row 1\", \"_reason\": 1, \"_step\": 2, \"step\": 3}\n");
    let odd = use_step("odd", "picky", "config = { drop = [\"row 1\"] }\non_error = \"reject\"");
    let error = bench.pipeline(with_doors(&odd)).error();
    assert!(error.message.contains("columns `_reason`, `_step` of their own"), "{error}");
    assert_eq!(error.place.step.as_deref(), Some("odd"));
    let help = error.help.as_deref().unwrap();
    let (_, config) = help.split_once("use = \"select\", ").unwrap();
    assert_eq!(config, "config = { rename = { _reason = \"reason\", _step = \"step_2\" } }");
    bench.pipeline(with_doors(&(use_step("names", "select", config) + &odd))).report();
    let gone = bench.rows("gone.jsonl");
    assert_eq!((&gone[0]["reason"], &gone[0]["step_2"], &gone[0]["step"]), (&json!(1), &json!(2), &json!(3)));
    assert_eq!((&gone[0]["_reason"], &gone[0]["_step"]), (&json!("dropped"), &json!("odd")));
}
