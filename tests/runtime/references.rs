//! Rows that a global step keeps stay where they lie, for as long as somebody reads them.

use callboard_runtime::{CancellationToken, Class, Event, Report};
use serde_json::json;

use crate::bench::{Bench, lines, step, straight, use_step, wired};

/// Rows of a good 200 bytes, every fourth text there twice.
fn texts(rows: usize) -> String {
    let text = |id: usize| format!("{} {}", if id % 4 == 3 { id - 1 } else { id }, "word ".repeat(40));
    lines((0..rows).map(|id| json!({"id": id, "text": text(id)})))
}

fn spilled(report: &Report) -> Vec<u64> {
    report.stages.iter().map(|stage| stage.spilled_bytes).collect()
}

/// Two global steps, one after the other, each read by something behind it.
fn chain() -> String {
    let steps = [
        use_step("tidy", "picky", ""),
        use_step("once", "exact-dedup", ""),
        use_step("all", "exact-dedup", "config = { columns = [\"id\"] }"),
        use_step("marked", "picky", "columns = { mark = \"again\" }"),
        use_step("last", "exact-dedup", "config = { columns = [\"id\"] }"),
        use_step("end", "echo", ""),
    ];
    straight(&steps.concat()) + "[run]\nbatch_rows = 100\n"
}

#[test]
fn rows_that_are_kept_are_not_written_again() {
    let bench = Bench::new();
    bench.put("docs.jsonl", texts(4_000));
    let report = bench.pipeline(chain()).report();
    let spilled = spilled(&report);
    // `tidy`, `once` and `all`; then `marked` and `last`.
    assert!(spilled[0] > 800_000 && spilled[3] > 600_000, "{spilled:?}");
    assert!([spilled[1], spilled[2], spilled[4]].iter().all(|bytes| *bytes < 20_000), "{spilled:?}");
    let ids: Vec<usize> = (0..4_000).filter(|id| id % 4 != 3).collect();
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!(ids));
    // What lies together stays together: 75 rows of each frame.
    assert_eq!((step(&report, "marked").batches, step(&report, "end").batches), (40, 40));
    // Of what a step writes itself nothing is carried.
    let written = straight(&(use_step("all", "echo-global", "") + &use_step("end", "echo", "")));
    let spilled = self::spilled(&bench.pipeline(written).overwrite().report());
    assert!(spilled[0] > 1_500_000, "{spilled:?}");
}

/// Of few rows, frames of more are not read again and again: they are written, in batches as the plan has them.
#[test]
fn few_rows_of_many_come_in_batches_of_the_plan() {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines((0..20_000).map(|id| json!({"id": id, "text": format!("text {}", id / 50)}))));
    let steps = use_step("once", "exact-dedup", "") + &use_step("end", "echo", "") + "[run]\nbatch_rows = 100\n";
    let report = bench.pipeline(straight(&steps)).report();
    assert_eq!((step(&report, "end").rows_in, step(&report, "end").batches), (400, 4));
    let ids: Vec<usize> = (0..20_000).step_by(50).collect();
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!(ids));
}

/// Appended inputs of which one has its columns in another order, two steps that refer to the same rows, and a door.
#[test]
fn several_refer_to_the_same_rows() {
    let bench = Bench::new();
    bench.put("a.jsonl", texts(1_000));
    bench.put("b.jsonl", lines((0..1_000).map(|id| json!({"text": format!("b {id}"), "id": 5_000 + id}))));
    let steps = [
        use_step("ids", "exact-dedup", "from = [\"a\", \"b\"]\nconfig = { columns = [\"id\"] }"),
        use_step("once", "exact-dedup", "from = [\"a\", \"b\"]"),
        use_step("both", "exact-dedup", "from = [\"ids\", \"once\", \"a\"]"),
        use_step("gone", "exact-dedup", "from = \"both.dropped\"\nconfig = { columns = [\"id\"] }"),
        use_step("end", "echo", "from = \"gone\""),
    ];
    let outputs = [("kept", "from = \"both\""), ("out", "from = \"end\"")];
    let pipeline = wired(&["a", "b"], &outputs, &steps.concat()) + "[run]\nbatch_rows = 70\n";
    bench.pipeline(pipeline).report();
    let kept: Vec<usize> = (0..1_000).filter(|id| id % 4 != 3).chain(5_000..6_000).collect();
    assert_eq!(json!(bench.column("kept.jsonl", "id")), json!(kept));
    // All but the first row of each text, by the order of what was appended: each id once.
    let twice = (3..1_000).step_by(4);
    let rest = (0..1_000).filter(|id| id % 4 != 3).chain(5_000..6_000);
    let gone: Vec<usize> = twice.chain(rest).collect();
    assert_eq!(json!(bench.column("out.jsonl", "id")), json!(gone));
}

/// The rows that others refer to are there as long as those are read, however far that is, and gone then.
#[test]
fn what_is_referred_to_outlives_its_readers() {
    let bench = Bench::new();
    bench.put("docs.jsonl", texts(1_000));
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let run = bench.pipeline(chain()).cancel(cancel).listen(move |event| {
        if matches!(event, Event::Loaded { stage: 4, .. }) {
            on_event.cancel();
        }
    });
    let ended = run.end();
    let folder = ended.run_folder.clone();
    assert_eq!(ended.error().class, Class::Interrupted);
    let there = |name: &str| folder.join("spill").join(name).exists();
    assert_eq!(["tidy", "once", "all"].map(there), [true; 3]);
    let report = bench.resume(&folder).report();
    let before: Vec<bool> = report.stages.iter().map(|stage| stage.before).collect();
    assert_eq!(before, [true, true, true, false, false, false]);
    assert_eq!(bench.rows("out.jsonl").len(), 750);
}

/// A bit flips in rows that others refer to: those who read them, and whoever made the references, run again.
#[test]
fn damage_to_what_is_referred_to_is_said_and_made_again() {
    let bench = Bench::new();
    bench.put("docs.jsonl", texts(1_000));
    bench.pipeline(chain()).report();
    let wanted = bench.bytes("out.jsonl");
    std::fs::remove_file(bench.path("out.jsonl")).unwrap();
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let run = bench.pipeline(chain()).cancel(cancel).listen(move |event| {
        if matches!(event, Event::Loaded { stage: 4, .. }) {
            on_event.cancel();
        }
    });
    let folder = run.end().run_folder;
    let segment = folder.join("spill/tidy/00000.segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let report = bench.resume(&folder).report();
    assert!(report.stages.iter().all(|stage| !stage.before));
    let said = |words: &str| report.notes.iter().any(|note| note.contains(words));
    assert!(said("spill/tidy` is damaged") && said("stage 1 runs again"), "{:?}", report.notes);
    assert!(said("the rows of `once` refer to those of `tidy`, which are recreated: stage 2 runs again"));
    assert_eq!(step(&report, "once").rows_reused, 1_000, "its calls are not made again");
    assert!(bench.bytes("out.jsonl") == wanted);
}
