//! The step as the host sees it.

use callboard_sdk::testing::{self, Outcome};
use callboard_sdk::{ErrorKind, Field};
use serde_json::{Value, json};

use crate::Compute;

fn run(set: Value, rows: Value) -> Outcome {
    testing::transform::<Compute>(json!({ "set": set }), rows).unwrap()
}

#[test]
fn columns_are_set_and_replaced_from_the_columns_as_they_come_in() {
    let rows = json!([
        { "text": "Größe", "a": 2, "b": 1.5, "tags": ["x", null] },
        { "text": null, "a": null, "b": 0.5, "tags": null },
    ]);
    let set = json!({
        "text": "lower(text)", "copy": "text", "score": "a * b", "dump": "'CC-23'", "long": "size(text) > 3",
        "n": "a + 1", "words": "text.split('ö')", "upper": "tags.filter(t, t != null).map(t, upper(t))", "same": "tags",
    });
    let outcome = run(set, rows);
    assert_eq!(
        outcome.rows,
        [
            json!({ "text": "größe", "a": 2, "b": 1.5, "tags": ["x", null], "copy": "Größe", "dump": "CC-23", "long": true, "n": 3,
            "same": ["x", null], "score": 3.0, "upper": ["X"], "words": ["Gr", "ße"] }),
            json!({ "text": null, "a": null, "b": 0.5, "tags": null, "copy": null, "dump": "CC-23", "long": null, "n": null,
            "same": null, "score": null, "upper": null, "words": null }),
        ]
    );
}

#[test]
fn a_row_without_a_value_is_rejected_and_says_which() {
    let rows = json!([{ "a": 4, "b": 2 }, { "a": 4, "b": 0 }, { "a": 9_223_372_036_854_775_807_i64, "b": -1 }]);
    let outcome = run(json!({ "q": "a / b", "s": "a - b" }), rows);
    assert_eq!(outcome.rows.len(), 1);
    assert_eq!((&outcome.rows[0]["q"], &outcome.rows[0]["s"]), (&json!(2), &json!(2)));
    assert!(outcome.removed.iter().all(|removed| removed.rejected));
    let reasons: Vec<&str> = outcome.removed.iter().map(|removed| removed.reason.as_str()).collect();
    assert!(reasons[0].starts_with("`q`: ") && reasons[0].contains("division"), "{reasons:?}");
    assert!(reasons[1].starts_with("`s`: ") && reasons[1].contains("int64"), "{reasons:?}");
}

#[test]
fn types_are_known_before_any_row_is_read() {
    let row = json!([{ "text": "a", "n": 1, "meta": { "score": 0.5 } }]);
    for (expression, words) in [
        ("lower(n)", "text"),
        ("txt", "there is no column `txt`"),
        ("text +", "does not parse"),
        ("null", "nothing but null"),
        ("decimal(n)", "double"),
        ("[]", "null"),
        ("n > 0 ? meta : null", "members"),
    ] {
        let error = testing::transform::<Compute>(json!({ "set": { "a/b": expression } }), row.clone()).unwrap_err();
        assert_eq!((error.kind, error.at.as_deref()), (ErrorKind::Config, Some("/set/a~1b")), "{error}");
        assert!(error.message.contains(words), "{expression}: {error}");
    }
    testing::transform::<Compute>(json!({ "set": {} }), row).unwrap_err();
}

#[test]
fn moments_have_types_of_their_own() {
    let rows = json!([{ "at": "2024-01-31T12:30:59.25Z" }]);
    let batch = testing::batch(testing::Table::new(vec![Field::utf8("at")], rows));
    for (expression, ty, value) in [
        ("date(at.substring(0, 10))", "date", 19_753),
        ("timestamp(at)", "timestamp[us, UTC]", 1_706_704_259_250_000),
        ("timestamp(at) - timestamp(0)", "duration[us]", 1_706_704_259_250_000),
        ("time(timestamp(at))", "time64[ns]", 45_059_250_000_000),
    ] {
        let formula = callboard_cel::Formula::new(expression, &batch.schema()).unwrap();
        let (column, failed) = formula.compute(&batch).unwrap();
        assert_eq!((formula.ty().to_string().as_str(), failed.len()), (ty, 0), "{expression}");
        assert_eq!(formula.ty().layout, column.ty().layout);
        let column = testing::columns([("x", column)]);
        let array = column.array("x").unwrap();
        let found = match array.values().unwrap() {
            callboard_sdk::array::Values::Int32(view) => i64::from(view.value(0)),
            callboard_sdk::array::Values::Int64(view) => view.value(0),
            _ => panic!("{expression} gives another layout"),
        };
        assert_eq!(found, value, "{expression}");
    }
}

#[test]
fn json_is_read_where_it_is_asked_for() {
    let rows = json!([
        { "metadata": "{\"x\": \"a\", \"n\": 9007199254740993, \"list\": [1, {\"y\": true}], \"no\": null}" },
        { "metadata": null },
        { "metadata": "{\"x\": 1}" },
    ]);
    let set = json!({
        "x": "string(json(metadata).x)", "n": "int(json(metadata).n)", "y": "bool(json(metadata).list[1].y)",
        "list": "string(json(metadata)['list'])", "no": "json(metadata).no == null",
    });
    let outcome = run(set, rows);
    let list = "[1,{\"y\":true}]";
    let row = |row: usize| {
        let Value::Object(mut members) = outcome.rows[row].clone() else { panic!("a row is an object") };
        members.remove("metadata");
        Value::Object(members)
    };
    assert_eq!(row(0), json!({ "x": "a", "n": 9_007_199_254_740_993_i64, "y": true, "list": list, "no": true }));
    assert_eq!(row(1), json!({ "x": null, "n": null, "y": null, "list": null, "no": true }));
    assert_eq!(row(2), json!({ "x": "1", "n": null, "y": null, "list": null, "no": true }));
    let failed = run(json!({ "x": "string(json(metadata).x)" }), json!([{ "metadata": "{" }]));
    assert!(failed.removed[0].reason.contains("not JSON"), "{:?}", failed.removed);
    let error =
        testing::transform::<Compute>(json!({ "set": { "x": "json(t).x" } }), json!([{ "t": "1" }])).unwrap_err();
    assert!(error.message.contains("string(…)"), "{error}");
}
