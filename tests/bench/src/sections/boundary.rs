//! What it costs to cross into a sandbox and back.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray};
use serde_json::{Value, json};

use crate::Result;
use crate::bench::Bench;
use crate::measure::{Clock, Measure, Unit};
use crate::pair::{averaged, in_turn};
use crate::report::{Section, Table};
use crate::step::{Step, calls};

pub(super) const ABOUT: &str = "One batch through `echo`, a guest that puts out what it is given: columns are lent to the host's call, copied into the guest, copied back and checked. \
Beside it, the bytes of the same columns copied once from one buffer to another. Processor time of one thread. And `filter` on a number, keeping half of 1,000 rows, where the number alone crosses and where \
49 columns of 400 characters cross with it: its expression names them, and does not come to them.";

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let text = |characters: usize, at: usize| {
        "It is a truth universally acknowledged. ".repeat(11)[at % 40..][..characters].to_owned()
    };
    let strings = |rows: usize, characters: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..rows).map(|row| text(characters, row))))
    };
    let numbers = || -> ArrayRef { Arc::new(Int64Array::from_iter_values(0..8192)) };
    let batches = [
        ("8,192 rows × 4 numbers", batch((0..4).map(|_| numbers()))?),
        ("8,192 rows × 4 short strings", batch((0..4).map(|_| strings(8192, 10)))?),
        ("1,000 rows × 400 characters", batch([strings(1000, 400)])?),
        ("1,000 rows × 8 lists of 8 numbers", batch([nested(1000)])?),
    ];
    let echo = bench.guest("echo")?;
    let mut table = Table::new(
        "A batch in and out",
        &["rows", "bytes", "in and out", "memcpy", "of memcpy", "of 4 × memcpy + 10 µs"],
    );
    for (what, batch) in &batches {
        let crossed = crossing(bench, &echo, batch)?;
        let allowed: Vec<f64> = crossed[1].iter().map(|copy| 4.0 * copy + 10.0).collect();
        let of_allowed = Measure::ratio(&crossed[0], &allowed);
        if batch.num_rows() == 1000 && batch.num_columns() == 1 && what.ends_with("characters") {
            section.reach("boundary/batch", of_allowed.median);
        }
        table.row([
            (*what).into(),
            Measure::one(Unit::Bytes, bytes(batch) as f64).into(),
            Measure::of(Unit::Microseconds, &crossed[0]).into(),
            Measure::of(Unit::Microseconds, &crossed[1]).into(),
            Measure::ratio(&crossed[0], &crossed[1]).into(),
            of_allowed.into(),
        ]);
    }
    section.tables.push(table);
    wide(bench, section, || strings(1000, 400))
}

/// Microseconds of `echo`, and of a copy of the same bytes.
fn crossing(bench: &Bench, echo: &Path, batch: &RecordBatch) -> Result<Vec<Vec<f64>>> {
    let (moment, rounds) = (bench.sizes().moment, bench.sizes().rounds * 3);
    let step = Step::load(bench, echo, json!({}))?;
    let mut opened = step.open(&batch.schema())?;
    let from = buffers(batch);
    let mut to: Vec<Vec<u8>> = from.iter().map(|buffer| vec![1; buffer.len()]).collect();
    in_turn(
        rounds,
        &mut [
            ("echo", Box::new(|| Ok(calls(&mut opened, std::slice::from_ref(batch), moment)? * 1e6))),
            (
                "memcpy",
                Box::new(|| {
                    let copied = averaged(moment, || {
                        let copy =
                            || from.iter().zip(&mut to).for_each(|(from, to)| to.copy_from_slice(black_box(from)));
                        let seconds = Clock::Thread.time(copy).0;
                        black_box(&to);
                        Ok(seconds)
                    })?;
                    Ok(copied * 1e6)
                }),
            ),
        ],
    )
}

/// The same rows through `filter`, with a number that crosses alone and with all columns.
fn wide(bench: &Bench, section: &mut Section, column: impl Fn() -> ArrayRef) -> Result<()> {
    let number: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
    let rows = batch(std::iter::once(number).chain((1..50).map(|_| column())))?;
    let filter = bench.guest("filter")?;
    // What is behind `c0 >= 0 ||` is never come to.
    let config =
        |others: Vec<String>| json!({ "where": format!("c0 >= 500 && (c0 >= 0 || ({}))", others.join(" || ")) });
    let expressions: [Value; 2] = [
        config((1..50).map(|_| "c0 == 0".to_owned()).collect()),
        config((1..50).map(|at| format!("c{at} == \"\"")).collect()),
    ];
    let [one, all] = expressions.map(|config| Step::load(bench, &filter, config));
    let (one, all) = (one?, all?);
    let (mut one, mut all) = (one.open(&rows.schema())?, all.open(&rows.schema())?);
    let (moment, rounds) = (bench.sizes().moment, bench.sizes().rounds * 3);
    let batches = std::slice::from_ref(&rows);
    let times = in_turn(
        rounds,
        &mut [
            ("one column", Box::new(|| Ok(calls(&mut one, batches, moment)? * 1e6))),
            ("all columns", Box::new(|| Ok(calls(&mut all, batches, moment)? * 1e6))),
        ],
    )?;
    let faster = Measure::ratio(&times[1], &times[0]);
    section.reach("boundary/filter", faster.median);
    let mut table = Table::new("`filter`, 1,000 rows of 50 columns", &["columns that cross", "time", "as fast as all"]);
    table.row(["1".into(), Measure::of(Unit::Microseconds, &times[0]).into(), faster.into()]);
    table.row(["50".into(), Measure::of(Unit::Microseconds, &times[1]).into(), "".into()]);
    section.tables.push(table);
    Ok(())
}

/// Columns `c0`, `c1` and on.
fn batch(columns: impl IntoIterator<Item = ArrayRef>) -> Result<RecordBatch> {
    let columns = columns.into_iter().enumerate().map(|(at, column)| (format!("c{at}"), column));
    RecordBatch::try_from_iter(columns).map_err(|error| error.to_string())
}

/// Lists of lists of numbers.
fn nested(rows: usize) -> ArrayRef {
    let mut lists = ListBuilder::new(ListBuilder::new(Int64Builder::new()));
    for row in 0..rows as i64 {
        for list in 0..8 {
            lists.values().append_value((0..8).map(|item| Some(row + list + item)));
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

/// All buffers of a batch that cross.
fn buffers(batch: &RecordBatch) -> Vec<Vec<u8>> {
    fn collect(data: &ArrayData, buffers: &mut Vec<Vec<u8>>) {
        buffers.extend(data.buffers().iter().map(|buffer| buffer.as_slice().to_vec()));
        data.child_data().iter().for_each(|child| collect(child, buffers));
    }
    let mut buffers = Vec::new();
    batch.columns().iter().for_each(|column| collect(&column.to_data(), &mut buffers));
    buffers
}

fn bytes(batch: &RecordBatch) -> usize {
    buffers(batch).iter().map(Vec::len).sum()
}
