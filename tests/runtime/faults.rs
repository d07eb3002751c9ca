//! What goes wrong in any pipeline sooner or later. Each ends in an error that names the step, or in the right result; none hangs,
//! none ends well with rows missing, and the input and what was there before are as they were.

use callboard_plan::Load;
use callboard_runtime::Class::{Data, System};
use callboard_runtime::{Event, RunError, Status};
use serde_json::json;

use crate::bench::{Bench, lines, step, straight, use_step, wired};

/// A run that must fail: nothing is put out, nothing that was there is touched.
fn fails(bench: &Bench, pipeline: &str) -> RunError {
    let files = || ["docs.jsonl", "out.jsonl"].map(|name| std::fs::read(bench.path(name)).ok());
    bench.put("out.jsonl", "what was there before\n");
    let before = files();
    let [staged, eager, single] = [Load::Staged, Load::Eager, Load::Step].map(|load| {
        let ended = bench.pipeline(pipeline).load(load).overwrite().end();
        if let Ok(report) = &ended.outcome {
            assert_eq!(report.status, Status::Failed);
        }
        let error = ended.error();
        assert_eq!(files(), before, "{error}");
        error
    });
    assert_eq!([&eager.message, &single.message], [&staged.message; 2], "however steps are loaded, the error is one");
    staged
}

fn told(guest: &str, misdeed: &str, rest: &str) -> String {
    use_step("bad", guest, &format!("config = {{ misdeed = \"{misdeed}\"{rest} }}"))
}

/// Steps before and behind the bad one, a boundary on both sides.
fn among_others(bad: &str) -> String {
    let (before, behind) = (use_step("before", "echo", ""), use_step("behind", "exact-dedup", ""));
    straight(&(before + bad + &behind + &use_step("last", "echo", "replicas = 2") + "[run]\nbatch_rows = 10\n"))
}

#[test]
fn a_step_that_raises_in_one_batch_fails_the_run() {
    let bench = Bench::with_rows(100);
    for (misdeed, says) in [("error-failed", "told to fail"), ("panic", "told to panic")] {
        let error = fails(&bench, &among_others(&told("hostile", misdeed, ", on_text = \"row 55\"")));
        assert!(error.message.contains(says), "{error}");
        assert_eq!(
            (error.class, error.place.step.as_deref(), error.place.batch),
            (Data, Some("bad"), Some(6)),
            "{error}"
        );
    }
}

#[test]
fn a_global_step_that_raises_fails_the_run() {
    let bench = Bench::with_rows(100);
    for (misdeed, says) in
        [("error", "told to fail"), ("error-at-end", "told to fail at the end"), ("panic", "told to panic")]
    {
        let error = fails(&bench, &among_others(&told("hostile-global", misdeed, "")));
        assert!(error.message.contains(says), "{error}");
        assert_eq!((error.class, error.place.step.as_deref()), (Data, Some("bad")), "{error}");
    }
}

#[test]
fn a_source_that_raises_fails_the_run() {
    let bench = Bench::new();
    for (misdeed, class) in [("error", Data), ("error-transient", System), ("panic", Data), ("error-open", Data)] {
        let bad = told("hostile-source", misdeed, "");
        let error = fails(&bench, &wired(&[], &[("out", "")], &(bad + &use_step("behind", "echo", ""))));
        assert!(error.message.contains("told to"), "{error}");
        assert_eq!((error.class, error.place.step.as_deref()), (class, Some("bad")), "{error}");
    }
}

#[test]
fn a_step_that_dies_fails_the_run() {
    let bench = Bench::with_rows(100);
    for guest in ["hostile", "hostile-global"] {
        for misdeed in ["trap-open", "trap"] {
            let error = fails(&bench, &among_others(&told(guest, misdeed, "")));
            assert!(error.message.contains("` trapped: "), "{error}");
            assert_eq!((error.class, error.place.step.as_deref()), (Data, Some("bad")), "{error}");
        }
    }
    // One replica of three, in the last batch.
    let one = told("hostile", "trap", ", on_text = \"row 99\"").replace("config", "replicas = 3\nconfig");
    let error = fails(&bench, &among_others(&one));
    assert_eq!((error.place.step.as_deref(), error.place.batch), (Some("bad"), Some(10)), "{error}");
}

#[test]
fn a_filter_may_empty_the_last_batch() {
    let bench = Bench::with_rows(100);
    let gone = told("hostile", "drop-all", ", on_text = \"row 95\"");
    let report = bench.pipeline(among_others(&gone)).report();
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!((0..90).collect::<Vec<_>>()));
    assert_eq!(step(&report, "bad").dropped["told to"], 10);
}

#[test]
fn a_global_step_may_receive_nothing() {
    let bench = Bench::with_rows(100);
    let report = bench.pipeline(among_others(&told("hostile", "drop-all", ""))).report();
    assert_eq!(bench.bytes("out.jsonl"), b"");
    assert_eq!((step(&report, "behind").rows_in, step(&report, "last").rows_out), (0, 0));
}

#[test]
fn a_load_group_is_planned_right_or_refused() {
    let bench = Bench::with_rows(100);
    let steps = use_step("a", "echo", "")
        + &use_step("b", "echo", "")
        + &use_step("c", "exact-dedup", "")
        + &use_step("d", "echo", "");
    // What comes before the group is outside of it.
    bench.pipeline(straight(&(steps.clone() + "[run]\nload_groups = [[\"b\"], [\"d\"]]\n"))).report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
    // Rows would have to leave the group and come back, through a step that waits for all of them.
    let problems = bench.pipeline(straight(&(steps + "[run]\nload_groups = [[\"b\", \"d\"]]\n"))).problems();
    assert!(problems.contains("`b`") && problems.contains("`c`") && problems.contains("`d`"), "{problems}");
    assert!(problems.contains("pipeline.toml:"), "{problems}");
}

/// The next stage begins when the last step of the one before has put out its last row, and its components are gone.
#[test]
fn a_stage_waits_for_its_slow_last_step() {
    let bench = Bench::with_rows(100);
    let slow = told("hostile", "slow", ", at_batch = 9");
    let ended = bench.pipeline(among_others(&slow)).end();
    let place = |is: &dyn Fn(&Event) -> bool| ended.events.iter().position(is).unwrap();
    let end = place(&|event| matches!(event, Event::Ended { stage: 1, .. }));
    let next = place(&|event| matches!(event, Event::Loaded { stage: 2, .. }));
    assert!(end < next);
    let put_out = |events: &[Event]| -> u64 {
        let of_slow = events.iter().map(|event| match event {
            Event::Rows { step, rows_out, .. } if &**step == "bad" => *rows_out,
            _ => 0,
        });
        of_slow.sum()
    };
    assert_eq!(put_out(&ended.events[..end]), 100);
    let early =
        ended.events[..next].iter().find(|event| matches!(event, Event::Rows { step, .. } if &**step == "behind"));
    assert!(early.is_none(), "{early:?}");
    ended.report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

/// In the input, far behind the rows that tell the types; and in what a step puts out.
#[test]
fn a_column_that_changes_type_half_way_fails_the_run() {
    let bench = Bench::new();
    let row = |id: usize| match id {
        2_345 => json!({"id": id, "text": "a row", "score": "high"}),
        _ => json!({"id": id, "text": "a row", "score": id}),
    };
    bench.put("docs.jsonl", lines((0..3_000).map(row)));
    let error = fails(&bench, &among_others(&use_step("bad", "echo", "")));
    assert_eq!((error.class, error.place.input.as_deref()), (Data, Some("docs")), "{error}");
    assert!(error.message.contains("docs.jsonl") && error.message.contains("2346"), "{error}");
    assert!(error.message.contains("score"), "{error}");
    // It can be mended as it says.
    let help = error.help.unwrap();
    assert!(help.contains("types = { score = "), "{help}");
    let typed =
        among_others("").replace("path = \"docs.jsonl\"", "path = \"docs.jsonl\"\ntypes = { score = \"json\" }");
    bench.pipeline(typed).overwrite().report();
    assert_eq!(bench.column("out.jsonl", "score").len(), 1);

    bench.put_rows("docs.jsonl", 100);
    let error = fails(&bench, &among_others(&told("hostile", "wrong-schema", ", at_batch = 5")));
    assert!(error.message.contains("it was declared utf8, and values laid out as int64 were returned"), "{error}");
    assert_eq!((error.class, error.place.batch), (Data, Some(6)), "{error}");
}
