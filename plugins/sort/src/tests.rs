//! The step as a whole.

use callboard_sdk::testing::{self, Table, dropped};
use serde_json::{Value, json};

use super::*;

fn sorted(config: Value, rows: impl Into<Table>) -> Vec<Value> {
    let outcome = testing::global::<Sort>(config, [rows.into()]).unwrap();
    assert_eq!(outcome.removed, []);
    outcome.rows
}

/// The ids of the rows in order.
fn ids(config: Value, rows: impl Into<Table>) -> Vec<Value> {
    sorted(config, rows).into_iter().map(|mut row| row["id"].take()).collect()
}

fn column(values: Value) -> Value {
    let row = |(id, value): (usize, &Value)| json!({ "id": id, "v": value });
    values.as_array().unwrap().iter().enumerate().map(row).collect()
}

#[test]
fn by_one_column_of_each_type() {
    let by = |values| ids(json!({ "by": ["v"] }), column(values));
    assert_eq!(by(json!([3, -1, 0, 9007199254740993i64, -9007199254740993i64, 2])), [4, 1, 2, 5, 0, 3]);
    assert_eq!(by(json!([0.5, -1.5, -0.0, 1e300, 0.0, -1e300])), [5, 1, 2, 4, 0, 3]);
    assert_eq!(by(json!([true, false, true, false])), [1, 3, 0, 2]);
    // By code point: upper case before lower, the snowman before what UTF-16 writes as two.
    assert_eq!(by(json!(["b", "a", "B", "\u{1f600}", "\u{fb00}", "", "ab", "a\u{0}"])), [5, 2, 1, 7, 6, 0, 4, 3]);
    assert_eq!(by(json!([null, null])), [0, 1]);
}

#[test]
fn narrow_types_and_dates() {
    for ty in [Layout::Int8, Layout::Int16, Layout::Int32] {
        let rows = Table::new(
            vec![Field::int64("id"), Field::new("v", ty)],
            json!([{ "id": 0, "v": 5 }, { "id": 1, "v": -7 }, { "id": 2, "v": 100 }, { "id": 3, "v": -128 }]),
        );
        assert_eq!(ids(json!({ "by": ["v"] }), rows), [3, 1, 0, 2]);
    }
    for ty in [Layout::UInt8, Layout::UInt16, Layout::UInt32, Layout::UInt64, Layout::Float32] {
        let rows = Table::new(
            vec![Field::int64("id"), Field::new("v", ty)],
            json!([{ "id": 0, "v": 5 }, { "id": 1, "v": 200 }, { "id": 2, "v": 0 }]),
        );
        assert_eq!(ids(json!({ "by": [{ "column": "v", "descending": true }] }), rows), [1, 0, 2]);
    }
    let date = Type { logical: Some("tdD".into()), ..Type::new(Layout::Int32) };
    let fields = vec![Field::int64("id"), Field::new("v", date), Field::binary("b")];
    let rows = json!([{ "id": 0, "v": 20000, "b": "y" }, { "id": 1, "v": -1, "b": "x" }, { "id": 2, "v": 0, "b": "" }]);
    assert_eq!(ids(json!({ "by": ["v"] }), Table::new(fields.clone(), rows.clone())), [1, 2, 0]);
    assert_eq!(ids(json!({ "by": ["b"] }), Table::new(fields, rows)), [2, 1, 0]);
}

#[test]
fn nulls_stand_where_they_are_told_to() {
    let by = |descending: bool, nulls: &str| {
        let config = json!({ "by": [{ "column": "v", "descending": descending, "nulls": nulls }] });
        ids(config, column(json!([2, null, 1, null, 3])))
    };
    assert_eq!(by(false, "last"), [2, 0, 4, 1, 3]);
    assert_eq!(by(false, "first"), [1, 3, 2, 0, 4]);
    assert_eq!(by(true, "last"), [4, 0, 2, 1, 3]);
    assert_eq!(by(true, "first"), [1, 3, 4, 0, 2]);
    assert_eq!(ids(json!({ "by": ["v"] }), column(json!([2, null, 1]))), [2, 0, 1]);
}

#[test]
fn by_several_columns_and_stable() {
    let texts = ["x", "xy", "", "xyz and more than near"];
    let row = |id: usize| json!({ "id": id, "a": texts[id % 4], "b": id % 3, "c": "carried" });
    let rows: Value = (0..60).map(row).collect();
    let config = json!({ "by": ["a", { "column": "b", "descending": true }] });
    let out = sorted(config.clone(), rows);
    let key = |row: &Value| {
        let (a, b, id) =
            (row["a"].as_str().unwrap().to_owned(), row["b"].as_i64().unwrap(), row["id"].as_i64().unwrap());
        (a, -b, id)
    };
    assert!(out.is_sorted_by_key(key));
    assert_eq!(out.len(), 60);
    assert_eq!(out[0], json!({ "id": 2, "a": "", "b": 2, "c": "carried" }));
}

#[test]
fn the_first_few_go_on() {
    let rows = column(json!([3, null, 1, 2, 1]));
    let outcome = testing::global::<Sort>(json!({ "by": ["v"], "top": 2 }), [rows.clone()]).unwrap();
    assert_eq!(outcome.rows, [json!({ "id": 2, "v": 1 }), json!({ "id": 4, "v": 1 })]);
    assert_eq!(outcome.removed, [0, 1, 3].map(|row| dropped(row, "not among the first")));
    assert_eq!(ids(json!({ "by": ["v"], "top": 5 }), rows.clone()), [2, 4, 3, 0, 1]);
    assert_eq!(ids(json!({ "by": ["v"], "top": 5 }), json!([{ "id": 7, "v": 1 }])), [7]);
}

#[test]
fn each_group_is_sorted_by_itself() {
    let row = |(id, (domain, v)): (usize, (Option<&str>, i64))| json!({ "id": id, "domain": domain, "v": v });
    let rows = [(Some("b"), 1), (None, 5), (Some("a"), 2), (Some("b"), 3), (None, 9), (Some("b"), 2)];
    let rows: Value = rows.into_iter().enumerate().map(row).collect();
    let by = json!([{ "column": "v", "descending": true }]);
    let run = |config| testing::global::<Sort>(config, [rows.clone()]).unwrap();
    let of = |rows: &[Value]| rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(of(&run(json!({ "by": by, "per": ["domain"] })).rows), [3, 5, 0, 4, 1, 2]);
    let outcome = run(json!({ "by": by, "per": ["domain"], "top": 1 }));
    assert_eq!(of(&outcome.rows), [3, 4, 2]);
    assert_eq!(outcome.removed, [0, 1, 5].map(|row| dropped(row, "not among the first")));
}

#[test]
fn what_has_no_order_is_refused() {
    let logical = |layout, logical: &str| Type { logical: Some(logical.into()), ..Type::new(layout) };
    assert!(has_order(&Type::new(Layout::Fixed(16))) && has_order(&logical(Layout::Fixed(16), "d:19,10")));
    assert!(has_order(&logical(Layout::Int32, "tdD")) && has_order(&logical(Layout::Int32, "tiM")));
    assert!(!has_order(&logical(Layout::Fixed(16), "tin")) && !has_order(&logical(Layout::Fixed(8), "tiD")));
    assert!(!has_order(&Type::list(Layout::Utf8.into())) && !has_order(&Type::new(Layout::Struct(vec![]))));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let wrong = |config: Value| {
        let error = testing::global::<Sort>(config, [json!([{ "a": 1, "list": [1] }])]).unwrap_err();
        (error.at.unwrap(), error.message)
    };
    assert_eq!(wrong(json!({ "by": [] })), ("/by".into(), "at least 1 column is needed to sort by".into()));
    assert_eq!(wrong(json!({ "by": ["a", "b"] })).0, "/by/1");
    assert_eq!(wrong(json!({ "by": ["a"], "per": ["a", "z"] })).0, "/per/1");
    assert_eq!(wrong(json!({ "by": ["a"], "top": 0 })).0, "/top");
    assert_eq!(wrong(json!({ "by": [{ "column": "b" }] })).0, "/by/0/column");
    assert_eq!(wrong(json!({ "by": ["a", { "column": "a" }] })).1, "rows are sorted by `a` already");
    assert_eq!(wrong(json!({ "by": [{ "column": "a", "nulls": "middle" }] })).0, "/by/0/nulls");
    let (at, message) = wrong(json!({ "by": [{ "column": "a", "desc": true }] }));
    assert_eq!(at, "/by/0/desc");
    assert!(message.starts_with("unknown field `desc`, expected one of `column`, `descending`, `nulls`"), "{message}");
    let (at, message) = wrong(json!({ "by": [7] }));
    assert_eq!(at, "/by/0");
    assert!(message.contains("expected the name of a column, or `{ column, descending, nulls }`"), "{message}");
    let (at, message) = wrong(json!({ "by": ["list"] }));
    assert_eq!(
        (at.as_str(), message.as_str()),
        ("/by/0", "column `list` is list<int64>, and such values have no order")
    );
}
