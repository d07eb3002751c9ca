//! Figures of columns that a run gathers while rows pass (`stats = true`): they are those that reading the rows again gives, however the run
//! went.

use callboard_runtime::{CancellationToken, Class, Event, Looking, Report, Stats, StatsWanted, stats_run};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, step, use_step, wired};

const ROWS: u64 = 9_000;
/// Each is looked at: an input that is read before its stage, transforms side by side, a step that reorders, an output.
const NODES: [&str; 5] = ["docs", "more", "mixed", "good", "out"];

fn bench() -> Bench {
    let bench = Bench::new();
    let row = |id: u64| json!({ "id": id, "text": "x".repeat((id % 40) as usize), "n": id * 7 % 1000, "wide": id % 3 });
    bench.put("docs.jsonl", lines((0..ROWS).map(row)));
    bench
}

/// Nothing but a look wants the column `wide`.
fn pipeline(stats: bool) -> String {
    let stats = if stats { "stats = true" } else { "" };
    let steps = use_step("mixed", "sort", &format!("config = {{ by = [\"text\", \"n\"] }}\n{stats}"))
        + &use_step("more", "compute", &format!("config = {{ set = {{ twice = \"id * 2\" }} }}\n{stats}"))
        + &use_step("good", "filter", &format!("config = {{ where = \"n >= 250 && size(text) < 30\" }}\n{stats}"));
    let out = format!("from = \"good\"\ncolumns = [\"id\", \"twice\"]\n{stats}");
    wired(&["docs"], &[("out", &out)], &steps)
        .replace("path = \"docs.jsonl\"", &format!("path = \"docs.jsonl\"\n{stats}"))
        + "[run]\nbatch_rows = 200\n"
}

fn looking(run: &std::path::Path) -> Looking {
    Looking::at(run, std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"))
}

fn all(run: &std::path::Path) -> Vec<Value> {
    let stats = |node: &&str| stats_run(&looking(run), node, &StatsWanted::default()).unwrap();
    NODES.iter().map(|node| json!(stats(node))).collect()
}

fn of(report: &Report, node: &str) -> Option<Stats> {
    match node {
        "docs" => report.inputs[node].stats.clone(),
        "out" => report.outputs[node].stats.clone(),
        node => step(report, node).stats.clone(),
    }
}

/// The columns that others have, too, without what depends on how a file's rows are cut into batches: which texts are known to be frequent.
fn shared(stats: &Value, with: &Value) -> Value {
    let named =
        |column: &Value| with["columns"].as_array().unwrap().iter().any(|with| with["column"] == column["column"]);
    let mut stats = stats.clone();
    let columns = stats["columns"].as_array_mut().unwrap();
    columns.retain(|column| named(column));
    columns.iter_mut().for_each(|column| drop(column.as_object_mut().unwrap().remove("frequent")));
    stats
}

#[test]
fn figures_of_a_run_are_those_of_its_rows_read_again_whatever_happened_to_it() {
    let bench = bench();
    let ended = bench.pipeline(pipeline(false)).end();
    let plain = ended.run_folder.clone();
    let report = ended.report();
    assert!(NODES.iter().all(|node| of(&report, node).is_none()) && report.notes.is_empty(), "{:?}", report.notes);
    let read: Vec<Value> = all(&plain);

    let ended = bench.pipeline(pipeline(true)).overwrite().cores(1).end();
    let run = ended.run_folder.clone();
    let report = ended.report();
    let gathered: Vec<Value> = NODES.iter().map(|node| json!(of(&report, node).unwrap())).collect();
    for (node, (gathered, read)) in NODES.iter().zip(gathered.iter().zip(&read)) {
        let columns = read["columns"].as_array().unwrap().len();
        assert_eq!(shared(gathered, read), shared(read, gathered), "{node}");
        assert_eq!(shared(gathered, read)["columns"].as_array().unwrap().len(), columns, "{node}");
    }
    assert_eq!(gathered[0]["columns"].as_array().unwrap().len(), 4, "a look at an input is at all of its columns");
    assert_eq!(gathered[3]["thresholds"].as_array().unwrap().len(), 2);

    // Nothing is read for them.
    std::fs::rename(bench.path("docs.jsonl"), bench.path("elsewhere.jsonl")).unwrap();
    std::fs::rename(bench.path("out.jsonl"), bench.path("out-elsewhere.jsonl")).unwrap();
    assert_eq!(all(&run), gathered);
    let some = StatsWanted { columns: vec!["twice".to_owned()], by: None };
    let some = stats_run(&looking(&run), "more", &some).unwrap();
    assert_eq!(some.columns.iter().map(|column| column.column.as_str()).collect::<Vec<_>>(), ["twice"]);
    let by = StatsWanted { by: Some("n".to_owned()), ..StatsWanted::default() };
    assert!(stats_run(&looking(&run), "more", &by).is_err(), "rows are read for groups, and the input is not there");
    std::fs::rename(bench.path("elsewhere.jsonl"), bench.path("docs.jsonl")).unwrap();

    // More cores; work that was done; an interruption in each stage.
    let report = bench.pipeline(pipeline(true)).overwrite().cores(4).after(&run).report();
    let same = |report: &Report| {
        NODES.iter().zip(&gathered).for_each(|(node, stats)| assert_eq!(json!(of(report, node)), *stats, "{node}"));
    };
    same(&report);
    assert_eq!(step(&report, "more").rows_reused, ROWS);
    let stages = report.stages.len();
    assert!(stages > 1, "{stages}");
    for stopped in 1..=stages {
        let cancel = CancellationToken::new();
        let on_event = cancel.clone();
        let case = bench.pipeline(pipeline(true)).overwrite().cancel(cancel).listen(move |event| {
            let is_in = |stage: usize| matches!(event, Event::Loaded { stage: loaded, .. } if *loaded == stage);
            let is_late = matches!(event, Event::Rows { step, .. } if stopped == stages && **step == *"good");
            if (stopped < stages && is_in(stopped)) || is_late {
                on_event.cancel();
            }
        });
        let ended = case.end();
        let folder = ended.run_folder.clone();
        assert_eq!(ended.error().class, Class::Interrupted);
        let report = bench.resume(&folder).overwrite().report();
        assert_eq!(report.resumed, 1);
        same(&report);
    }
}

#[test]
fn figures_that_a_budget_has_no_room_for_end_the_run_before_its_rows_are_read() {
    let bench = Bench::new();
    let row: Value =
        (0..180).map(|column| (format!("c{column}"), json!(column))).collect::<serde_json::Map<_, _>>().into();
    bench.put("docs.jsonl", lines([row]));
    let steps = use_step("a", "echo", "stats = true");
    let text = wired(&["docs"], &[("out", "from = \"a\"\nstats = true")], &steps)
        .replace("path = \"docs.jsonl\"", "path = \"docs.jsonl\"\nstats = true");
    let error = bench.pipeline(text.clone()).budget(64 << 20).error();
    assert_eq!(error.class, Class::Limit, "{error}");
    assert!(error.message.contains("the figures that `stats = true` asks for"), "{error}");
    assert!(error.help.unwrap().to_string().contains("stats"));
    let report = bench.pipeline(text).budget(512 << 20).report();
    assert_eq!(step(&report, "a").stats.as_ref().unwrap().columns.len(), 180);
}
