//! Rows that a step cannot handle: kept apart with their origin, or the end of the run, as the pipeline says.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::ipc::writer::FileWriter;
use callboard_runtime::{CancellationToken, Class, Event};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, step, straight, use_step};

/// Every second row of a batch of four is rejected, by a step that sees `text` alone.
fn odd(rest: &str) -> String {
    let config = "config = { misdeed = \"reject-odd-rows\" }";
    format!("[[steps]]\nname = \"odd\"\nuse = \"guests/hostile.wasm\"\n{config}\n{rest}\n")
}

const FOUR: &str = "[run]\nbatch_rows = 4\n";

fn rejected(folder: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("rejects.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_rejected_row_ends_the_run_unless_the_pipeline_keeps_it() {
    let bench = Bench::with_rows(10);
    for on_error in ["", "on_error = \"fail\""] {
        let error = bench.pipeline(straight(&format!("{}{FOUR}", odd(on_error)))).error();
        assert_eq!(error.class, Class::Data);
        let file = bench.path("docs.jsonl").display().to_string();
        let expected = format!(
            "stage 1, step `odd`, batch 1: row 2 ({file}:2) rejected: told to; 1 more row of its batch is rejected too: {file}:4"
        );
        assert_eq!(error.to_string(), expected);
        let help = error.help.unwrap();
        assert!(help.contains("on_error = \"reject\""), "{help}");
        assert!(!bench.path("out.jsonl").exists());
    }
}

#[test]
fn rejected_rows_are_kept_with_what_they_were_and_where_they_came_from() {
    let bench = Bench::new();
    let rows =
        |ids: std::ops::Range<i64>| ids.map(|id| json!({"id": id, "text": format!("Row  {id}"), "tags": [id, null]}));
    bench.put("a.jsonl", lines(rows(0..5)));
    bench.put("b.jsonl", "\n".to_owned() + &lines(rows(5..8)));
    let normalise =
        "[[steps]]\nuse = \"guests/normalise.wasm\"\nconfig = { lowercase = true, whitespace = \"collapse\" }\n";
    let pipeline =
        straight(&format!("{normalise}{}{FOUR}", odd("on_error = \"reject\""))).replace("docs.jsonl", "*.jsonl");
    let ended = bench.pipeline(pipeline).end();
    let kept = rejected(&ended.run_folder);
    let rejects_path = ended.run_folder.join("rejects.jsonl");
    let report = ended.report();

    // The row as the step got it: after `normalise`, and with the columns that the step did not see.
    let (a, b) = (bench.path("a.jsonl"), bench.path("b.jsonl"));
    let expected: Vec<Value> = [(1, &a, 2), (3, &a, 4), (6, &b, 3)]
        .map(|(id, file, line)| {
            let row = json!({"id": id, "text": format!("row {id}"), "tags": [id, null]});
            json!({"step": "odd", "reason": "told to", "input": "docs", "file": file, "line": line, "row": row})
        })
        .to_vec();
    assert_eq!(kept, expected);
    let keys: Vec<&String> = kept[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["step", "reason", "input", "file", "line", "row"]);

    assert_eq!(json!(bench.column("out.jsonl", "id")), json!([0, 2, 4, 5, 7]));
    assert_eq!(report.rejects.rows, 3);
    assert_eq!(report.rejects.path, rejects_path.display().to_string());
    let odd = step(&report, "odd");
    assert_eq!((odd.rows_in, odd.rows_out, odd.rows_rejected, odd.rows_dropped), (8, 5, 3, 0));
    assert_eq!(odd.rejected["told to"], 3);
}

/// A column that the step never sees may hold what JSON has no form for.
#[test]
fn a_rejected_row_tells_what_json_cannot_hold() {
    let bench = Bench::new();
    let text = StringArray::from(vec!["a", "b"]);
    let when = TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 2] = [("text", Arc::new(text)), ("when", Arc::new(when))];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let mut file = FileWriter::try_new(File::create(bench.path("docs.arrow")).unwrap(), &rows.schema()).unwrap();
    file.write(&rows).unwrap();
    file.finish().unwrap();
    let pipeline = straight(&odd("on_error = \"reject\"")).replace("docs.jsonl", "docs.arrow");
    let ended = bench.pipeline(&pipeline).end();
    let kept = rejected(&ended.run_folder);
    let when = json!({"raw": i64::MAX, "type": "timestamp[us, UTC]"});
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["row"], json!({"text": "b", "when": when}));
    assert_eq!(bench.rows("out.jsonl"), [json!({"text": "a", "when": "1970-01-01T00:00:00Z"})]);

    // By a side door it comes to an output, which cannot hold it.
    let door = pipeline + "\n[outputs.bad]\nfrom = \"odd.rejected\"\npath = \"bad.csv\"\n";
    let error = bench.pipeline(door).overwrite().error();
    assert_eq!(error.class, Class::Data);
    let place = "`when` is 9223372036854775807 as timestamp[us, UTC], which is not in the years 0000 to 9999";
    assert!(error.to_string().contains(&format!("row 1: {place}")), "{error}");
    assert!(!bench.path("bad.csv").exists());
}

/// In the order of the steps, and of the rows within a step, whatever the replicas.
#[test]
fn rejects_are_in_order_and_the_same_every_time() {
    let bench = Bench::with_rows(500);
    let first = |rest: &str| odd(&format!("on_error = \"reject\"\n{rest}"));
    let second = |rest: &str| first(rest).replace("\"odd\"", "\"then\"");
    let run = |rest: &str| {
        let steps = format!("{}{}{FOUR}", first(rest), second(rest));
        let ended = bench.pipeline(straight(&steps)).overwrite().end();
        let kept = rejected(&ended.run_folder);
        ended.report();
        kept
    };
    let kept = run("");
    let ids = |step: &str| -> Value {
        kept.iter().filter(|line| line["step"] == step).map(|line| line["row"]["id"].clone()).collect()
    };
    assert_eq!(ids("odd"), json!((1..500).step_by(2).collect::<Vec<_>>()));
    assert_eq!(ids("then"), json!((2..500).step_by(4).collect::<Vec<_>>()));
    assert!(kept.iter().map(|line| &line["step"]).is_sorted_by_key(|step| step == "then"));
    assert_eq!(run("replicas = 3\n"), kept);
}

#[test]
fn a_row_may_be_rejected_with_all_others() {
    let bench = Bench::with_rows(10);
    let all = odd("on_error = \"reject\"").replace("reject-odd-rows", "reject-all");
    let report = bench.pipeline(straight(&all)).report();
    assert_eq!((report.rejects.rows, report.outputs["out"].rows), (10, 0));
}

/// An expression that fails on a row rejects it; the message of the end says how the row can be put aside.
#[test]
fn an_expression_that_fails_rejects_its_row() {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines([4, 0, 3].map(|n| json!({"n": n, "text": "x"}))));
    let filter = |rest: &str| {
        straight(&format!("[[steps]]\nuse = \"guests/filter.wasm\"\nconfig = {{ where = \"12 / n >= 4\" }}\n{rest}\n"))
    };
    let error = bench.pipeline(filter("")).error();
    assert!(
        error.message.starts_with(&format!("row 2 ({}:2) rejected: ", bench.path("docs.jsonl").display())),
        "{error}"
    );
    let ended = bench.pipeline(filter("on_error = \"reject\"")).end();
    let kept = rejected(&ended.run_folder);
    ended.report();
    assert_eq!((kept.len(), &kept[0]["row"], &kept[0]["line"]), (1, &json!({"n": 0, "text": "x"}), &json!(2)));
    assert!(kept[0]["reason"].as_str().unwrap().to_lowercase().contains("zero"), "{}", kept[0]);
    assert_eq!(json!(bench.column("out.jsonl", "n")), json!([3]));
}

/// What rows of a source, and rows that a step made, are told by.
#[test]
fn rejects_of_rows_that_no_file_has() {
    let bench = Bench::with_rows(4);
    let new = "[[steps]]\nuse = \"guests/echo-global.wasm\"\nconfig = { new_rows = true }\n";
    let ended = bench.pipeline(straight(&format!("{new}{}", odd("on_error = \"reject\"")))).end();
    let kept = rejected(&ended.run_folder);
    ended.report();
    assert_eq!(kept.len(), 2);
    assert_eq!((&kept[0]["input"], &kept[0]["file"], &kept[0]["line"]), (&Value::Null, &Value::Null, &Value::Null));

    let pipeline = r#"
        callboard = 1
        [[steps]]
        name = "count"
        use = "guests/count-source.wasm"
        config = { rows = 30, page = 7 }
        [[steps]]
        use = "guests/filter.wasm"
        config = { where = "100 / (n - 20) > 0" }
        on_error = "reject"
        [outputs.out]
        path = "out.jsonl"
    "#;
    let ended = bench.pipeline(pipeline).overwrite().end();
    let kept = rejected(&ended.run_folder);
    ended.report();
    assert_eq!((kept.len(), &kept[0]["input"], &kept[0]["line"]), (1, &json!("count"), &json!(21)), "{kept:?}");
}

/// Eight lines of which three are no rows, and the steps that read them.
fn unreadable(bench: &Bench, input: &str, steps: &str, run: &str) -> String {
    let text = "{\"n\":1,\"text\":\"a\"}\nno\n{\"n\":2,\"text\":\"b\"}\n\n{\"n\":\"x\"}\n{\"n\":\"y\"}\n{\"n\":3,\"text\":\"a\"}\n{\"n\":4,\"text\":\"c\"}\n";
    bench.put("docs.jsonl", text);
    let steps = straight(&format!("{steps}{run}"));
    steps.replace("[inputs.docs]\n", &format!("[inputs.docs]\ntypes = {{ n = \"int64\" }}\n{input}\n"))
}

const REJECT: &str = "on_bad_row = \"reject\"";

#[test]
fn rows_that_cannot_be_read_are_rejected_where_the_input_says_so() {
    let bench = Bench::new();
    let echo = use_step("echo", "echo", "");
    let error = bench.pipeline(unreadable(&bench, "", &echo, "")).error();
    assert_eq!(error.class, Class::Data);
    assert!(error.to_string().contains("docs.jsonl`, line 2"), "{error}");
    assert!(!bench.path("out.jsonl").exists());

    let ended = bench.pipeline(unreadable(&bench, REJECT, &echo, "")).end();
    let kept = rejected(&ended.run_folder);
    let report = ended.report();
    let docs = bench.path("docs.jsonl");
    let line = |line: u64, reason: &str, text: &str| json!({"step": null, "reason": reason, "input": "docs", "file": docs, "line": line, "row": null, "text": text});
    let misfit = |value: &str| format!("`n` should be int64, found the string {value:?} (column 8)");
    let expected = [
        line(2, "the line is not JSON: expected ident (column 2)", "no"),
        line(5, &misfit("x"), "{\"n\":\"x\"}"),
        line(6, &misfit("y"), "{\"n\":\"y\"}"),
    ];
    assert_eq!(kept, expected);
    assert_eq!(json!(bench.column("out.jsonl", "n")), json!([1, 2, 3, 4]));
    let input = &report.inputs["docs"];
    assert_eq!((input.rows, input.rows_rejected, report.rejects.rows), (4, 3, 3));
    assert_eq!(json!(input.rejected), json!({"`n` should be int64": 2, "the line is not JSON: expected ident": 1}));

    for (budget, passes) in [("2", false), ("3", true), ("\"42%\"", false), ("\"43%\"", true)] {
        let run = format!("[run]\nbatch_rows = 1\nmax_rejects = {budget}\n");
        let case = bench.pipeline(unreadable(&bench, REJECT, &echo, &run)).overwrite();
        match passes {
            true => drop(case.report()),
            false => {
                assert!(case.error().to_string().contains("rows were rejected in all inputs and steps"), "{budget}")
            }
        }
    }
}

/// Read before its stage, by its stage, and again by a run that is resumed: each row is counted once.
#[test]
fn rows_that_cannot_be_read_are_counted_once_however_often_a_run_stops() {
    let bench = Bench::new();
    let steps = [use_step("first", "exact-dedup", "config = { columns = [\"text\"] }"), use_step("second", "echo", "")];
    for steps in [steps.concat(), steps.iter().rev().cloned().collect()] {
        let text = unreadable(&bench, REJECT, &steps, "");
        let ended = bench.pipeline(&text).overwrite().end();
        let (wanted, out) = (rejected(&ended.run_folder), bench.bytes("out.jsonl"));
        assert_eq!((ended.report().inputs["docs"].rows_rejected, wanted.len()), (3, 3));
        for stage in [1, 2] {
            std::fs::remove_file(bench.path("out.jsonl")).unwrap();
            let cancel = CancellationToken::new();
            let on_event = cancel.clone();
            let listen = move |event: &Event| {
                if matches!(event, Event::Loaded { stage: loaded, .. } if *loaded == stage) {
                    on_event.cancel();
                }
            };
            let ended = bench.pipeline(&text).cancel(cancel).listen(listen).end();
            let folder = ended.run_folder.clone();
            if ended.error().class != Class::Interrupted {
                panic!("stage {stage} was not reached");
            }
            let report = bench.resume(&folder).report();
            assert_eq!(
                (report.inputs["docs"].rows, report.inputs["docs"].rows_rejected, report.rejects.rows),
                (4, 3, 3)
            );
            assert_eq!((rejected(&folder), bench.bytes("out.jsonl")), (wanted.clone(), out.clone()), "stage {stage}");
        }
    }
}

/// The rows that were rejected before a failure are there to be looked at.
#[test]
fn rejects_outlive_a_run_that_fails() {
    let bench = Bench::with_rows(100);
    let trap = "[[steps]]\nname = \"bad\"\nuse = \"guests/hostile.wasm\"\nconfig = { misdeed = \"trap\", on_text = \"row 98\" }\n";
    let ended = bench.pipeline(straight(&format!("{}{trap}{FOUR}", odd("on_error = \"reject\"")))).end();
    let kept = rejected(&ended.run_folder);
    ended.error();
    assert_eq!(json!(kept[0]["row"]["id"]), json!(1));
    assert!(kept.len() > 40, "{} rows were rejected before the last batch", kept.len());
}

/// A row's origin goes with it through appended inputs, repeats, two global steps and the files between stages.
#[test]
fn a_row_is_told_by_its_line_however_far_it_came() {
    let bench = Bench::new();
    let row = |id: i64| json!({"id": id, "text": format!("text {}", id % 6), "tags": ["x", "y"]});
    bench.put("a.jsonl", lines((0..4).map(row)));
    bench.put("b.jsonl", lines((4..9).map(row)));
    let pipeline = format!(
        r#"
        callboard = 1
        [inputs.a]
        path = "a.jsonl"
        [inputs.b]
        path = "b.jsonl"
        [[steps]]
        use = "guests/exact-dedup.wasm"
        from = ["b", "a"]
        [[steps]]
        use = "guests/explode.wasm"
        config = {{ column = "tags" }}
        [[steps]]
        use = "guests/echo-global.wasm"
        {}
        [outputs.out]
        path = "out.jsonl"
        "#,
        odd("on_error = \"reject\"")
    );
    let ended = bench.pipeline(pipeline).end();
    let kept = rejected(&ended.run_folder);
    ended.report();
    let told: Vec<Value> = kept.iter().map(|line| json!([line["input"], line["line"], line["row"]["id"]])).collect();
    let expected = [("b", 1, 4), ("b", 2, 5), ("b", 3, 6), ("b", 4, 7), ("b", 5, 8), ("a", 4, 3)];
    assert_eq!(told, expected.map(|(input, line, id)| json!([input, line, id])));
}
