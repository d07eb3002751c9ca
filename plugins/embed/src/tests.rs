//! Which requests are sent, and the vectors of what comes.

use callboard_sdk::testing;
use callboard_sdk::testing::{rejected, replies};
use serde_json::{Value, json};

use super::*;

const URL: &str = "http://localhost:8080/v1";

fn line(texts: &[&str], status: u16, reply: Value) -> String {
    let body = json!({"model": "tiny", "input": texts, "dimensions": 2});
    let reply = json!({"status": status, "body": reply});
    json!({"method": "POST", "url": format!("{URL}/embeddings"), "body": body, "reply": reply}).to_string() + "\n"
}

fn data(vectors: &[(usize, [f64; 2])]) -> Value {
    json!({"data": vectors.iter().map(|(index, vector)| json!({"index": index, "embedding": vector})).collect::<Vec<_>>()})
}

fn config(more: Value) -> Value {
    let mut config =
        json!({"model": "tiny", "url": URL, "dimensions": 2, "parameters": {"dimensions": 2}, "request_texts": 1});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn a_text_becomes_a_vector_and_a_null_stays_one() {
    let lines = [
        line(&["q: grö"], 200, data(&[(0, [3.0, 4.0])])),
        line(&["q: b"], 200, data(&[(0, [0.0, 0.0])])),
        line(&["q: c"], 400, json!({"error": {"message": "no"}})),
        line(&["q: d"], 200, json!({"data": [{"embedding": [1.0]}]})),
        line(&["q: e"], 200, data(&[(1, [1.0, 1.0])])),
    ];
    replies::from_lines(&lines.concat());
    let rows = json!([{"text": "größe"}, {"text": null}, {"text": "b"}, {"text": "c"}, {"text": "d"}, {"text": "e"}]);
    let config = config(json!({"prefix": "q: ", "truncate": 3, "normalise": true}));
    let outcome = testing::transform::<Embed>(config, rows).unwrap();
    let vectors: Vec<&Value> = outcome.rows.iter().map(|row| &row["embedding"]).collect();
    assert_eq!(vectors, [&json!([0.6f32, 0.8f32]), &Value::Null, &json!([0.0, 0.0])]);
    let expected = [
        rejected(3, "the server replied 400: no"),
        rejected(4, "a vector has 1 numbers, and `dimensions` says 2"),
        rejected(5, "the server gave a vector for text 1 of 1"),
    ];
    assert_eq!(outcome.removed, expected);
}

#[test]
fn texts_go_together_and_alone_where_one_is_refused() {
    let groups = [
        line(&["a", "b"], 200, data(&[(1, [2.0, 0.0]), (0, [1.0, 0.0])])),
        line(&["a"], 200, data(&[(0, [1.0, 0.0])])),
        line(&["b"], 200, data(&[(0, [2.0, 0.0])])),
        line(&["c", "d"], 400, json!("too long")),
        line(&["c"], 400, json!("too long")),
        line(&["d"], 200, data(&[(0, [4.0, 0.0])])),
    ];
    replies::from_lines(&groups.concat());
    let rows = json!([{"text": "a"}, {"text": "b"}, {"text": "c"}, {"text": "d"}]);
    let outcome = testing::transform::<Embed>(config(json!({"request_texts": 2})), rows).unwrap();
    let firsts: Vec<f64> = outcome.rows.iter().map(|row| row["embedding"][0].as_f64().unwrap()).collect();
    assert_eq!(firsts, [1.0, 2.0, 4.0]);
    assert_eq!(outcome.removed, [rejected(2, "the server replied 400: too long")]);
}

#[test]
fn a_wrong_configuration_names_the_place() {
    let rows = json!([{"text": "a", "n": 1}]);
    for (more, at) in [
        (json!({"column": "n"}), "/column"),
        (json!({"dimensions": 0}), "/dimensions"),
        (json!({"truncate": 0}), "/truncate"),
        (json!({"url": "x"}), "/url"),
        (json!({"parameters": {"input": []}}), "/parameters/input"),
        (json!({"headers": {"authorization": "x"}}), "/headers/authorization"),
    ] {
        let error = testing::transform::<Embed>(config(more), rows.clone()).map(|_| ()).expect_err(at);
        assert_eq!(error.at.as_deref(), Some(at), "{error}");
    }
}
