//! Requests: their replies played from a file, and what is no reply to work with.

use callboard_sdk::http::{self, FailureKind, Request};
use callboard_sdk::testing::replies;
use serde_json::{Value, json};

const URL: &str = "http://localhost:1/v1/chat";

fn line(text: &str, attempt: u32, status: u16, body: Value) -> String {
    let reply = json!({"status": status, "headers": [["content-type", "x"]], "body": body});
    json!({"method": "POST", "url": URL, "body": {"text": text}, "attempt": attempt, "reply": reply}).to_string() + "\n"
}

#[test]
fn replies_are_played_and_what_is_no_success_is_a_failure() {
    let lines = [
        line("a", 0, 200, json!({"said": "A"})),
        line("a", 1, 200, json!({"said": "B"})),
        line("b", 0, 503, json!("down")),
        line("c", 0, 400, json!("no")),
    ];
    replies::from_lines(&lines.concat());
    let ask = |text: &str, attempt| Request::post(URL, &json!({"text": text})).attempt(attempt);
    let outcomes = http::all([ask("a", 0), ask("a", 1), ask("b", 0), ask("c", 0), ask("d", 0)]);
    let said = |at: usize| outcomes[at].as_ref().unwrap().json::<Value>().unwrap()["said"].clone();
    assert_eq!((said(0), said(1)), (json!("A"), json!("B")));
    assert_eq!(outcomes[0].as_ref().unwrap().header("Content-Type"), Some("x"));
    let failure = |at: usize| outcomes[at].as_ref().unwrap_err();
    assert_eq!((failure(2).is_passing(), failure(2).to_string().as_str()), (true, "the server replied 503: down"));
    assert_eq!((failure(3).is_passing(), failure(3).kind), (false, FailureKind::Status));
    assert_eq!(failure(4).kind, FailureKind::Refused);
    assert!(failure(4).message.starts_with("no reply is recorded for this request: POST http"), "{}", failure(4));
    assert!(outcomes[0].as_ref().unwrap().json::<Vec<u8>>().is_err());
}
