//! The reference pipeline from few rows to many, and a stage from one replica to four.

use std::cell::RefCell;

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::{Side, in_turn};
use crate::pipelines::{bottleneck, reference};
use crate::process::Memory;
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "The reference pipeline, JSON Lines in and out, with a run's own defaults and nothing to take over from an earlier run. Memory is that of the process as `/proc` \
tells it every 5 ms: `VmRSS` is all that is resident, files that are mapped among it, `RssAnon` what no file backs. Replicas are those of `language-id`, and times are those of its stage.";

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let columns = ["rows", "time", "rows per second", "peak `VmRSS`", "peak `RssAnon`", "spilled"];
    let mut table = Table::new("Rows", &columns);
    let mut resident = Vec::new();
    for &rows in &bench.sizes().scale {
        bench.tell(&format!("{rows} rows"));
        let memory = size(bench, rows, &mut table)?;
        resident.push((rows, memory));
        if rows != bench.sizes().rows {
            bench.forget(rows);
        }
    }
    section.tables.push(table);
    let at = |wanted: u64| resident.iter().find(|(rows, _)| *rows == wanted).map(|(_, resident)| *resident);
    match (at(10_000_000), at(1_000_000)) {
        (Some(many), Some(few)) => section.reach("scale/memory", many / few),
        _ => section.leave_out("scale/memory", "needs 10⁷ rows: `cargo xtask bench scale --full`"),
    }
    replicas(bench, section)
}

/// Measures the reference pipeline on so many rows; the median of its peak of resident memory, bytes.
fn size(bench: &Bench, rows: u64, table: &mut Table) -> Result<f64> {
    let (file, expected) = bench.rows(rows)?;
    let out = bench.path("out.jsonl");
    let pipeline = bench.pipeline("reference", &reference(&file, &out))?;
    let (memory, spilled): (RefCell<Vec<Memory>>, RefCell<f64>) = Default::default();
    let times = in_turn(
        bench.sizes().rounds,
        &mut [(
            "callboard run",
            Box::new(|| {
                let done = bench.run_pipeline(&pipeline, &[])?;
                memory.borrow_mut().push(done.ran.memory);
                *spilled.borrow_mut() = done.sum("spilled_bytes");
                Ok(done.ran.wall * 1e3)
            }),
        )],
    )?;
    expected.check(&out)?;
    let speed: Vec<f64> = times[0].iter().map(|ms| rows as f64 / ms * 1e3).collect();
    let of = |of: fn(&Memory) -> u64| {
        let values: Vec<f64> = memory.borrow().iter().map(|memory| of(memory) as f64).collect();
        Measure::of(Unit::Bytes, &values)
    };
    let resident = of(|memory| memory.resident);
    let median = resident.median;
    table.row([
        Measure::one(Unit::Count, rows as f64).into(),
        Measure::of(Unit::Milliseconds, &times[0]).into(),
        Measure::of(Unit::RowsPerSecond, &speed).into(),
        resident.into(),
        of(|memory| memory.anonymous).into(),
        Measure::one(Unit::Bytes, *spilled.borrow()).into(),
    ]);
    Ok(median)
}

fn replicas(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = bench.sizes().step_rows;
    let (file, _) = bench.rows(rows)?;
    let out = bench.path("languages.jsonl");
    let counts = [1, 2, 4];
    let mut pipelines = Vec::new();
    for count in counts {
        pipelines.push(bench.pipeline(&format!("replicas-{count}"), &bottleneck(&file, &out, count))?);
    }
    let mut sides: Vec<Side<'_>> = Vec::new();
    for pipeline in &pipelines {
        sides.push((
            "callboard run",
            Box::new(|| bench.run_pipeline(pipeline, &["--no-resume"])?.figure("/stages/0/run_ms")),
        ));
    }
    let times = in_turn(bench.sizes().rounds, &mut sides)?;
    let mut table =
        Table::new(format!("Replicas, {} rows", grouped(rows)), &["replicas", "time of the stage", "as fast as one"]);
    for (count, time) in counts.iter().zip(&times) {
        let faster = Measure::ratio(&times[0], time);
        if *count == 2 {
            match std::thread::available_parallelism().map_or(1, usize::from) {
                1 => section.leave_out("scale/replicas", "this machine has one core"),
                _ => section.reach("scale/replicas", faster.median),
            }
        }
        table.row([
            Measure::one(Unit::Count, f64::from(*count as u32)).into(),
            Measure::of(Unit::Milliseconds, time).into(),
            faster.into(),
        ]);
    }
    section.tables.push(table);
    Ok(())
}
