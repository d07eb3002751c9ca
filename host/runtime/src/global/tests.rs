//! What comes out of a writer, whatever the order in which rows are kept.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use callboard_plan::pipeline::{BatchSize, OnError};
use callboard_plan::{Feed, PlannedStep};

use super::{GlobalWriter, Sorting, Whole, Writing};
use crate::error::Fault;
use crate::ports::{Channel, Doors, Outlet, had};
use crate::rejects::{Files, Rejects, Remover};
use crate::rows::Batch;
use crate::store::{Quota, Spill, SpillWriter};
use callboard_sandbox::Returnable;
use callboard_sandbox::{Bound, Declared};

const ROWS: u64 = 1_000;

/// A writer over rows `0..ROWS`, every hundredth long, in frames of 37, in two spills.
struct Trial {
    folder: tempfile::TempDir,
    bound: Arc<Bound>,
    quota: Arc<Quota>,
    writer: GlobalWriter,
}

fn schema(names: &[&str]) -> SchemaRef {
    let is_text = |name: &str| name.ends_with("text");
    let of = |name: &&str| Field::new(*name, if is_text(name) { DataType::Utf8 } else { DataType::Int64 }, true);
    Arc::new(Schema::new(names.iter().map(of).collect::<Vec<_>>()))
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}

fn whole(folder: &Path) -> Whole {
    whole_of(folder, "row")
}

/// The same, whose texts begin with a word.
fn whole_of(folder: &Path, word: &str) -> Whole {
    let schema = schema(&["id", "text"]);
    let text =
        |id: u64| if id.is_multiple_of(100) { word.to_owned() + &" long".repeat(500) } else { format!("{word} {id}") };
    let spills = [(0, ROWS / 3), (ROWS / 3, ROWS)].map(|(from, to)| {
        let feed = Feed::node(&format!("spill-{from}"));
        let place = folder.join(&feed.node);
        let mut spill =
            SpillWriter::create(feed, place, schema.clone(), BTreeSet::new(), Arc::new(Quota::new(None)), None)
                .unwrap();
        for first in (from..to).step_by(37) {
            let ids = first..(first + 37).min(to);
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.clone().map(u64::cast_signed)));
            let texts = Arc::new(StringArray::from_iter_values(ids.clone().map(text)));
            let line = UInt64Array::from_iter_values(ids);
            let rows = batch(&schema, vec![numbers, texts]);
            spill.push(&Batch::new(rows, UInt32Array::from_value(0, line.len()), line)).unwrap();
        }
        Arc::new(spill.seal())
    });
    Whole::new(spills.to_vec(), schema)
}

/// A global step.
pub(super) fn planned() -> PlannedStep {
    serde_json::from_value(serde_json::json!({
        "name": "sort", "use": "sort", "origin": "bundled", "kind": "global", "digest": "", "config": {}, "columns": {},
        "limits": {
            "memory_bytes": 0, "time_ms": 0, "open_ms": 0, "returned_bytes": 0, "carried_bytes": 1_u64 << 30,
            "log_lines": 0, "log_bytes": 0, "rows_per_row": 10
        },
        "need": { "bytes": 0, "from": "assumed" }, "replicas": 1, "on_error": "fail", "retries": 0, "stage": 1, "ports": []
    }))
    .unwrap()
}

/// What its writer is made of, in a folder: small batches, and a limit on rows between stages.
pub(super) fn writing(folder: &Path, whole: Whole, bound: &Arc<Bound>, window: u64, most: u64) -> Writing {
    let out = folder.join("out");
    let spilled = Arc::new(Quota::new(None));
    let spill = SpillWriter::create(Feed::node("out"), out, bound.output.clone(), BTreeSet::new(), spilled, None);
    Writing {
        step: Arc::from("sort"),
        whole,
        bound: bound.clone(),
        cut: BatchSize { rows: 90, bytes: 2_000 },
        limits: planned().limits,
        remover: Remover {
            on_error: OnError::Fail,
            files: Arc::new(Files::default()),
            flight: None,
            cancel: Default::default(),
        },
        outlet: Outlet { spill: Some(spill.unwrap()), ..Outlet::default() },
        doors: Doors::default(),
        sorting: Sorting {
            folder: folder.join("sorting"),
            quota: Arc::new(Quota::new(Some(most))),
            window,
            stop: Default::default(),
            passing: Default::default(),
            tag: None,
        },
        returnable: Returnable::of(1 << 30),
        rejects: Arc::new(Mutex::new(Rejects::new(folder.join("rejects")))),
        charge: None,
        work: None,
    }
}

/// What a step is bound to that writes these columns, and carries all but those that it drops.
fn bound(writes: &[&str], drops: &[&str]) -> Arc<Bound> {
    let drops = drops.iter().map(|name| (*name).to_owned()).collect();
    let declared = Declared::new(vec![Vec::new()], schema(writes).as_ref().clone(), drops);
    Arc::new(Bound::new(&planned().columns, &[schema(&["id", "text"])], declared).unwrap())
}

impl Trial {
    fn new(window: u64, writes: bool) -> Trial {
        Trial::of(window, if writes { &["rank"] } else { &[] }, &[])
    }

    fn of(window: u64, writes: &[&str], drops: &[&str]) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let bound = bound(writes, drops);
        let writing = writing(folder.path(), whole(folder.path()), &bound, window, 64 << 20);
        let (quota, writer) = (writing.sorting.quota.clone(), GlobalWriter::new(writing));
        Trial { folder, bound, quota, writer }
    }

    fn sorting(&self) -> PathBuf {
        self.folder.path().join("sorting")
    }

    /// Keeps rows in calls of equal size; what is written says which place a row was kept at.
    fn keep(&mut self, order: &[u64], at_once: usize) {
        for (call, rows) in order.chunks(at_once).enumerate() {
            let first = (call * at_once) as i64;
            let ranks: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows.len() as i64));
            let written = match self.bound.writes.fields().len() {
                0 => RecordBatch::new_empty(self.bound.writes.clone()),
                _ => batch(&self.bound.writes, vec![ranks]),
            };
            self.writer.keep_rows(rows.to_vec(), &written).unwrap();
        }
    }

    /// The rows that came out are those that were kept, in that order, each whole; gives what they were spilled as.
    fn came_out(self, order: &[u64]) -> Arc<Spill> {
        let sorting = self.sorting();
        let (outlet, ..) = self.writer.finish().unwrap();
        assert!(!sorting.exists() && self.quota.take(64 << 20).is_ok(), "nothing is left, and no room is taken");
        let spill = outlet.end(callboard_plan::Feed::node("out")).ok().unwrap().spills.pop().unwrap().1;
        let mut place = 0;
        for frame in 0..spill.frames() {
            let batch = spill.read(frame, None).unwrap();
            let numbers = |at: usize| batch.rows.column(at).as_primitive::<Int64Type>().values().to_vec();
            let texts = batch.rows.column(1).as_string::<i32>();
            for (row, id) in numbers(0).into_iter().enumerate() {
                assert_eq!((id.cast_unsigned(), batch.line.value(row)), (order[place], order[place]));
                assert_eq!(texts.value(row).len() > 100, id % 100 == 0);
                assert!(batch.rows.num_columns() < 3 || numbers(2)[row] == place as i64);
                place += 1;
            }
            assert!(batch.len() <= 90);
        }
        assert_eq!(place, order.len());
        spill
    }
}

/// In memory, through windows of many rows, of a few, and of fewer than a long row takes.
#[test]
fn rows_out_of_order_come_as_they_were_kept_whatever_the_room() {
    let order: Vec<u64> = (0..ROWS).map(|place| place * 617 % ROWS).collect();
    for writes in [false, true] {
        for (window, on_disk) in [(1 << 20, false), (20_000, true), (3_000, true), (500, true)] {
            let mut trial = Trial::new(window, writes);
            if on_disk {
                // As a process that was killed leaves it.
                std::fs::create_dir(trial.sorting()).unwrap();
                std::fs::write(trial.sorting().join("notes"), "torn").unwrap();
            }
            trial.keep(&order, 61);
            assert_eq!(trial.sorting().exists(), on_disk, "{window}");
            let spill = trial.came_out(&order);
            for frame in 0..spill.frames() {
                let batch = spill.read(frame, None).unwrap();
                // A long row ends its batch; what is written beside it does not count.
                let bits = (0..batch.len() - 1).map(|row| batch.bits(row)).sum::<u64>();
                assert!(bits < 16_000 + if writes { 65 * batch.len() as u64 } else { 0 }, "{window}");
            }
        }
    }
}

/// A process whose rows begin with a word puts them out in this order, to an output that has some of them already and is gone when it has
/// `until`. Gives how many rows were passed over, those that came, and whether all of them begin with the word of the first process.
fn to_output(folder: &Path, word: &str, order: &[u64], (has_rows, until): (u64, u64)) -> (u64, Vec<u64>, bool) {
    let whole = whole_of(&folder.join(word), word);
    let (send, batches) = sync_channel(1);
    let (had, mut has) = had();
    let mut writing = writing(folder, whole, &bound(&[], &[]), 3_000, 64 << 20);
    writing.outlet = Outlet { channels: vec![Channel::One(send)], had: Some(had), ..Outlet::default() };
    writing.sorting.tag = Some(7);
    let mut writer = GlobalWriter::new(writing);
    std::thread::scope(|scope| {
        let output = scope.spawn(move || {
            has.say(has_rows);
            let (mut ids, mut are_first) = (Vec::new(), true);
            for batch in batches.iter().map_while(|batch: Option<Batch>| batch) {
                let numbers = batch.rows.column(0).as_primitive::<Int64Type>();
                ids.extend(numbers.values().iter().map(|id| id.cast_unsigned()));
                are_first &=
                    batch.rows.column(1).as_string::<i32>().iter().all(|text| text.unwrap().starts_with("first"));
                if ids.len() as u64 >= until {
                    break;
                }
                has.wrote(has_rows + ids.len() as u64);
            }
            (has.take_passed(), ids, are_first)
        });
        let written = RecordBatch::new_empty(writer.writing.bound.writes.clone());
        for rows in order.chunks(61) {
            writer.keep_rows(rows.to_vec(), &written).unwrap();
        }
        match writer.finish() {
            Ok((outlet, ..)) => drop(outlet.end(Feed::node("out")).ok().unwrap()),
            Err(fault) => assert!(matches!(fault, Fault::Interrupted), "{fault:?}"),
        }
        output.join().unwrap()
    })
}

/// Windows that the output lacks are put in order as they are; where one is damaged, or gone, the rows are scattered again.
#[test]
fn rows_that_were_scattered_are_not_scattered_again_and_those_that_were_written_are_passed_over() {
    let order: Vec<u64> = (0..ROWS).map(|place| place * 617 % ROWS).collect();
    for (has, harm) in [(Some(0), None), (Some(ROWS), None), (None, None), (None, Some(0)), (None, Some(200))] {
        let folder = tempfile::tempdir().unwrap();
        let sorting = folder.path().join("sorting");
        let (passed, came, _) = to_output(folder.path(), "first", &order, (0, 400));
        assert_eq!((passed, &came[..]), (0, &order[..came.len()]));
        assert!(sorting.join("scattered").exists() && !sorting.join("window-00000").exists());
        // All that came, unless their file is lost, or the process ended at the last moment.
        let has_rows = has.unwrap_or(came.len() as u64);
        if let Some(byte) = harm {
            let last = std::fs::read_dir(&sorting).unwrap().map(|file| file.unwrap().path());
            let last = last.filter(|path| path.to_string_lossy().contains("window-")).max().unwrap();
            let mut bytes = std::fs::read(&last).unwrap();
            bytes[byte] ^= 1;
            std::fs::write(&last, bytes).unwrap();
        }
        let (passed, came, are_first) = to_output(folder.path(), "second", &order, (has_rows, u64::MAX));
        assert_eq!(came, order[passed as usize..]);
        assert!(passed <= has_rows && has_rows - passed < 100, "{passed} of {has_rows}");
        assert_eq!(are_first, harm.is_none() && has_rows > 0, "{has_rows}, {harm:?}");
        assert!(!sorting.exists());
    }
}

/// What a process scattered that passed over rows lacks these: an output that was begun again gets them all the same.
#[test]
fn an_output_that_was_begun_again_gets_all_rows() {
    let order: Vec<u64> = (0..ROWS).map(|place| place * 617 % ROWS).collect();
    let folder = tempfile::tempdir().unwrap();
    let sorting = folder.path().join("sorting");
    let (_, came, _) = to_output(folder.path(), "first", &order, (0, 400));
    std::fs::remove_dir_all(&sorting).unwrap();
    let (passed, ..) = to_output(folder.path(), "second", &order, (came.len() as u64, 1));
    assert!(passed > 0 && sorting.join("scattered").exists());
    let (passed, came, _) = to_output(folder.path(), "third", &order, (0, u64::MAX));
    assert_eq!((passed, came), (0, order));
}

/// Group by group, as a step keeps rows that belong together: each call is in order, and they are all over the input.
#[test]
fn rows_that_go_back_and_forth_are_put_in_order_at_the_end() {
    let groups: Vec<u64> = (0..25).flat_map(|group| (group..ROWS).step_by(25)).collect();
    let mut trial = Trial::new(3_000, true);
    trial.keep(&groups, 40);
    assert!(trial.sorting().exists());
    trial.came_out(&groups);
}

/// Halves that change places are not written again.
#[test]
fn rows_that_lie_together_stay_where_they_lie() {
    let halves: Vec<u64> = (500..ROWS).chain(0..500).collect();
    let mut trial = Trial::new(3_000, false);
    trial.writer.keep_rows(halves[..500].to_vec(), &RecordBatch::new_empty(trial.bound.writes.clone())).unwrap();
    trial.writer.keep_rows(halves[500..].to_vec(), &RecordBatch::new_empty(trial.bound.writes.clone())).unwrap();
    let spill = trial.came_out(&halves);
    assert!(spill.sealed().bytes < 5_000, "{} bytes", spill.sealed().bytes);
}

/// In order, out of order, again, and in order again.
#[test]
fn every_way_to_keep_rows_may_follow_every_other() {
    let order: Vec<u64> =
        (0..300).chain((600..900).rev()).chain(0..300).chain((100..400).rev()).chain(900..ROWS).collect();
    for window in [1 << 20, 2_000] {
        let mut trial = Trial::new(window, true);
        trial.keep(&order, 100);
        trial.came_out(&order);
    }
}

/// Texts of this many bytes each.
fn texts(schema: &SchemaRef, rows: usize, bytes: usize) -> RecordBatch {
    batch(schema, vec![Arc::new(StringArray::from_iter_values((0..rows).map(|_| "x".repeat(bytes))))])
}

/// The rows of each batch that came out.
fn lengths(trial: Trial) -> Vec<usize> {
    let (outlet, ..) = trial.writer.finish().unwrap();
    let spill = outlet.end(callboard_plan::Feed::node("out")).ok().unwrap().spills.pop().unwrap().1;
    (0..spill.frames()).map(|frame| spill.frame_rows(frame)).collect()
}

/// What a step writes beside rows fills batches as well as the rows do, in order and out of it, however few it keeps at a time;
/// and no more of it waits than a batch has.
#[test]
fn what_is_written_beside_rows_is_cut_and_does_not_pile_up() {
    let ascending: Vec<u64> = (0..ROWS).collect();
    let backwards: Vec<u64> = (0..ROWS).rev().collect();
    for order in [&ascending, &backwards] {
        let mut all = Vec::new();
        for at_once in [1, 7, 250, ROWS as usize] {
            let mut trial = Trial::of(20_000, &["long-text"], &[]);
            for rows in order.chunks(at_once) {
                let written = texts(&trial.bound.writes, rows.len(), 600);
                trial.writer.keep_rows(rows.to_vec(), &written).unwrap();
                let (line, shuffle) = (trial.writer.line.bytes(), trial.writer.shuffle.bytes());
                // Out of order it waits on the disk, once a mebibyte of it has come together.
                assert!(line <= 3_000 && shuffle <= (1 << 20) + 20_000, "{line} and {shuffle} bytes wait");
            }
            let lengths = lengths(trial);
            assert_eq!(lengths.iter().sum::<usize>(), ROWS as usize);
            assert!(lengths.iter().all(|rows| *rows <= 4), "batches of 2,000 bytes have few rows of 600: {lengths:?}");
            all.push(lengths);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "cuts depend on the rows, not on the calls: {all:?}");
    }
}

/// Rows of its own are put out in batches as the plan has them, however few or many a call brings, and however light they are.
#[test]
fn rows_of_its_own_are_cut_and_put_together() {
    for (rows, bytes, calls) in [(1, 10, 900), (1, 5_000, 20), (300, 10, 5), (5_000, 1, 1), (2, 0, 500)] {
        let mut trial = Trial::of(1 << 20, &["own-text"], &["id", "text"]);
        for _ in 0..calls {
            let written = texts(&trial.bound.writes, rows, bytes);
            trial.writer.write_rows(&written).unwrap();
            assert!(trial.writer.own.bits() <= 8 * 2_000, "{} bits wait", trial.writer.own.bits());
        }
        let lengths = lengths(trial);
        assert_eq!(lengths.iter().sum::<usize>(), rows * calls);
        assert!(lengths.iter().all(|length| *length <= 90), "{lengths:?}");
        let full = lengths.iter().rev().skip(1).all(|length| *length == 90 || *length * (bytes + 4) >= 1_900);
        assert!(full, "a batch but the last is as large as the plan says: {lengths:?}");
    }
}

/// Calls on no rows do nothing, and leave nothing.
#[test]
fn calls_on_nothing_leave_nothing() {
    let mut trial = Trial::new(1 << 20, false);
    let none = RecordBatch::new_empty(trial.bound.writes.clone());
    for _ in 0..10_000 {
        trial.writer.keep_rows(Vec::new(), &none).unwrap();
        trial.writer.write_rows(&none).unwrap();
        trial.writer.remove_rows(Vec::new()).unwrap();
    }
    assert!(trial.writer.is_untouched());
    assert_eq!(lengths(trial), Vec::<usize>::new());
}

/// Rows that are removed one by one wait until they fill a batch, and all of them come out by the door.
#[test]
fn rows_removed_one_by_one_are_put_aside_together() {
    let mut trial = Trial::new(1 << 20, false);
    trial.writer.writing.remover.on_error = OnError::Reject;
    for row in 0..ROWS {
        let removed = crate::store::Removed { row, rejected: true, reason: "r".repeat(40).into() };
        trial.writer.remove_rows(vec![removed]).unwrap();
        assert!(trial.writer.aside_bytes <= 2_000, "{} bytes wait", trial.writer.aside_bytes);
    }
    let rejects = trial.folder.path().join("rejects/sort.jsonl");
    let writing = trial.writer.writing.rejects.clone();
    let (_, _, fates) = trial.writer.finish().unwrap();
    let unlisted = fates.rows_in - fates.kept_once - fates.tally.dropped() - fates.tally.rejected();
    assert_eq!((fates.tally.rejected(), fates.tally.dropped(), unlisted), (ROWS, 0, 0));
    drop(writing.lock().unwrap().end(&["sort".to_owned()]).unwrap());
    assert_eq!(std::fs::read_to_string(rejects).unwrap().lines().count() as u64, ROWS);
}
