//! The step as the host sees it.

mod moments;
mod names;
mod numbers;
mod readme;

use callboard_sdk::testing::{self, Outcome, dropped};
use callboard_sdk::{ArrayBuf, Batch, ErrorKind};
use serde_json::{Value, json};

use callboard_cel::{Expression, Verdict};

use crate::Filter;

fn run(condition: &str, rows: Value) -> Outcome {
    testing::transform::<Filter>(json!({ "where": condition }), rows).unwrap()
}

fn error(condition: &str) -> String {
    let rows = json!([{ "text": "a", "n": 1, "meta": { "score": 0.5 }, "tags": ["a"] }]);
    let error = testing::transform::<Filter>(json!({ "where": condition }), rows).unwrap_err();
    assert_eq!((error.kind, error.at.as_deref()), (ErrorKind::Config, Some("/where")), "{error}");
    error.message
}

/// The rows of these columns for which the condition is true, by their numbers.
fn kept<N: Into<String>>(condition: &str, columns: impl IntoIterator<Item = (N, ArrayBuf)>) -> Vec<usize> {
    let batch = testing::columns(columns);
    let verdicts = verdicts(condition, &batch);
    (0..batch.rows()).filter(|row| verdicts[*row] == Verdict::True).collect()
}

/// The interpreter's verdict on each row; whole columns must agree if the condition is simple.
fn verdicts(condition: &str, batch: &Batch) -> Vec<Verdict> {
    let expression = Expression::new(condition, &batch.schema()).unwrap_or_else(|error| panic!("{condition}: {error}"));
    callboard_cel::verdicts(&expression, batch).unwrap_or_else(|error| panic!("{condition}: {error}"))
}

/// What is wrong with a condition on these columns.
fn refused<N: Into<String>>(condition: &str, columns: impl IntoIterator<Item = (N, ArrayBuf)>) -> String {
    let batch = testing::columns(columns);
    match Expression::new(condition, &batch.schema()) {
        Ok(_) => panic!("{condition} is taken"),
        Err(error) => error.message,
    }
}

fn kept_ids(condition: &str, rows: &Value) -> Vec<i64> {
    run(condition, rows.clone()).rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[test]
fn keeps_rows_for_which_it_is_true() {
    let rows = json!([{ "n": 20, "lang": "en", "x": 0 }, { "n": 19, "lang": "en", "x": 1 }, { "n": 30, "lang": "de", "x": 2 }]);
    let outcome = run("n >= 20 && lang == \"en\"", rows);
    assert_eq!(outcome.rows, [json!({ "n": 20, "lang": "en", "x": 0 })]);
    let reason = "n >= 20 && lang == \"en\"";
    assert_eq!(outcome.removed, [dropped(1, reason), dropped(2, reason)]);
}

/// Each condition as SQL has it: what `where` keeps where a value is null.
#[test]
fn null_is_unknown() {
    let rows = json!([
        { "id": 1, "lang": "en", "score": 0.9, "ok": true, "other": "en", "tags": ["a", null], "meta": { "x": 1 } },
        { "id": 2, "lang": "de", "score": 0.2, "ok": false, "other": null, "tags": ["b"], "meta": { "x": null } },
        { "id": 3, "lang": null, "score": 0.9, "ok": null, "other": null, "tags": null, "meta": null },
        { "id": 4, "lang": "en", "score": null, "ok": true, "other": "de", "tags": [], "meta": { "x": 2 } },
    ]);
    let cases: &[(&str, &[i64])] = &[
        ("lang == \"en\"", &[1, 4]),
        ("lang != \"en\"", &[2]),
        ("!(lang == \"en\")", &[2]),
        ("!(lang != \"en\")", &[1, 4]),
        ("score > 0.5", &[1, 3]),
        ("!(score > 0.5)", &[2]),
        ("score <= 0.5", &[2]),
        ("lang == null", &[3]),
        ("null == lang", &[3]),
        ("lang != null", &[1, 2, 4]),
        ("!(lang == null)", &[1, 2, 4]),
        ("lang < null", &[]),
        ("lang == other", &[1]),
        ("lang != other", &[4]),
        ("lang in [\"en\", \"fr\"]", &[1, 4]),
        ("!(lang in [\"en\", \"fr\"])", &[2]),
        ("lang in [\"en\", null]", &[1, 4]),
        ("!(lang in [\"en\", null])", &[]),
        ("lang in []", &[]),
        ("!(lang in [])", &[1, 2, 3, 4]),
        ("lang in [other, \"de\"]", &[1, 2]),
        ("ok", &[1, 4]),
        ("!ok", &[2]),
        ("ok == null", &[3]),
        ("ok || score > 0.5", &[1, 3, 4]),
        ("ok && score > 0.5", &[1]),
        ("!(ok && score > 0.5)", &[2]),
        ("!(ok || score > 0.95)", &[2]),
        ("ok == true || ok != true", &[1, 2, 4]),
        ("score > 0.5 ? lang == \"en\" : lang == \"de\"", &[1, 2]),
        ("ok ? false : true", &[2, 3]),
        ("size(lang) == 2", &[1, 2, 4]),
        ("!(lang.startsWith(\"e\"))", &[2]),
        ("lang.lower() != \"en\"", &[2]),
        ("lang + \"!\" != \"en!\"", &[2]),
        ("score + 1 < 1.5", &[2]),
        ("-score < -0.5", &[1, 3]),
        ("\"a\" in tags", &[1]),
        ("!(\"a\" in tags)", &[2, 4]),
        ("!(\"c\" in tags)", &[2, 4]),
        ("tags.contains(\"b\")", &[2]),
        ("tags.exists(t, t == \"a\")", &[1]),
        ("!tags.exists(t, t == \"c\")", &[2, 4]),
        ("tags.all(t, t == \"a\")", &[4]),
        ("tags.all(t, t != \"c\")", &[2, 4]),
        ("!tags.all(t, t == \"a\")", &[2]),
        ("tags.exists_one(t, t == \"b\")", &[2]),
        ("!tags.exists_one(t, t == \"b\")", &[4]),
        ("tags.filter(t, t != \"c\").size() == 1", &[1, 2]),
        ("tags.exists(t, t == null)", &[1]),
        ("tags.map(t, t + \"!\").exists(t, t == \"b!\")", &[2]),
        ("size(tags) == 0", &[4]),
        ("tags == [\"b\"]", &[2]),
        ("tags != [\"b\"]", &[1, 4]),
        ("tags == [\"a\", \"x\"]", &[]),
        ("tags == null", &[3]),
        ("meta.x > 0", &[1, 4]),
        ("meta.x != 1", &[4]),
        ("meta.x == null", &[2, 3]),
        ("meta == null", &[3]),
        ("has(meta.x)", &[1, 4]),
        ("!has(meta.x)", &[2, 3]),
        ("has(lang)", &[1, 2, 4]),
        ("coalesce(score, 0) < 0.5", &[2, 4]),
        ("coalesce(lang, other, \"none\") == \"none\"", &[3]),
        ("true", &[1, 2, 3, 4]),
        ("null", &[]),
        ("null == null", &[1, 2, 3, 4]),
    ];
    for (condition, ids) in cases {
        assert_eq!(kept_ids(condition, &rows), *ids, "{condition}");
    }
}

#[test]
fn what_fails_is_hidden_by_no_null_and_by_what_decides() {
    let rows = json!([{ "id": 1, "n": 2, "label": "a" }, { "id": 2, "n": 0, "label": null }, { "id": 3, "n": 0, "label": "a" }]);
    let rejected = |condition: &str| {
        let removed = run(condition, rows.clone()).removed;
        removed.iter().filter(|removed| removed.rejected).map(|removed| removed.row + 1).collect::<Vec<_>>()
    };
    let cases: &[(&str, &[u64])] = &[
        ("10 / n > 2 && label != \"x\"", &[2, 3]),
        ("label != \"x\" && 10 / n > 2", &[2, 3]),
        ("10 / n > 2 || label == \"x\"", &[2, 3]),
        ("label == \"a\" || 10 / n > 2", &[2]),
        ("10 / n > 2 || label == \"a\"", &[2]),
        ("label == \"x\" && 10 / n > 2", &[2]),
        ("10 / n > size(label)", &[2, 3]),
        ("[10 / n, 1].exists(x, x == size(label))", &[2, 3]),
        ("n != 0 && 10 / n > 2", &[]),
        ("n == 0 ? true : 10 / n > 2", &[]),
        ("(10 / n) == null", &[2, 3]),
        ("coalesce(10 / n, 1) > 2", &[2, 3]),
        ("[1, 2][n] > 0", &[1]),
    ];
    for (condition, ids) in cases {
        assert_eq!(rejected(condition), *ids, "{condition}");
    }
}

#[test]
fn a_row_on_which_it_fails_is_rejected_and_says_why() {
    let outcome = run("10 / n > 2", json!([{ "n": 2 }, { "n": 0 }]));
    assert_eq!(outcome.rows.len(), 1);
    assert_eq!(outcome.removed, [testing::rejected(1, "division by zero")]);
    let outcome = run("timestamp(t) > timestamp(0)", json!([{ "t": "2024-01-01T00:00:00Z" }, { "t": "yesterday" }]));
    let why = "`timestamp` is given a text that is none, such as \"2024-01-31T12:30:00Z\"";
    assert_eq!(outcome.removed, [testing::rejected(1, why)]);
}

#[test]
fn reads_nested_values_and_binds_its_own_names() {
    let rows = json!([{ "tags": ["a", "b"], "meta": { "year": 1990 } }, { "tags": ["c"], "meta": { "year": 2001 } }]);
    assert_eq!(run("tags.exists(tag, tag == 'b') && meta.year < 2000", rows.clone()).rows.len(), 1);
    assert_eq!(run("tags.size() == 1", rows.clone()).rows.len(), 1);
    assert_eq!(run("tags.exists(meta, meta == 'b')", rows.clone()).rows.len(), 1);
    assert_eq!(run("tags.exists(a, tags.exists(b, a < b))", rows.clone()).rows.len(), 1);
    assert_eq!(run("meta[\"year\"] == 2001 && tags[0] == 'c'", rows).rows.len(), 1);
}

#[test]
fn what_cannot_work_is_found_before_any_row() {
    assert!(error("n >=").starts_with("the expression does not parse at line 1, column 5"), "{}", error("n >="));
    let unknown = error("m > 1");
    assert!(unknown.contains("no column `m`") && unknown.contains("`text` utf8"), "{unknown}");
    let place = |what: &str, column: usize| format!("{what} (line 1, column {column} of the expression)");
    assert_eq!(error("n + 1"), place("this part of the expression gives an integer, and a bool is expected", 3));
    assert_eq!(error("n"), place("`n` is an integer, and a bool is expected", 1));
    assert_eq!(
        error("n > 'a'"),
        place(
            "`n` is an integer and \"a\" is text: `>` does not compare them; write a text in quotes, `\"3\"`, or make a number \
             of it with `int(…)` or `double(…)`",
            3
        )
    );
    assert_eq!(error("length(text) > 1"), place("there is no function `length`; write `size(x)`", 1));
    assert_eq!(error("text.SPLIT(',') == []"), place("there is no function `SPLIT`; it is written `split`", 6));
    assert!(error("frobnicate(n)").contains("no function `frobnicate`"), "{}", error("frobnicate(n)"));
    assert_eq!(
        error("size(n) > 0"),
        place("`size` is given an integer, and takes text; or bytes; or a list; or a map", 1)
    );
    assert_eq!(error("meta.scroe > 0"), place("there is no member `scroe`; the members are `score`", 5));
    assert_eq!(error("10 / 0 > n"), place("division by zero", 4));
    assert!(error("text.matches('(')").contains("not a regular expression"), "{}", error("text.matches('(')"));
    assert!(error("n in ['a']").contains("does not compare"), "{}", error("n in ['a']"));
    assert!(error("'a' in text").contains("contains(text, part)"), "{}", error("'a' in text"));
    assert!(error("n = 1").contains("`==` compares"), "{}", error("n = 1"));
    assert!(error("n > 0 and n < 3").contains("and is written `&&`"), "{}", error("n > 0 and n < 3"));
    assert!(error("n is null").contains("`== null`"), "{}", error("n is null"));
    assert!(error("tags < ['a']").contains("only `==` and `!=` do"), "{}", error("tags < ['a']"));
    assert!(error(&"(".repeat(5000)).contains("nested more than 100 deep"));
    assert!(error(&format!("n{} > 0", " + n".repeat(5000))).contains("nested more than 100 deep"));
    assert!(error(&format!("{}ok", "!".repeat(5000))).contains("nested more than 100 deep"));
}

#[test]
fn many_parts_side_by_side_are_not_nested() {
    let condition = format!("n == 0 {} || n in [{}]", "|| n == 7 ".repeat(5000), "1, ".repeat(5000));
    assert_eq!(run(&condition, json!([{ "n": 1 }, { "n": 2 }])).rows, [json!({ "n": 1 })]);
}

#[test]
fn a_long_expression_is_cut_short_as_a_reason() {
    let condition = format!("n == 1 {}", "|| n == 2 ".repeat(30));
    let outcome = run(&condition, json!([{ "n": 3 }]));
    assert_eq!(outcome.removed[0].reason.chars().count(), 81);
}

/// What a condition may do for one row has an end, in a route as in a step.
#[test]
fn a_condition_that_grows_fails_on_the_row() {
    let long = "ab".repeat(20_000);
    let rows = json!([{ "text": long }]);
    let nested = "text.split(\"\").exists(a, text.split(\"\").exists(b, text.split(\"\").exists(c, c == \"x\")))";
    for (condition, why) in
        [(nested, "too much work"), ("size(text.replace(\"a\", text).replace(\"b\", text)) > 0", "more than 256 MiB")]
    {
        let outcome = run(condition, rows.clone());
        assert!(outcome.rows.is_empty());
        assert!(outcome.removed[0].reason.contains(why), "{:?}", outcome.removed);
    }
    let error = error("size(\"\".replace(\"\", \"abc\")) == 1 / 0");
    assert!(error.contains("division"), "{error}");
}
