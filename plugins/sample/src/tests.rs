//! The step as a whole.

use super::*;
use callboard_sdk::testing;
use serde_json::{Value, json};

fn rows() -> Value {
    let languages = [Some("en"), Some("de"), None];
    (0..90).map(|id| json!({ "id": id, "language": languages[id % 3] })).collect()
}

fn sample(config: Value) -> Vec<Value> {
    let outcome = testing::global::<Sample>(config, [rows()]).unwrap();
    assert_eq!(outcome.rows.len() + outcome.removed.len(), 90);
    assert!(outcome.rows.is_sorted_by_key(|row| row["id"].as_u64()));
    outcome.rows
}

#[test]
fn is_the_same_for_the_same_seed() {
    let first = sample(json!({ "rows": 9 }));
    assert_eq!(first.len(), 9);
    assert_eq!(first, sample(json!({ "rows": 9, "seed": 0 })));
    assert_ne!(first, sample(json!({ "rows": 9, "seed": 1 })));
    assert_eq!(sample(json!({ "fraction": 0.5 })).len(), 45);
    assert_eq!(sample(json!({ "rows": 100 })).len(), 90);
}

#[test]
fn takes_as_many_of_each_stratum() {
    for (config, each) in
        [(json!({ "rows": 4, "by": "language" }), 4), (json!({ "fraction": 0.1, "by": "language" }), 3)]
    {
        let rows = sample(config);
        for language in [json!("en"), json!("de"), json!(null)] {
            assert_eq!(rows.iter().filter(|row| row["language"] == language).count(), each);
        }
    }
}

#[test]
fn strata_may_be_of_several_columns() {
    let rows: Value =
        (0..80).map(|id| json!({ "id": id, "a": id % 2, "b": if id % 4 < 2 { "x" } else { "y" } })).collect();
    let outcome = testing::global::<Sample>(json!({ "rows": 3, "by": ["a", "b"] }), [rows]).unwrap();
    assert_eq!((outcome.rows.len(), outcome.removed.len()), (12, 68));
    for (a, b) in [(0, "x"), (0, "y"), (1, "x"), (1, "y")] {
        assert_eq!(outcome.rows.iter().filter(|row| row["a"] == a && row["b"] == b).count(), 3);
    }
}

#[test]
fn every_row_of_a_stratum_has_the_same_chance() {
    let rows: Value = (0..40).map(|id| json!({ "id": id, "k": id % 2 })).collect();
    let mut times = [0u32; 40];
    for seed in 0..2000 {
        let config = json!({ "rows": 5, "by": "k", "seed": seed });
        for row in testing::global::<Sample>(config, [rows.clone()]).unwrap().rows {
            times[row["id"].as_u64().unwrap() as usize] += 1;
        }
    }
    // 500 each are expected, with a standard deviation of 19.
    assert!(times.iter().all(|times| times.abs_diff(500) < 100), "{times:?}");
}

#[test]
fn weights_are_chances() {
    let rows: Value = (0..20).map(|id| json!({ "id": id, "w": ([0.0, 1.0, 2.0, 5.0])[id % 4] })).collect();
    let mut times = [0u32; 4];
    for seed in 0..2000 {
        let outcome =
            testing::global::<Sample>(json!({ "rows": 1, "weight": "w", "seed": seed }), [rows.clone()]).unwrap();
        assert_eq!((outcome.rows.len(), outcome.removed.len()), (1, 19));
        times[outcome.rows[0]["id"].as_u64().unwrap() as usize % 4] += 1;
    }
    // 0, 250, 500 and 1,250 of 2,000 are expected, with standard deviations of at most 22.
    assert_eq!(times[0], 0);
    assert!(times[1].abs_diff(250) < 80 && times[2].abs_diff(500) < 110 && times[3].abs_diff(1250) < 120, "{times:?}");
}

#[test]
fn weights_and_strata() {
    let rows: Value =
        (0..40).map(|id| json!({ "id": id, "k": id / 20, "w": if id % 20 < 15 { 0 } else { id } })).collect();
    let count = |config: Value| {
        let outcome = testing::global::<Sample>(config, [rows.clone()]).unwrap();
        assert_eq!(outcome.rows.len() + outcome.removed.len(), 40);
        assert!(outcome.rows.is_sorted_by_key(|row| row["id"].as_u64()));
        assert!(outcome.rows.iter().all(|row| row["w"] != 0), "rows of weight 0 are not chosen");
        let of = |k| outcome.rows.iter().filter(|row| row["k"] == k).count();
        (of(0), of(1))
    };
    assert_eq!(count(json!({ "rows": 3, "by": "k", "weight": "w" })), (3, 3));
    assert_eq!(count(json!({ "rows": 9, "by": "k", "weight": "w" })), (5, 5));
    assert_eq!(count(json!({ "fraction": 0.1, "by": "k", "weight": "w" })), (2, 2));
    assert_eq!(count(json!({ "fraction": 0.0, "by": "k", "weight": "w" })), (0, 0));
    let (a, b) = count(json!({ "rows": 4, "weight": "w" }));
    assert_eq!(a + b, 4);
}

#[test]
fn rows_without_a_usable_weight_are_rejected() {
    let rows = json!([{ "w": 1.5 }, { "w": null }, { "w": -1.0 }, { "w": 2.0 }]);
    let outcome = testing::global::<Sample>(json!({ "fraction": 1.0, "weight": "w" }), [rows]).unwrap();
    assert_eq!(outcome.rows, [json!({ "w": 1.5 }), json!({ "w": 2.0 })]);
    assert_eq!(outcome.removed, [testing::rejected(1, "no weight"), testing::rejected(2, "a negative weight")]);
    let error = testing::global::<Sample>(json!({ "rows": 1, "weight": "t" }), [json!([{ "t": "x" }])]).unwrap_err();
    assert_eq!(error.at.as_deref(), Some("/weight"));
    assert_eq!(error.message, "column `t` is utf8, and a weight is an integer or a float");
}

#[test]
fn wants_one_size() {
    let error = |config| testing::global::<Sample>(config, [rows()]).unwrap_err();
    assert_eq!(error(json!({})).message, "either `rows` or `fraction` is needed, and not both");
    assert_eq!(
        error(json!({ "rows": 1, "fraction": 0.1 })).message,
        "either `rows` or `fraction` is needed, and not both"
    );
    assert_eq!(error(json!({ "fraction": 1.5 })).at.as_deref(), Some("/fraction"));
    assert_eq!(error(json!({ "rows": 1, "by": "z" })).at.as_deref(), Some("/by"));
    assert_eq!(error(json!({ "rows": 1, "by": ["id", "z"] })).at.as_deref(), Some("/by/1"));
}
