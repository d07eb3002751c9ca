use callboard_sdk::testing::{self, dropped, rejected};
use serde_json::json;
use word_count::WordCount;

#[test]
fn words_are_counted_and_short_texts_dropped() {
    let rows = json!([{ "text": "déjà \t vu" }, { "text": "one" }, { "text": null }]);
    let outcome = testing::transform::<WordCount>(json!({ "min": 2 }), rows).unwrap();
    assert_eq!(outcome.rows, [json!({ "text": "déjà \t vu", "n_words": 2 })]);
    assert_eq!(outcome.removed, [dropped(1, "1 words, fewer than 2"), rejected(2, "no text")]);
}
