//! What programs read: the report has all that is promised, and adds up; the schema is JSON.

use std::fs;

use serde_json::Value;

use crate::stage::Stage;

/// A run of three ballast steps around a boundary, and its report.
fn run(arguments: &str) -> Value {
    let stage = Stage::set(&crate::repository("tests/cli/compare"));
    let said = stage.sh(&format!("callboard run pipeline.toml --quiet --report report.json {arguments}"));
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(0), "", ""));
    serde_json::from_str(&fs::read_to_string(stage.folder.join("report.json")).unwrap()).unwrap()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("`{key}` is not a number in {value}"))
}

#[test]
fn a_report_has_every_field_that_is_promised() {
    let report = run("");
    assert_eq!(
        (&report["status"], &report["name"], &report["load"]),
        (&"finished".into(), &"pipeline".into(), &"staged".into())
    );
    for key in ["wall_ms", "peak_linear_memory_bytes", "peak_resident_bytes"] {
        assert!(number(&report, key) > 0.0, "{key}");
    }
    assert_eq!((number(&report["inputs"]["docs"], "rows"), number(&report["outputs"]["clean"], "rows")), (5.0, 5.0));
    assert!(number(&report["inputs"]["docs"], "bytes") > 0.0 && number(&report["outputs"]["clean"], "bytes") > 0.0);
    assert_eq!(report["outputs"]["clean"]["path"], "out/clean.jsonl");
    assert_eq!(number(&report["rejects"], "rows"), 0.0);
    let stages = report["stages"].as_array().unwrap();
    let names: Vec<&Value> =
        stages.iter().flat_map(|stage| stage["steps"].as_array().unwrap()).map(|s| &s["name"]).collect();
    assert_eq!(names, ["before", "global", "after"]);
    for (nth, stage) in stages.iter().enumerate() {
        assert_eq!(number(stage, "index"), (nth + 1) as f64);
        for key in ["load_ms", "run_ms", "unload_ms", "spilled_bytes", "peak_linear_memory_bytes"] {
            assert!(number(stage, key) >= 0.0, "{key}");
        }
        let step = &stage["steps"][0];
        assert_eq!(step["kind"], ["transform", "global", "transform"][nth]);
        for (key, value) in
            [("instances", 1.0), ("rows_in", 5.0), ("rows_out", 5.0), ("rows_dropped", 0.0), ("rows_rejected", 0.0)]
        {
            assert_eq!(number(step, key), value, "{key}");
        }
        assert!(number(step, "guest_ms") > 0.0 && number(step, "peak_linear_memory_bytes") > 30e6);
        assert!(step["counters"].is_object());
    }
}

#[test]
fn loading_late_takes_the_memory_of_one_stage_and_eager_that_of_all() {
    let (staged, eager) = (run("--load staged"), run("--load eager"));
    let peak = |report: &Value| number(report, "peak_linear_memory_bytes");
    let stages: Vec<f64> = staged["stages"].as_array().unwrap().iter().map(peak).collect();
    assert!(peak(&staged) <= 1.05 * stages.iter().copied().fold(0.0, f64::max), "{staged}");
    assert!(peak(&eager) >= stages.iter().sum::<f64>(), "{eager}");
}

#[test]
fn a_run_that_fails_writes_its_report_too() {
    let stage = Stage::set(&crate::repository("tests/cli/steps-that-fail"));
    let said = stage.sh("callboard run rejects.toml --quiet --report .callboard-report.json");
    let report = fs::read_to_string(stage.folder.join(".callboard-report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((said.code, &report["status"]), (Some(3), &"failed".into()));
    let message = report["error"]["message"].as_str().unwrap();
    assert!(said.stderr.contains(message), "{message} is not in {}", said.stderr);
    assert_eq!(report["outputs"], serde_json::json!({}));
}

/// Each line of standard error is an object, whether the run ends well, badly or not at all.
#[test]
fn progress_for_programs_is_json_line_by_line() {
    let stage = Stage::set(&crate::repository("tests/cli/stats"));
    let lines = |arguments: &str| -> (Option<i32>, Vec<Value>) {
        let said = stage.sh(&format!("callboard run pipeline.toml --progress json --run-dir {arguments}"));
        (said.code, said.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    };
    let of = |lines: &[Value], event: &str| lines.iter().rev().find(|line| line["event"] == event).unwrap().clone();
    let (code, run) = lines("runs/one");
    assert_eq!(code, Some(0), "{run:?}");
    assert_eq!(of(&run, "stage")["steps"], serde_json::json!(["long"]));
    let rows = of(&run, "rows");
    assert_eq!((&rows["complete"], &rows["steps"]["long"]["rows_in"]), (&true.into(), &20.into()));
    let ended = run.last().unwrap();
    let written = (&ended["event"], &ended["status"], &ended["rows_written"]);
    assert_eq!(written, (&"ended".into(), &"finished".into(), &rows["steps"]["long"]["rows_out"]));
    assert!(run.iter().all(|line| line["at_ms"].is_u64()));
    // Its output is there.
    let (code, refused) = lines("runs/two");
    let error = of(&refused, "error");
    assert_eq!((code, &error["exit_code"]), (Some(2), &2.into()));
    assert!(error["help"].as_str().unwrap().contains("--overwrite"), "{error}");
    let (code, failed) = lines("runs/three --overwrite --set steps.long.config.where='1 / (n_words - 20) > 5'");
    assert_eq!((code, of(&failed, "ended")["status"].as_str()), (Some(3), Some("failed")), "{failed:?}");
    assert_eq!(of(&failed, "error")["resume"], "callboard resume runs/three");
}

/// With the configuration of steps: what a step refuses is an error of the schema too, and what it takes is none.
#[test]
fn the_schema_for_a_file_has_the_configuration_of_its_steps() {
    let stage = Stage::set(&crate::repository("tests/cli/stats"));
    let said = stage.sh("callboard schema --for pipeline.toml");
    assert_eq!(said.stderr, "");
    let validator = jsonschema::validator_for(&serde_json::from_str(&said.stdout).unwrap()).unwrap();
    let pipeline = |step: Value| serde_json::json!({ "callboard": 1, "inputs": { "docs": { "path": "docs.jsonl" } }, "steps": [step] });
    let step = |uses: &str, config: Value| pipeline(serde_json::json!({ "use": uses, "config": config }));
    let quality = |words: Value| step("quality", serde_json::json!({ "gopher": { "words": words } }));
    for right in [
        step("filter", serde_json::json!({ "where": "n > 1" })),
        quality(serde_json::json!([50, 1000])),
        quality(serde_json::json!("${params.words}")),
        step("./other.wasm", serde_json::json!({ "anything": 1 })),
    ] {
        assert!(validator.is_valid(&right), "{right}: {:?}", validator.iter_errors(&right).next());
    }
    for wrong in [
        step("filter", serde_json::json!({ "where": 1 })),
        step("filter", serde_json::json!({ "wher": "n > 1" })),
        quality(serde_json::json!("many")),
        step("minhash-dedup", serde_json::json!({ "thresold": 0.7 })),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_pipelines_are_held_to() {
    let said = Stage::empty().sh("callboard schema");
    let mut printed: Value = serde_json::from_str(&said.stdout).unwrap();
    let conditions = printed["$defs"]["Step"].as_object_mut().unwrap().remove("allOf").unwrap();
    assert_eq!(printed, serde_json::to_value(callboard_plan::schema()).unwrap());
    // And the configuration of each bundled step.
    let with: Value = serde_json::from_str(
        &Stage::set(&crate::repository("tests/cli/stats")).sh("callboard schema --for pipeline.toml").stdout,
    )
    .unwrap();
    assert_eq!(conditions, with["$defs"]["Step"]["allOf"]);
}
