//! Rows that are made: the shares that were asked for, the same for the same seed, and what is wrong in a configuration.

use callboard_sdk::testing;
use serde_json::{Value, json};

use super::*;

fn rows(rows: u64, seed: u64, columns: Value) -> Vec<Value> {
    testing::source::<SamplerStep>(json!({"rows": rows, "seed": seed, "columns": columns})).unwrap()
}

fn share(rows: &[Value], is: impl Fn(&Value) -> bool) -> f64 {
    rows.iter().filter(|row| is(row)).count() as f64 / rows.len() as f64
}

#[test]
fn categories_come_as_often_as_their_weights_say() {
    let columns = json!({
        "topic": {"category": {"values": ["law", "art"], "weights": [3, 1]}},
        "part": {"subcategory": {"of": "topic", "choices": {
            "law": {"values": ["tax", "crime"], "weights": [1, 4]},
            "art": {"values": ["film"]},
        }}},
        "grade": {"category": {"values": [1, 2, 3]}},
    });
    let made = rows(10_000, 1, columns.clone());
    assert!((share(&made, |row| row["topic"] == "law") - 0.75).abs() < 0.02);
    assert!((share(&made, |row| row["part"] == "crime") - 0.6).abs() < 0.02);
    assert!((share(&made, |row| row["grade"] == 2) - 0.333).abs() < 0.02);
    let goes_together = |row: &Value| (row["topic"] == "art") == (row["part"] == "film");
    assert!(made.iter().all(goes_together));
    assert_eq!(made[..50], rows(50, 1, columns.clone()), "fewer rows are the first of many");
    assert_ne!(made[..50], rows(50, 2, columns));
}

#[test]
fn numbers_dates_and_ids_are_within_what_was_asked_for() {
    let columns = json!({
        "die": {"integer": {"from": 1, "to": 6}},
        "any": {"integer": {"from": i64::MIN, "to": i64::MAX}},
        "share": {"uniform": {"from": -1.0, "to": 1.0, "decimals": 1}},
        "height": {"normal": {"mean": 170.0, "deviation": 10.0, "max": 200.0}},
        "day": {"date": {"from": "2024-02-28", "to": "2024-03-01"}},
        "id": {"uuid": {}},
    });
    let made = rows(10_000, 7, columns);
    let all = |name: &str| made.iter().map(|row| row[name].as_f64().unwrap()).collect::<Vec<f64>>();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!((1..=6).all(|side| (share(&made, |row| row["die"] == side) - 1.0 / 6.0).abs() < 0.02));
    assert!((share(&made, |row| row["any"].as_i64().unwrap() < 0) - 0.5).abs() < 0.02);
    let shares = all("share");
    assert!(
        shares.iter().all(|share| (-1.0..=1.0).contains(share) && (share * 10.0 - (share * 10.0).round()).abs() < 1e-9)
    );
    assert!(mean(&shares).abs() < 0.02);
    let heights = all("height");
    let mean_height = mean(&heights);
    let deviation = mean(&heights.iter().map(|height| (height - mean_height).powi(2)).collect::<Vec<_>>()).sqrt();
    assert!((mean_height - 170.0).abs() < 0.5 && (deviation - 10.0).abs() < 0.3, "{mean_height} {deviation}");
    assert!(heights.iter().all(|height| *height <= 200.0));
    // 19,781 is 28 February 2024, a leap year.
    assert!((19_781..=19_783).all(|day| (share(&made, |row| row["day"] == day) - 1.0 / 3.0).abs() < 0.02));
    let mut ids: Vec<&str> = made.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| id.len() == 36 && &id[14..15] == "4" && "89ab".contains(&id[19..20])));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10_000);
}

#[test]
fn a_seed_gives_the_same_rows_for_ever() {
    let columns = json!({"n": {"integer": {"from": 0, "to": 999}}, "x": {"normal": {"mean": 0.0, "deviation": 1.0, "decimals": 3}}});
    let made = rows(3, 42, columns);
    assert_eq!(made, GOLDEN.map(|(n, x)| json!({"n": n, "x": x})));
}

const GOLDEN: [(i64, f64); 3] = [(858, -0.856), (970, 0.271), (369, -1.081)];

#[test]
fn seed_rows_are_taken_in_turn_or_by_chance() {
    let folder = std::env::temp_dir().join(format!("callboard-sampler-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("seeds.jsonl");
    std::fs::write(&path, "{\"q\":\"a\",\"n\":1}\n\n{\"q\":\"b\",\"n\":[2]}\n{\"n\":null}").unwrap();
    let of = |rows: u64, more: Value| {
        let mut seeds = json!({"path": path, "columns": ["q", "n"]});
        seeds.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        testing::source::<SamplerStep>(json!({"rows": rows, "seed_rows": seeds}))
    };
    let made = of(4, json!({})).unwrap();
    let expected = [
        json!({"q": "a", "n": "1"}),
        json!({"q": "b", "n": "[2]"}),
        json!({"q": null, "n": null}),
        json!({"q": "a", "n": "1"}),
    ];
    assert_eq!(made, expected);
    let made = of(9000, json!({"order": "random"})).unwrap();
    assert!((share(&made, |row| row["q"] == "b") - 1.0 / 3.0).abs() < 0.02);
    let error = of(1, json!({"columns": ["q", "z"]})).unwrap_err();
    assert_eq!(error.at.as_deref(), Some("/seed_rows/columns/1"));
    std::fs::write(&path, "{\"q\":1}\nno").unwrap();
    let error = of(1, json!({})).unwrap_err();
    assert!(error.message.contains("seeds.jsonl:2: a seed row is an object"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_wrong_configuration_names_the_place() {
    let two = json!({"a": {"category": {"values": ["x", "y"]}}, "b": {"subcategory": {"of": "a", "choices": {"x": {"values": [1]}}}}});
    let round = json!({
        "a": {"subcategory": {"of": "b", "choices": {"x": {"values": ["x"]}}}},
        "b": {"subcategory": {"of": "a", "choices": {"x": {"values": ["x"]}}}},
    });
    let cases = [
        (json!({}), "/columns", "no columns"),
        (json!({"a": {"category": {"values": []}}}), "/columns/a/category/values", "no values"),
        (
            json!({"a": {"category": {"values": [1], "weights": [1, 2]}}}),
            "/columns/a/category/weights",
            "2 weights for 1 values",
        ),
        (
            json!({"a": {"category": {"values": [1], "weights": [0]}}}),
            "/columns/a/category/weights",
            "not all of them 0",
        ),
        (json!({"a": {"category": {"values": [1, "x"]}}}), "/columns/a/category/values", "values are all text"),
        (json!({"a": {"integer": {"from": 2, "to": 1}}}), "/columns/a/integer/from", "is not above"),
        (json!({"a": {"date": {"from": "2023-02-29", "to": "2024-01-01"}}}), "/columns/a/date/from", "2023-02-29"),
        (json!({"a": {"normal": {"mean": 0, "deviation": -1}}}), "/columns/a/normal/deviation", "0 or more"),
        (json!({"b": {"subcategory": {"of": "a", "choices": {}}}}), "/columns/b/subcategory/of", "`a` is no column"),
        (two, "/columns/b/subcategory/choices", "may be \"y\""),
        (round, "/columns/a/subcategory/of", "depends on itself"),
    ];
    for (columns, at, message) in cases {
        let error = testing::source::<SamplerStep>(json!({"rows": 1, "columns": columns})).map(|_| ()).expect_err(at);
        assert_eq!(error.at.as_deref(), Some(at), "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}
