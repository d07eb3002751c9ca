//! Columns that are named like something of the language.

use serde_json::json;

use super::{error, kept_ids, run};
use callboard_sdk::testing;

/// CEL's types, functions, macros and reserved words, as columns, as members of one, and as the name of a struct.
#[test]
fn a_column_comes_before_whatever_else_has_its_name() {
    let words = [
        "bool",
        "bytes",
        "double",
        "dyn",
        "int",
        "list",
        "map",
        "null_type",
        "string",
        "type",
        "uint",
        "timestamp",
        "duration",
        "date",
        "time",
        "decimal",
        "optional",
        "google",
        "math",
        "strings",
        "size",
        "contains",
        "matches",
        "startsWith",
        "has",
        "all",
        "exists",
        "exists_one",
        "filter",
        "year",
        "month",
        "day",
        "coalesce",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
        "in",
        "_",
        "b",
        "r",
        "rb",
        "größe",
        "文字",
    ];
    for word in words {
        let rows = json!([{ "id": 1, word: "train" }, { "id": 2, word: "test" }, { "id": 3, word: null }]);
        for condition in [
            "§ == \"train\"",
            "`§` == \"train\"",
            "\"train\" == §",
            "§.startsWith(\"tr\")",
            "size(§) == 5",
            "§ in [\"train\"]",
        ] {
            assert_eq!(kept_ids(&condition.replace('§', word), &rows), [1], "{condition} with {word}");
        }
        assert_eq!(kept_ids(&format!("{word} == null"), &rows), [3], "{word}");
        let nested = json!([{ "id": 1, "x": { word: 7 }, word: { "x": [7] } }, { "id": 2, "x": { word: 8 }, word: { "x": [8] } }]);
        for condition in
            ["x.§ == 7", "§.x[0] == 7", "§[\"x\"][0] + x.§ == 14", "has(x.§) && x.§ < 8", "§.x.exists(§, § == 7)"]
        {
            assert_eq!(kept_ids(&condition.replace('§', word), &nested), [1], "{condition} with {word}");
        }
    }
}

#[test]
fn any_name_can_be_quoted() {
    let rows = json!([{ "id": 1, "n words": 1, "a.b": { "c-d": 2 } }, { "id": 2, "n words": 2, "a.b": { "c-d": 2 } }]);
    assert_eq!(kept_ids("`n words` < `a.b`.`c-d`", &rows), [1]);
    assert_eq!(kept_ids("`n words` < a.b.`c-d`", &rows), [1]);
    let error = testing::transform::<crate::Filter>(json!({ "where": "n words < 2" }), rows).unwrap_err();
    assert!(error.message.contains("`words` where an operator or the end is expected"), "{error}");
    let hyphen = json!([{ "n-words": 1 }]);
    let error = testing::transform::<crate::Filter>(json!({ "where": "n-words < 2" }), hyphen).unwrap_err();
    assert!(error.message.contains("no column `n`") && error.message.contains("is quoted with backticks"), "{error}");
    // A struct comes before a column whose name has a dot.
    let both = json!([{ "id": 1, "a.b": 1, "a": { "b": 2 } }]);
    assert_eq!(kept_ids("a.b == 2 && `a.b` == 1", &both), [1]);
    assert_eq!(run("`true` > 1", json!([{ "true": 1 }, { "true": 2 }])).rows, [json!({ "true": 2 })]);
}

/// One of both is meant, and which cannot be known.
#[test]
fn a_column_named_like_a_value_has_to_be_quoted() {
    for word in ["true", "false", "null"] {
        let rows = json!([{ word: "a", "n": 1 }]);
        for condition in [format!("{word} == \"a\""), format!("n != {word}")] {
            let error = testing::transform::<crate::Filter>(json!({ "where": condition }), rows.clone()).unwrap_err();
            assert!(error.message.contains(&format!("write `` `{word}` `` for the column")), "{error}");
        }
        assert_eq!(run("has(n) && n == 1", rows.clone()).rows.len(), 1);
    }
    assert!(error("``> 1").contains("backtick"));
}

#[test]
fn a_function_is_found_beside_a_column_of_its_name() {
    let rows =
        json!([{ "id": 1, "size": 3, "timestamp": "2024-01-01" }, { "id": 2, "size": 4, "timestamp": "2023-01-01" }]);
    assert_eq!(kept_ids("size(timestamp) == 10 && size > 3", &rows), [2]);
    assert_eq!(kept_ids("timestamp(timestamp) >= timestamp(\"2024-01-01T00:00:00Z\")", &rows), [1]);
}
