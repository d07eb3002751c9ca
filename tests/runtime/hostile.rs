//! Steps that break the contract: each ends in an error that says what, whose affair it is, and where; no output is there
//! afterwards, nothing is left in memory, and the host runs the next pipeline as if nothing had been.

use std::collections::BTreeMap;

use callboard_runtime::Class::{self, Data, Limit, Pipeline, System};
use callboard_runtime::{Event, Place, RunError};
use serde_json::json;

use crate::bench::{Bench, Ended, straight, use_step};

/// How it must end.
pub(crate) enum Expected {
    /// Before the first stage: a component is asked what it does, in a throw-away instance.
    Check(Class, &'static str),
    /// While the stage is loaded, or in the one call of a global step.
    Stage(Class, &'static str),
    /// In the second batch of the stage.
    Batch(Class, &'static str),
    /// It is allowed; so many rows are put out of ten.
    Rows(u64),
}
use Expected::{Batch, Check, Rows, Stage};

const TRAP: &str = "trapped: ";
const MEMORY: &str = "memory: ";

const RETURNED: &str = "data handed to the host in one call: more than the 128 MiB allowed";
const STACK: &str = "trapped: stack overflow: a function calls itself until the stack that the component keeps";
const HANDLE: &str = "unknown handle index";

/// A wrong outcome of any of these is a host that hangs, dies or grows for a step's sake, or rows that no step put out.
pub(crate) const HOSTILE: &[(&str, Expected)] = &[
    ("trap-declare", Check(Data, TRAP)),
    ("loop-declare", Check(Limit, "`declare` took longer than 1 s")),
    ("memory-declare", Check(Limit, MEMORY)),
    ("stack-overflow-declare", Check(Data, STACK)),
    ("error-declare-huge", Check(Data, "0123456789abcdef…")),
    ("declare-unknown-read", Check(Data, "it reads column `ghost`, and there are `id` int64, `text` utf8")),
    ("declare-huge-read", Check(Data, "it reads column `0123456789abcdef")),
    ("declare-huge-drop", Check(Data, "it drops column `0123456789abcdef")),
    ("declare-duplicate-read", Check(Data, "it reads column `text` twice")),
    ("declare-unknown-drop", Check(Data, "it drops column `ghost`, and there are `id` int64, `text` utf8")),
    ("declare-duplicate-write", Check(Data, "two columns are named `text`")),
    ("declare-empty-name", Check(Data, "a column's name has 0 bytes")),
    ("declare-huge-name", Check(Data, "a column's name has 1048576 bytes, of 1 to 4096 allowed")),
    ("declare-many-columns", Batch(Data, "the columns returned are `text`, and `text`, `c0`, `c1`")),
    ("declare-huge-logical", Check(Data, "array 0 (`text`) cannot stand for `0123456789abcdef")),
    ("declare-wrong-logical", Check(Data, "array 0 (`text`) cannot stand for `tdD`")),
    ("declare-huge-vectors", Check(Data, "`text` has vectors of 4294967295")),
    ("declare-huge-fixed", Check(Data, "array 0 (`text`) cannot")),
    ("declare-huge-return", Check(Limit, RETURNED)),
    ("declare-deep-nesting", Check(Data, "nested more than 32 deep")),
    ("declare-rows", Check(Data, "a schema is a batch of no rows, and this one has 1")),
    ("trap-open", Stage(Data, TRAP)),
    ("loop-open", Stage(Limit, "`open` took longer than 1 s")),
    ("memory-open", Stage(Limit, MEMORY)),
    ("stack-overflow-open", Stage(Data, STACK)),
    ("error-open", Stage(Data, "told to fail in `open`")),
    ("trap", Batch(Data, TRAP)),
    ("panic", Batch(Data, "told to panic")),
    ("panic-huge", Batch(Data, "trapped: panicked at")),
    ("panic-at-row", Batch(Data, "told to panic at row 1")),
    (
        "stack-overflow",
        Batch(
            Data,
            "`process` trapped: stack overflow: a function calls itself until the stack that the component keeps",
        ),
    ),
    (
        "call-stack-overflow",
        Batch(Data, "`process` trapped: stack overflow: the stack has 1 MiB, the same for every step"),
    ),
    ("loop-process", Batch(Limit, "`process` took longer than 1 s")),
    ("memory", Batch(Limit, MEMORY)),
    ("log-flood", Batch(Limit, "log: 16 MiB are in use and 1 KiB more were asked for, of 16 MiB allowed")),
    ("log-huge", Batch(Limit, "log: 0 bytes are in use and 64 MiB more were asked for, of 16 MiB allowed")),
    ("log-lines", Batch(Limit, "lines of log: 100000 are in use and 1 more were asked for, of 100000 allowed")),
    ("counter-flood", Batch(Limit, "counters: 1000 are in use and 1 more were asked for, of 1000 allowed")),
    (
        "counter-huge-name",
        Batch(Limit, "a counter's name: 0 bytes are in use and 1 MiB more were asked for, of 200 bytes allowed"),
    ),
    ("counter-overflow", Rows(10)),
    ("error-config", Batch(Pipeline, "told to blame the configuration")),
    ("error-input", Batch(Data, "told to blame the rows")),
    ("error-transient", Rows(10)),
    ("error-failed", Batch(Data, "told to fail")),
    ("error-huge", Batch(Data, "0123456789abcdef…")),
    ("error-huge-pointer", Batch(Pipeline, "told to blame the configuration")),
    ("offsets-beyond-data", Batch(Data, "column `text`: the last offset is 1020, and there are 20 values")),
    ("offsets-decreasing", Batch(Data, "column `text`: offset 3 is 15, less than the one before (4294967295)")),
    ("offsets-too-few", Batch(Data, "column `text`: 4 values have 5 offsets, and 4 were returned")),
    ("first-offset-not-0", Batch(Data, "column `text`: the first offset is 1, and must be 0")),
    ("last-offset-short", Batch(Data, "column `text`: the last offset is 20, and there are 29 values")),
    ("invalid-utf8", Batch(Data, "column `text`: it is not valid UTF-8")),
    ("split-utf8", Batch(Data, "column `text`: it is not valid UTF-8")),
    ("too-few-rows", Batch(Data, "it wrote 3 rows, and returned 4")),
    ("too-many-rows", Batch(Data, "it wrote 5 rows, and returned 4")),
    ("rows-unlike-length", Batch(Data, "column `text` has 4 values, and the batch 5 rows")),
    ("rows-huge", Batch(Data, "it returned 4294967295 rows in one batch, of 16777216 allowed")),
    ("length-huge", Batch(Data, "column `text`: it has 4294967295 values, of 134217728 allowed")),
    ("origins-out-of-range", Batch(Data, "it returned row 5 of a batch of 4, counted from 0")),
    ("origins-many", Batch(Limit, "rows that one row became: 100000 are in use and 1 more were asked for")),
    ("origins-flood", Batch(Limit, "rows that one row became: ")),
    ("origins-too-many", Batch(Data, "it wrote 4 rows, and returned 5")),
    ("wrong-schema", Batch(Data, "column `text`: it was declared utf8, and values laid out as int64 were returned")),
    ("wrong-name", Batch(Data, "the columns returned are `test`, and `text` were declared")),
    ("missing-column", Batch(Data, "and `text` were declared")),
    ("extra-column", Batch(Data, "the columns returned are `text`, `extra`, and `text` were declared")),
    ("huge-name", Batch(Data, "the columns returned are `0123456789abcdef")),
    ("many-columns", Batch(Data, "the columns returned are `text`, `c0`, `c1`")),
    ("array-cycle", Batch(Data, "array 1 is named where only arrays before 1 may be")),
    ("array-forward", Batch(Data, "array 1 is named where only arrays before 0 may be")),
    ("array-out-of-range", Batch(Data, "array 1000 is named where only arrays before 1 may be")),
    ("array-unused", Batch(Data, "array 1 is named by no column")),
    ("array-named-twice", Batch(Data, "array 0 is named twice")),
    ("bad-validity-length", Batch(Data, "column `text`: 4 bits are 1 bytes, and 2 were returned")),
    ("validity-too-short", Batch(Data, "column `text`: 4 bits are 1 bytes, and 0 were returned")),
    ("undeclared-nulls", Batch(Data, "column `text`: it has nulls, which its declaration excludes")),
    ("deep-nesting", Batch(Data, "column `text`: it was declared utf8, and lists were returned")),
    ("removed-out-of-range", Batch(Data, "it removed row 4 of a batch of 4, counted from 0")),
    ("removed-and-kept", Batch(Data, "it returned row 1, which it also removed, counted from 0")),
    ("removed-twice", Batch(Data, "it removed row 1 twice, counted from 0")),
    ("removed-many", Batch(Data, "it removed row 1 twice, counted from 0")),
    ("removed-far", Batch(Data, "it removed row 18446744073709551615 of a batch of 4, counted from 0")),
    ("reason-huge", Batch(Data, "docs.jsonl:6) rejected: 0123456789abcdef")),
    ("huge-return", Batch(Limit, "data handed to the host in one call: more than the 128 MiB allowed")),
    ("lists-of-nulls", Batch(Limit, "values returned in one call: 0 bytes are in use and 512 MiB more were asked for")),
    (
        "columns-of-nulls",
        Batch(Limit, "values returned in one call: 0 bytes are in use and 7.5 GiB more were asked for"),
    ),
    ("slow", Rows(10)),
    ("reject-odd-rows", Batch(Data, "docs.jsonl:6) rejected: told to")),
    ("reject-all", Batch(Data, "docs.jsonl:5) rejected: told to")),
    ("drop-all", Rows(6)),
    ("lose-all", Rows(6)),
];

pub(crate) const HOSTILE_GLOBAL: &[(&str, Expected)] = &[
    ("trap-declare", Check(Data, TRAP)),
    ("loop-declare", Check(Limit, "`declare` took longer than 1 s")),
    ("trap-open", Stage(Data, TRAP)),
    ("loop-open", Stage(Limit, "`open` took longer than 1 s")),
    ("read-other-input", Check(Data, "it declared what it reads of 2 inputs, and has 1")),
    ("trap", Stage(Data, TRAP)),
    ("panic", Stage(Data, "told to panic")),
    ("loop", Stage(Limit, "`run` took longer than 1 s")),
    ("loop-reading", Stage(Limit, "`run` took longer than 1 s")),
    ("memory", Stage(Limit, MEMORY)),
    ("stack-overflow", Stage(Data, STACK)),
    ("log-flood", Stage(Limit, "lines of log: 100000 are in use and 1 more were asked for, of 100000 allowed")),
    ("error", Stage(Data, "told to fail")),
    ("error-at-end", Stage(Data, "told to fail at the end")),
    ("keep-out-of-range", Stage(Data, "it kept row 10 of 10, counted from 0")),
    ("keep-unwritten-columns", Stage(Data, "the columns returned are `forged`")),
    ("keep-without-columns", Stage(Data, "it kept rows without the columns that it declared to write")),
    ("keep-too-few-values", Stage(Data, "it wrote 9 rows with 10 rows that it kept")),
    ("write-while-carrying", Stage(Data, "its declaration carries columns of the input")),
    ("seek-beyond", Stage(Data, "it sought row 11 of 10, counted from 0")),
    ("seek-far", Stage(Data, "it sought row 18446744073709551615 of 10, counted from 0")),
    ("keep-far", Stage(Data, "it kept row 18446744073709551615 of 10, counted from 0")),
    ("keep-huge", Stage(Limit, RETURNED)),
    ("write-void", Stage(Data, "it returned 4294967295 rows in one batch, of 16777216 allowed")),
    ("remove-out-of-range", Stage(Data, "it removed row 10 of 10, counted from 0")),
    ("remove-and-keep", Stage(Data, "it removed row 0, which it had kept")),
    ("remove-twice", Stage(Data, "it removed row 0 twice")),
    ("keep-removed", Stage(Data, "it kept row 0, which it had removed")),
    ("remove-many", Stage(Data, "it removed row 0 twice")),
    ("reason-huge", Stage(Data, "docs.jsonl:1) rejected: 0123456789abcdef")),
    ("reader-forged", Stage(Data, HANDLE)),
    ("reader-after-drop", Stage(Data, HANDLE)),
    ("reader-dropped-twice", Stage(Data, HANDLE)),
    ("reader-is-writer", Stage(Data, "trapped: handle index")),
    ("writer-forged", Stage(Data, HANDLE)),
    ("writer-after-drop", Stage(Data, HANDLE)),
    ("nothing", Rows(0)),
    ("keep-many", Rows(10_000)),
    ("keep-beside", Rows(200)),
    ("keep-million", Rows(1_000_000)),
    ("keep-backwards", Rows(10)),
    ("keep-handles", Rows(10)),
];

pub(crate) const HOSTILE_SOURCE: &[(&str, Expected)] = &[
    ("trap-declare", Check(Data, TRAP)),
    ("loop-declare", Check(Limit, "`declare` took longer than 1 s")),
    ("declare-duplicate", Check(Data, "two columns are named `n`")),
    ("trap-open", Stage(Data, TRAP)),
    ("loop-open", Stage(Limit, "`open` took longer than 1 s")),
    ("error-open", Stage(Data, "told to fail in `open`")),
    ("trap", Batch(Data, TRAP)),
    ("panic", Batch(Data, "told to panic")),
    ("stack-overflow", Batch(Data, STACK)),
    ("loop", Batch(Limit, "`next` took longer than 1 s")),
    ("memory", Batch(Limit, MEMORY)),
    ("error", Batch(Data, "told to fail")),
    ("error-transient", Batch(System, "told to fail for now")),
    ("wrong-schema", Batch(Data, "column `n`: it was declared int64, and values laid out as uint8 were returned")),
    ("missing-column", Batch(Data, "and `n` were declared")),
    ("rows-unlike-length", Batch(Data, "it returned 4294967295 rows in one batch, of 16777216 allowed")),
    ("array-cycle", Batch(Data, "array 1 is named where only arrays before 1 may be")),
    ("bad-validity-length", Batch(Data, "column `n`: 4 bits are 1 bytes, and 1000 were returned")),
    ("rows-of-nothing", Batch(Data, "it returned 4294967295 rows in one batch, of 16777216 allowed")),
    ("huge-page", Batch(Limit, RETURNED)),
    ("huge-cursor", Batch(Limit, RETURNED)),
    ("large-cursor", Rows(12)),
    // With `--limit 1000`.
    ("endless", Rows(1000)),
    ("endless-empty", Stage(Data, "it gave 1001 pages in a row without a row")),
];

pub(crate) const HOSTILE_WASI: &[(&str, Expected)] = &[
    ("block-declare", Check(Limit, "`declare` took longer than 1 s")),
    ("block-open", Stage(Limit, "`open` took longer than 1 s")),
    ("block", Batch(Limit, "`process` took longer than 1 s")),
    ("poll", Batch(Limit, "open files, streams and requests: 500 are in use and 1 more were asked for")),
    ("poll-nothing", Batch(Data, "trapped: empty poll list")),
    ("pollables", Batch(Limit, "open files, streams and requests: 500 are in use and 1 more were asked for")),
    ("random-huge", Batch(Data, "requested len 9223372036854775808 exceeds limit 67108864")),
    ("random-flood", Batch(Limit, "`process` took longer than 1 s")),
    ("stdin-huge", Rows(10)),
    ("stdout-flood", Batch(Limit, "`process` took longer than 1 s")),
    ("stderr-flood", Batch(Limit, "`process` took longer than 1 s")),
    ("stderr-zeroes", Batch(Data, "cannot write more zeroes")),
];

/// The guests, each with its misdeeds.
pub(crate) const GUESTS: &[(&str, &[(&str, Expected)])] = &[
    ("hostile", HOSTILE),
    ("hostile-global", HOSTILE_GLOBAL),
    ("hostile-source", HOSTILE_SOURCE),
    ("hostile-wasi", HOSTILE_WASI),
];

/// A pipeline of one step, which gets ten rows unless it makes its own.
pub(crate) fn of_one(guest: &str, rest: &str) -> String {
    let step = format!("[[steps]]\nuse = \"guests/{guest}.wasm\"\n{rest}\n");
    match guest {
        "hostile-source" => format!("callboard = 1\n[outputs.out]\npath = \"out.jsonl\"\n{step}"),
        _ => straight(&step),
    }
}

/// The misdeeds of a guest, as it lists them itself when it is told one that it does not know.
fn misdeeds(guest: &str) -> Vec<String> {
    let error = Bench::with_rows(1).pipeline(of_one(guest, "config = { misdeed = \"?\" }")).error();
    let (_, list) = error.message.split_once("expected one of ").unwrap_or_else(|| panic!("{error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The limits that a misdeed is to run into; the defaults where it is another that it must not escape.
fn limits(guest: &str, misdeed: &str) -> String {
    let time = "time = \"1s\", open = \"1s\"";
    match misdeed {
        _ if guest == "hostile-wasi" => format!("limits = {{ memory = \"64MiB\", {time} }}"),
        _ if misdeed.contains("loop") => format!("limits = {{ {time} }}"),
        "large-cursor" | "origins-flood" | "declare-huge-return" => String::new(),
        _ if misdeed.contains("huge") => String::new(),
        _ => "limits = { memory = \"64MiB\" }".to_owned(),
    }
}

/// Ten rows in batches of four go through a step that misbehaves.
pub(crate) fn misbehave(bench: &Bench, guest: &str, misdeed: &str) -> Ended {
    let when = if guest == "hostile" { ", at_batch = 1, at_row = 1" } else { "" };
    let config = format!("config = {{ misdeed = \"{misdeed}\"{when} }}");
    let step = format!("{config}\n{}", limits(guest, misdeed));
    let case = bench.pipeline(format!("{}[run]\nbatch_rows = 4\n", of_one(guest, &step)));
    let case = if misdeed == "endless" { case.limit(1000) } else { case };
    case.end()
}

fn place(change: impl FnOnce(&mut Place)) -> Place {
    let mut place = Place::default();
    change(&mut place);
    place
}

fn judge(guest: &str, misdeed: &str, expected: &Expected) {
    let bench = Bench::with_rows(10);
    let ended = misbehave(&bench, guest, misdeed);
    let step = Some(guest.to_owned());
    let second = |class, says| {
        // What WASI is asked for, it is asked in the first batch.
        let batch = Some(if guest == "hostile-wasi" { 1 } else { 2 });
        (class, says, place(|place| (place.step, place.stage, place.batch) = (Some(guest.to_owned()), Some(1), batch)))
    };
    let (class, says, mut place) = match *expected {
        Check(class, says) => (class, says, place(|place| place.step = step)),
        Stage(class, says) => (class, says, place(|place| (place.step, place.stage) = (step, Some(1)))),
        Batch(class, says) => second(class, says),
        Rows(rows) => {
            let report = ended.report();
            assert_eq!(report.outputs["out"].rows, rows, "{misdeed}");
            return;
        }
    };
    let mut error = ended.error();
    let shown = format!("{misdeed}: {error}");
    assert!(shown.len() < 6_000, "{} bytes of error: {misdeed}", shown.len());
    if misdeed == "error-huge-pointer" {
        let pointer = error.place.config.replace("/misdeed".to_owned()).unwrap();
        assert!(pointer.starts_with("/0123456789abcde/"), "{pointer}");
    }
    place.config = (class == Pipeline).then(|| "/misdeed".to_owned());
    assert_eq!((error.class, &error.place), (class, &place), "{shown}");
    assert!(error.message.contains(says), "{shown}");
    assert_eq!(error.help.is_some(), helped(guest, &error), "{shown}: {:?}", error.help);
    assert!(!bench.path("out.jsonl").exists(), "{shown}");
}

/// Whether a mend stands beside an error: where a key of the pipeline raises the limit that was met, where the step is at fault
/// against the contract, and where a transform fails on rows that could be rejected.
fn helped(guest: &str, error: &RunError) -> bool {
    let of_rows = !["hostile-global", "hostile-source"].contains(&guest) && error.place.batch.is_some();
    if of_rows && [Data, Limit].contains(&error.class) {
        return true;
    }
    let own_words = ["told to", "0123456789abcdef", "it reads", "it drops", "it declared what it reads of"];
    let unraisable = ["counters", "a counter's name", "open files, streams and requests"];
    let of_its_own = own_words.iter().chain(&unraisable).any(|start| error.message.starts_with(start));
    !of_its_own && !error.message.contains("` trapped: ")
}

fn all(guest: &str) {
    let (_, table) = GUESTS.iter().find(|(name, _)| *name == guest).unwrap();
    let listed: Vec<&str> = table.iter().map(|(misdeed, _)| *misdeed).collect();
    assert_eq!(misdeeds(guest), listed, "the misdeeds of `{guest}`, and those that are expected here");
    // Several at a time: most of the time is spent in waiting for a limit.
    let rest = std::sync::Mutex::new(table.iter());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().unwrap().next();
                    let Some((misdeed, expected)) = next else { break };
                    judge(guest, misdeed, expected);
                }
            });
        }
    });
    // The host lives on.
    let bench = Bench::with_rows(10);
    bench.pipeline(of_one(guest, "")).report();
    match guest {
        "hostile-source" => assert_eq!(json!(bench.column("out.jsonl", "n")), json!((0..12).collect::<Vec<_>>())),
        _ => assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl")),
    }
}

#[test]
fn every_misdeed_of_a_transform_ends_in_its_error() {
    all("hostile");
}

#[test]
fn every_misdeed_of_a_global_step_ends_in_its_error() {
    all("hostile-global");
}

#[test]
fn every_misdeed_of_a_source_ends_in_its_error() {
    all("hostile-source");
}

/// WASI is linked and inert: what it gives is bounded, in memory and in time.
#[test]
fn every_misdeed_against_wasi_ends_in_its_error() {
    all("hostile-wasi");
}

/// A million times a row of 2 KiB would be 2 GB of copies, made of four bytes each.
#[test]
fn row_numbers_copy_no_more_than_is_allowed() {
    let bench = Bench::new();
    bench.put("docs.jsonl", format!("{{\"text\": \"a\", \"body\": \"{}\"}}\n", "b".repeat(2_000)));
    let step = "[[steps]]\nuse = \"guests/hostile.wasm\"\nconfig = { misdeed = \"origins-many\" }\nlimits = { rows = 10000000 }\n";
    let error = bench.pipeline(straight(step)).error();
    assert_eq!((error.class, error.place.batch), (Limit, Some(1)), "{error}");
    assert!(
        error.message.starts_with(
            "rows carried in one call: 256 MiB are in use and 2 KiB more were asked for, of 256 MiB allowed"
        ),
        "{error}"
    );
}

/// A replica that fails takes the others, the steps before it and those behind it with it.
#[test]
fn one_failing_step_of_many_ends_the_run() {
    let bench = Bench::with_rows(1_000);
    let honest = |name: &str| format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/echo.wasm\"\nreplicas = 2\n\n");
    for (misdeed, says) in [("trap", TRAP), ("wrong-name", "the columns returned are `test`")] {
        let config = format!("config = {{ misdeed = \"{misdeed}\", on_text = \"row 700\" }}");
        let hostile = format!("[[steps]]\nuse = \"guests/hostile.wasm\"\nreplicas = 3\n{config}\n\n");
        let steps = format!("{}{hostile}{}[run]\nbatch_rows = 10\n", honest("before"), honest("behind"));
        let error = bench.pipeline(straight(&steps)).error();
        assert_eq!(error.place.step.as_deref(), Some("hostile"), "{error}");
        assert_eq!(error.place.batch, Some(71), "{error}");
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn the_log_of_a_step_reaches_the_observer() {
    let bench = Bench::with_rows(1);
    let step = "[[steps]]\nuse = \"guests/hostile.wasm\"\nconfig = { misdeed = \"panic\" }\n";
    let mut levels = BTreeMap::new();
    for event in bench.pipeline(straight(step)).end().events {
        if let Event::Log { step, level, message } = event {
            assert_eq!(&*step, "hostile");
            levels.insert(format!("{level:?}"), message);
        }
    }
    assert!(levels["Error"].contains("told to panic"), "{levels:?}");
}

/// An import that nobody grants is found before anything is compiled.
#[test]
fn an_import_that_nothing_grants_is_named() {
    let bench = Bench::with_rows(1);
    let problems = bench.pipeline(straight("[[steps]]\nuse = \"guests/stranger.wasm\"\n")).problems();
    let expected = "step `stranger` imports `acme:ghost/knock`, which nothing grants";
    assert!(problems.contains(expected), "{problems}");
    assert_eq!(problems.matches(" imports ").count(), 1, "{problems}");
}

#[test]
fn what_is_no_component_is_told_apart() {
    let bench = Bench::with_rows(1);
    let echo = bench.bytes("guests/echo.wasm");
    bench.put("module.wasm", b"\0asm\x01\0\0\0");
    bench.put("text.wasm", "callboard = 1\n");
    bench.put("empty.wasm", "");
    bench.put("short.wasm", &echo[..echo.len() / 2]);
    bench.put("foreign.wasm", b"\0asm\x0d\0\x01\0");
    for (file, says) in [
        ("module", "is a core WebAssembly module, not a component"),
        ("text", "is not a WebAssembly component, it looks like"),
        ("empty", "is empty"),
        ("short", "is cut short: it ends at byte"),
        ("foreign", "is a component, but no step: it exports nothing"),
        ("missing", "No such file or directory"),
    ] {
        let problems = bench.pipeline(straight(&format!("[[steps]]\nuse = \"./{file}.wasm\"\n"))).problems();
        assert!(problems.contains(says) && problems.contains(&format!("{file}.wasm")), "{file}: {problems}");
    }
}

/// Sound on the outside: what is within is found when it is compiled.
#[test]
fn a_component_that_does_not_compile_is_an_error_of_its_step() {
    let bench = Bench::with_rows(1);
    let mut echo = bench.bytes("guests/echo.wasm");
    let middle = echo.len() / 2;
    echo[middle..middle + 64].fill(0xff);
    bench.put("broken.wasm", echo);
    let error = bench.pipeline(straight("[[steps]]\nuse = \"./broken.wasm\"\n")).error();
    assert_eq!((error.class, error.place.step.as_deref()), (Data, Some("broken")), "{error}");
    assert!(error.message.starts_with("the component cannot be compiled: "), "{error}");
}

#[test]
fn an_instance_that_does_not_fit_its_limit_is_an_error() {
    let bench = Bench::with_rows(3);
    let error = bench.pipeline(straight(&use_step("echo", "echo", "limits = { memory = \"64KiB\" }"))).error();
    assert_eq!(error.class, Limit, "{error}");
    assert!(error.message.starts_with("memory: 8 bytes are in use and 1.1 MiB more were asked for"), "{error}");
    assert!(error.help.as_ref().unwrap().contains("limits.memory = "), "{error}");
}

/// A component of so many instances that have these parts and do this when they are made; it is asked nothing after that.
fn component(instances: usize, parts: &str, start: &str) -> Vec<u8> {
    let instances = "(core instance (instantiate $m))".repeat(instances);
    let text = format!(
        "(component (core module $m {parts} (func $start {start}) (start $start)) {instances} \
         (instance $empty) (export \"callboard:step/transform@0.2.0\" (instance $empty)))"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A wrong outcome would let tables, or a great number of small parts, take what the limit on memory denies.
#[test]
fn tables_and_parts_of_a_component_are_limited() {
    let bench = Bench::with_rows(3);
    let table = "(table $t 0 funcref)";
    let grow = "(drop (table.grow $t (ref.null func) (i32.const 20000000)))";
    let cases = [
        (component(1, table, grow), "memory: 0 bytes are in use and 152.6 MiB more were asked for, of 64 MiB allowed"),
        (component(1, "(table 9000000 funcref)", ""), "memory: 0 bytes are in use and 68.7 MiB more were asked for"),
        (component(1, "(memory 2000)", ""), "memory: 0 bytes are in use and 125 MiB more were asked for"),
    ];
    for (bytes, expected) in cases {
        bench.put("greedy.wasm", bytes);
        let step = "[[steps]]\nuse = \"./greedy.wasm\"\nlimits = { memory = \"64MiB\" }\n";
        let error = bench.pipeline(straight(step)).error();
        assert_eq!(error.class, Limit, "{error}");
        assert!(error.message.starts_with(expected), "{error}");
    }
    // What can be counted in the file is refused before it is compiled.
    for (bytes, expected) in [
        (component(1, &"(memory 0)".repeat(17), ""), "has more than 16 memories"),
        (component(2, &"(table 0 funcref)".repeat(51), ""), "has more than 100 tables"),
        (component(101, "", ""), "has more than 100 core instances"),
    ] {
        bench.put("greedy.wasm", bytes);
        let problems = bench.pipeline(straight("[[steps]]\nuse = \"./greedy.wasm\"\n")).problems();
        assert!(problems.contains(expected) && problems.contains("greedy.wasm"), "{problems}");
    }
    // A bound that a component set itself is its own affair: the growth fails, as WebAssembly says, and it goes on.
    bench.put("modest.wasm", component(1, "(table $t 0 10 funcref)", grow));
    let error = bench.pipeline(straight("[[steps]]\nuse = \"./modest.wasm\"\n")).error();
    assert!(error.message.starts_with("it is not a complete step: "), "{error}");
}
