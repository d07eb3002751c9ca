//! What a run writes and where: outputs, its own folder, the files between stages.

use std::sync::{Arc, Mutex};

use callboard_plan::Load;
use callboard_runtime::{Class, Event};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, straight, use_step, wired};

#[test]
fn an_output_that_is_there_is_not_touched_by_a_run_that_fails() {
    let bench = Bench::with_rows(1_000);
    let precious = b"what was there before".as_slice();
    bench.put("out.jsonl", precious);
    let error = bench.pipeline(straight("")).error();
    assert!(error.message.ends_with("out.jsonl` is there already"), "{error}");
    assert_eq!(error.help.as_deref(), Some("to replace it, set `overwrite`"));
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
fn a_run_leaves_what_tells_of_it_and_the_work_that_others_may_take_over() {
    let bench = Bench::with_rows(5_000);
    let ended = bench.pipeline(straight(&use_step("dedup", "exact-dedup", ""))).end();
    let folder = ended.run_folder.clone();
    let spilled: u64 = ended.outcome.as_ref().ok().unwrap().stages.iter().map(|stage| stage.spilled_bytes).sum();
    ended.report();
    assert!(spilled > 5_000, "{spilled} bytes");
    let names = bench.names();
    let left = names.iter().filter_map(|name| name.strip_prefix("run-0/"));
    let left: Vec<&str> = left.filter(|name| !name.starts_with("components/")).collect();
    let tell = [
        "columns.json",
        "components",
        "journal",
        "lengths",
        "lengths/docs",
        "lock",
        "plan.json",
        "positions",
        "positions/out",
        "rejects.jsonl",
        "report.json",
        "run.json",
        "seal",
    ];
    let work = ["work", "work/dedup", "work/dedup/000.log", "work/dedup/key.json"];
    assert_eq!(left, [tell.as_slice(), &work].concat());
    assert_eq!(std::fs::read(folder.join("rejects.jsonl")).unwrap(), b"");
    let plan: Value = serde_json::from_slice(&std::fs::read(folder.join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan["steps"][0]["name"], "dedup");
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
    refused(two.replace("two.jsonl", "here/one.jsonl"), "is also written by output `one`");
    bench.put("file", "");
    refused(straight(&echo).replace("out.jsonl", "file/out.jsonl"), "file");
    std::fs::create_dir(bench.path("run-3")).unwrap();
    bench.put("run-3/something", "");
    let error = bench.pipeline(straight(&echo)).error();
    assert!(error.message.ends_with("run-3` is not empty"), "{error}");
    assert_eq!(bench.bytes("docs.jsonl"), before);
    assert!(!bench.path("out.jsonl").exists());
}

/// More than one segment, of rows that no segment was made for.
#[test]
fn spills_of_several_segments_are_read_in_order() {
    let bench = Bench::new();
    let body = "0123456789abcdef".repeat(1 << 16);
    bench.put("docs.jsonl", lines((0..200).map(|id| json!({"id": id, "text": id.to_string(), "body": body}))));
    let segments = Arc::new(Mutex::new(0));
    let (seen, folder) = (segments.clone(), bench.path("run-0/spill/docs"));
    let steps = use_step("a", "exact-dedup", "")
        + &use_step("b", "hostile-global", "config = { misdeed = \"keep-backwards\" }");
    // What no output has is not carried.
    let outputs = [("out", "columns = [\"id\", \"text\"]"), ("bodies", "columns = [\"body\"]")];
    let text = wired(&["docs"], &outputs, &steps).replace("bodies.jsonl", "bodies.parquet");
    let case = bench.pipeline(text).listen(move |event| {
        if let Event::Loaded { stage: 1, .. } = event {
            *seen.lock().unwrap() = std::fs::read_dir(&folder).unwrap().count();
        }
    });
    let report = case.load(Load::Staged).report();
    assert!(*segments.lock().unwrap() > 1);
    // What `a` keeps lies in the spill of the input.
    assert!(report.stages[0].spilled_bytes > 200 << 20);
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!((0..200).rev().collect::<Vec<_>>()));
}
