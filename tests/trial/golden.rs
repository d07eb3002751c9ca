//! The golden test of a step: written down, held against, driven on from.

use crate::bench::{Bench, component, twice};

const ROWS: &str = "{\"n\":1}\n{\"n\":null}\n{\"n\":20}\n";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.put("twice.wasm", component(&twice(), callboard_plan::CONTRACT));
    bench.put("step.toml", "name = \"twice\"\nlanguage = \"wat\"\nkind = \"transform\"\n");
    bench.put("rows.jsonl", ROWS);
    bench
}

#[test]
fn blessing_writes_down_what_comes_out_and_the_test_then_passes() {
    let bench = bench();
    let before = bench.callboard(&["step", "test"], "");
    assert!(before.code == 3 && before.error.contains("there is no `expected.jsonl` yet"), "{}", before.error);
    assert!(before.error.contains("callboard step test --bless"), "{}", before.error);
    let blessed = bench.callboard(&["step", "test", "--bless"], "");
    assert_eq!(blessed.code, 0, "{}", blessed.error);
    assert!(blessed.out.contains("expected.jsonl: 3 lines, new"), "{}", blessed.out);
    assert_eq!(
        bench.text("expected.jsonl"),
        "{\"n\":1,\"twice\":2}\n{\"n\":null,\"twice\":null}\n{\"n\":20,\"twice\":40}\n"
    );
    assert!(!bench.has("expected-removed.jsonl"), "no row was removed");
    let passed = bench.callboard(&["step", "test"], "");
    assert_eq!(passed.code, 0, "{}{}", passed.out, passed.error);
    for line in ["ok      golden test", "ok      nulls in `n`", "ok      hundreds of batches", "ok      memory"] {
        assert!(passed.out.contains(line), "{line}: {}", passed.out);
    }
    assert!(!bench.has(".callboard/runs"), "a test is not a run, and leaves no folder of one");
}

#[test]
fn a_difference_is_told_by_row_and_column_and_nothing_is_rewritten() {
    let bench = bench();
    let expected = "{\"n\":1,\"twice\":2}\n{\"n\":null,\"twice\":0}\n{\"n\":20,\"twice\":40}\n";
    bench.put("expected.jsonl", expected);
    bench.put("expected-removed.jsonl", "{\"row\":4,\"fate\":\"dropped\",\"reason\":\"one more\"}\n");
    let said = bench.callboard(&["step", "test"], "");
    assert_eq!(said.code, 3, "{}", said.error);
    assert!(said.error.contains("row 2, `twice`: expected 0, found null"), "{}", said.error);
    assert!(said.error.contains("removed row 1: expected {\"row\":4"), "{}", said.error);
    assert_eq!(bench.text("expected.jsonl"), expected);
    let blessed = bench.callboard(&["step", "test", "--bless"], "");
    assert!(blessed.out.contains("expected-removed.jsonl: removed, since no row is"), "{}", blessed.out);
    assert!(!bench.has("expected-removed.jsonl"));
}

#[test]
fn rows_that_a_step_fails_on_are_named() {
    let bench = bench();
    let nulls = "(local.set $n (i32.load offset=20 (local.get $arrays)))";
    let traps = format!("(if (i32.load8_u offset=4 (local.get $arrays)) (then unreachable)) {nulls}");
    bench.put("twice.wasm", component(&twice().replace(nulls, &traps), callboard_plan::CONTRACT));
    for command in [&["step", "test"][..], &["step", "run"]] {
        let said = bench.callboard(command, ROWS);
        assert_eq!(said.code, 3, "{}", said.error);
        assert!(said.error.contains("step `twice`, row 2: `process` trapped"), "{}", said.error);
    }
}

#[test]
fn rows_that_go_no_further_are_told_on_standard_error() {
    let bench = Bench::new();
    let rows = "{\"text\":\"good\"}\n{\"text\":\"bad\"}\n{\"text\":\"dull\"}\n";
    let picky = crate::bench::repository("target/guests/picky.wasm").display().to_string();
    let config = "{\"reject\":[\"bad\"],\"drop\":[\"dull\"]}";
    let said = bench.callboard(&["step", "run", &picky, "--config", config], rows);
    assert_eq!(said.code, 0, "{}", said.error);
    assert_eq!(said.out, "{\"text\":\"good\",\"mark\":\"\"}\n");
    assert!(said.error.contains("rejected  row 2: it is `bad`\ndropped   row 3: dropped\n"), "{}", said.error);
}

#[test]
fn a_bundled_step_is_tried_by_its_name_and_a_global_one_reads_files_behind_its_rows() {
    let bench = Bench::new();
    let rows = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n{\"text\":\"one\"}\n";
    let said = bench.callboard(&["step", "run", "exact-dedup", "--config", "{\"columns\":[\"text\"]}"], rows);
    assert_eq!((said.out.as_str(), said.code), ("{\"text\":\"one\"}\n{\"text\":\"two\"}\n", 0), "{}", said.error);
    assert!(said.error.contains("dropped   row 3: duplicate"), "{}", said.error);
    let source = bench.callboard(&["step", "run", "exact-dedup", "--config", "{\"columns\":[\"none\"]}"], rows);
    assert!(source.code == 2 && source.error.contains("none"), "{}", source.error);
}
