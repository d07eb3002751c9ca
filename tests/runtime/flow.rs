//! Rows from inputs to outputs: every way to wire a pipeline, and the same bytes whatever cuts and replicas.

use std::sync::{Arc, Mutex};

use callboard_plan::Load;
use callboard_runtime::{Class, Event};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, step, straight};

/// A pipeline of several inputs, `NAME.jsonl` each, and several outputs, likewise.
fn wired(inputs: &[&str], outputs: &[(&str, &str)], steps: &str) -> String {
    let inputs = inputs.iter().map(|name| format!("[inputs.{name}]\npath = \"{name}.jsonl\"\n\n"));
    let outputs = outputs.iter().map(|(name, rest)| format!("[outputs.{name}]\npath = \"{name}.jsonl\"\n{rest}\n\n"));
    format!("callboard = 1\n\n{}{}{steps}", inputs.collect::<String>(), outputs.collect::<String>())
}

fn use_step(name: &str, guest: &str, rest: &str) -> String {
    format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/{guest}.wasm\"\n{rest}\n\n")
}

/// Steps that filter, write, repeat, reorder by origin, and one that needs every row.
fn of_all_sorts(rest_of_each: &str) -> String {
    [
        use_step("tidy", "normalise", &format!("config = {{ whitespace = \"collapse\" }}\n{rest_of_each}")),
        use_step("few", "filter", &format!("config = {{ where = \"id % 7 != 3\" }}\n{rest_of_each}")),
        use_step("twice", "explode", &format!("config = {{ column = \"tags\", as = \"tag\" }}\n{rest_of_each}")),
        use_step("dedup", "exact-dedup", "config = { columns = [\"text\", \"tag\"] }"),
        use_step("digest", "hash", &format!("config = {{ as = \"digest\" }}\n{rest_of_each}")),
    ]
    .concat()
}

fn tagged(rows: usize) -> String {
    let tags = |id: usize| (0..id % 4).map(|tag| format!("tag-{tag}")).collect::<Vec<_>>();
    lines((0..rows).map(|id| json!({"id": id, "text": format!("  some   text {}", id % 1500), "tags": tags(id)})))
}

#[test]
fn neither_replicas_nor_cuts_nor_loading_change_a_byte() {
    let bench = Bench::new();
    bench.put("docs.jsonl", tagged(3_000));
    bench.pipeline(straight(&of_all_sorts(""))).report();
    let expected = bench.bytes("out.jsonl");
    // Each text occurs twice, with the same tags, and `few` leaves out one of the two at most.
    assert_eq!(bench.rows("out.jsonl").len(), (0..1500).map(|id| id % 4).sum::<usize>());
    let run = |steps: String, load| {
        let report = bench.pipeline(straight(&steps)).load(load).overwrite().report();
        assert!(bench.bytes("out.jsonl") == expected, "under {load:?}\n{steps}");
        report
    };
    run(of_all_sorts("replicas = 3\n"), Load::Staged);
    run(of_all_sorts("replicas = 3\n") + "[run]\nbatch_rows = 7\n", Load::Staged);
    run(of_all_sorts("") + "[run]\nbatch_rows = 7\n", Load::Eager);
    run(of_all_sorts("") + "[run]\nbatch_bytes = \"1KiB\"\n", Load::Step);
    let report = run(of_all_sorts("replicas = 2\n") + "[run]\nbatch_rows = 1\n", Load::Step);
    assert_eq!(step(&report, "tidy").batches, 3_000);
}

#[test]
fn inputs_are_appended_in_the_order_they_are_named() {
    let bench = Bench::new();
    for (name, ids) in [("a", 0..3), ("b", 10..12), ("c", 20..24)] {
        bench.put(&format!("{name}.jsonl"), lines(ids.map(|id| json!({"id": id}))));
    }
    let steps = use_step("echo", "echo", "from = [\"c\", \"a\", \"b\"]");
    let report = bench.pipeline(wired(&["a", "b", "c"], &[("out", "")], &steps)).report();
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!([20, 21, 22, 23, 0, 1, 2, 10, 11]));
    assert_eq!(report.inputs["c"].rows, 4);
    assert_eq!(report.inputs["c"].bytes, bench.bytes("c.jsonl").len() as u64);
}

/// Columns in another order are the same columns; one that is missing is an error that names both sides.
#[test]
fn what_is_appended_has_the_same_columns() {
    let bench = Bench::new();
    bench.put("a.jsonl", "{\"id\": 1, \"text\": \"one\"}\n");
    bench.put("b.jsonl", "{\"text\": \"two\", \"id\": 2}\n");
    bench.put("c.jsonl", "{\"id\": 3}\n");
    let of = |from: &str| use_step("echo", "echo", &format!("from = {from}"));
    bench.pipeline(wired(&["a", "b"], &[("out", "")], &of(r#"["a", "b"]"#))).report();
    assert_eq!(bench.rows("out.jsonl"), [json!({"id": 1, "text": "one"}), json!({"id": 2, "text": "two"})]);
    let error = bench.pipeline(wired(&["a", "c"], &[("out", "")], &of(r#"["a", "c"]"#))).overwrite().error();
    assert_eq!(error.message, "`c` cannot be appended to `a`: column `text` is in `a` only");
    assert!(error.help.unwrap().contains("`c` has `id` (int64)"));
}

#[test]
fn rows_fan_out_to_steps_and_outputs_alike() {
    let bench = Bench::with_rows(5_000);
    let steps = use_step("even", "filter", "from = \"docs\"\nconfig = { where = \"id % 2 == 0\" }")
        + &use_step("odd", "filter", "from = \"docs\"\nconfig = { where = \"id % 2 == 1\" }")
        + &use_step("global", "exact-dedup", "from = \"docs\"");
    let outputs = [
        ("all", "from = \"docs\""),
        ("evens", "from = \"even\""),
        ("again", "from = \"even\""),
        ("odds", "from = \"odd\""),
        ("whole", "from = \"global\""),
    ];
    let report = bench.pipeline(wired(&["docs"], &outputs, &(steps + "[run]\nbatch_rows = 100\n"))).report();
    assert_eq!(bench.bytes("all.jsonl"), bench.bytes("docs.jsonl"));
    assert_eq!(bench.bytes("whole.jsonl"), bench.bytes("docs.jsonl"));
    assert_eq!(bench.bytes("evens.jsonl"), bench.bytes("again.jsonl"));
    let (evens, odds) = (bench.column("evens.jsonl", "id"), bench.column("odds.jsonl", "id"));
    assert_eq!(json!(evens), json!((0..5_000).step_by(2).collect::<Vec<_>>()));
    assert_eq!(json!(odds), json!((1..5_000).step_by(2).collect::<Vec<_>>()));
    assert_eq!(report.outputs["odds"].rows, 2_500);
    assert_eq!(report.outputs["odds"].bytes, bench.bytes("odds.jsonl").len() as u64);
}

/// A diamond: the second branch is full long before the first is read to its end.
#[test]
fn a_diamond_ends_with_one_branch_behind_the_other() {
    let bench = Bench::with_rows(20_000);
    let steps = use_step("first", "echo", "from = \"docs\"")
        + &use_step("second", "echo", "from = \"docs\"")
        + &use_step("both", "echo", "from = [\"first\", \"second\"]")
        + &use_step("sink", "echo", "from = [\"both\", \"docs\"]\nreplicas = 2")
        + "[run]\nbatch_rows = 50\n";
    bench.pipeline(wired(&["docs"], &[("out", "")], &steps)).report();
    let expected = bench.bytes("docs.jsonl").repeat(3);
    assert!(bench.bytes("out.jsonl") == expected, "three times the rows, one after the other");
}

#[test]
fn global_steps_follow_each_other_and_stand_side_by_side() {
    let bench = Bench::with_rows(3_000);
    let steps = use_step("a", "echo-global", "from = \"docs\"")
        + &use_step("b", "exact-dedup", "from = \"a\"")
        + &use_step("left", "echo-global", "from = \"b\"")
        + &use_step("right", "exact-dedup", "from = \"b\"")
        + &use_step("light", "echo", "from = \"b\"")
        + &use_step("end", "echo-global", "from = [\"left\", \"right\", \"light\"]")
        + "[run]\nbatch_rows = 100\n";
    let report = bench.pipeline(wired(&["docs"], &[("out", "")], &steps)).report();
    let stages: Vec<usize> = report.stages.iter().map(|stage| stage.steps.len()).collect();
    assert_eq!(stages, [1, 1, 3, 1]);
    assert!(bench.bytes("out.jsonl") == bench.bytes("docs.jsonl").repeat(3));
}

/// The rows of the first input are carried; the other's columns need not even be the same.
#[test]
fn a_global_step_has_several_inputs() {
    let bench = Bench::with_rows(100);
    bench.put("other.jsonl", "{\"word\": \"unheard of\"}\n");
    let steps = use_step("join", "hostile-global", "from = { left = [\"docs\", \"docs\"], right = \"other\" }");
    let report = bench.pipeline(wired(&["docs", "other"], &[("out", "")], &steps)).report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl").repeat(2));
    assert_eq!(step(&report, "join").rows_in, 200);
    // Each input is read by a reader of its own, whatever it is appended of.
    bench.put_rows("other.jsonl", 7);
    let of = |config: &str| {
        let from = "from = { left = \"docs\", right = [\"other\", \"docs\"] }";
        use_step("join", "echo-global", &format!("{from}\n{config}")) + "[run]\nbatch_rows = 9\n"
    };
    let new = of("config = { new_rows = true }");
    let report = bench.pipeline(wired(&["docs", "other"], &[("out", "")], &new)).overwrite().report();
    let (docs, other) = (bench.bytes("docs.jsonl"), bench.bytes("other.jsonl"));
    assert_eq!(bench.bytes("out.jsonl"), [docs.clone(), other, docs].concat());
    assert_eq!((step(&report, "join").rows_in, step(&report, "join").rows_created), (100, 207));
    // A step that reads one input says so, when it is given two.
    let error = bench.pipeline(wired(&["docs", "other"], &[("out", "")], &of(""))).overwrite().error();
    assert!(error.message.contains("input"), "{error}");
    assert_eq!(error.place.step.as_deref(), Some("join"));
}

#[test]
fn a_global_step_repeats_and_reorders_rows_and_makes_new_ones() {
    let bench = Bench::with_rows(7);
    let many = use_step("many", "hostile-global", "config = { misdeed = \"keep-many\" }");
    let report = bench.pipeline(straight(&(many + "[run]\nbatch_rows = 3\n"))).report();
    assert!(bench.bytes("out.jsonl") == bench.bytes("docs.jsonl").repeat(1_000));
    let many = step(&report, "many");
    assert_eq!((many.rows_in, many.rows_out, many.rows_repeated, many.rows_created), (7, 7_000, 6_993, 0));

    let backwards = use_step("back", "hostile-global", "config = { misdeed = \"keep-backwards\" }");
    bench.pipeline(straight(&(backwards + "[run]\nbatch_rows = 3\n"))).overwrite().report();
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!((0..7).rev().collect::<Vec<_>>()));

    let new = use_step("new", "echo-global", "config = { new_rows = true }");
    let report = bench.pipeline(straight(&new)).overwrite().report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
    let new = step(&report, "new");
    assert_eq!((new.rows_in, new.rows_out, new.rows_dropped, new.rows_created), (7, 7, 7, 7));
}

#[test]
fn a_pipeline_needs_no_steps() {
    let bench = Bench::with_rows(1_000);
    let report = bench.pipeline(straight("")).report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
    assert_eq!((report.stages.len(), report.peak_linear_memory_bytes), (1, 0));
}

#[test]
fn an_output_may_append_and_come_straight_from_an_input() {
    let bench = Bench::with_rows(100);
    let outputs = [("raw", "from = \"docs\""), ("all", "from = [\"few\", \"docs\"]")];
    let steps = use_step("few", "filter", "config = { where = \"id < 2\" }");
    bench.pipeline(wired(&["docs"], &outputs, &steps)).report();
    assert_eq!(bench.bytes("raw.jsonl"), bench.bytes("docs.jsonl"));
    assert_eq!(json!(bench.column("all.jsonl", "id")[..4]), json!([0, 1, 0, 1]));
    assert_eq!(bench.rows("all.jsonl").len(), 102);
}

#[test]
fn a_limit_is_for_each_input_and_each_source() {
    let bench = Bench::with_rows(100);
    let steps = use_step("count", "count-source", "config = { rows = 1000, page = 7 }");
    let outputs = [("rows", "from = \"docs\""), ("numbers", "from = \"count\"")];
    let pipeline = wired(&["docs"], &outputs, &steps);
    let report = bench.pipeline(&pipeline).limit(10).report();
    assert_eq!(json!(bench.column("rows.jsonl", "id")), json!((0..10).collect::<Vec<_>>()));
    assert_eq!(json!(bench.column("numbers.jsonl", "n")), json!((0..10).collect::<Vec<_>>()));
    assert_eq!((report.inputs["docs"].rows, step(&report, "count").rows_out), (10, 10));
    let report = bench.pipeline(&pipeline).limit(0).overwrite().report();
    assert_eq!((report.outputs["rows"].rows, report.outputs["numbers"].rows), (0, 0));
    let report = bench.pipeline(&pipeline).limit(5_000).overwrite().report();
    assert_eq!((report.outputs["rows"].rows, report.outputs["numbers"].rows), (100, 1_000));
}

#[test]
fn a_source_makes_rows_without_an_input() {
    let bench = Bench::new();
    let steps = use_step("count", "count-source", "config = { rows = 2500 }")
        + &use_step("few", "filter", "config = { where = \"n % 1000 == 0\" }");
    let report = bench.pipeline(wired(&[], &[("out", "")], &steps)).report();
    assert_eq!(bench.rows("out.jsonl"), [json!({"n": 0}), json!({"n": 1000}), json!({"n": 2000})]);
    let count = step(&report, "count");
    assert_eq!((count.rows_in, count.rows_out, count.rows_created), (0, 2_500, 2_500));
}

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
    assert_eq!(error.message, "it would put out two columns named `digest`");
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
    assert_eq!(error.message, "there is no column `texts` here: there are `id` (int64), `text` (utf8)");
    assert_eq!(error.place.output.as_deref(), Some("out"));
}

#[test]
fn an_output_that_is_there_is_not_touched_by_a_run_that_fails() {
    let bench = Bench::with_rows(1_000);
    let precious = b"what was there before".as_slice();
    bench.put("out.jsonl", precious);
    let error = bench.pipeline(straight("")).error();
    assert!(error.message.ends_with("out.jsonl` is there already"), "{error}");
    assert_eq!(error.help.as_deref(), Some("replace it: --overwrite"));
    assert_eq!(bench.bytes("out.jsonl"), precious);

    // It fails late: most of the rows have been written by then, and one output is complete.
    let steps = use_step("bad", "hostile", "config = { misdeed = \"trap\", on_text = \"row 950\" }");
    let outputs = [("early", "from = \"docs\""), ("out", "from = \"bad\"")];
    let before = bench.names();
    let ended = bench.pipeline(wired(&["docs"], &outputs, &(steps + "[run]\nbatch_rows = 10\n"))).overwrite().end();
    let run = ended.run_folder.file_name().unwrap().to_str().unwrap().to_owned();
    ended.error();
    assert_eq!(bench.bytes("out.jsonl"), precious);
    let after: Vec<String> = bench.names().into_iter().filter(|name| !name.starts_with(&run)).collect();
    assert_eq!(after, before, "nothing is left behind outside of the run's folder");

    bench.pipeline(straight("")).overwrite().report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

#[test]
fn a_run_leaves_a_plan_and_rejects_and_nothing_else() {
    let bench = Bench::with_rows(5_000);
    let ended = bench.pipeline(straight(&use_step("dedup", "exact-dedup", ""))).end();
    let folder = ended.run_folder.clone();
    let spilled: u64 = ended.outcome.as_ref().ok().unwrap().stages.iter().map(|stage| stage.spilled_bytes).sum();
    ended.report();
    assert!(spilled > 5_000, "{spilled} bytes");
    let files: Vec<String> = bench.names().into_iter().filter(|name| name.starts_with("run-0/")).collect();
    assert_eq!(files, ["run-0/plan.json", "run-0/rejects.jsonl", "run-0/spill"]);
    assert_eq!(std::fs::read(folder.join("rejects.jsonl")).unwrap(), b"");
    let plan: Value = serde_json::from_slice(&std::fs::read(folder.join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan["steps"][0]["name"], "dedup");
}

/// Every row is told of once by each step, and each stage of itself in order.
#[test]
fn events_tell_of_stages_and_rows() {
    let bench = Bench::with_rows(100);
    let steps = use_step("a", "echo", "") + &use_step("b", "exact-dedup", "") + "[run]\nbatch_rows = 30\n";
    let ended = bench.pipeline(straight(&steps)).end();
    let mut told = Vec::new();
    let (mut rows_in, mut rows_out) = (0, 0);
    for event in &ended.events {
        match event {
            Event::Loaded { stage, stages, steps, linear_memory } => {
                assert!(*linear_memory > 0);
                told.push(format!("loaded {stage} of {stages}: {}", steps.join(", ")));
            }
            Event::Ended { stage, .. } => told.push(format!("ended {stage}")),
            Event::Rows { rows_in: more_in, rows_out: more_out, .. } => {
                rows_in += more_in;
                rows_out += more_out;
            }
            _ => {}
        }
    }
    assert_eq!(told, ["loaded 1 of 2: a", "ended 1", "loaded 2 of 2: b", "ended 2"]);
    assert_eq!((rows_in, rows_out), (200, 200));
    ended.report();
}

/// Rows between stages are on the disk for as long as a stage to come reads them.
#[test]
fn spills_go_with_the_last_stage_that_reads_them() {
    let bench = Bench::with_rows(1_000);
    let steps = ["a", "b", "c"].map(|name| use_step(name, "echo-global", "")).concat();
    let outputs = [("out", ""), ("late", "from = [\"c\", \"a\"]")];
    for load in [Load::Staged, Load::Eager] {
        let spills = Arc::new(Mutex::new(Vec::new()));
        let (seen, folder) =
            (spills.clone(), bench.path(if load == Load::Staged { "run-0/spill" } else { "run-1/spill" }));
        let case = bench.pipeline(wired(&["docs"], &outputs, &steps)).load(load).overwrite();
        let ended = case.listen(move |event| {
            if let Event::Ended { .. } = event {
                let names =
                    std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
                let mut names: Vec<String> = names.collect();
                names.sort();
                seen.lock().unwrap().push(names.join(" "));
            }
        });
        ended.report();
        assert_eq!(*spills.lock().unwrap(), ["a", "a b", ""], "{load:?}");
        assert!(bench.bytes("late.jsonl") == bench.bytes("docs.jsonl").repeat(2));
    }
}

/// A disk that forgets is found out, in whichever way it does.
#[test]
fn a_spill_that_was_altered_is_an_error() {
    let alter: [fn(&mut Vec<u8>); 3] = [
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        |bytes| *bytes.last_mut().unwrap() ^= 0x80,
        |bytes| bytes.truncate(bytes.len() / 2),
    ];
    for (nth, alter) in alter.into_iter().enumerate() {
        for guest in ["echo-global", "exact-dedup"] {
            let bench = Bench::with_rows(2_000);
            let spill = bench.path("run-0/spill/docs");
            let steps = use_step("global", guest, "") + "[run]\nbatch_rows = 100\n";
            let case = bench.pipeline(straight(&steps)).listen(move |event| {
                if let Event::Loaded { .. } = event {
                    let files: Vec<_> = std::fs::read_dir(&spill).unwrap().map(|entry| entry.unwrap().path()).collect();
                    assert_eq!(files.len(), 1);
                    let mut bytes = std::fs::read(&files[0]).unwrap();
                    alter(&mut bytes);
                    std::fs::write(&files[0], bytes).unwrap();
                }
            });
            let error = case.error();
            assert_eq!((error.class, error.place.step.as_deref()), (Class::System, Some("global")), "{nth}: {error}");
            assert!(error.message.starts_with("cannot read rows between stages: "), "{nth}: {error}");
            assert!(!bench.path("out.jsonl").exists());
        }
    }
}

#[test]
fn places_that_cannot_be_written_are_refused_before_the_run() {
    let bench = Bench::with_rows(3);
    let echo = use_step("echo", "echo", "");
    let before = bench.bytes("docs.jsonl");
    let refused = |pipeline: String, says: &str| {
        let error = bench.pipeline(pipeline).overwrite().error();
        assert!(error.message.contains(says), "{error}");
        assert_eq!(error.class, Class::Pipeline, "{error}");
        assert_eq!(error.place.stage, None, "{error}");
    };
    // Planning sees that two paths are one; that two files are one, only the system knows.
    std::os::unix::fs::symlink(bench.path("docs.jsonl"), bench.path("alias.jsonl")).unwrap();
    std::os::unix::fs::symlink(bench.path(""), bench.path("here")).unwrap();
    refused(straight(&echo).replace("out.jsonl", "alias.jsonl"), "is a file of input `docs`");
    let two = wired(&["docs"], &[("one", ""), ("two", "")], &echo);
    refused(two.replace("two.jsonl", "here/one.jsonl"), "is written by output `one` too");
    bench.put("file", "");
    refused(straight(&echo).replace("out.jsonl", "file/out.jsonl"), "file");
    std::fs::create_dir(bench.path("run-3")).unwrap();
    bench.put("run-3/something", "");
    let error = bench.pipeline(straight(&echo)).error();
    assert!(error.message.ends_with("run-3` is not empty"), "{error}");
    assert_eq!(bench.bytes("docs.jsonl"), before);
    assert!(!bench.path("out.jsonl").exists());
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

#[test]
fn an_instance_that_does_not_fit_its_limit_is_an_error() {
    let bench = Bench::with_rows(3);
    let error = bench.pipeline(straight(&use_step("echo", "echo", "limits = { memory = \"64KiB\" }"))).error();
    assert_eq!(error.class, Class::Limit, "{error}");
    assert!(error.message.starts_with("bytes of linear memory: 0 are in use and "), "{error}");
    assert!(error.help.as_ref().unwrap().contains("limits.memory = "), "{error}");
}
