use callboard_sdk::testing::{self, dropped};
use first_of_each::FirstOfEach;
use serde_json::json;

#[test]
fn the_first_of_each_value_is_kept() {
    let rows = json!([{ "source": "a" }, { "source": null }, { "source": "a" }, { "source": "b" }, { "source": null }]);
    let known = json!([{ "source": "b" }]);
    let outcome = testing::global::<FirstOfEach>(json!({}), [rows, known]).unwrap();
    assert_eq!(outcome.rows, [json!({ "source": "a" }), json!({ "source": null })]);
    assert_eq!(outcome.removed, [dropped(2, "duplicate"), dropped(3, "known"), dropped(4, "duplicate")]);
}
