//! Rows that part ways: each route gets the rows that it takes, what it does not take is elsewhere, and the accounts add up.

use callboard_runtime::{CancellationToken, Class, Event};
use serde_json::json;

use crate::bench::{Bench, lines, step, use_step, wired};

fn bench(rows: u64) -> Bench {
    let bench = Bench::new();
    let languages = ["no", "en", "de"];
    let row = |id: u64| {
        let language = (id % 4 != 3).then(|| languages[(id % 4) as usize]);
        json!({ "id": id, "text": format!("row {id}"), "language": language, "n": id % 5 })
    };
    bench.put("docs.jsonl", lines((0..rows).map(row)));
    bench
}

/// Two conditions that overlap, the rest, a door's rows, and one of another input.
fn parted() -> String {
    let steps = [
        use_step("first", "picky", "config = { drop = [\"row 4\", \"row 8\"] }"),
        use_step("no", "echo", "from = { step = \"first\", where = 'language == \"no\"' }"),
        use_step("small", "echo", "from = { step = \"first\", where = \"n < 2\" }"),
        use_step("rest", "echo", "from = { step = \"first\", else = true }"),
        use_step(
            "dedup",
            "exact-dedup",
            "from = [{ step = \"first\", where = \"n == 4\" }, \"first\"]\nconfig = { columns = [\"text\"] }",
        ),
    ];
    let outputs = [
        ("no", "from = \"no\""),
        ("small", "from = \"small\""),
        ("rest", "from = \"rest\""),
        ("door", "from = { step = \"first.dropped\", where = \"_line == 9\" }"),
        ("twice", "from = { step = \"dedup.dropped\", where = \"n == 4 && id < 20\" }"),
        ("all", "from = \"first\""),
    ];
    wired(&["docs"], &outputs, &steps.concat()) + "[run]\nbatch_rows = 7\n"
}

#[test]
fn each_route_takes_its_rows_and_the_rest_is_elsewhere() {
    let bench = bench(40);
    let report = bench.pipeline(parted()).report();
    let of = |wanted: &dyn Fn(u64) -> bool| -> Vec<u64> {
        (0..40).filter(|id| *id != 4 && *id != 8 && wanted(*id)).collect()
    };
    let no = |id: u64| id.is_multiple_of(4);
    let small = |id: u64| id % 5 < 2;
    assert_eq!(bench.column("no.jsonl", "id"), of(&no));
    assert_eq!(bench.column("small.jsonl", "id"), of(&small));
    assert_eq!(bench.column("rest.jsonl", "id"), of(&|id| !no(id) && !small(id) && id % 5 != 4));
    assert_eq!(bench.column("all.jsonl", "id"), of(&|_| true));
    assert_eq!(bench.column("door.jsonl", "id"), [8]);
    assert_eq!(bench.column("twice.jsonl", "id"), [9, 14, 19]);
    for (name, rows) in [("no", of(&no).len()), ("small", of(&small).len())] {
        let step = step(&report, name);
        assert_eq!((step.rows_in, step.rows_dropped), (rows as u64, 0));
        assert_eq!(step.rows_elsewhere, 38 - rows as u64);
        assert!(step.adds_up);
    }
    assert!(report.stages.iter().flat_map(|stage| &stage.steps).all(|step| step.adds_up));
    // No step and no stage of their own.
    assert_eq!(report.stages.iter().map(|stage| stage.steps.len()).collect::<Vec<_>>(), [4, 1]);
}

/// Where batches are cut, how many instances there are and where a run stopped changes nothing.
#[test]
fn routes_are_the_same_however_they_are_run() {
    let bench = bench(300);
    let outputs = ["no.jsonl", "small.jsonl", "rest.jsonl", "door.jsonl", "twice.jsonl", "all.jsonl"];
    let read = || outputs.map(|name| std::fs::read(bench.path(name)).unwrap());
    bench.pipeline(parted()).report();
    let wanted = read();
    for (rows, replicas) in [(1, 1), (64, 3), (8192, 2)] {
        let text = parted().replace("batch_rows = 7", &format!("batch_rows = {rows}\nreplicas = {replicas}"));
        bench.pipeline(text).overwrite().report();
        assert_eq!(read(), wanted, "batches of {rows}");
    }
    for stage in [1, 2] {
        outputs.iter().for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
        let cancel = CancellationToken::new();
        let on_event = cancel.clone();
        let ended = bench.pipeline(parted()).cancel(cancel).listen(move |event| {
            if matches!(event, Event::Loaded { stage: loaded, .. } if *loaded == stage) {
                on_event.cancel();
            }
        });
        let ended = ended.end();
        let folder = ended.run_folder.clone();
        assert_eq!(ended.error().class, Class::Interrupted);
        let report = bench.resume(&folder).report();
        assert_eq!(read(), wanted, "interrupted in stage {stage}");
        assert!(report.stages.iter().flat_map(|stage| &stage.steps).all(|step| step.adds_up));
    }
}

/// An input that a global step needs whole is read before its stage is loaded, and its branches with it.
#[test]
fn branches_of_an_input_that_is_read_before_anything_are_kept() {
    let bench = bench(50);
    let steps = use_step(
        "dedup",
        "exact-dedup",
        "from = { step = \"docs\", where = \"n == 1\" }\nconfig = { columns = [\"n\"] }",
    ) + &use_step("other", "echo", "from = { step = \"docs\", else = true }");
    let outputs = [("one", "from = \"dedup\""), ("other", "from = \"other\"")];
    let text = wired(&["docs"], &outputs, &steps);
    let report = bench.pipeline(text.clone()).report();
    assert_eq!(bench.column("one.jsonl", "id"), [1]);
    assert_eq!(bench.column("other.jsonl", "id").len(), 40);
    assert_eq!(step(&report, "dedup").rows_elsewhere, 40);
    // What was read before the process was interrupted is not read again.
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let ended = bench.pipeline(text).overwrite().cancel(cancel).listen(move |event| {
        if matches!(event, Event::Loaded { .. }) {
            on_event.cancel();
        }
    });
    let folder = ended.end().run_folder.clone();
    std::fs::remove_file(bench.path("docs.jsonl")).unwrap();
    let report = bench.resume(&folder).report();
    assert_eq!(step(&report, "dedup").rows_elsewhere, 40);
    assert_eq!(bench.column("other.jsonl", "id").len(), 40);
}

fn shared(of: &str) -> String {
    let branch = |name: &str| use_step(name, "echo", &format!("from = {{ step = \"docs\", one_of = 3, {of} }}"));
    let outputs = [("a", "from = \"a\""), ("b", "from = \"b\""), ("c", "from = \"c\"")];
    wired(&["docs"], &outputs, &["a", "b", "c"].map(branch).concat())
}

#[test]
fn rows_are_shared_out_the_same_way_as_data_grow() {
    let branches = |bench: &Bench| ["a.jsonl", "b.jsonl", "c.jsonl"].map(|name| bench.column(name, "id"));
    let few = bench(1000);
    few.pipeline(shared("pick = 2, seed = 1")).report();
    let of_few = branches(&few);
    let all: usize = of_few.iter().map(Vec::len).sum();
    assert_eq!(all, 2000, "each row takes two branches");
    assert!(of_few.iter().all(|rows| (600..730).contains(&rows.len())), "{:?}", of_few.each_ref().map(Vec::len));
    let more = bench(1500);
    more.pipeline(shared("pick = 2, seed = 1")).report();
    for (few, more) in of_few.iter().zip(branches(&more)) {
        assert_eq!(few[..], more[..few.len()]);
    }
    few.pipeline(shared("pick = 2, seed = 2")).overwrite().report();
    assert_ne!(branches(&few), of_few);
    // By a column, rows of one value go the same way, wherever they stand.
    few.pipeline(shared("seed = 1, by = \"n\"")).overwrite().report();
    let mut ways = vec![std::collections::BTreeSet::new(); 5];
    for (branch, rows) in branches(&few).iter().enumerate() {
        for id in rows {
            ways[(id.as_u64().unwrap() % 5) as usize].insert(branch);
        }
    }
    assert!(ways.iter().all(|ways| ways.len() == 1), "{ways:?}");
}

#[test]
fn a_route_that_cannot_be_decided_is_refused_at_its_place() {
    let bench = bench(10);
    let text = |route: &str| wired(&["docs"], &[("out", &format!("from = {{ step = \"docs\", {route} }}"))], "");
    for (route, words) in [
        ("where = \"langage == 'no'\"", "there is no column `langage`"),
        ("where = \"n == 'no'\"", "integer"),
        ("where = \"n ==\"", "does not parse"),
        ("where = \"n\"", "a bool is expected"),
    ] {
        let error = bench.pipeline(text(route)).error();
        assert_eq!(
            (error.class, error.place.route, error.place.output.as_deref()),
            (Class::Pipeline, Some(1), Some("out")),
            "{error}"
        );
        assert!(error.message.contains(words), "{error}");
    }
    let error = bench.pipeline(text("where = \"10 / n > 1\"")).error();
    assert_eq!((error.class, error.place.route), (Class::Data, Some(1)), "{error}");
    assert!(error.message.contains("line 1 of") && error.message.contains("division"), "{error}");
    assert!(!bench.path("out.jsonl").exists());
}
