//! A model of four words and two labels, as fastText writes one, and what is no model.

use callboard_sdk::testing;
use serde_json::{Value, json};

use super::*;

/// Words at two ends of a line, labels `__label__good` and `__label__bad`.
fn model() -> Vec<u8> {
    let mut bytes = vec![];
    let ints = |bytes: &mut Vec<u8>, of: &[i32]| of.iter().for_each(|int| bytes.extend(int.to_le_bytes()));
    // magic and version; dim, ws, epoch, min count, neg, word n-grams, loss (softmax), kind (supervised), buckets, minn, maxn, rate
    ints(&mut bytes, &[793_712_314, 12, 1, 5, 5, 1, 5, 1, 3, 3, 1, 0, 0, 100]);
    bytes.extend(1e-4f64.to_le_bytes());
    let words = [("</s>", 0u8), ("kind", 0), ("nice", 0), ("rude", 0), ("__label__good", 1), ("__label__bad", 1)];
    ints(&mut bytes, &[6, 4, 2]);
    bytes.extend(10i64.to_le_bytes());
    bytes.extend((-1i64).to_le_bytes());
    for (word, kind) in words {
        bytes.extend(word.as_bytes());
        bytes.push(0);
        bytes.extend(1i64.to_le_bytes());
        bytes.push(kind);
    }
    for rows in [&[0.0f32, 2.0, 3.0, -4.0, 0.0][..], &[1.0, -1.0]] {
        bytes.push(0);
        bytes.extend((rows.len() as i64).to_le_bytes());
        bytes.extend(1i64.to_le_bytes());
        rows.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    bytes
}

fn labels(bytes: &[u8], more: Value, texts: Value) -> Result<Vec<Value>> {
    let file = std::env::temp_dir().join(format!(
        "callboard-fasttext-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&file, bytes).unwrap();
    let mut config = json!({ "model": file });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let rows: Value = texts.as_array().unwrap().iter().map(|text| json!({ "text": text })).collect();
    let outcome = testing::transform::<Labels>(config, rows);
    std::fs::remove_file(file).unwrap();
    Ok(outcome?.rows)
}

#[test]
fn the_model_beside_the_example_is_this_one() {
    assert_eq!(model(), include_bytes!("../tiny/tone.bin"));
}

#[test]
fn the_likeliest_label_and_its_score() {
    let rows = labels(&model(), json!({}), json!(["a nice,\nkind nice word", "rude", null])).unwrap();
    assert_eq!(
        (&rows[0]["label"], &rows[1]["label"], &rows[2]["label"]),
        (&json!("good"), &json!("bad"), &Value::Null)
    );
    // The mean of `kind`, `nice` and the end of the line is (2 + 3 + 0) / 3: softmax of that and its opposite.
    let expected = 1.0 / (1.0 + (-2.0f64 * 5.0 / 3.0).exp());
    assert!((rows[0]["label_score"].as_f64().unwrap() - expected).abs() < 1e-4, "{rows:?}");
    assert_eq!(rows[2]["label_score"], Value::Null);
}

#[test]
fn several_labels_above_a_threshold() {
    let rows = labels(&model(), json!({"labels": 2, "as": "tone"}), json!(["kind"])).unwrap();
    assert_eq!(rows[0]["tone"], json!(["good", "bad"]));
    let rows = labels(&model(), json!({"labels": 2, "as": "tone", "threshold": 0.5}), json!(["kind"])).unwrap();
    assert_eq!((&rows[0]["tone"], rows[0]["tone_score"].as_array().unwrap().len()), (&json!(["good"]), 1));
}

#[test]
fn what_is_no_model_is_refused_with_its_place() {
    let cut = &model()[..200];
    for (bytes, why) in [(&b"PK\x03\x04nothing"[..], "magic"), (cut, "")] {
        let error = labels(bytes, json!({}), json!(["kind"])).unwrap_err();
        assert_eq!(error.at.as_deref(), Some("/model"));
        assert!(error.message.contains("not a model of fastText") && error.message.contains(why), "{error}");
    }
    let error = labels(&model(), json!({"labels": 0}), json!(["kind"])).unwrap_err();
    assert_eq!(error.at.as_deref(), Some("/labels"));
}
