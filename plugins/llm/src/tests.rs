//! What servers are asked in their protocols, and the result of what they reply.

use callboard_sdk::testing::replies;
use callboard_sdk::{testing, testing::rejected};
use serde_json::{Value, json};

use super::*;

const URL: &str = "http://localhost:8080/v1";

/// A line of replies: what has to be sent, to the letter, and what comes.
fn line(path: &str, attempt: u32, body: Value, status: u16, reply: Value) -> String {
    let reply = json!({"status": status, "body": reply});
    json!({"method": "POST", "url": format!("{URL}{path}"), "body": body, "attempt": attempt, "reply": reply})
        .to_string()
        + "\n"
}

fn chat(text: &str) -> Value {
    json!({
        "model": "tiny-1",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    })
}

fn asked(text: &str) -> Value {
    json!({"model": "tiny", "messages": [{"role": "user", "content": text}]})
}

fn run(config: Value, rows: Value) -> Result<testing::Outcome> {
    let mut whole = json!({"model": "tiny", "url": URL});
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    testing::transform::<Llm>(whole, rows)
}

#[test]
fn a_prompt_becomes_a_reply_and_what_is_known_of_it() {
    replies::from_lines(&line("/chat/completions", 0, asked("Say A in 1."), 200, chat("A!")));
    let outcome = run(json!({"prompt": "Say {{ word }} in {{ n }}.\n"}), json!([{"word": "A", "n": 1}])).unwrap();
    let out = json!({"word": "A", "n": 1, "reply": "A!", "reply_model": "tiny-1", "reply_finish": "stop", "reply_input_tokens": 5, "reply_output_tokens": 2});
    assert_eq!((outcome.rows, outcome.removed), (vec![out], vec![]));
}

#[test]
fn each_protocol_has_its_own_words() {
    let rows = json!([{"q": "Why?", "image": "https://x.org/a.png", "talk": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]}]);
    let config = |api: &str, more: Value| {
        let mut config = json!({
            "api": api, "prompt": "{{ q }}", "system": "Be brief.", "messages": "talk", "images": ["image"], "temperature": 0.5,
            "top_p": 0.9, "max_tokens": 50, "parameters": {"user": "me"},
            "schema": {"type": "object", "properties": {"because": {"type": "string"}}, "required": ["because"], "additionalProperties": false},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let schema = config("", json!({}))["schema"].clone();
    let said = r#"{"because":"so"}"#;
    let body = json!({
        "model": "tiny", "temperature": 0.5, "top_p": 0.9,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}},
                {"type": "text", "text": "Why?"},
            ]},
        ],
        "max_tokens": 50,
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": true}},
        "seed": 7, "user": "me",
    });
    replies::from_lines(&line("/chat/completions", 0, body, 200, chat(said)));
    let chat = run(config("openai-chat", json!({"seed": 7})), rows.clone()).unwrap();

    let text = |kind: &str, text: &str| json!([{"type": kind, "text": text}]);
    let message = |role: &str, content: Value| json!({"type": "message", "role": role, "content": content});
    let body = json!({
        "model": "tiny", "temperature": 0.5, "top_p": 0.9,
        "input": [
            message("system", text("input_text", "Be brief.")),
            message("user", text("input_text", "Hi")),
            message("assistant", text("output_text", "Yes?")),
            message("user", json!([
                {"type": "input_image", "image_url": "https://x.org/a.png"},
                {"type": "input_text", "text": "Why?"},
            ])),
        ],
        "store": false,
        "max_output_tokens": 50,
        "text": {"format": {"type": "json_schema", "name": "reply", "schema": schema, "strict": true}},
        "user": "me",
    });
    let reply = json!({
        "model": "tiny-1", "status": "completed", "usage": {"input_tokens": 5, "output_tokens": 2},
        "output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": text("output_text", said)}],
    });
    replies::from_lines(&line("/responses", 0, body, 200, reply));
    let responses = run(config("openai-responses", json!({})), rows.clone()).unwrap();

    let body = json!({
        "model": "tiny", "temperature": 0.5, "top_p": 0.9, "max_tokens": 50, "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": "https://x.org/a.png"}},
                {"type": "text", "text": "Why?"},
            ]},
        ],
        "tools": [{"name": "reply", "description": "Gives the reply.", "input_schema": schema}],
        "tool_choice": {"type": "tool", "name": "reply"},
        "user": "me",
    });
    let reply = json!({
        "model": "tiny-1", "stop_reason": "tool_use", "usage": {"input_tokens": 5, "output_tokens": 2},
        "content": [{"type": "text", "text": "Well."}, {"type": "tool_use", "name": "reply", "input": {"because": "so"}}],
    });
    replies::from_lines(&line("/messages", 0, body, 200, reply));
    let anthropic = run(config("anthropic", json!({})), rows).unwrap();

    for (outcome, finish) in [(chat, "stop"), (responses, "completed"), (anthropic, "tool_use")] {
        assert_eq!(outcome.removed, []);
        let row = &outcome.rows[0];
        assert_eq!(
            [&row["reply"], &row["because"], &row["reply_finish"]],
            [&json!(said), &json!("so"), &json!(finish)]
        );
        assert_eq!([&row["reply_input_tokens"], &row["reply_output_tokens"]], [5, 2]);
    }
}

#[test]
fn bytes_of_an_image_are_a_data_url_and_others_are_rejected() {
    let body = json!({"model": "tiny", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODdh"}},
        {"type": "text", "text": "What?"},
    ]}]});
    replies::from_lines(&line("/chat/completions", 0, body, 200, chat("A dot.")));
    let rows = testing::Table::new(vec![Field::binary("bytes")], json!([{"bytes": "GIF87a"}, {"bytes": "BM"}]));
    let config = json!({"model": "tiny", "url": URL, "prompt": "What?", "images": ["bytes"]});
    let outcome = testing::transform::<Llm>(config, rows).unwrap();
    assert_eq!(outcome.rows[0]["reply"], "A dot.");
    let why = "column `bytes`: an image is PNG, JPEG, GIF or WebP, and these bytes are none of them";
    assert_eq!(outcome.removed, [rejected(1, why)]);
}

#[test]
fn a_reply_that_does_not_fit_is_asked_for_again_with_what_is_wrong() {
    let schema = json!({"type": "object", "properties": {
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "who": {"type": ["object", "null"], "properties": {"name": {"type": "string"}}},
        "more": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    }, "required": ["score"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": false}});
    let body = |messages: &[(&str, &str)]| {
        let messages: Vec<Value> =
            messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
        json!({"model": "tiny", "messages": messages, "response_format": format})
    };
    let wrong = |what: &str| {
        format!(
            "This reply does not fit: {what}. Reply again, with nothing but JSON that fits this JSON Schema:\n{schema}"
        )
    };
    let high = wrong("/score should be at most 5, found 9");
    let none = wrong("it is no JSON: expected value at line 1 column 1");
    let fine = r#"{"score": 4.0, "tags": ["b"], "who": {"name": "x", "else": 1}, "more": 2}"#;
    let lines = [
        line("/chat/completions", 0, body(&[("user", "1")]), 200, chat(r#"{"score": 9}"#)),
        line(
            "/chat/completions",
            0,
            body(&[("user", "1"), ("assistant", r#"{"score": 9}"#), ("user", &high)]),
            200,
            chat(&format!("```json\n{fine}\n```")),
        ),
        line("/chat/completions", 0, body(&[("user", "2")]), 200, chat("Sure!")),
        line(
            "/chat/completions",
            0,
            body(&[("user", "2"), ("assistant", "Sure!"), ("user", &none)]),
            200,
            chat("Of course!"),
        ),
        line("/chat/completions", 0, body(&[("user", "3")]), 200, chat(r#"{"score": 1, "who": null}"#)),
    ];
    replies::from_lines(&lines.concat());
    let outcome =
        run(json!({"prompt": "{{ n }}", "schema": schema, "repairs": 1}), json!([{"n": 1}, {"n": 2}, {"n": 3}]))
            .unwrap();
    let fields = |row: &Value| ["score", "tags", "who", "more", "reply_input_tokens"].map(|name| row[name].clone());
    assert_eq!(outcome.rows[0]["reply"], fine);
    assert_eq!(fields(&outcome.rows[0]), [json!(4), json!(["b"]), json!({"name": "x"}), json!(2.0), json!(10)]);
    assert_eq!(fields(&outcome.rows[1]), [json!(1), Value::Null, Value::Null, Value::Null, json!(5)]);
    let why = "the reply does not fit the schema after it was asked for again: it is no JSON: expected value at line 1 column 1; the reply: Of course!";
    assert_eq!(outcome.removed, [rejected(1, why)]);
}

#[test]
fn samples_are_lists_and_a_seed_counts_up() {
    let seeded = |seed: i64| {
        let mut body = asked("hi");
        body["seed"] = seed.into();
        body
    };
    let lines = [
        line("/chat/completions", 0, seeded(3), 200, chat("a")),
        line("/chat/completions", 1, seeded(4), 200, chat("b")),
    ];
    replies::from_lines(&lines.concat());
    let outcome = run(json!({"prompt": "hi", "samples": 2, "seed": 3, "as": "said"}), json!([{"n": 1}])).unwrap();
    let row = &outcome.rows[0];
    assert_eq!([&row["said"], &row["said_finish"]], [&json!(["a", "b"]), &json!(["stop", "stop"])]);
    assert_eq!(row["said_output_tokens"], json!([2, 2]));
}

#[test]
fn what_a_server_refuses_is_rejected_in_its_words() {
    let refused = json!({"choices": [{"message": {"content": null, "refusal": "I cannot."}, "finish_reason": "stop"}]});
    let filtered = json!({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]});
    let error = json!({"error": {"message": "The prompt was\nfiltered", "code": "content_filter"}});
    let rows = [
        (400, error, "the server replied 400: The prompt was filtered (content_filter)"),
        (200, refused, "the model refused: I cannot."),
        (200, filtered, "the server filtered the reply (`content_filter`)"),
        (200, json!({"done": true}), r#"the reply is not what the protocol has: {"done":true}"#),
        (503, json!("down"), "the server replied 503: down"),
    ];
    let lines: String = rows
        .iter()
        .enumerate()
        .map(|(i, (status, reply, _))| line("/chat/completions", 0, asked(&i.to_string()), *status, reply.clone()))
        .collect();
    replies::from_lines(&lines);
    let outcome = run(json!({"prompt": "{{ n }}"}), (0..rows.len()).map(|n| json!({"n": n})).collect()).unwrap();
    let expected: Vec<_> = rows.iter().enumerate().map(|(i, (_, _, why))| rejected(i as u64, why)).collect();
    assert_eq!((outcome.rows, outcome.removed), (vec![], expected));
}

#[test]
fn rows_that_a_prompt_cannot_be_made_of_are_rejected() {
    replies::from_lines(&line("/chat/completions", 0, asked("b!"), 200, chat("ok")));
    let rows = json!([{"a": null, "more": {"x": 1}}, {"a": "b", "more": {"x": 1}}]);
    let outcome = run(json!({"prompt": "{{ a }}!"}), rows.clone()).unwrap();
    let why = "the prompt, line 1: a null would be printed: write {{ name or '' }}, or ask with {% if name %}";
    assert_eq!(outcome.removed, [rejected(0, why)]);
    let outcome = run(json!({"system": "ok", "prompt": "\n{{ more.y }}"}), rows).unwrap();
    assert_eq!(outcome.removed[0], rejected(0, "the prompt, line 2: a value that is used is not there"));
}

#[test]
fn a_wrong_configuration_names_the_place() {
    let rows = json!([{"text": "a", "n": 1}]);
    let schema = |schema: Value| json!({"prompt": "a", "schema": schema});
    let object = |property: Value| schema(json!({"type": "object", "properties": {"reply": property}}));
    let cases = [
        (json!({}), None, "nothing is asked"),
        (
            json!({"prompt": "a\n{{ txt }}"}),
            Some("/prompt"),
            "line 2: there is no column `txt`; the columns are `text` utf8, `n` int64",
        ),
        (json!({"prompt": "a", "system": "{% if %}"}), Some("/system"), "line 1: "),
        (json!({"messages": "n"}), Some("/messages"), "column `n` is int64, and messages are list"),
        (json!({"prompt": "a", "images": ["n"]}), Some("/images/0"), "column `n` is int64, and images are"),
        (json!({"prompt": "a", "samples": 0}), Some("/samples"), "1 to 100"),
        (json!({"prompt": "a", "url": "localhost"}), Some("/url"), "a server is an address such as"),
        (json!({"prompt": "a", "parameters": {"stream": true}}), Some("/parameters/stream"), "set by the step itself"),
        (json!({"prompt": "a", "headers": {"X-Api-Key": "k"}}), Some("/headers/X-Api-Key"), "grant.secret"),
        (json!({"prompt": "a", "seed": 1, "api": "anthropic"}), Some("/seed"), "this protocol has no seed"),
        (schema(json!({"type": "array"})), Some("/schema"), "the schema is that of an object"),
        (object(json!({"type": "text"})), Some("/schema/properties/reply/type"), "`type` is one of null"),
        (object(json!({"if": true})), Some("/schema/properties/reply/if"), "cannot check"),
        (object(json!({"$ref": "#/$defs/x"})), Some("/schema/properties/reply/$ref"), "no such part"),
        (object(json!({"type": "string"})), Some("/as"), "two columns would be called `reply`"),
    ];
    for (config, at, message) in cases {
        let error = run(config.clone(), rows.clone()).map(|_| ()).expect_err(&config.to_string());
        assert_eq!(error.at.as_deref(), at, "{config}: {error}");
        assert!(error.message.contains(message), "{config}: {error}");
    }
}
