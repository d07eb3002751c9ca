//! A budget of memory: planned with, held, and learnt from.

use std::sync::{Arc, OnceLock};

use callboard_plan::Load;
use callboard_runtime::{CancellationToken, Class, Event, Report};
use serde_json::json;

use crate::bench::{Bench, lines, step, straight, use_step, wired};
use crate::flow::{of_all_sorts, tagged};

const MIB: u64 = 1 << 20;

fn ballast(name: &str, mib: u64, rest: &str) -> String {
    use_step(name, "ballast", &format!("config = {{ mib = {mib} }}\n{rest}"))
}

fn stages(report: &Report) -> Vec<Vec<&str>> {
    report.stages.iter().map(|stage| stage.steps.iter().map(|step| step.name.as_str()).collect()).collect()
}

/// Two of four fit: what was predicted is what is counted, and no more than there is.
#[test]
fn a_budget_parts_a_stage_and_is_kept() {
    let bench = Bench::with_rows(5_000);
    let steps = ["a", "b", "c", "d"].map(|name| ballast(name, 30, "needs.memory = \"32MiB\"")).concat();
    let alone = bench.pipeline(straight(&steps)).report();
    assert_eq!(alone.stages.len(), 1);
    assert!(alone.peak_linear_memory_bytes > 120 * MIB);
    assert_eq!(alone.budget_bytes, None);
    let report = bench.pipeline(straight(&steps)).budget(92 * MIB).overwrite().report();
    assert_eq!(stages(&report), [["a", "b"], ["c", "d"]]);
    assert_eq!(report.budget_bytes, Some(92 * MIB));
    for stage in &report.stages {
        assert_eq!(stage.predicted_peak_bytes, 92 * MIB);
        assert!((76 * MIB..=92 * MIB).contains(&stage.counted_peak_bytes), "{stage:#?}");
        assert!(stage.peak_rows_bytes > 0);
        let steps = stage.peak_linear_memory_bytes + 16 * MIB;
        assert!((steps..=steps + stage.peak_rows_bytes).contains(&stage.counted_peak_bytes), "{stage:#?}");
    }
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

/// A step that takes more than is planned for ends the run; the next plan knows what it asked for.
#[test]
fn what_a_step_asked_for_in_vain_is_planned_with_the_next_time() {
    let bench = Bench::with_rows(100);
    let cache = bench.path("cache");
    let pipeline = |needs: &str| straight(&(ballast("small", 4, "") + &ballast("large", 60, needs)));
    let run = |needs: &str, mib: u64| {
        bench.pipeline(pipeline(needs)).cache(cache.clone()).budget(mib * MIB).with_measured_needs()
    };
    // Rows of a batch are no reason, so no row can be rejected for it.
    let failed = run("needs.memory = \"8MiB\"\non_error = \"reject\"", 64).end();
    let folder = failed.run_folder.clone();
    let error = failed.error();
    assert_eq!((error.class, error.place.step.as_deref()), (Class::Limit, Some("large")));
    assert!(
        error.message.starts_with("memory: ") && error.message.contains("and a budget of 64 MiB leaves them 44 MiB"),
        "{error}"
    );
    let help = error.help.unwrap();
    assert!(help.contains("needs = { memory = \"6") && help.contains("a `budget` of "), "{help}");

    // Who goes on can allow more; stages stay as they are.
    let error = bench.resume(&folder).cache(cache.clone()).budget(24 * MIB).error();
    assert!(error.message.contains("this run cannot be resumed within that budget: stage 1 does not fit"), "{error}");
    let report = bench.resume(&folder).cache(cache.clone()).budget(128 * MIB).report();
    assert_eq!(stages(&report), [["small"], ["large"]]);

    let problems = run("", 64).problems();
    assert!(problems.contains("step `large` does not fit the budget alone: it needs 6"), "{problems}");
    assert!(problems.contains("(measured)"), "{problems}");
    // The other one had come to its end, and is known too: both fit.
    let report = run("", 128).overwrite().report();
    assert_eq!(stages(&report), [["small", "large"]]);
    assert!(report.stages[0].counted_peak_bytes <= report.stages[0].predicted_peak_bytes);
    assert!(report.stages[0].predicted_peak_bytes <= 128 * MIB);
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}

/// The need is that of one instance, however many there were; work that was taken over measures nothing.
#[test]
fn what_an_instance_held_is_measured() {
    let bench = Bench::with_rows(100);
    let cache = bench.path("cache");
    let needs = |text: String, load: Load| {
        let before = bench.pipeline(text.as_str()).cache(cache.clone()).load(load).overwrite().end();
        let folder = before.run_folder.clone();
        before.report();
        (callboard_runtime::measured_needs(&cache), folder)
    };
    let of = |needs: &std::collections::BTreeMap<String, u64>| {
        let mut mib: Vec<u64> = needs.values().map(|bytes| bytes / MIB).collect();
        mib.sort_unstable();
        mib
    };
    let (first, folder) = needs(straight(&ballast("three", 20, "replicas = 3")), Load::Staged);
    assert_eq!(of(&first), [21]);
    // Limits, names and replicas make no other need; a configuration does.
    let all = ballast("one", 20, "limits.memory = \"256MiB\"") + &ballast("other", 40, "");
    let (both, _) = needs(straight(&all), Load::Eager);
    assert_eq!(of(&both), [21, 41]);
    assert!(first.iter().all(|(key, bytes)| both[key] >= *bytes));
    std::fs::remove_file(cache.join("needs.json")).unwrap();
    let again =
        bench.pipeline(straight(&ballast("three", 20, ""))).cache(cache.clone()).after(&folder).overwrite().report();
    assert_eq!(step(&again, "three").rows_reused, 100);
    assert!(callboard_runtime::measured_needs(&cache).is_empty());
}

/// The step stands still until a reader has said that it waits: without that, this would never end.
#[test]
fn readers_wait_rather_than_exceed_the_budget() {
    let bench = Bench::new();
    let text = "x".repeat(1000);
    bench.put("docs.jsonl", lines((0..4_000).map(|id| json!({"id": id, "text": text}))));
    std::fs::create_dir(bench.path("gate")).unwrap();
    let wait = "config = { at = \"process\" }\ngrant.files = [\"gate\"]\nneeds.memory = \"32MiB\"";
    let pipeline = straight(&use_step("wait", "wait", wait)) + "[run]\nbatch_bytes = \"64KiB\"\n";
    let gate = bench.path("gate/open");
    let opened = gate.clone();
    // Four batches: two for the instance, one for each edge.
    let least = 4 * 64 * 1024;
    let report = bench.pipeline(pipeline.as_str()).budget(48 * MIB + least).listen(move |event| {
        if let Event::Waiting { node } = event {
            assert_eq!(&**node, "docs");
            std::fs::write(&opened, "").unwrap();
        }
    });
    let report = report.report();
    let stage = &report.stages[0];
    assert!(stage.reader_waits > 0);
    // The row that fills a batch is the last of it.
    assert!(stage.peak_rows_bytes <= least + 4 * 2048, "{}", stage.peak_rows_bytes);
    assert!(stage.counted_peak_bytes <= 48 * MIB + least + 4 * 2048);
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));

    // Where there is no budget nobody waits.
    let report = bench.pipeline(pipeline).overwrite().report();
    assert_eq!(report.stages[0].reader_waits, 0);
}

/// The step never goes on: what is in flight is given back when its call is ended, and the reader with it.
#[test]
fn an_interruption_ends_readers_that_wait() {
    let bench = Bench::with_rows(10_000);
    std::fs::create_dir(bench.path("gate")).unwrap();
    let wait = "config = { at = \"process\" }\ngrant.files = [\"gate\"]\nneeds.memory = \"32MiB\"\nreplicas = ";
    for replicas in [1, 2] {
        let pipeline =
            straight(&use_step("wait", "wait", &format!("{wait}{replicas}"))) + "[run]\nbatch_bytes = \"1KiB\"\n";
        let (cancel, cancelled) = (CancellationToken::new(), Arc::new(OnceLock::new()));
        let (token, seen) = (cancel.clone(), cancelled.clone());
        let case = bench.pipeline(pipeline).budget(16 * MIB + replicas * 32 * MIB + (2 + 2 * replicas) * 1024);
        let error = case.cancel(cancel).listen(move |event| {
            if let Event::Waiting { node } = event {
                let _ = seen.set(node.clone());
                token.cancel();
            }
        });
        assert_eq!(error.error().class, Class::Interrupted);
        assert_eq!(cancelled.get().map(|node| &**node), Some("docs"));
    }
}

/// Appended feeds, branches, doors and instances side by side, each reading on as soon as one batch has gone: every row comes
/// out, in order.
#[test]
fn no_two_readers_wait_for_each_other() {
    let bench = Bench::with_rows(2_000);
    bench.put_rows("more.jsonl", 1_500);
    let rest = "on_error = \"reject\"\nneeds.memory = \"24MiB\"\nreplicas = ";
    let pipeline = |replicas: u32| {
        let steps = use_step("first", "echo", &format!("from = [\"docs\", \"more\"]\n{rest}{replicas}"))
            + &use_step(
                "odd",
                "filter",
                &format!("from = \"docs\"\nconfig = {{ where = \"id % 2 == 1\" }}\n{rest}{replicas}"),
            )
            + &use_step("even", "echo", &format!("from = \"odd.dropped\"\n{rest}1"))
            + &use_step("dedup", "echo-global", "from = \"odd\"\nneeds.memory = \"24MiB\"")
            + &use_step(
                "select",
                "select",
                &format!("from = \"even\"\nconfig = {{ keep = [\"id\", \"text\"] }}\n{rest}{replicas}"),
            )
            + &use_step(
                "all",
                "echo",
                &format!("from = [\"first\", \"odd\", \"select\", \"dedup\", \"docs\"]\n{rest}{replicas}"),
            );
        wired(
            &["docs", "more"],
            &[("all-rows", "from = [\"all\", \"more\", \"odd\"]"), ("odds", "from = \"odd\"")],
            &steps,
        ) + "[run]\nbatch_rows = 20\nbatch_bytes = \"1KiB\"\n"
    };
    bench.pipeline(pipeline(1)).report();
    let expected = ["all-rows.jsonl", "odds.jsonl"].map(|name| bench.bytes(name));
    let mut waits = 0;
    for (replicas, mib) in [(1, 48), (1, 100), (3, 100), (3, 400)] {
        let report = bench.pipeline(pipeline(replicas)).budget(mib * MIB).overwrite().report();
        assert!(report.stages.iter().all(|stage| stage.predicted_peak_bytes <= mib * MIB));
        waits += report.stages.iter().map(|stage| stage.reader_waits).sum::<u64>();
        assert!(["all-rows.jsonl", "odds.jsonl"].map(|name| bench.bytes(name)) == expected, "{replicas} in {mib} MiB");
    }
    // To the last byte: what the heaviest stage needs at least, and nothing more.
    let tight = bench.pipeline(pipeline(3)).budget(100 * MIB).overwrite().revise(|plan| {
        let most = plan
            .stages()
            .iter()
            .map(|stage| stage.predicted.total_bytes() - stage.predicted.rows_bytes + stage.predicted.least_rows_bytes);
        let most = most.max().unwrap();
        plan.with_budget(most).unwrap()
    });
    waits += tight.report().stages.iter().map(|stage| stage.reader_waits).sum::<u64>();
    assert!(["all-rows.jsonl", "odds.jsonl"].map(|name| bench.bytes(name)) == expected);
    assert!(waits > 0, "nothing of this was tried");
}

/// As without a budget, to the byte: batches stay as the plan cuts them.
#[test]
fn a_budget_changes_no_byte() {
    let bench = Bench::new();
    bench.put("docs.jsonl", tagged(3_000));
    bench.pipeline(straight(&of_all_sorts(""))).report();
    let expected = bench.bytes("out.jsonl");
    let mut stages = Vec::new();
    for (mib, rest) in [(64, ""), (200, ""), (256, "replicas = 2\n"), (400, "")] {
        for load in [Load::Staged, Load::Step] {
            let report =
                bench.pipeline(straight(&of_all_sorts(rest))).budget(mib * MIB).load(load).overwrite().report();
            assert!(bench.bytes("out.jsonl") == expected, "in {mib} MiB, {load:?}");
            stages.push(report.stages.len());
        }
    }
    assert_eq!(stages, [5, 5, 4, 5, 5, 5, 3, 5]);
}

/// Some languages free nothing: an instance that has outgrown what is declared is made anew between two calls.
#[test]
fn an_instance_that_has_outgrown_what_is_declared_is_made_anew() {
    let bench = Bench::with_rows(1_000);
    let leaks = "config = { leak = 1048576 }\nneeds.memory = \"12MiB\"";
    let pipeline = straight(&use_step("leaks", "picky", leaks)) + "[run]\nbatch_rows = 10\n";
    let report = bench.pipeline(pipeline).budget(48 * MIB).report();
    let step = step(&report, "leaks");
    assert_eq!((step.rows_out, step.batches), (1_000, 100));
    assert!(step.peak_linear_memory_bytes <= 16 * MIB, "{}", step.peak_linear_memory_bytes);
}

/// A default that a plan made on a machine of many cores has: instances give way before the budget does.
#[test]
fn instances_that_nobody_asked_for_give_way() {
    let bench = Bench::with_rows(1_000);
    let steps = straight(&ballast("many", 20, "needs.memory = \"22MiB\""));
    let report = |mib: Option<u64>| {
        let case = bench.pipeline(steps.as_str()).cores(4).overwrite();
        match mib {
            Some(mib) => case.budget(mib * MIB).report(),
            None => case.report(),
        }
    };
    assert_eq!(step(&report(None), "many").instances, 4);
    assert_eq!(step(&report(Some(100)), "many").instances, 3);
    assert_eq!(step(&report(Some(45)), "many").instances, 1);
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"));
}
