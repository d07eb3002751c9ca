//! The step as the host sees it.

use callboard_sdk::ErrorKind;
use callboard_sdk::testing::{self, rejected};
use serde_json::{Value, json};

use crate::Assert;

fn rows() -> Value {
    json!([
        { "id": 1, "text": "a", "n": 1 },
        { "id": 2, "text": "", "n": 0 },
        { "id": 3, "text": null, "n": 2 },
        { "id": 4, "text": "d", "n": 3 },
    ])
}

#[test]
fn a_row_is_rejected_for_the_first_rule_that_it_breaks() {
    let config = json!({ "rules": { "has_text": "size(text) > 0", "divides": "6 / n > 2" } });
    let outcome = testing::transform::<Assert>(config, rows()).unwrap();
    assert_eq!(outcome.rows, [json!({ "id": 1, "text": "a", "n": 1 })]);
    // Rules are tried in the order of their names.
    assert_eq!(
        outcome.removed,
        [
            rejected(1, "rule `divides`: `6 / n > 2` fails: division by zero"),
            rejected(2, "rule `has_text`: `size(text) > 0` is unknown, since something is null"),
            rejected(3, "rule `divides`: `6 / n > 2` is false"),
        ]
    );
}

#[test]
fn rows_that_are_only_reported_go_on() {
    let config = json!({ "rules": { "has_text": "size(text) > 0" }, "broken": "report" });
    let outcome = testing::transform::<Assert>(config, rows()).unwrap();
    assert_eq!(json!(outcome.rows), rows());
    assert_eq!(outcome.removed, []);
}

#[test]
fn says_what_is_wrong_with_its_configuration() {
    for (config, at, what) in [
        (json!({ "rules": {} }), "/rules", "`rules` is empty"),
        (json!({ "rules": { "a/b": "nope > 1" } }), "/rules/a~1b", "nope"),
        (json!({ "rules": { "a": "n" } }), "/rules/a", "`n` is an integer, and a bool is expected"),
        (json!({ "rules": { "a": "true" }, "broken": "ignore" }), "/broken", "ignore"),
    ] {
        let error = testing::transform::<Assert>(config.clone(), rows()).unwrap_err();
        assert_eq!((error.kind, error.at.as_deref()), (ErrorKind::Config, Some(at)), "{config}: {error}");
        assert!(error.message.contains(what), "{config}: {error}");
    }
}
