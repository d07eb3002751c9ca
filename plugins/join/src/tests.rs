//! The step as a whole.

use callboard_sdk::testing::{self, Outcome, Table, dropped};
use serde_json::{Value, json};

use super::*;

fn pages() -> Value {
    json!([
        { "id": 1, "d": "a" }, { "id": 2, "d": "b" }, { "id": 3, "d": null }, { "id": 4, "d": "a" }, { "id": 5, "d": "c" },
    ])
}

fn domains() -> Value {
    json!([
        { "d": "c", "n": 1, "tags": ["x"] }, { "d": "a", "n": 2, "tags": [] }, { "d": null, "n": 3, "tags": null },
        { "d": "z", "n": 4, "tags": ["y"] }, { "d": "a", "n": 5, "tags": null },
    ])
}

fn run(config: Value) -> Outcome {
    testing::global::<Join>(config, [pages(), domains()]).unwrap()
}

#[test]
fn inner_repeats_rows_and_left_keeps_those_without_a_match() {
    let inner = run(json!({ "on": ["d"] }));
    let row = |id, d, n, tags| json!({ "id": id, "d": d, "n": n, "tags": tags });
    let (one, four) = (
        [row(1, "a", 2, json!([])), row(1, "a", 5, json!(null))],
        [row(4, "a", 2, json!([])), row(4, "a", 5, json!(null))],
    );
    let five = [row(5, "c", 1, json!(["x"]))];
    assert_eq!(inner.rows, [one.as_slice(), &four, &five].concat());
    assert_eq!(inner.removed, [dropped(1, "no match"), dropped(2, "no match")]);
    let left = run(json!({ "on": ["d"], "how": "left" }));
    let none = |id, d: Value| [json!({ "id": id, "d": d, "n": null, "tags": null })];
    assert_eq!(left.rows, [one.as_slice(), &none(2, json!("b")), &none(3, json!(null)), &four, &five].concat());
    assert_eq!(left.removed, []);
}

#[test]
fn semi_and_anti_keep_rows_as_they_are() {
    let ids = |outcome: &Outcome| outcome.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>();
    let semi = run(json!({ "on": ["d"], "how": "semi" }));
    assert_eq!(ids(&semi), [1, 4, 5]);
    assert_eq!(semi.rows[0], json!({ "id": 1, "d": "a" }));
    assert_eq!(semi.removed, [dropped(1, "no match"), dropped(2, "no match")]);
    let anti = run(json!({ "on": ["d"], "how": "anti" }));
    assert_eq!(ids(&anti), [2, 3]);
    assert_eq!(anti.removed, [0, 3, 4].map(|row| dropped(row, "a match")));
    assert_eq!(ids(&run(json!({ "on": ["d"], "how": "anti", "nulls_equal": true }))), [2]);
    assert_eq!(ids(&run(json!({ "on": ["d"], "nulls_equal": true, "columns": [] }))), [1, 1, 3, 4, 4, 5]);
}

#[test]
fn keys_and_columns_may_be_named_otherwise() {
    let left = json!([{ "id": 1, "n": 7, "m": 1 }]);
    let right = json!([{ "of": 1, "n": 8, "id": 9, "m": 2 }]);
    let rows = |config| testing::global::<Join>(config, [left.clone(), right.clone()]).unwrap().rows;
    let out = rows(json!({ "on": ["id"], "right_on": ["of"] }));
    assert_eq!(out, [json!({ "id": 1, "n": 7, "m": 1, "n_right": 8, "id_right": 9, "m_right": 2 })]);
    let out = rows(json!({ "on": ["id"], "right_on": ["of"], "columns": ["m", "of"], "prefix": "r_", "suffix": "" }));
    assert_eq!(out, [json!({ "id": 1, "n": 7, "m": 1, "r_m": 2, "of": 1 })]);
    let rows = testing::global::<Join>(
        json!({ "on": ["a", "b"] }),
        [json!([{ "a": 1, "b": "x" }, { "a": 1, "b": "y" }]), json!([{ "b": "y", "a": 1, "c": true }])],
    );
    assert_eq!(rows.unwrap().rows, [json!({ "a": 1, "b": "y", "c": true })]);
}

#[test]
fn a_side_may_be_empty() {
    let none = || Table::new(vec![Field::utf8("d"), Field::int64("n"), Field::list("tags", Layout::Utf8)], json!([]));
    let how = |how| testing::global::<Join>(json!({ "on": ["d"], "how": how }), [pages().into(), none()]).unwrap().rows;
    assert_eq!((how("inner").len(), how("left").len(), how("semi").len(), how("anti").len()), (0, 5, 0, 5));
    assert_eq!(how("left")[0], json!({ "id": 1, "d": "a", "n": null, "tags": null }));
    let left = Table::new(vec![Field::utf8("d")], json!([]));
    assert_eq!(testing::global::<Join>(json!({ "on": ["d"] }), [left, domains().into()]).unwrap().rows.len(), 0);
}

#[test]
fn many_matches_of_large_values_go_out_in_pieces() {
    let left: Value = (0..300).map(|id| json!({ "id": id, "k": 1 })).collect();
    let right: Value =
        (0..40).map(|n| json!({ "k": 1, "n": n, "t": "x".repeat(if n == 7 { 100_000 } else { 3 }) })).collect();
    let out = testing::global::<Join>(json!({ "on": ["k"] }), [left, right]).unwrap().rows;
    assert_eq!(out.len(), 12_000);
    assert!(out.iter().zip(0..).all(|(row, at)| row["id"] == at / 40 && row["n"] == at % 40));
}

#[test]
fn mistakes_have_their_places() {
    let wrong = |config: Value| {
        let error = testing::global::<Join>(config, [pages(), domains()]).unwrap_err();
        (error.at.unwrap_or_default(), error.message)
    };
    assert_eq!(wrong(json!({ "on": [] })).0, "/on");
    assert_eq!(wrong(json!({ "on": ["z"] })).0, "/on/0");
    assert_eq!(wrong(json!({ "on": ["id"] })).0, "/on/0");
    assert!(wrong(json!({ "on": ["id"] })).1.starts_with("in the second input: there is no column `id`"));
    assert_eq!(wrong(json!({ "on": ["d"], "right_on": ["d", "n"] })).0, "/right_on");
    let (at, message) = wrong(json!({ "on": ["d"], "right_on": ["n"] }));
    assert_eq!(at, "/right_on/0");
    assert_eq!(message, "column `d` is utf8, and `n` of the second input int64; the types must be the same");
    assert_eq!(wrong(json!({ "on": ["d"], "columns": ["n", "n"] })).0, "/columns/1");
    assert_eq!(wrong(json!({ "on": ["d"], "how": "semi", "columns": ["n"] })).0, "/columns");
    let (at, message) = wrong(json!({ "on": ["d"], "columns": ["d"], "suffix": "" }));
    assert_eq!(at, "/suffix");
    assert!(message.starts_with("the second input's column `d` has the name of another"), "{message}");
    let error = testing::global::<Join>(json!({ "on": ["d"] }), [pages()]).unwrap_err();
    assert!(error.message.starts_with("this step takes 2 inputs, and is given 1"), "{}", error.message);
}
