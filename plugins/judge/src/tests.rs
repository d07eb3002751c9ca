//! What a judge is asked, and the columns that its judgement becomes.

use callboard_sdk::testing;
use callboard_sdk::testing::{rejected, replies};
use serde_json::json;

use super::*;

const URL: &str = "http://localhost:8080/v1";

/// A reply to a prompt that has these words: the prompt is what the step makes of the rubric.
fn reply(config: &Value, prompt: &str, texts: usize, said: &Value) -> String {
    let rubric = Rubric::named(config["rubric"].as_str().unwrap()).unwrap();
    let format = json!({"name": "reply", "schema": rubric.schema(texts), "strict": true});
    let body = json!({
        "model": "tiny",
        "messages": [{"role": "user", "content": prompt}],
        "response_format": {"type": "json_schema", "json_schema": format},
    });
    let choice = json!({"message": {"role": "assistant", "content": said.to_string()}, "finish_reason": "stop"});
    let reply = json!({"status": 200, "body": {"model": "tiny-1", "choices": [choice]}});
    json!({"method": "POST", "url": format!("{URL}/chat/completions"), "body": body, "reply": reply}).to_string() + "\n"
}

fn config(rubric: &str, more: Value) -> Value {
    let mut config = json!({"model": "tiny", "url": URL, "rubric": rubric});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn each_text_of_a_list_has_its_rating_in_its_place() {
    let config = config(
        "helpfulness",
        json!({"prompt": "{{ instruction }}:{% for text in texts %} {{ loop.index }}={{ text }}{% endfor %}"}),
    );
    let one = |rating: i64| json!({"reason": format!("so {rating}"), "rating": rating});
    let lines = [
        reply(&config, "Q: 1=a 2=b", 2, &json!({"ratings": [one(5), one(2)]})),
        reply(&config, "R: 1=c", 1, &json!({"ratings": [one(3)]})),
    ];
    replies::from_lines(&lines.concat());
    let rows = json!([
        {"instruction": "Q", "generations": ["a", null, "b"]},
        {"instruction": "R", "generations": ["c"]},
        {"instruction": "S", "generations": [null]},
        {"instruction": null, "generations": ["d"]},
    ]);
    let outcome = testing::transform::<Judge>(config, rows).unwrap();
    assert_eq!(outcome.rows[0]["ratings"], json!([5, null, 2]));
    assert_eq!(outcome.rows[0]["rationales"], json!(["so 5", null, "so 2"]));
    assert_eq!([&outcome.rows[1]["ratings"], &outcome.rows[1]["judge"]], [&json!([3]), &json!("tiny-1")]);
    let nothing = [
        rejected(2, "there is nothing to judge in `generations`"),
        rejected(3, "there is no instruction: the value is null"),
    ];
    assert_eq!(outcome.removed, nothing);
}

/// Fiction is neither honest nor dishonest; UltraFeedback has `N/A` for it.
#[test]
fn a_text_that_the_rubric_does_not_apply_to_has_no_rating() {
    let said = json!({"ratings": [{"reason": "a poem", "rating": null}]});
    for (rubric, rated) in [("honesty", true), ("truthfulness", false)] {
        let config = config(rubric, json!({"prompt": "{{ instruction }}", "repairs": 0}));
        replies::from_lines(&reply(&config, "Q", 1, &said));
        let rows = json!([{"instruction": "Q", "generations": ["roses are red"]}]);
        let outcome = testing::transform::<Judge>(config, rows).unwrap();
        assert_eq!((outcome.rows.len(), outcome.removed.len()), if rated { (1, 0) } else { (0, 1) }, "{rubric}");
        if rated {
            let row = &outcome.rows[0];
            assert_eq!((&row["ratings"], &row["rationales"]), (&json!([null]), &json!(["a poem"])));
        }
    }
}

#[test]
fn one_text_is_graded_by_criteria_and_the_better_of_two_is_named() {
    let config_of_one = config(
        "absolute",
        json!({"criteria": "brief?", "reference": "best", "prompt": "{{ criteria }} {{ instruction }} {{ text }} {{ reference or '-' }}"}),
    );
    replies::from_lines(&reply(&config_of_one, "brief? Q a z", 1, &json!({"reason": "well", "rating": 4})));
    let rows = json!([{"instruction": "Q", "generation": "a", "best": "z"}]);
    let outcome = testing::transform::<Judge>(config_of_one, rows).unwrap();
    assert_eq!([&outcome.rows[0]["rating"], &outcome.rows[0]["rationale"]], [&json!(4), &json!("well")]);

    let config =
        config("relative", json!({"criteria": "brief?", "texts": "both", "prompt": "{{ texts[0] }} {{ texts[1] }}"}));
    let lines = [
        reply(&config, "a b", 2, &json!({"reason": "shorter", "better": "B"})),
        reply(&config, "c d", 2, &json!({"reason": "clearer", "better": "A"})),
    ];
    replies::from_lines(&lines.concat());
    let rows = json!([{"instruction": "Q", "both": ["a", "b"]}, {"instruction": "Q", "both": ["c", "d"]}, {"instruction": "Q", "both": ["e"]}]);
    let outcome = testing::transform::<Judge>(config, rows).unwrap();
    assert_eq!([&outcome.rows[0]["preferred"], &outcome.rows[1]["preferred"]], [1, 0]);
    assert_eq!(outcome.removed, [rejected(2, "two texts are compared, and `both` has 1")]);
}

#[test]
fn every_rubric_shows_what_it_judges() {
    for name in [
        "helpfulness",
        "honesty",
        "instruction-following",
        "truthfulness",
        "overall",
        "complexity",
        "quality",
        "absolute",
        "relative",
    ] {
        replies::from_lines("");
        let config = config(
            name,
            json!({"criteria": "CRITERIA", "texts": if name == "absolute" { "one" } else { "many" }, "reference": "best"}),
        );
        let rows =
            json!([{"instruction": "INSTRUCTION", "many": ["TEXT-A", "TEXT-B"], "one": "TEXT-A", "best": "BEST"}]);
        let reason = testing::transform::<Judge>(config, rows).unwrap().removed[0].reason.clone();
        // Nothing is recorded, so the reason is the whole request.
        assert!(reason.contains("no reply is recorded"), "{name}: {reason}");
        assert!(reason.contains("TEXT-A") && (name == "absolute" || reason.contains("TEXT-B")), "{name}: {reason}");
        assert_eq!(reason.contains("INSTRUCTION"), name != "complexity", "{name}: {reason}");
        let by_criteria = matches!(name, "absolute" | "relative");
        assert_eq!((reason.contains("CRITERIA"), reason.contains("BEST")), (by_criteria, by_criteria), "{name}");
    }
}

#[test]
fn a_wrong_configuration_names_the_place() {
    let rows = json!([{"instruction": "Q", "generations": ["a"], "generation": "a", "n": 1}]);
    let cases = [
        (config("kindness", json!({})), "/rubric", "there is no rubric `kindness`; there are `absolute`, `complexity`"),
        (config("overall", json!({"texts": "n"})), "/texts", "column `n` is int64, and this rubric judges list<utf8>"),
        (config("overall", json!({"instruction": "n"})), "/instruction", "utf8 is expected"),
        (config("absolute", json!({})), "/criteria", "set `criteria`"),
        (config("overall", json!({"prompt": "{{ who }}"})), "/prompt", "there is no column `who`"),
    ];
    for (config, at, message) in cases {
        let error = testing::transform::<Judge>(config, rows.clone()).map(|_| ()).expect_err(at);
        assert_eq!(error.at.as_deref(), Some(at), "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}
