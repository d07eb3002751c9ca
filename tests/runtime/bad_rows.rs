//! Rows that a step cannot handle: found, kept with their reasons, counted against budgets; calls that may succeed later.

use callboard_runtime::{CancellationToken, Class, Event};
use serde_json::{Value, json};

use crate::bench::{Bench, Case, step, straight, use_step};

fn picky(config: &str, rest: &str) -> String {
    straight(&use_step("picky", "picky", &format!("config = {{ {config} }}\n{rest}")))
}

/// The rows that were rejected, and the reasons.
fn rejects(case: Case<'_>) -> (Vec<Value>, Vec<String>) {
    let ended = case.end();
    let text = std::fs::read_to_string(ended.run_folder.join("rejects.jsonl")).unwrap();
    ended.report();
    let rejects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reasons = rejects.iter().map(|reject| reject["reason"].as_str().unwrap().to_owned()).collect();
    (rejects.into_iter().map(|reject| reject["row"]["id"].clone()).collect(), reasons)
}

fn all_but(rows: usize, without: &[usize]) -> Vec<Value> {
    (0..rows).filter(|row| !without.contains(row)).map(|row| json!(row)).collect()
}

/// One bad row must not cost the good ones beside it, and nobody is to search for it by hand.
#[test]
fn a_batch_that_traps_is_narrowed_down_to_the_row() {
    let bench = Bench::with_rows(1_000);
    for replicas in [1, 3] {
        let rest = format!("on_error = \"reject\"\nreplicas = {replicas}\n[run]\nbatch_rows = 300\n");
        let text = picky("trap = [\"row 0\", \"row 417\", \"row 418\", \"row 999\"]", &rest);
        let (rows, reasons) = rejects(bench.pipeline(text).overwrite());
        assert_eq!(rows, [0, 417, 418, 999]);
        assert!(reasons[1].contains("trapped") && reasons[1].contains("it does not like `row 417`"), "{}", reasons[1]);
        assert_eq!(bench.column("out.jsonl", "id"), all_but(1_000, &[0, 417, 418, 999]));
    }
}

#[test]
fn what_it_drops_rejects_and_leaves_out_beside_a_trap_is_counted_as_ever() {
    let bench = Bench::with_rows(100);
    let config =
        "trap = [\"row 50\"], fail = [\"row 10\"], drop = [\"row 20\"], reject = [\"row 30\"], omit = [\"row 40\"]";
    let report = bench.pipeline(picky(config, "on_error = \"reject\"")).report();
    let step = step(&report, "picky");
    assert_eq!((step.rows_in, step.rows_out, step.rows_dropped, step.rows_rejected), (100, 95, 2, 3));
    assert_eq!((step.dropped["dropped"], step.dropped[""], step.rejected["it cannot take `row 10`"]), (1, 1, 1));
    assert_eq!(step.counters["rows"], 98, "calls that failed do not count");
    assert_eq!(bench.column("out.jsonl", "id"), all_but(100, &[10, 20, 30, 40, 50]));
}

#[test]
fn a_batch_that_never_ends_is_narrowed_down_too() {
    let bench = Bench::with_rows(40);
    let rest = "on_error = \"reject\"\nlimits = { time = \"100ms\" }";
    let (rows, reasons) = rejects(bench.pipeline(picky("spin = [\"row 17\"]", rest)));
    assert_eq!((rows, reasons), (vec![json!(17)], vec!["`process` took longer than 0.1 s".to_owned()]));
}

/// A step that fails on every row must not be given an instance for each.
#[test]
fn a_batch_gets_so_many_instances_and_no_more() {
    let bench = Bench::with_rows(400);
    let all: Vec<String> = (0..400).map(|row| format!("\"row {row}\"")).collect();
    let (rows, reasons) =
        rejects(bench.pipeline(picky(&format!("trap = [{}]", all.join(", ")), "on_error = \"reject\"")));
    assert_eq!(rows.len(), 400);
    let untried = reasons.iter().filter(|reason| reason.starts_with("not tried: ")).count();
    assert!((350..400).contains(&untried), "{untried} rows were not tried");
}

#[test]
fn the_first_bad_row_ends_the_run_by_default_and_the_error_says_how_it_need_not() {
    let bench = Bench::with_rows(100);
    for config in ["trap = [\"row 50\"]", "fail = [\"row 50\"]", "reject = [\"row 50\"]"] {
        let error = bench.pipeline(picky(config, "[run]\nbatch_rows = 20\n")).error();
        assert_eq!((error.class, error.place.batch), (Class::Data, Some(3)), "{error}");
        assert!(error.help.as_ref().unwrap().contains("on_error = \"reject\""), "{error:?}");
        assert!(!bench.path("out.jsonl").exists());
    }
}

#[test]
fn a_global_step_that_traps_is_not_narrowed() {
    let bench = Bench::with_rows(10);
    let text = use_step("all", "hostile-global", "config = { misdeed = \"trap\" }\non_error = \"reject\"");
    let error = bench.pipeline(straight(&text)).error();
    assert_eq!(error.class, Class::Data, "{error}");
}

#[test]
fn more_rejected_rows_than_the_budget_stop_the_run() {
    let bench = Bench::with_rows(3_000);
    let bad: Vec<String> = (0..30).map(|row| format!("\"row {}\"", row * 100)).collect();
    let text =
        |budget: &str| picky(&format!("reject = [{}]", bad.join(", ")), &format!("on_error = \"reject\"\n{budget}"));
    for enough in ["max_rejects = 30", "max_rejects = \"1%\"", "[run]\nmax_rejects = 30", "[run]\nmax_rejects = \"1%\""]
    {
        bench.pipeline(text(enough)).overwrite().report();
    }
    for short in [
        "max_rejects = 29",
        "max_rejects = 0",
        "max_rejects = \"0.9%\"",
        "[run]\nmax_rejects = 29",
        "[run]\nmax_rejects = \"0.9%\"",
    ] {
        let error = bench.pipeline(text(short)).overwrite().error();
        assert_eq!(error.class, Class::Data, "{short}: {error}");
        assert!(error.message.contains("rejected") && error.message.contains("max_rejects"), "{short}: {error}");
    }
}

/// Whoever raised the budget must not pay for the work again.
#[test]
fn a_run_that_was_stopped_by_its_budget_goes_on_with_a_larger_one() {
    let bench = Bench::with_rows(100);
    let text = |most: u32| {
        picky(
            "reject = [\"row 10\", \"row 95\"]",
            &format!("on_error = \"reject\"\nmax_rejects = {most}\n[run]\nbatch_rows = 10\n"),
        )
    };
    let stopped = bench.pipeline(text(1)).end();
    let folder = stopped.run_folder.clone();
    assert!(stopped.error().message.contains("2 of 100 rows were rejected"));
    let report = bench.pipeline(text(2)).after(&folder).report();
    assert_eq!(step(&report, "picky").rows_reused, 100);
}

#[test]
fn what_fails_for_the_time_being_is_tried_again() {
    let bench = Bench::with_rows(10);
    let ended = bench.pipeline(picky("transient = 1", "retries = 1")).end();
    let retried = ended.events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count();
    ended.report();
    assert_eq!(retried, 1);
    assert_eq!(bench.rows("out.jsonl").len(), 10);
    let error = bench.pipeline(picky("transient = 2", "retries = 1\non_error = \"reject\"")).overwrite().error();
    assert_eq!((error.class, error.message.as_str()), (Class::System, "not yet"));
}

/// On a faster machine the row might have gone through: what was decided once stays decided, for this run and for those like it.
#[test]
fn what_a_limit_of_time_decided_is_not_decided_again() {
    let bench = Bench::with_rows(40);
    let text = |time: &str| {
        let rest = format!("on_error = \"reject\"\nlimits = {{ time = \"{time}\" }}\n[run]\nbatch_rows = 10\n");
        picky("spin = [\"row 17\"]", &rest)
    };
    let first = bench.pipeline(text("100ms")).end();
    let folder = first.run_folder.clone();
    first.report();
    let again = bench.pipeline(text("100ms")).after(&folder).overwrite().report();
    assert_eq!((step(&again, "picky").rows_reused, step(&again, "picky").guest_ms), (40, 0.0));
    assert_eq!(step(&again, "picky").rows_rejected, 1);
    // Who gives it more time wants it to be tried.
    let longer = bench.pipeline(text("200ms")).after(&folder).overwrite().report();
    assert_eq!(step(&longer, "picky").rows_reused, 30);
}

/// Any limit decides of rows: whoever raises one wants it to be tried.
#[test]
fn what_a_limit_of_rows_decided_is_decided_again_when_it_is_raised() {
    let bench = Bench::new();
    bench.put("docs.jsonl", "{\"l\":[1,2,3]}\n{\"l\":[4]}\n");
    let text = |rows: u32| {
        format!(
            "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n[[steps]]\nuse = \"guests/explode.wasm\"\nconfig = {{ column = \"l\" }}\n\
             on_error = \"reject\"\nlimits = {{ rows = {rows} }}\n[outputs.o]\npath = \"out.jsonl\"\n"
        )
    };
    let first = bench.pipeline(text(2)).end();
    let folder = first.run_folder.clone();
    assert_eq!(step(&first.report(), "explode").rows_rejected, 1);
    let again = bench.pipeline(text(2)).after(&folder).overwrite().report();
    assert_eq!((step(&again, "explode").rows_rejected, step(&again, "explode").rows_reused), (1, 2));
    let raised = bench.pipeline(text(3)).after(&folder).overwrite().report();
    assert_eq!((step(&raised, "explode").rows_rejected, step(&raised, "explode").rows_out), (0, 4));
}

/// A run with other limits than the one it takes work from decides by its own, also after an interruption.
#[test]
fn a_resumed_run_decides_by_its_own_limits() {
    let bench = Bench::with_rows(40);
    let text = |time: &str| {
        let rest = format!("on_error = \"reject\"\nlimits = {{ time = \"{time}\" }}\n[run]\nbatch_rows = 10\n");
        picky("spin = [\"row 17\"]", &rest)
    };
    let first = bench.pipeline(text("100ms")).end();
    let folder = first.run_folder.clone();
    first.report();
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let case = bench.pipeline(text("200ms")).after(&folder).overwrite().cancel(cancel).listen(move |event| {
        if matches!(event, Event::Loaded { .. }) {
            on_event.cancel();
        }
    });
    let stopped = case.end();
    let folder = stopped.run_folder.clone();
    assert_eq!(stopped.error().class, Class::Interrupted);
    let (rows, reasons) = rejects(bench.resume(&folder));
    assert_eq!((rows, reasons), (vec![json!(17)], vec!["`process` took longer than 0.2 s".to_owned()]));
}

/// Components of some languages never free what they put out: without another instance in time, a long run would fail.
#[test]
fn an_instance_that_takes_more_with_every_call_is_made_anew_in_time() {
    let bench = Bench::with_rows(1_000);
    for replicas in [1, 2] {
        let rest = format!("limits.memory = \"32MiB\"\nreplicas = {replicas}\n[run]\nbatch_rows = 10\n");
        let report = bench.pipeline(picky("leak = 1048576", &rest)).overwrite().report();
        let step = step(&report, "picky");
        assert_eq!((step.rows_in, step.rows_out, step.batches), (1_000, 1_000, 100));
        assert!(step.peak_linear_memory_bytes <= replicas * (32 << 20), "{}", step.peak_linear_memory_bytes);
        assert_eq!(bench.column("out.jsonl", "id"), all_but(1_000, &[]));
    }
}
