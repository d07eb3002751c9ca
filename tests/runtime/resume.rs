//! A run that stopped is taken up where it stopped, and comes to what it would have come to; what was altered since is noticed.

use std::path::{Path, PathBuf};

use callboard_runtime::{CancellationToken, Class, Event, Report, RunError};
use serde_json::Value;

use crate::bench::{Bench, Ended, Refused, step, straight, use_step};

/// Three stages, an output each of the first and the last, rejected rows, a side door.
fn three_stages() -> String {
    let steps = [
        use_step("first", "picky", "config = { drop = [\"row 3\"], reject = [\"row 4\"] }\non_error = \"reject\""),
        use_step("second", "exact-dedup", "config = { columns = [\"text\"] }"),
        use_step("third", "picky", "config = { mark = \"c\", omit = [\"row 9\"] }"),
        use_step("fourth", "echo", ""),
    ];
    let early = "\n[outputs.early]\npath = \"early.csv\"\nfrom = \"first\"\n[outputs.gone]\npath = \"gone.jsonl\"\nfrom = \"first.dropped\"\n";
    straight(&steps.concat()).replace("[[steps]]\nname = \"first\"", &format!("{early}\n[[steps]]\nname = \"first\""))
        + "[run]\nbatch_rows = 10\n"
}

const OUTPUTS: [&str; 3] = ["out.jsonl", "early.csv", "gone.jsonl"];

fn outputs(bench: &Bench) -> Vec<Option<Vec<u8>>> {
    OUTPUTS.iter().map(|name| std::fs::read(bench.path(name)).ok()).collect()
}

/// What the three stages come to when nobody touches them; the outputs are gone afterwards.
fn wanted(bench: &Bench) -> (Vec<Option<Vec<u8>>>, String) {
    let ended = bench.pipeline(three_stages()).end();
    let rejects = std::fs::read_to_string(ended.run_folder.join("rejects.jsonl")).unwrap();
    ended.report();
    let wanted = outputs(bench);
    assert!(wanted.iter().all(Option::is_some));
    OUTPUTS.iter().for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
    (wanted, rejects)
}

/// A run that was interrupted when this event was told.
fn interrupted(bench: &Bench, text: &str, moment: impl Fn(&Event) -> bool + Send + Sync + 'static) -> PathBuf {
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let ended = bench.pipeline(text).cancel(cancel).listen(move |event| {
        if moment(event) {
            on_event.cancel();
        }
    });
    let ended = ended.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    assert!(OUTPUTS.iter().all(|name| !bench.path(name).exists()), "an output of a run that did not finish");
    folder
}

fn at_stage(wanted: usize) -> impl Fn(&Event) -> bool + Send + Sync + 'static {
    move |event| matches!(event, Event::Loaded { stage, .. } if *stage == wanted)
}

fn before(report: &Report) -> Vec<bool> {
    report.stages.iter().map(|stage| stage.before).collect()
}

#[test]
fn a_stage_that_ended_does_not_run_again() {
    let bench = Bench::with_rows(200);
    let (wanted, rejects) = wanted(&bench);
    for (stage, ended) in [(1, [false, false, false]), (2, [true, false, false]), (3, [true, true, false])] {
        let folder = interrupted(&bench, &three_stages(), at_stage(stage));
        let report = bench.resume(&folder).report();
        assert_eq!((before(&report), report.resumed), (ended.to_vec(), 1), "interrupted in stage {stage}");
        assert_eq!(outputs(&bench), wanted);
        assert_eq!(std::fs::read_to_string(folder.join("rejects.jsonl")).unwrap(), rejects);
        OUTPUTS.iter().for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
    }
}

/// Nothing reads from an output: what is called as it is read, run, resumed and reported apart from it.
#[test]
fn an_output_may_be_called_as_a_step_or_an_input() {
    let bench = Bench::with_rows(200);
    let (wanted, _) = wanted(&bench);
    let text = three_stages()
        .replace("[outputs.early]", "[outputs.first]")
        .replace("[outputs.gone]", "[outputs.fourth]")
        .replace("[outputs.out]", "[outputs.docs]");
    for stage in 1..=3 {
        let folder = interrupted(&bench, &text, at_stage(stage));
        let report = bench.resume(&folder).report();
        assert_eq!(outputs(&bench), wanted, "interrupted in stage {stage}");
        let named: Vec<_> = report.outputs.keys().collect();
        assert_eq!(named, ["docs", "first", "fourth"]);
        OUTPUTS.iter().for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
    }
    let ended = bench.pipeline(&text).end();
    assert_eq!(outputs(&bench), wanted);
    ended.report();
}

#[test]
fn batches_that_were_done_are_not_done_again() {
    let bench = Bench::with_rows(1_000);
    let rows = std::sync::atomic::AtomicU64::new(0);
    let moment = move |event: &Event| match event {
        Event::Rows { step, rows_in, .. } if &**step == "one" => {
            rows.fetch_add(*rows_in, std::sync::atomic::Ordering::Relaxed) + rows_in >= 500
        }
        _ => false,
    };
    let text = straight(&(use_step("one", "picky", "") + "[run]\nbatch_rows = 10\n"));
    let folder = interrupted(&bench, &text, moment);
    let report = bench.resume(&folder).report();
    let one = step(&report, "one");
    assert!(one.rows_reused >= 500, "{} rows were taken over", one.rows_reused);
    assert_eq!((one.rows_in, one.rows_again, bench.rows("out.jsonl").len()), (1_000, 0, 1_000));
    assert_eq!(one.counters["rows"], 1_000);
}

#[test]
fn the_folder_is_enough_elsewhere() {
    let bench = Bench::with_rows(200);
    let (wanted, _) = wanted(&bench);
    let folder = interrupted(&bench, &three_stages(), at_stage(2));
    // Another machine: another path, no inputs, no components; only somewhere for the outputs.
    let elsewhere = Bench::new();
    copy(&folder, &elsewhere.path("moved"));
    std::fs::remove_file(elsewhere.path("guests")).unwrap();
    let error = refused(elsewhere.resume(&elsewhere.path("no-run")).end());
    assert!(error.message.ends_with("no-run` is not a run's folder"), "{error}");
    let report = elsewhere.resume(&elsewhere.path("moved")).report();
    assert_eq!(before(&report), [true, false, false]);
    assert_eq!(outputs(&elsewhere), wanted);
}

#[test]
fn a_run_that_finished_or_goes_on_is_not_resumed() {
    let bench = Bench::with_rows(20);
    let ended = bench.pipeline(three_stages()).end();
    let folder = ended.run_folder.clone();
    ended.report();
    let error = refused(bench.resume(&folder).end());
    assert!(error.message.ends_with("has finished"), "{error}");

    let lock = std::fs::File::open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(folder.join("lock"), "4711\n").unwrap();
    let error = refused(bench.resume(&folder).end());
    assert!(error.message.contains("is going on, in process 4711"), "{error}");
}

/// Rows of two versions of an input in one output, and nobody would know.
#[test]
fn an_input_that_changed_half_way_is_refused() {
    let bench = Bench::with_rows(1_000);
    let text = straight(&(use_step("one", "picky", "") + "[run]\nbatch_rows = 10\n"));
    let some = |event: &Event| matches!(event, Event::Rows { .. });
    let folder = interrupted(&bench, &text, some);
    let original = bench.bytes("docs.jsonl");

    bench.put_rows("docs.jsonl", 999);
    let error = refused(bench.resume(&folder).end());
    assert!(error.message.starts_with("it has changed since the run began: its files had"), "{error}");
    assert_eq!((error.class, error.place.input.as_deref()), (Class::Data, Some("docs")));

    // As long as it was, in a row that had been read.
    bench.put("docs.jsonl", String::from_utf8(original.clone()).unwrap().replacen("row 2\"", "ROW 2\"", 1));
    let error = bench.resume(&folder).error();
    assert!(error.message.contains("docs.jsonl` has changed since the run began, at line 10 or before"), "{error}");
    assert!(!bench.path("out.jsonl").exists());

    bench.put("docs.jsonl", &original);
    bench.resume(&folder).report();
    assert_eq!(bench.rows("out.jsonl").len(), 1_000);
}

/// The result is that of the component that is there now, from the first row on.
#[test]
fn a_component_that_changed_is_used_as_it_is_now() {
    let bench = Bench::with_rows(200);
    let guest = |name: &str| std::fs::read(bench.path("guests").join(format!("{name}.wasm"))).unwrap();
    let text = straight(
        &(use_step("first", "picky", "")
            + "[[steps]]\nname = \"mine\"\nuse = \"./mine.wasm\"\n\n"
            + &use_step("last", "echo-global", "")
            + "[run]\nbatch_rows = 10\n"),
    );
    bench.put("mine.wasm", guest("echo"));
    let folder = interrupted(&bench, &text, at_stage(2));
    bench.put("mine.wasm", guest("text-stats"));
    // Interrupted once more, before the new component has done anything: what the old one did does not count again.
    let prepared = CancellationToken::new();
    let on_note = prepared.clone();
    let ended = bench.resume(&folder).cancel(prepared).listen(move |event| {
        if matches!(event, Event::Note { .. }) {
            on_note.cancel();
        }
    });
    assert_eq!(ended.error().class, Class::Interrupted);
    let report = bench.resume(&folder).report();
    assert_eq!((step(&report, "first").rows_reused, step(&report, "mine").rows_reused), (200, 0));
    assert!(bench.column("out.jsonl", "n_words").iter().all(|words| *words == 2));
}

/// Every file that a run keeps, altered in every way: the outputs are right, or there is an error and none.
#[test]
fn no_damage_is_taken_for_data() {
    let bench = Bench::with_rows(200);
    let (wanted, _) = wanted(&bench);
    let folder = interrupted(&bench, &three_stages(), at_stage(3));
    let mut files = Vec::new();
    walk(&folder, &mut files);
    let mut noticed = 0;
    for file in files {
        let name = file.strip_prefix(&folder).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        if bytes.is_empty() || name == Path::new("lock") || name == Path::new("report.json") {
            continue;
        }
        let mut altered = vec![(bytes[..bytes.len() / 2].to_vec(), "cut in half"), (Vec::new(), "emptied")];
        for at in [0, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            altered.push((flipped, "with a flipped bit"));
        }
        for (bytes, how) in altered {
            let copied = bench.path("damaged");
            copy(&folder, &copied);
            std::fs::write(copied.join(name), bytes).unwrap();
            let ended = bench.resume(&copied).end();
            let what = format!("{} {how}", name.display());
            match (ended.outcome, ended.failure) {
                (Ok(report), None) => {
                    assert_eq!(outputs(&bench), wanted, "{what}");
                    noticed += usize::from(report.notes.iter().any(|note| {
                        note.contains(&*name.file_name().unwrap().to_string_lossy()) || note.contains("damaged")
                    }));
                }
                (Ok(_), Some(error)) => {
                    noticed += 1;
                    assert!(error.class == Class::System, "{what}: {error}");
                    assert!(outputs(&bench).iter().all(Option::is_none), "{what}: {error}");
                }
                (Err(Refused::Prepare(error)), _) => {
                    noticed += 1;
                    assert!(error.to_string().contains(".json"), "{what}: {error}");
                    assert!(outputs(&bench).iter().all(Option::is_none), "{what}: {error}");
                }
                (Err(Refused::Plan(problems)), _) => panic!("{what}: {problems}"),
            }
            std::fs::remove_dir_all(&copied).unwrap();
            OUTPUTS.iter().for_each(|name| drop(std::fs::remove_file(bench.path(name))));
        }
    }
    assert!(noticed > 20, "only {noticed} alterations were noticed");
}

/// Rows between stages that are damaged are made again, and it is said.
#[test]
fn a_damaged_boundary_is_said_and_made_again() {
    let bench = Bench::with_rows(200);
    let (wanted, _) = wanted(&bench);
    let folder = interrupted(&bench, &three_stages(), at_stage(2));
    let segment = folder.join("spill/first/00000.segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let report = bench.resume(&folder).report();
    assert_eq!(before(&report), [false, false, false]);
    let said = report
        .notes
        .iter()
        .any(|note| note.contains("00000.segment` is damaged") && note.contains("stage 1 runs again"));
    assert!(said, "{:?}", report.notes);
    assert_eq!(step(&report, "first").rows_reused, 200, "its calls are not made again");
    assert_eq!(outputs(&bench), wanted);
}

fn refused(ended: Ended) -> RunError {
    match ended.outcome {
        Err(Refused::Prepare(error)) => error,
        _ => panic!("it was not refused"),
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
    files.sort();
}

fn copy(from: &Path, to: &Path) {
    let mut files = Vec::new();
    walk(from, &mut files);
    for file in files {
        let place = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(&file, place).unwrap();
    }
}

/// A source goes on behind the last page that it gave.
#[test]
fn a_source_goes_on_where_it_stopped() {
    let bench = Bench::new();
    let text = format!(
        "callboard = 1\n{}{}[outputs.out]\npath = \"out.jsonl\"\n",
        use_step("count", "count-source", "config = { rows = 1000, page = 7 }"),
        use_step("all", "echo-global", ""),
    );
    let some = |event: &Event| matches!(event, Event::Rows { .. });
    let folder = interrupted(&bench, &text, some);
    let report = bench.resume(&folder).report();
    let count = step(&report, "count");
    assert!(count.rows_reused > 0 && count.rows_reused.is_multiple_of(7), "{}", count.rows_reused);
    let numbers: Vec<Value> = (0..1000).map(Value::from).collect();
    assert_eq!(bench.column("out.jsonl", "n"), numbers);
}
