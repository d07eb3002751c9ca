//! The step as the host sees it.

use callboard_sdk::testing;
use serde_json::{Value, json};

use super::*;

fn parts(config: Value, rows: Value) -> Vec<String> {
    let outcome = testing::transform::<Split>(config, rows).unwrap();
    assert_eq!(outcome.removed, []);
    outcome.rows.iter().map(|row| row["split"].as_str().unwrap().to_owned()).collect()
}

fn ids(ids: impl IntoIterator<Item = usize>) -> Value {
    ids.into_iter().map(|id| json!({ "id": id, "name": format!("row {id}") })).collect()
}

#[test]
fn parts_have_their_shares() {
    let found = parts(json!({ "by": "id" }), ids(0..10_000));
    let count = |name: &str| found.iter().filter(|part| *part == name).count();
    // 8,000 and 1,000 are expected, with standard deviations of 40 and 30.
    assert!(count("train").abs_diff(8_000) < 200, "{}", count("train"));
    assert!(count("test").abs_diff(1_000) < 150, "{}", count("test"));
    assert_eq!(count("train") + count("validation") + count("test"), 10_000);
    let all = parts(json!({ "by": ["id"], "parts": { "all": 1.0 } }), ids(0..100));
    assert!(all.iter().all(|part| part == "all"));
}

#[test]
fn a_row_stays_in_its_part_as_data_grow() {
    let config = || json!({ "by": ["id", "name"], "seed": 7 });
    let few = parts(config(), ids(0..200));
    let more = parts(config(), ids((0..400).rev()));
    let reversed: Vec<String> = more.into_iter().rev().take(200).collect();
    assert_eq!(few, reversed);
    assert_ne!(few, parts(json!({ "by": ["id", "name"], "seed": 8 }), ids(0..200)));
    // For ever: what was divided once is divided in the same way by later versions.
    let found = parts(json!({ "by": "id" }), ids(0..8));
    assert_eq!(found, EXPECTED);
}

/// A column of integers that becomes one of floats, since a later file has a fraction, moves no row.
#[test]
fn integers_are_known_by_their_value() {
    let floats: Value = (0..50).map(|id| json!({ "id": id as f64 })).chain([json!({ "id": 0.5 })]).collect();
    let integers: Value = (0..50).map(|id| json!({ "id": id })).collect();
    let config = || json!({ "by": "id" });
    assert_eq!(parts(config(), integers)[..], parts(config(), floats)[..50]);
}

#[test]
fn rows_of_one_key_are_in_one_part_and_nulls_are_a_key() {
    let rows = json!([{ "k": "a" }, { "k": null }, { "k": "a" }, { "k": null }]);
    let found = parts(json!({ "by": "k" }), rows);
    assert_eq!((&found[0], &found[1]), (&found[2], &found[3]));
}

#[test]
fn says_what_is_wrong_with_its_configuration() {
    for (config, at, what) in [
        (json!({}), "", "by"),
        (json!({ "by": [] }), "/by", "`by` is empty"),
        (json!({ "by": ["id", "nope"] }), "/by/1", "nope"),
        (json!({ "by": "id", "as": "" }), "/as", "no name"),
        (json!({ "by": "id", "parts": {} }), "/parts", "the shares make 0 together, and 1 is expected"),
        (json!({ "by": "id", "parts": { "a": 0.5, "b": 0.4 } }), "/parts", "the shares make 0.9 together"),
        (json!({ "by": "id", "parts": { "a": 0.0, "b": 1.0 } }), "/parts/a", "the share 0 is not above 0"),
        (json!({ "by": "id", "parts": { "a": -0.5, "b": 1.5 } }), "/parts/a", "the share -0.5"),
    ] {
        let error = testing::transform::<Split>(config.clone(), ids(0..1)).unwrap_err();
        assert_eq!(error.at.as_deref().unwrap_or_default(), at, "{config}: {error}");
        assert!(error.message.contains(what), "{config}: {error}");
    }
}

const EXPECTED: [&str; 8] = ["validation", "test", "train", "train", "train", "validation", "train", "test"];
