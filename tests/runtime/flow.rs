//! Rows from inputs to outputs: every way to wire a pipeline, and the same bytes whatever cuts and replicas.

use callboard_plan::Load;

use serde_json::json;

use crate::bench::{Bench, lines, step, straight, use_step, wired};

/// Steps that filter, write, repeat, reorder by origin, and one that needs every row.
pub(crate) fn of_all_sorts(rest_of_each: &str) -> String {
    [
        use_step("tidy", "normalise", &format!("config = {{ whitespace = \"collapse\" }}\n{rest_of_each}")),
        use_step("few", "filter", &format!("config = {{ where = \"id % 7 != 3\" }}\n{rest_of_each}")),
        use_step("twice", "explode", &format!("config = {{ column = \"tags\", as = \"tag\" }}\n{rest_of_each}")),
        use_step("dedup", "exact-dedup", "config = { columns = [\"text\", \"tag\"] }"),
        use_step("digest", "hash", &format!("config = {{ as = \"digest\" }}\n{rest_of_each}")),
    ]
    .concat()
}

pub(crate) fn tagged(rows: usize) -> String {
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

/// Rows that a global step puts out in another order than they came in: each is whole, wherever batches are cut.
#[test]
fn rows_out_of_order_are_carried_whole() {
    let bench = Bench::new();
    let row = |id: usize| json!({"id": id, "key": id * 7919 % 5000, "text": "x".repeat(id % 50)});
    bench.put("docs.jsonl", lines((0..5000).map(row)));
    let mut expected: Vec<_> = (0..5000).map(row).collect();
    expected.sort_by_key(|row| row["key"].as_u64());
    for cut in ["", "batch_rows = 7", "batch_bytes = \"1KiB\"", "batch_bytes = \"100MiB\""] {
        let steps = use_step("order", "sort", "config = { by = [\"key\"] }");
        bench.pipeline(straight(&steps) + &format!("[run]\n{cut}\n")).overwrite().report();
        assert!(bench.rows("out.jsonl") == expected, "{cut}");
    }
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
    assert!(error.help.unwrap().contains("`c` has `id` int64"));
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

/// Neighbours with several instances each share their threads: what fails in the second names it, and its own batch.
#[test]
fn what_fails_behind_a_neighbour_is_told_with_its_own_batch() {
    let bench = Bench::with_rows(40);
    let steps = |replicas: u32| {
        let rest = format!("replicas = {replicas}\n");
        // No row of the first two batches is left for the second step.
        use_step("few", "filter", &format!("config = {{ where = \"id >= 20\" }}\n{rest}"))
            + &use_step("bad", "hostile", &format!("config = {{ misdeed = \"trap\", on_text = \"row 35\" }}\n{rest}"))
            + "[run]\nbatch_rows = 10\n"
    };
    for replicas in [1, 2, 3] {
        let error = bench.pipeline(straight(&steps(replicas))).error();
        let place = (error.place.step.as_deref(), error.place.batch);
        assert_eq!(place, (Some("bad"), Some(2)), "{replicas} instances each: {}", error.message);
    }
}
