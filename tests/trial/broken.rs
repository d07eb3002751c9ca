//! A step that breaks the contract in one way, and the check that finds it.

use serde_json::Value;

use crate::bench::{Bench, component, twice};

/// What is replaced in the fixture, and by what; the check that must fail, and words of what it says.
type Break = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

const GIVE_BACK: &str = "(global.set $free (i32.const 4096))";
const DOUBLED: &str =
    "(i64.shl (i64.load (i32.add (local.get $n) (i32.shl (local.get $row) (i32.const 3)))) (i64.const 1))";
const BEGIN: &str = "(local.set $n (i32.load offset=20 (local.get $arrays)))";

const BREAKS: &[Break] = &[
    ("it frees nothing", &[(GIVE_BACK, "")], "memory", "it grows: "),
    (
        "it numbers the rows of a batch",
        &[(DOUBLED, "(i64.extend_i32_u (local.get $row))")],
        "other cuts of the same rows",
        "in a batch of ",
    ),
    (
        "it counts its calls",
        &[
            (
                GIVE_BACK,
                "(global.set $free (i32.const 4096)) (global.set $calls (i64.add (global.get $calls) (i64.const 1)))",
            ),
            ("(global $free", "(global $calls (mut i64) (i64.const 0)) (global $free"),
            (DOUBLED, "(global.get $calls)"),
        ],
        "other cuts of the same rows",
        " alone, and ",
    ),
    (
        "it traps where there are nulls",
        &[(
            BEGIN,
            "(if (i32.load8_u offset=4 (local.get $arrays)) (then unreachable)) (local.set $n (i32.load offset=20 (local.get $arrays)))",
        )],
        "rows of every type that it accepts",
        "`process` trapped",
    ),
    (
        "it traps on a batch of no rows",
        &[(
            BEGIN,
            "(if (i32.eqz (local.get $rows)) (then unreachable)) (local.set $n (i32.load offset=20 (local.get $arrays)))",
        )],
        "rows of every type that it accepts",
        "0 rows: `process` trapped",
    ),
    (
        "it gives one value less",
        &[(
            "(i32.store offset=24 (local.get $array) (local.get $rows))",
            "(i32.store offset=24 (local.get $array) (i32.sub (local.get $rows) (i32.ne (i32.const 0) (local.get $rows))))",
        )],
        "rows of every type that it accepts",
        "column `twice`: it has 0 bytes of values, and 1 values of 8 bytes were announced",
    ),
    (
        "it reads a column that is not there",
        &[
            ("(data (i32.const 16) \"n\")", "(data (i32.const 16) \"n\") (data (i32.const 40) \"m\")"),
            ("(data (i32.const 224) \"\\10", "(data (i32.const 224) \"\\28"),
        ],
        "declare, for columns of every type",
        "it reads column `m`, and there are",
    ),
    (
        "it gives a schema that is none",
        &[("{\\\"type\\\":\\\"object\\\"}", "{\\\"type\\\":\\\"obiect\\\"}")],
        "the schema of its configuration",
        "expected a JSON Schema",
    ),
    (
        "it refuses what its schema allows, and takes what it refuses",
        &[
            (
                "(data (i32.const 112) \"{\\\"type\\\":\\\"object\\\"}\")",
                "(data (i32.const 112) \"{\\\"maxProperties\\\":0}\")",
            ),
            ("\\70\\00\\00\\00\\11", "\\70\\00\\00\\00\\13"),
        ],
        "a wrong configuration is refused",
        "it was accepted",
    ),
];

/// Replaces words, each of which must be there once.
fn broken(replaced: &[(&str, &str)]) -> String {
    replaced.iter().fold(twice(), |text, (word, with)| {
        assert_eq!(text.matches(word).count(), 1, "{word}");
        text.replace(word, with)
    })
}

#[test]
fn each_breach_is_found_by_the_check_that_looks_for_it() {
    for (name, replaced, check, words) in BREAKS {
        let bench = Bench::new();
        bench.put("step.wasm", component(&broken(replaced), callboard_plan::CONTRACT));
        // Of columns it wants one that is called `n`; those of the rows beside a component are tried.
        bench.put("rows.jsonl", "{\"n\":1}\n");
        let said = bench.callboard(&["step", "conform", "step.wasm", "--json"], "");
        let findings: Value =
            serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{name}: {error} {}", said.error));
        let failed: Vec<&Value> =
            findings.as_array().unwrap().iter().filter(|finding| finding["outcome"] == "failed").collect();
        let found = failed
            .iter()
            .any(|finding| finding["what"] == *check && finding["detail"].as_str().unwrap().contains(words));
        assert!(found, "{name}: expected `{check}` to fail with `{words}`, found {failed:#?}");
        assert_eq!(said.code, 3, "{name}: {}", said.error);
    }
}

#[test]
fn the_fixture_itself_passes_every_check() {
    let bench = Bench::new();
    bench.put("step.wasm", component(&twice(), callboard_plan::CONTRACT));
    bench.put("rows.jsonl", "{\"n\":1}\n");
    let said = bench.callboard(&["step", "conform", "step.wasm"], "");
    assert_eq!(said.code, 0, "{}{}", said.out, said.error);
    assert!(!said.out.contains("FAILED") && said.out.contains("ok      memory"), "{}", said.out);
}
