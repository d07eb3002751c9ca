use ask_model::AskModel;
use callboard_sdk::testing::{self, rejected, replies};
use serde_json::json;

#[test]
fn replies_are_taken_and_what_fails_is_rejected() {
    replies::from_file("replies.jsonl").unwrap();
    let prompts = ["Name the capital of France in one word.", "Tell me a secret."];
    let rows = json!([{ "prompt": prompts[0] }, { "prompt": null }, { "prompt": prompts[1] }]);
    let outcome = testing::transform::<AskModel>(json!({}), rows).unwrap();
    assert_eq!(outcome.rows, [json!({ "prompt": prompts[0], "reply": "Paris" })]);
    assert_eq!(outcome.removed, [rejected(1, "no prompt"), rejected(2, "the server replied 400: no secrets")]);
}
