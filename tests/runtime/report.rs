//! What a run says of itself: the JSON that programs read, the events on the way, the schemas before it.

use callboard_runtime::{CancellationToken, Class, Event, Report, Status};
use serde_json::{Value, json};

use crate::bench::{Bench, step, straight, use_step, wired};

/// The names of an object's members.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_report_is_json_with_the_figures_that_add_up() {
    let bench = Bench::with_rows(1_000);
    let steps = use_step("few", "filter", "config = { where = \"id % 4 != 0\" }")
        + &use_step("dedup", "exact-dedup", "")
        + &use_step("stats", "text-stats", "replicas = 2");
    let before = std::time::SystemTime::now();
    let report = bench.pipeline(straight(&steps)).report();
    let value = serde_json::to_value(&report).unwrap();
    let promised = ["status", "name", "load", "wall_ms", "peak_linear_memory_bytes", "peak_resident_bytes", "inputs"];
    let promised = promised.iter().chain(&["outputs", "rejects", "stages"]);
    assert!(promised.copied().all(|key| keys(&value).contains(&key)), "{:?}", keys(&value));
    assert_eq!(
        (&value["status"], &value["load"], &value["name"]),
        (&json!("finished"), &json!("staged"), &json!("pipeline"))
    );
    let first = value["first_batch_ms"].as_f64().unwrap();
    assert!(first > 0.0 && Some(first) < value["wall_ms"].as_f64(), "{first}");
    let began = std::time::UNIX_EPOCH + std::time::Duration::from_secs_f64(value["began_at"].as_f64().unwrap());
    assert!(began >= before && began <= std::time::SystemTime::now(), "{began:?}");
    let size = bench.bytes("docs.jsonl").len();
    assert_eq!(value["inputs"], json!({"docs": {"rows": 1_000, "bytes": size}}));
    let (out, path) = (bench.bytes("out.jsonl").len(), bench.path("out.jsonl"));
    assert_eq!(value["outputs"], json!({"out": {"rows": 750, "bytes": out, "path": path}}));

    let stages = value["stages"].as_array().unwrap();
    let promised = ["index", "load_ms", "run_ms", "unload_ms", "peak_linear_memory_bytes", "spilled_bytes", "steps"];
    for (stage, (index, names)) in stages.iter().zip([(1, ["few"]), (2, ["dedup"]), (3, ["stats"])]) {
        assert!(promised.iter().all(|key| keys(stage).contains(key)), "{:?}", keys(stage));
        assert_eq!(stage["index"], index);
        let of_stage: Vec<&Value> = stage["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
        assert_eq!(of_stage, names);
        assert!(stage["run_ms"].as_f64().unwrap() > 0.0 && stage["run_ms"].as_f64() < value["wall_ms"].as_f64());
    }
    assert_eq!(stages.len(), 3);
    assert!(stages[0]["spilled_bytes"].as_u64() > Some(0) && stages[2]["spilled_bytes"] == 0);
    let promised = ["name", "kind", "instances", "rows_in", "rows_out", "rows_dropped", "rows_rejected", "guest_ms"];
    let promised = promised.iter().chain(&["peak_linear_memory_bytes", "counters"]);
    let few = &stages[0]["steps"][0];
    assert!(promised.copied().all(|key| keys(few).contains(&key)), "{:?}", keys(few));
    assert_eq!((&few["rows_in"], &few["rows_out"], &few["rows_dropped"]), (&json!(1_000), &json!(750), &json!(250)));
    assert_eq!((&stages[1]["steps"][0]["kind"], &stages[2]["steps"][0]["instances"]), (&json!("global"), &json!(2)));
    // Whoever reads the JSON in Rust has the same again.
    let again: Report = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), value);
    assert_eq!(
        report.peak_linear_memory_bytes,
        report.stages.iter().map(|s| s.peak_linear_memory_bytes).max().unwrap()
    );
}

/// The stages that ended before are in the report of a run that fails; their outputs are not in their places.
#[test]
fn a_run_that_fails_late_reports_what_was_done() {
    let bench = Bench::with_rows(100);
    let steps = use_step("echo", "echo", "")
        + &use_step("dedup", "exact-dedup", "")
        + &use_step("bad", "hostile", "config = { misdeed = \"trap\" }");
    let outputs = [("early", "from = \"echo\""), ("out", "")];
    let ended = bench.pipeline(wired(&["docs"], &outputs, &steps)).end();
    let report = ended.outcome.as_ref().ok().unwrap();
    assert_eq!(report.status, Status::Failed);
    assert_eq!(report.stages.len(), 2);
    assert_eq!(step(report, "dedup").rows_out, 100);
    let error = ended.error();
    assert_eq!((error.place.stage, error.place.step.as_deref()), (Some(3), Some("bad")));
    assert!(!bench.path("early.jsonl").exists() && !bench.path("out.jsonl").exists());
}

/// Between two stages, and while rows run, with nobody in a loop.
#[test]
fn a_run_is_interrupted_wherever_it_is() {
    let bench = Bench::with_rows(20_000);
    let steps = use_step("echo", "echo", "") + &use_step("dedup", "exact-dedup", "") + "[run]\nbatch_rows = 10\n";
    type Moment = fn(&Event) -> bool;
    let moments: [(Moment, usize); 3] = [
        (|event| matches!(event, Event::Loaded { stage: 1, .. }), 1),
        (|event| matches!(event, Event::Rows { .. }), 1),
        (|event| matches!(event, Event::Ended { stage: 1, .. }), 2),
    ];
    for (moment, stage) in moments {
        let cancel = CancellationToken::new();
        let on_event = cancel.clone();
        let case = bench.pipeline(straight(&steps)).cancel(cancel).listen(move |event| {
            if moment(event) {
                on_event.cancel();
            }
        });
        let ended = case.end();
        assert_eq!(ended.outcome.as_ref().ok().unwrap().status, Status::Interrupted);
        let error = ended.error();
        assert_eq!((error.class, error.place.stage), (Class::Interrupted, Some(stage)), "{error}");
        assert!(!bench.path("out.jsonl").exists());
    }
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

/// A listener that panics is a fault of the embedder's: it ends the run, and hangs nobody.
#[test]
fn a_listener_that_panics_ends_the_run() {
    let bench = Bench::with_rows(1_000);
    for replicas in [1, 3] {
        let steps = use_step("first", "echo", "") + &use_step("echo", "echo", &format!("replicas = {replicas}"));
        let case = bench.pipeline(straight(&(steps + "[run]\nbatch_rows = 10\n"))).listen(|event| match event {
            Event::Rows { step, .. } if &**step == "echo" => panic!("told to"),
            _ => {}
        });
        let error = case.error();
        assert_eq!(error.class, Class::Bug, "{error}");
        assert_eq!(error.message, "Callboard failed: told to");
    }
}

/// A run that shows only errors still says in its report what may be wrong with its inputs.
#[test]
fn files_that_are_read_twice_or_may_not_be_whole_are_noted() {
    let bench = Bench::new();
    let ids: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::Int64Array::from(vec![1, 2]));
    let rows = arrow::array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let mut stream = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    stream.write(&rows).unwrap();
    let stream = stream.into_inner().unwrap();
    let bare = stream.strip_suffix(b"\xff\xff\xff\xff\0\0\0\0").unwrap();
    bench.put("docs.arrow", bare);
    let text = straight(&use_step("echo", "echo", "")).replace("\"docs.jsonl\"", "[\"docs.arrow\", \"docs.arrow\"]");
    let report = bench.pipeline(text).report();
    assert_eq!(bench.column("out.jsonl", "id"), [1, 2, 1, 2]);
    let [twice, bare] = &report.notes[..] else { panic!("{:?}", report.notes) };
    assert!(twice.contains("docs.arrow` twice"), "{twice}");
    assert!(bare.contains("docs.arrow` is an Arrow stream without an end mark"), "{bare}");
}
