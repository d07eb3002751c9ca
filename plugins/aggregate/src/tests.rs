//! The step as a whole.

use callboard_sdk::testing::{self, Table};
use serde_json::{Value, json};

use super::*;

fn run(config: Value, rows: impl Into<Table>) -> Vec<Value> {
    let outcome = testing::global::<Aggregate>(config, [rows.into()]).unwrap();
    assert!(outcome.removed.iter().all(|removed| removed.reason == MERGED), "{:?}", outcome.removed);
    outcome.rows
}

fn rows() -> Value {
    json!([
        { "id": 1, "lang": "en", "n": 10, "x": 0.5, "ok": true, "t": "b" },
        { "id": 2, "lang": null, "n": 7, "x": null, "ok": false, "t": null },
        { "id": 3, "lang": "en", "n": null, "x": 1.5, "ok": null, "t": "a" },
        { "id": 4, "lang": null, "n": -9, "x": null, "ok": true, "t": "z" },
        { "id": 5, "lang": "de", "n": null, "x": null, "ok": null, "t": null },
    ])
}

#[test]
fn every_figure_of_each_group() {
    let figures = json!({
        "rows": "count", "values": { "count": "n" }, "sum": { "sum": "n" }, "sums": { "sum": "x" }, "yes": { "sum": "ok" },
        "mean": { "mean": "n" }, "share": { "mean": "ok" }, "min": { "min": "n" }, "max": { "max": "t" },
        "least": { "min": "t" }, "first": { "first": "t" }, "ids": { "list": "id" }, "texts": { "list": "t" }
    });
    let out = run(json!({ "by": ["lang"], "figures": figures }), rows());
    assert_eq!(
        out,
        [
            json!({ "lang": "en", "rows": 2, "values": 1, "sum": 10, "sums": 2.0, "yes": 1, "mean": 10.0, "share": 1.0,
                "min": 10, "max": "b", "least": "a", "first": "b", "ids": [1, 3], "texts": ["b", "a"] }),
            json!({ "lang": null, "rows": 2, "values": 2, "sum": -2, "sums": null, "yes": 1, "mean": -1.0, "share": 0.5,
                "min": -9, "max": "z", "least": "z", "first": null, "ids": [2, 4], "texts": [null, "z"] }),
            json!({ "lang": "de", "rows": 1, "values": 0, "sum": null, "sums": null, "yes": null, "mean": null,
                "share": null, "min": null, "max": null, "least": null, "first": null, "ids": [5], "texts": [null] }),
        ]
    );
    let names: Vec<&String> = out[0].as_object().unwrap().keys().collect();
    assert_eq!(names[..3], ["lang", "rows", "values"], "figures are written in the order of the configuration");
}

/// Rows of a key as one row of lists.
#[test]
fn columns_are_gathered_into_lists() {
    let rows =
        || json!([{ "q": "x", "a": 1, "m": "p" }, { "q": "y", "a": 2, "m": "q" }, { "q": "x", "a": 3, "m": null }]);
    let all = [json!({ "q": "x", "a": [1, 3], "m": ["p", null] }), json!({ "q": "y", "a": [2], "m": ["q"] })];
    assert_eq!(run(json!({ "by": ["q"], "lists": true }), rows()), all);
    assert_eq!(run(json!({ "by": ["q"], "lists": ["a", "m"] }), rows()), all);
    let some = run(json!({ "by": ["q"], "figures": { "n": "count" }, "lists": ["m"] }), rows());
    assert_eq!(some[0], json!({ "q": "x", "n": 2, "m": ["p", null] }));
    assert_eq!(
        run(json!({ "lists": true, "figures": { "a": { "sum": "a" } } }), rows()),
        [json!({ "a": 6, "q": ["x", "y", "x"], "m": ["p", "q", null] })]
    );
    for (config, at, what) in [
        (json!({ "by": ["q"], "lists": ["nope"] }), "/lists/0", "nope"),
        (json!({ "by": ["q"], "lists": ["a", "q"] }), "/lists/1", "`q` is a column of `by`"),
        (json!({ "by": ["q"], "lists": ["a", "a"] }), "/lists/1", "`a` is there already"),
        (json!({ "lists": [] }), "/figures", "at least 1 figure"),
    ] {
        let error = testing::global::<Aggregate>(config.clone(), [rows()]).unwrap_err();
        assert_eq!(error.at.as_deref(), Some(at), "{config}: {error}");
        assert!(error.message.contains(what), "{config}: {error}");
    }
}

#[test]
fn figures_beside_each_row() {
    let config = json!({ "by": ["lang"], "beside": true, "figures": { "n": { "max": "n" }, "ids": { "list": "id" } } });
    let out = run(config, rows());
    let of = |name: &str| out.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), [1, 2, 3, 4, 5]);
    assert_eq!(of("n"), [json!(10), json!(7), json!(10), json!(7), json!(null)]);
    assert_eq!(of("ids"), [json!([1, 3]), json!([2, 4]), json!([1, 3]), json!([2, 4]), json!([5])]);
    assert_eq!(out[0]["t"], "b");
}

#[test]
fn all_rows_are_one_group_and_distinct_keys_need_no_figure() {
    assert_eq!(
        run(json!({ "figures": { "n": "count", "id": { "max": "id" } } }), rows()),
        [json!({ "n": 5, "id": 5 })]
    );
    let none = Table::new(vec![Field::int64("id")], json!([]));
    assert_eq!(run(json!({ "figures": { "n": "count" } }), none), [] as [Value; 0]);
    let keys = run(json!({ "by": ["lang"] }), rows());
    assert_eq!(keys, [json!({ "lang": "en" }), json!({ "lang": null }), json!({ "lang": "de" })]);
    let beside = run(json!({ "figures": { "n": "count" }, "beside": true }), rows());
    assert_eq!(beside.iter().map(|row| row["n"].clone()).collect::<Vec<_>>(), [5, 5, 5, 5, 5]);
}

#[test]
fn groups_are_many_and_large() {
    let rows: Value = (0..20_000).map(|id| json!({ "id": id, "k": id % 9_000, "t": "x".repeat(id % 700) })).collect();
    let config = json!({ "by": ["k"], "figures": { "n": "count", "id": { "max": "id" }, "t": { "list": "t" } } });
    // The native kit makes a call for each group, too many here: this is the call with all of them.
    let out = run(config, rows);
    assert_eq!(out.len(), 9_000);
    assert!(out.iter().zip(0u64..).all(|(row, k)| row["k"] == k && row["n"] == if k < 2_000 { 3 } else { 2 }));
    assert_eq!((&out[1_999]["id"], &out[2_000]["id"]), (&json!(19_999), &json!(11_000)));
}

#[test]
fn sums_do_not_wrap() {
    let of = |layout: Layout, values: &[Value]| {
        let rows = values.iter().map(|value| json!({ "k": 1, "n": value })).collect();
        let rows = Table::new(vec![Field::int64("k"), Field::new("n", layout)], rows);
        testing::global::<Aggregate>(json!({ "by": ["k"], "figures": { "s": { "sum": "n" } } }), [rows])
    };
    let sum = |layout, values: &[Value]| of(layout, values).unwrap().rows[0]["s"].clone();
    assert_eq!(sum(Layout::Int8, &[json!(127), json!(127)]), 254);
    assert_eq!(sum(Layout::UInt64, &[json!(u64::MAX), json!(0)]), u64::MAX);
    assert_eq!(sum(Layout::Int64, &[json!(i64::MAX), json!(1), json!(-2)]), i64::MAX - 1);
    let error = of(Layout::Int64, &[json!(i64::MAX), json!(1)]).unwrap_err();
    assert_eq!(
        error.message,
        "column `n`: the sum of a group is more than `s`, int64, can hold; row 0 of the input, counted from 0, is of that group"
    );
    assert!(of(Layout::UInt64, &[json!(u64::MAX), json!(1)]).is_err());
}

#[test]
fn decimals_dates_and_durations() {
    let ty = |layout, logical: &str| Type { logical: Some(logical.into()), ..Type::new(layout) };
    let figure = |ty: Type, values: ArrayBuf, of: fn(String) -> config::Function| {
        let schema = Schema::new(vec![Field::new("v", ty.clone())]);
        let wanted = Wanted::resolve("f", &config::Of::Column(of("v".into())), &schema).unwrap();
        let batch = Batch::of([("v", values.with_logical(ty.logical))]);
        let mut figure = Figure::new(&wanted);
        let rows = batch.rows();
        figure.add(&wanted.array(&batch).unwrap(), 0..1).unwrap();
        figure.add(&wanted.array(&batch).unwrap(), 1..rows).unwrap();
        figure.end(|| 0).unwrap();
        let column = figure.finish();
        assert!(column.ty().layout == wanted.field().ty.layout && column.ty().logical == wanted.field().ty.logical);
        (wanted.field().ty.to_string(), Batch::of([("f", column)]))
    };
    let bytes = |(_, batch): &(String, Batch)| batch.array("f").unwrap().view::<[u8]>().unwrap().value(0).to_vec();
    use config::Function::{Max, Mean, Min, Sum};
    for (width, logical) in [(4, "d:9,2,32"), (8, "d:18,2,64"), (16, "d:38,2")] {
        let numbers = [5i128, -700, 1 << 30, -1];
        let values = || {
            let numbers = numbers.map(|n| n.to_le_bytes());
            ArrayBuf::fixed(width, numbers.iter().map(|bytes| Some(&bytes[..width as usize])))
        };
        let ty = || ty(Layout::Fixed(width), logical);
        let sum = figure(ty(), values(), Sum);
        assert_eq!((sum.0.as_str(), bytes(&sum)), ("decimal(38, 2)", ((1i128 << 30) - 696).to_le_bytes().to_vec()));
        assert_eq!(bytes(&figure(ty(), values(), Min)), (-700i128).to_le_bytes()[..width as usize]);
        assert_eq!(bytes(&figure(ty(), values(), Max)), (1i128 << 30).to_le_bytes()[..width as usize]);
        let mean = figure(ty(), values(), Mean);
        assert_eq!(mean.1.array("f").unwrap().view::<f64>().unwrap().value(0), ((1i64 << 30) - 696) as f64 / 400.0);
    }
    let days = || [20_000, -3, 7].into_iter().collect::<ArrayBuf>();
    let least = figure(ty(Layout::Int32, "tdD"), days(), Min);
    assert_eq!((least.0.as_str(), least.1.array("f").unwrap().view::<i32>().unwrap().value(0)), ("date", -3));
    let seconds = || [20i64, -3, 7].into_iter().collect::<ArrayBuf>();
    let took = figure(ty(Layout::Int64, "tDs"), seconds(), Sum);
    assert_eq!((took.0.as_str(), took.1.array("f").unwrap().view::<i64>().unwrap().value(0)), ("duration[s]", 24));
    let schema = Schema::new(vec![Field::new("v", ty(Layout::Int32, "tdD"))]);
    assert!(Wanted::resolve("f", &config::Of::Column(Sum("v".into())), &schema).is_err(), "a sum of dates");
}

#[test]
fn nan_is_the_largest_and_zeros_are_equal() {
    let numbers = [1.0, f64::NAN, -0.0, 0.0, f64::INFINITY];
    let batch = Batch::of([("x", numbers.into_iter().collect::<ArrayBuf>())]);
    let values = batch.array("x").unwrap().values().unwrap();
    let extreme = |rows, largest| match order::extreme(&values, rows, false, largest) {
        Some(callboard_sdk::rows::Value::Float64(value)) => value,
        other => panic!("{other:?}"),
    };
    assert!(extreme(0..5, true).is_nan());
    assert!(extreme(1..2, false).is_nan());
    assert_eq!(extreme(4..5, true), f64::INFINITY);
    assert!(extreme(0..5, false) == 0.0 && extreme(0..5, false).is_sign_negative(), "the first of equal values");
}

#[test]
fn mistakes_have_their_places() {
    let wrong = |config: Value| {
        let error = testing::global::<Aggregate>(config, [json!([{ "a": 1, "t": "x", "l": [1] }])]).unwrap_err();
        (error.at.unwrap_or_default(), error.message)
    };
    assert_eq!(wrong(json!({ "by": ["z"] })).0, "/by/0");
    assert_eq!(wrong(json!({})).1, "at least 1 figure is needed where `by` has no columns");
    assert_eq!(wrong(json!({ "by": ["a"], "figures": { "a": "count" } })).0, "/figures/a");
    let (at, message) = wrong(json!({ "by": ["a"], "figures": { "n": "sum" } }));
    assert_eq!(at, "/figures/n");
    assert!(message.contains("expected `count` or `{ FUNCTION = \"COLUMN\" }`"), "{message}");
    let (at, message) = wrong(json!({ "by": ["a"], "figures": { "n": { "median": "a" } } }));
    assert!(at.starts_with("/figures/n"), "{at}");
    assert!(message.starts_with("unknown variant `median`, expected one of `count`, `sum`"), "{message}");
    let (at, message) = wrong(json!({ "by": ["a"], "figures": { "n": { "sum": "t" } } }));
    assert_eq!(at, "/figures/n/sum");
    assert!(message.starts_with("column `t` is utf8, and `sum` takes integers"), "{message}");
    assert_eq!(wrong(json!({ "by": ["a"], "figures": { "n": { "max": "l" } } })).0, "/figures/n/max");
    assert_eq!(wrong(json!({ "by": ["a"], "figures": { "n": { "max": "z" } } })).0, "/figures/n/max");
}
