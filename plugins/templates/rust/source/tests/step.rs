use callboard_sdk::testing;
use sequence::Sequence;
use serde_json::json;

#[test]
fn rows_are_numbered() {
    let rows = testing::source::<Sequence>(json!({ "start": 7, "count": 2 })).unwrap();
    assert_eq!(rows, [json!({ "n": 7, "text": "row 7" }), json!({ "n": 8, "text": "row 8" })]);
    assert!(testing::source::<Sequence>(json!({ "count": 0 })).unwrap().is_empty());
}
