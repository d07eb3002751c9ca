//! The step as the host sees it.

use callboard_sdk::ErrorKind;
use callboard_sdk::testing::{self, Outcome, dropped};
use serde_json::{Value, json};

use crate::Filter;

fn run(condition: &str, rows: Value) -> Outcome {
    testing::transform::<Filter>(json!({ "where": condition }), rows).unwrap()
}

fn error(condition: &str) -> String {
    let rows = json!([{ "text": "a", "n": 1, "meta": { "score": 0.5 } }]);
    let error = testing::transform::<Filter>(json!({ "where": condition }), rows).unwrap_err();
    assert_eq!((error.kind, error.at.as_deref()), (ErrorKind::Config, Some("/where")), "{error}");
    error.message
}

#[test]
fn keeps_rows_for_which_it_is_true() {
    let rows = json!([{ "n": 20, "lang": "en", "x": 0 }, { "n": 19, "lang": "en", "x": 1 }, { "n": 30, "lang": "de", "x": 2 }]);
    let outcome = run("n >= 20 && lang == \"en\"", rows);
    assert_eq!(outcome.rows, [json!({ "n": 20, "lang": "en", "x": 0 })]);
    let reason = "n >= 20 && lang == \"en\"";
    assert_eq!(outcome.removed, [dropped(1, reason), dropped(2, reason)]);
}

#[test]
fn a_null_is_not_true_but_can_be_asked_for() {
    let rows = || json!([{ "n": 1 }, { "n": null }]);
    assert_eq!(run("n > 0", rows()).rows, [json!({ "n": 1 })]);
    assert_eq!(run("n > 0", rows()).removed, [dropped(1, "n > 0")]);
    assert_eq!(run("n <= 0 || true", rows()).rows.len(), 2);
    assert_eq!(run("n == null", rows()).rows, [json!({ "n": null })]);
    let nested = json!([{ "meta": { "score": 2.5 } }, { "meta": { "score": null } }]);
    assert_eq!(run("meta.score > 1.0", nested).removed, [dropped(1, "meta.score > 1.0")]);
}

#[test]
fn reads_nested_values_and_binds_its_own_names() {
    let rows = json!([{ "tags": ["a", "b"], "meta": { "year": 1990 } }, { "tags": ["c"], "meta": { "year": 2001 } }]);
    assert_eq!(run("tags.exists(tag, tag == 'b') && meta.year < 2000", rows.clone()).rows.len(), 1);
    assert_eq!(run("tags.size() == 1", rows).rows.len(), 1);
}

#[test]
fn a_row_on_which_it_fails_is_rejected() {
    let outcome = run("10 / n > 2", json!([{ "n": 2 }, { "n": 0 }]));
    assert_eq!(outcome.rows.len(), 1);
    assert!(outcome.removed[0].rejected && outcome.removed[0].row == 1, "{:?}", outcome.removed);
}

#[test]
fn what_cannot_work_is_found_before_any_row() {
    assert!(error("n >=").starts_with("the expression does not parse at line 1, column 5"), "{}", error("n >="));
    let unknown = error("m > 1");
    assert!(unknown.contains("no column `m`") && unknown.contains("`text` utf8"), "{unknown}");
    assert_eq!(error("n + 1"), "the expression gives int, and a bool is expected");
    assert!(error("n > 'a'").contains("int, string"), "{}", error("n > 'a'"));
    assert!(error("frobnicate(n)").contains("frobnicate"), "{}", error("frobnicate(n)"));
}

#[test]
fn a_long_expression_is_cut_short_as_a_reason() {
    let condition = format!("n == 1 {}", "|| n == 2 ".repeat(30));
    let outcome = run(&condition, json!([{ "n": 3 }]));
    assert_eq!(outcome.removed[0].reason.chars().count(), 81);
}
