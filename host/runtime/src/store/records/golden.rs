//! What every type looks like on the disk, beside a text that holds it: `format.json`. Whoever changes a type gives the format its
//! next number, and then writes the text with `BLESS=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use callboard_io::Mark;
use callboard_plan::{Door, Feed, InputFile, Plan};
use callboard_sandbox::Fate;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;

const TEXT: &str = include_str!("format.json");

fn counts() -> StepCounts {
    let mut counts = StepCounts {
        rows_in: 1,
        rows_out: 2,
        kept_once: 3,
        repeated: 4,
        created: 5,
        batches: 6,
        busy: Duration::from_millis(7),
        counters: BTreeMap::from([("seen".to_owned(), -8)]),
        reused: 9,
        again: 10,
        peak: 11,
        ..StepCounts::default()
    };
    counts.tally.count(Fate::Dropped, "short", 12);
    counts.tally.count(Fate::Rejected, "broken", 13);
    counts
}

fn sealed() -> Sealed {
    Sealed {
        segments: 1,
        frames: 2,
        rows: 3,
        bytes: 4,
        checksum: "00000000000000aa".to_owned(),
        columns: "ff".to_owned(),
        digests: BTreeMap::from([("07".to_owned(), vec!["bb".to_owned()])]),
        bases: vec![Base { feed: Feed::door("quality", Door::Dropped), checksum: "cc".to_owned() }],
        logs: vec![BaseLog { path: "work/quality/000.log".into(), schema: "dd".to_owned() }],
    }
}

fn stats() -> Stats {
    let spread = Spread {
        of: Measure::Characters,
        min: 1.into(),
        max: 2.into(),
        mean: 1.5,
        not_finite: 3,
        quantiles: vec![Quantile { share: 0.5, value: 1.0 }],
        histogram: vec![Bin { from: 1.0, to: 2.0, rows: 4 }],
    };
    let frequent = FrequentValue { value: "often".to_owned(), characters: Some(130), at_least: 5, at_most: 6 };
    let column = ColumnStats {
        column: "text".to_owned(),
        column_type: "utf8".to_owned(),
        nulls: 7,
        distinct: Some(8),
        spread: Some(spread),
        frequent: vec![frequent],
    };
    let group = GroupStats { value: Some("de".to_owned()), others: false, rows: 9, columns: vec![column.clone()] };
    let threshold = Threshold { value: 0.7, dropped: 0.1, current: true };
    let thresholds = ThresholdStats {
        operand: "score".to_owned(),
        operator: ">=".to_owned(),
        rows: 10,
        thresholds: vec![threshold],
    };
    let (columns, groups, thresholds) = (vec![column], vec![group], vec![thresholds]);
    Stats { rows: 11, columns, groups, thresholds, notes: vec!["one more column is left out".to_owned()] }
}

fn branch() -> Feed {
    Feed { branch: Some(2), ..Feed::node("docs") }
}

fn digested() -> Digested {
    Digested { rows: 1, bytes: 2, digest: "ee".to_owned() }
}

fn ended() -> StageEnded {
    let cost = StageCost {
        intake: Duration::from_millis(1),
        load: Duration::from_millis(2),
        run: Duration::from_millis(3),
        unload: Duration::from_millis(4),
        spilled: 5,
        peak: 6,
        held: 7,
        rows: 8,
        waits: 9,
        curve: vec![Moment { at_ms: 10, linear: 11, in_flight: 12, resident: 13, rows: 14 }],
        steps: BTreeMap::from([("quality".to_owned(), counts())]),
        rows_read: BTreeMap::from([("docs".to_owned(), 10)]),
        unread: BTreeMap::from([("docs".to_owned(), unread())]),
        routed: BTreeMap::from([(branch(), Routed { taken: 11, elsewhere: 12 })]),
        zipped_for_steps: BTreeMap::from([("rate".to_owned(), vec![Joined { rows: 13, again: 14, absent: 15 }])]),
        zipped_for_outputs: BTreeMap::from([("kept".to_owned(), vec![Joined { rows: 16, again: 17, absent: 18 }])]),
        stats: BTreeMap::from([("quality".to_owned(), stats())]),
        output_stats: BTreeMap::from([("kept".to_owned(), Stats { rows: 1, ..Stats::default() })]),
    };
    StageEnded {
        cost,
        spills: BTreeMap::from([(Feed::node("quality"), sealed()), (Feed::door("quality", Door::Rejected), sealed())]),
        outputs: BTreeMap::from([("kept".to_owned(), digested())]),
        rejects: BTreeMap::from([("quality".to_owned(), digested()), ("docs".to_owned(), digested())]),
    }
}

/// One of each; a new variant does not compile without an arm here, and belongs into the list.
fn journal() -> Vec<Record> {
    let intake = Intake {
        rows: 1,
        spills: BTreeMap::from([(Feed::node("docs"), sealed())]),
        routed: BTreeMap::from([(branch(), Routed { taken: 1, elsewhere: 2 })]),
        unread: unread(),
        rejects: Some(digested()),
        stats: Some(Stats { rows: 1, ..Stats::default() }),
    };
    let ends = [Status::Finished, Status::Failed, Status::Interrupted];
    let records = [
        Record::Begun { at: 1, version: "0.1.0".to_owned() },
        Record::Intake { input: "docs".to_owned(), taken: intake },
        Record::Stage { stage: 1, ended: Box::new(ended()) },
        Record::Changed { stage: 1 },
        Record::Committing,
    ];
    let how = |status| Record::Ended { status, message: Some("the disk is full".to_owned()), wall_ms: 1.5 };
    let records: Vec<Record> = records.into_iter().chain(ends.map(how)).collect();
    for record in &records {
        match record {
            Record::Begun { .. } | Record::Intake { .. } | Record::Stage { .. } => {}
            Record::Changed { .. } | Record::Committing | Record::Ended { .. } => {}
        }
    }
    records
}

fn unread() -> Tally {
    Tally { dropped: BTreeMap::new(), rejected: BTreeMap::from([("`n` should be int64".to_owned(), 2)]) }
}

fn recorded() -> Recorded {
    let input = RecordedInput {
        files: vec!["docs.jsonl".into()],
        versions: vec![Some("\"e\"".to_owned())],
        bytes: 1,
        schema: "ff".to_owned(),
    };
    Recorded {
        format: FORMAT,
        pipeline: Some("pipeline.toml".into()),
        base: "/data".into(),
        overwrite: true,
        limit: Some(2),
        max_spill: Some(3),
        inputs: BTreeMap::from([("docs".to_owned(), input)]),
        digest_seed: Some(4),
        submitted: None,
    }
}

fn sliced() -> Sliced {
    let file = InputFile { bytes: 3, is_parted: true };
    Sliced {
        version: "0.1.0".to_owned(),
        slices: 2,
        files: BTreeMap::from([("docs".to_owned(), vec![file])]),
        marks: BTreeMap::from([("docs".to_owned(), vec![Mark { file: 0, at: 2, before: 1 }])]),
        keyed: BTreeSet::from(["dedup".to_owned()]),
        seed: 5,
        formats: BTreeMap::from([("docs".to_owned(), "jsonl".to_owned())]),
        from: "/home".into(),
        work: BTreeMap::from([("dedup".to_owned(), header())]),
    }
}

fn manifest() -> Manifest {
    Manifest { attempt: "attempt-00000000000000ff".to_owned(), boot: None, ended: ended() }
}

fn failed() -> TaskFailure {
    let (class, message) = ("data".to_owned(), "step `quality`: it is broken".to_owned());
    TaskFailure { passing: false, class, message, help: Some("fix it".to_owned()) }
}

fn held() -> Held {
    Held { driver: "ff".to_owned(), host: "node-7".to_owned(), beat: 3, committing: true, ended: false }
}

fn header() -> Header {
    let key = StepKey {
        contract: "0.1".to_owned(),
        component: "aa".to_owned(),
        config: json!({ "min": 1 }),
        seed: 1,
        given: vec!["text: string".to_owned()],
        writes: "n: int64".to_owned(),
        schemas: "bb".to_owned(),
        granted: json!({}),
        found: BTreeMap::from([("file words".to_owned(), "cc".to_owned())]),
    };
    Header { format: FORMAT, key, limits: (1, 2), seed: 3 }
}

fn deeds() -> Vec<Deed> {
    let removed = || vec![Removed { row: 1, rejected: true, reason: "broken".into() }];
    let counters = || BTreeMap::from([("seen".to_owned(), 1)]);
    let outcome = Outcome {
        kept: Some(vec![0, 2]),
        removed: removed(),
        counters: counters(),
        narrowed: Some((1, 2)),
        passing: false,
    };
    let deeds = vec![
        Deed::Processed(outcome),
        Deed::Page { cursor: vec![1], counters: counters() },
        Deed::Kept { rows: vec![300] },
        Deed::Kept { rows: vec![300, 301, 309] },
        Deed::Wrote,
        Deed::Removed { rows: removed() },
        Deed::Placed { rows: vec![5] },
        Deed::Called { counters: counters() },
        Deed::Ended { counters: counters() },
    ];
    for deed in &deeds {
        match deed {
            Deed::Processed(_) | Deed::Page { .. } | Deed::Kept { .. } | Deed::Wrote => {}
            Deed::Removed { .. } | Deed::Placed { .. } | Deed::Called { .. } | Deed::Ended { .. } => {}
        }
    }
    deeds
}

fn frame() -> Frame {
    Frame { kind: 1, rows: 2, tag: 3, length: 5, checksum: 6, offset: 48 }
}

fn reference() -> Reference {
    let picks = [Chosen::All, Chosen::Some(vec![0b101])].map(|rows| Pick { base: 0, frame: 1, rows });
    Reference {
        columns: vec![Column::Own, Column::Picked, Column::Logged { frame: 2, column: 3 }],
        picks: picks.to_vec(),
        logged: vec![InLog { log: 4, frame: frame() }],
    }
}

fn gathered() -> Vec<Gathered> {
    let laid = Laid { rows: 1, bytes: 2, frames: vec![frame()], ranges: vec![Laid::default()] };
    let called = Called {
        part: 1,
        rows: 2,
        counters: BTreeMap::from([("seen".to_owned(), 1)]),
        rejects: true,
        gone: vec![300, 1],
        unlisted: 2,
        removed: vec![(true, "broken".to_owned(), vec![4])],
        put_out: vec![((5, 6), 7, vec![frame()])],
        removed_runs: vec![vec![frame()]],
    };
    let cut = Cut { tag: 1, size: 2, parts: vec![vec![laid]] };
    let gathered = vec![Gathered::Cut(cut), Gathered::Called(called), Gathered::Ended { part: 3 }];
    for done in &gathered {
        match done {
            Gathered::Cut(_) | Gathered::Called(_) | Gathered::Ended { .. } => {}
        }
    }
    gathered
}

fn windowed() -> Windowed {
    Windowed { tag: 1, rows: 2, windows: vec![(0, 3)] }
}

/// What lies in a frame: its names, and its bytes.
fn packed(value: &impl Serialize) -> Value {
    json!({ "shape": value, "bytes": callboard_sandbox::hex(&postcard::to_stdvec(value).unwrap()) })
}

fn now() -> Value {
    let written: Value = serde_json::from_str(TEXT).unwrap();
    // A plan is made by planning alone: it is read from what stands there, and must be written the same.
    let plan = Plan::from_json(&written["plan.json"].to_string()).unwrap();
    json!({
        "format": FORMAT,
        "plan.json": plan,
        "run.json": recorded(),
        "journal": journal(),
        "work.json": sliced(),
        "manifest.json": manifest(),
        "failed.json": failed(),
        "drivers/N.json": held(),
        "key.json": header(),
        "log": deeds().iter().map(packed).collect::<Vec<_>>(),
        "done": gathered().iter().map(packed).collect::<Vec<_>>(),
        "scattered": packed(&windowed()),
        "segment": packed(&reference()),
        "header of a frame": callboard_sandbox::hex(&frame().header()),
    })
}

#[test]
fn what_lies_on_the_disk_changes_with_the_number_of_the_format_alone() {
    let (now, written) = (now(), serde_json::from_str::<Value>(TEXT).unwrap());
    if now == written {
        return;
    }
    let changed: Vec<&String> = now
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, value)| written[name] != **value)
        .map(|(name, _)| name)
        .collect();
    assert_ne!(written["format"], FORMAT, "{changed:?} are written otherwise: give FORMAT its next number");
    assert!(std::env::var_os("BLESS").is_some(), "the format has another number: look at {changed:?}, then BLESS=1");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/records/format.json");
    std::fs::write(path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
}

#[test]
fn what_lies_on_the_disk_is_read_as_it_was_written() {
    let now = now();
    let journal: Vec<Record> = serde_json::from_value(now["journal"].clone()).unwrap();
    assert_eq!(serde_json::to_value(journal).unwrap(), now["journal"]);
    let recorded: Recorded = serde_json::from_value(now["run.json"].clone()).unwrap();
    assert_eq!(serde_json::to_value(recorded).unwrap(), now["run.json"]);
    let manifest: Manifest = serde_json::from_value(now["manifest.json"].clone()).unwrap();
    assert_eq!(serde_json::to_value(manifest).unwrap(), now["manifest.json"]);
    assert_eq!(serde_json::from_value::<Sliced>(now["work.json"].clone()).unwrap(), sliced());
    assert_eq!(serde_json::from_value::<TaskFailure>(now["failed.json"].clone()).unwrap(), failed());
    assert_eq!(serde_json::from_value::<Held>(now["drivers/N.json"].clone()).unwrap(), held());
    assert_eq!(format_of(&now["run.json"].to_string()).unwrap(), FORMAT);
    assert_eq!(format_of("{}").unwrap(), 0);
    assert_eq!(serde_json::from_value::<Header>(now["key.json"].clone()).unwrap(), header());
    for deed in deeds() {
        assert_eq!(postcard::from_bytes::<Deed>(&postcard::to_stdvec(&deed).unwrap()).unwrap(), deed);
    }
    for done in gathered() {
        assert_eq!(postcard::from_bytes::<Gathered>(&postcard::to_stdvec(&done).unwrap()).unwrap(), done);
    }
    assert_eq!(postcard::from_bytes::<Windowed>(&postcard::to_stdvec(&windowed()).unwrap()).unwrap(), windowed());
    assert_eq!(Frame::parse(&frame().header(), 0), Some(frame()));
}
