//! `tiny/` is a model of ten tokens, whose vectors are those of its table: `model.onnx` gathers them by `input_ids`.

use callboard_sdk::testing::{self, Outcome};
use serde_json::{Value, json};

use super::tokens::Tokens;
use crate::Embed;

/// The same, its numbers quantised by the scale of all that are gathered at once.
const DYNAMIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tiny/dynamic.onnx");
const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tiny/model.onnx");
const TOKENIZER: &[u8] = include_bytes!("../../tiny/tokenizer.json");

fn embed(more: Value, texts: &[&str]) -> callboard_sdk::Result<Outcome> {
    let mut config = json!({ "weights": TINY, "dimensions": 2 });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let rows: Value = texts.iter().map(|text| json!({ "text": text })).collect();
    testing::transform::<Embed>(config, rows)
}

fn vectors(more: Value, texts: &[&str]) -> Vec<Value> {
    embed(more, texts).unwrap().rows.into_iter().map(|mut row| row["embedding"].take()).collect()
}

#[test]
fn texts_become_tokens_as_a_bert_has_them() {
    let tokens = |text: &str, most| Tokens::new(TOKENIZER, most).unwrap().of(text);
    let cases: [(&str, &[i32]); 9] = [
        ("Good mornings.", &[2, 4, 5, 7, 9, 3]),
        ("", &[2, 3]),
        ("  \t\n", &[2, 3]),
        ("gòod\u{200b} MORNING", &[2, 4, 5, 3]),
        ("good人人", &[2, 4, 8, 8, 3]),
        ("goodx morning", &[2, 1, 5, 3]),
        ("...", &[2, 9, 9, 9, 3]),
        ("[SEP]", &[2, 1, 1, 1, 3]),
        // `tokenizer.json` says that 8 are the most
        ("good good good good good good good good", &[2, 4, 4, 4, 4, 4, 4, 3]),
    ];
    for (text, expected) in cases {
        assert_eq!(tokens(text, None), expected, "{text}");
    }
    assert_eq!(tokens("good mornings", Some(4)), [2, 4, 5, 3]);
    let long = "good".repeat(30);
    assert_eq!(tokens(&long, None), [2, 1, 3], "a word of more than 100 letters is not looked at");
}

#[test]
fn a_vector_is_the_mean_or_the_first_and_has_the_length_asked_for() {
    let texts = ["good morning", "night"];
    assert_eq!(vectors(json!({}), &texts), [json!([0.25, 0.25]), json!([0.0, (-1.0f32 / 3.0)])]);
    assert_eq!(vectors(json!({ "normalise": true }), &["night"]), [json!([0.0, -1.0])]);
    assert_eq!(vectors(json!({ "pooling": "cls" }), &texts), [json!([0.0, 0.0]), json!([0.0, 0.0])]);
    assert_eq!(vectors(json!({ "max_tokens": 3 }), &["morning good"]), [json!([0.0, (1.0f32 / 3.0)])]);
}

#[test]
fn a_vector_does_not_depend_on_the_texts_beside_it() {
    let texts = ["good", "good morning", "night night.", "人", "mornings", "good night", "."];
    for model in [TINY, DYNAMIC] {
        let together = vectors(json!({ "weights": model }), &texts);
        let few = vectors(json!({ "weights": model, "batch_tokens": 1 }), &texts);
        let alone: Vec<Value> = texts.iter().flat_map(|text| vectors(json!({ "weights": model }), &[text])).collect();
        assert_eq!((&together, &together), (&few, &alone), "{model}");
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let missing = concat!(env!("CARGO_MANIFEST_DIR"), "/tiny/none.onnx");
    let (tokenizer, readme) = (
        concat!(env!("CARGO_MANIFEST_DIR"), "/tiny/tokenizer.json"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"),
    );
    for (more, at, why) in [
        (json!({ "dimensions": 3 }), "/dimensions", "the model's vectors have 2 numbers, and `dimensions` says 3"),
        (json!({ "weights": missing }), "/weights", "none.onnx"),
        (json!({ "weights": tokenizer }), "/weights", "not a model that can be used"),
        (json!({ "tokenizer": readme }), "/tokenizer", "not the `tokenizer.json` of a BERT"),
        (json!({ "model": "x" }), "/weights", "one of the two"),
        (json!({ "max_tokens": 2 }), "/max_tokens", "at least 3"),
        (json!({ "weights": null }), "/model", "are expected"),
        (json!({ "weights": null, "model": "x", "tokenizer": "y" }), "/tokenizer", "goes with `weights`"),
    ] {
        let error = embed(more, &["good"]).map(|_| ()).expect_err(at);
        assert_eq!(error.at.as_deref(), Some(at), "{error}");
        assert!(error.message.contains(why), "{error}");
    }
}
