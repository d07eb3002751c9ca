//! Columns under other names, chosen, hidden, carried past steps that do not ask for them.

use serde_json::{Value, json};

use crate::bench::{Bench, lines, straight, use_step, wired};
use crate::flow::of_all_sorts;

#[test]
fn a_step_has_its_own_names_for_columns() {
    let bench = Bench::new();
    let row = json!({"question": "A  b", "text": "C  d", "n": 1});
    bench.put("docs.jsonl", lines([row]));
    let normalise = |columns: &str| {
        let config = "config = { whitespace = \"collapse\", lowercase = true }";
        use_step("tidy", "normalise", &format!("{config}\ncolumns = {columns}"))
    };
    // `text` of the pipeline is hidden from the step, which has another by that name, and goes by it untouched.
    bench.pipeline(straight(&normalise(r#"{ text = "question" }"#))).report();
    assert_eq!(bench.rows("out.jsonl"), [json!({"question": "a b", "text": "C  d", "n": 1})]);
    // What a step writes is renamed on the way out, into its place if there is one.
    let hash =
        use_step("digest", "hash", "config = { as = \"digest\" }\ncolumns = { text = \"question\", digest = \"n\" }");
    bench.pipeline(straight(&hash)).overwrite().report();
    let written = &bench.rows("out.jsonl")[0];
    assert_eq!(written["n"].as_str().map(str::len), Some(64), "{written}");
    let names: Vec<&String> = written.as_object().unwrap().keys().collect();
    assert_eq!(names, ["question", "text", "n"]);
    // A name that is not there.
    let error = bench.pipeline(straight(&normalise(r#"{ text = "answer" }"#))).overwrite().error();
    assert!(error.message.contains("text"), "{error}");
    assert_eq!(error.place.step.as_deref(), Some("tidy"));
}

/// The step writes `digest` and does not see the pipeline's: two columns of one name would come out.
#[test]
fn columns_that_would_collide_are_refused() {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines([json!({"text": "a", "digest": "b"})]));
    let hash = use_step("hash", "hash", "config = { as = \"digest\" }\ncolumns = { other = \"digest\" }");
    let error = bench.pipeline(straight(&hash)).error();
    assert_eq!(error.message, "it would return two columns named `digest`");
    assert_eq!(error.help.as_deref(), Some("rename one in the step: columns = { digest = \"digest_2\" }"));
}

#[test]
fn an_output_chooses_and_renames_columns() {
    let bench = Bench::with_rows(2);
    let outputs = [("chosen", "columns = [\"text\"]"), ("renamed", "columns = { body = \"text\", id = \"id\" }")];
    let steps = use_step("echo", "echo", "");
    bench.pipeline(wired(&["docs"], &outputs, &steps)).report();
    assert_eq!(bench.rows("chosen.jsonl"), [json!({"text": "row 0"}), json!({"text": "row 1"})]);
    assert_eq!(
        String::from_utf8(bench.bytes("renamed.jsonl")).unwrap().lines().next(),
        Some(r#"{"body":"row 0","id":0}"#)
    );
    let error = bench.pipeline(wired(&["docs"], &[("out", "columns = [\"texts\"]")], &steps)).error();
    assert_eq!(error.message, "there is no column `texts`; the columns are `id` int64, `text` utf8");
    assert_eq!(error.place.output.as_deref(), Some("out"));
}

/// What a step does not read, it cannot bend: JSON of any shape stays what it was, through every kind of step and spill.
#[test]
fn ragged_json_is_carried_unchanged() {
    let bench = Bench::new();
    let ragged = [json!({"a": [1, "x", null]}), json!(7), json!("text"), Value::Null, json!([{}, []])];
    bench.put(
        "docs.jsonl",
        lines(
            ragged
                .iter()
                .enumerate()
                .map(|(id, meta)| json!({"id": id, "text": format!("t {id}"), "tags": ["x"], "meta": meta})),
        ),
    );
    let pipeline = straight(&of_all_sorts("")).replace("\"docs.jsonl\"", "\"docs.jsonl\"\ntypes = { meta = \"json\" }");
    bench.pipeline(pipeline).report();
    let kept: Vec<Value> = [0, 1, 2, 4].map(|id: usize| ragged[id].clone()).to_vec();
    assert_eq!(bench.column("out.jsonl", "meta"), kept);
}

#[test]
fn rows_without_a_column_are_rows() {
    let bench = Bench::new();
    bench.put("docs.jsonl", "{}\n{}\n{}\n");
    let steps = use_step("echo", "echo", "replicas = 2")
        + &use_step("global", "echo-global", "")
        + &use_step("b", "ballast", "config = { mib = 1 }");
    let report = bench.pipeline(straight(&steps)).report();
    assert_eq!(report.outputs["out"].rows, 3);
    assert_eq!(bench.bytes("out.jsonl"), b"{}\n{}\n{}\n");
}
