//! A run looked at: twenty rows of it, and what is in its columns.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::peers::{Peer, is_there, program};
use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::{Side, in_turn};
use crate::pipelines::filled;
use crate::process::{self, Memory, Watch};
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "`callboard peek -n 20` at each node of a finished run with `exact-dedup` between transforms, the first rows and drawn ones (`--seed`), each in a process of its own. \
`callboard stats` of the run's files is compared with `callboard peek FILE --where` with a condition that no row meets, which reads all of them. Memory is `VmRSS`. Quantiles of the Parquet file are compared with \
DuckDB's exact ones, by `tests/bench/peers/quantiles_duckdb.py`: the largest difference of any column, of DuckDB's value. What `stats = true` costs is the processor time of the same pipeline with it at one node, \
of the run without it beside it.";

const DUCKDB: Peer = Peer {
    target: "look/quantiles",
    name: "DuckDB",
    program: "quantiles_duckdb.py",
    package: Some(("duckdb", "duckdb")),
};

const NODES: [&str; 9] = ["rows", "count", "dedup", "dedup.dropped", "long", "long.dropped", "share", "out", "lines"];

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = *bench.sizes().scale.last().expect("there are sizes");
    let (file, _) = bench.rows(rows)?;
    let (out, lines) = (bench.path("looked-at.parquet"), bench.path("looked-at.jsonl"));
    let text = looked_at(&file, &out, &lines);
    let pipeline = bench.pipeline("looked-at", &text)?;
    let folder = bench.run_folder();
    bench.run_in(&folder, "run", &pipeline, &[])?;
    peek(bench, section, &folder, rows)?;
    bench.forget_run(&folder);
    stats(bench, section, rows, &[("Parquet", &out), ("JSON Lines", &lines)])?;
    quantiles(bench, section, &out)?;
    bench.forget(rows);
    gathered(bench, section, &out, &lines)
}

fn looked_at(rows: &Path, out: &Path, lines: &Path) -> String {
    filled(include_str!("../../pipelines/looked-at.toml"), &[("ROWS", rows), ("OUT", out), ("LINES", lines)])
}

/// Where figures are gathered, and the line of the pipeline behind which it says so.
const GATHERED: [(&str, &str); 4] = [
    ("none", ""),
    ("input `rows`", "[inputs.rows]\n"),
    ("step `share`", "name = \"share\"\n"),
    ("output `out`", "[outputs.out]\n"),
];

fn gathered(bench: &Bench, section: &mut Section, out: &Path, lines: &Path) -> Result<()> {
    let rows = bench.sizes().resumed;
    let (file, _) = bench.rows(rows)?;
    let text = looked_at(&file, out, lines);
    let side = |(name, line): (&'static str, &str)| -> Result<Side<'_>> {
        let text = if line.is_empty() { text.clone() } else { text.replace(line, &format!("{line}stats = true\n")) };
        let pipeline = bench.pipeline(&format!("gathered-{}", line.len()), &text)?;
        let run = move || {
            let folder = bench.run_folder();
            let done = bench.run_in(&folder, "run", &pipeline, &[])?;
            bench.forget_run(&folder);
            Ok(done.ran.processor * 1e3)
        };
        Ok((name, Box::new(run)))
    };
    let mut sides = GATHERED.into_iter().map(side).collect::<Result<Vec<_>>>()?;
    let times = in_turn(bench.sizes().rounds, &mut sides)?;
    drop(sides);
    bench.forget(rows);
    let title = format!("Processor time of a run of {} rows that gathers figures", grouped(rows));
    let mut table = Table::new(title, &["`stats = true` at", "processor time", "of none"]);
    let mut most: f64 = 0.0;
    for ((name, _), time) in GATHERED.iter().zip(&times) {
        let of = Measure::ratio(time, &times[0]);
        most = most.max(of.median);
        table.row([(*name).into(), Measure::of(Unit::Milliseconds, time).into(), of.into()]);
    }
    section.tables.push(table);
    section.reach("look/gathered", most);
    Ok(())
}

fn peek(bench: &Bench, section: &mut Section, run: &Path, rows: u64) -> Result<()> {
    let mut table = Table::new(format!("20 rows of a run with {}", grouped(rows)), &["node", "the first", "drawn"]);
    let mut slowest: [f64; 2] = [0.0; 2];
    for node in NODES {
        let side = |seed: &'static [&'static str]| {
            move || {
                let mut command = bench.callboard();
                command.arg("peek").arg(run).args([node, "-n", "20"]).args(seed);
                Ok(process::run(&mut command, Watch::Process)?.wall * 1e3)
            }
        };
        let mut sides: Vec<Side<'_>> =
            vec![("the first", Box::new(side(&[]))), ("drawn", Box::new(side(&["--seed", "7"])))];
        let times = in_turn(bench.sizes().rounds, &mut sides)?;
        let times = [0, 1].map(|at| Measure::of(Unit::Milliseconds, &times[at]));
        slowest = [0, 1].map(|at| slowest[at].max(times[at].median));
        let [first, drawn] = times;
        table.row([format!("`{node}`").as_str().into(), first.into(), drawn.into()]);
    }
    section.tables.push(table);
    section.reach("look/peek", slowest[0]);
    section.reach("look/peek-drawn", slowest[1]);
    Ok(())
}

fn stats(bench: &Bench, section: &mut Section, rows: u64, files: &[(&str, &Path)]) -> Result<()> {
    let columns = ["format", "read", "`stats`", "of that", "peak memory"];
    let mut table = Table::new(format!("Columns of about {} rows", grouped(rows)), &columns);
    let (mut slowest, mut largest): (f64, f64) = (0.0, 0.0);
    for (format, file) in files {
        let memory: RefCell<Vec<Memory>> = RefCell::default();
        let read = || {
            let mut command = bench.callboard();
            command.arg("peek").arg(file).args(["-n", "1", "--where", "id < 0"]);
            Ok(process::run(&mut command, Watch::Process)?.wall * 1e3)
        };
        let look = || {
            let mut command = bench.callboard();
            command.arg("stats").arg(file);
            let ran = process::run(&mut command, Watch::Process)?;
            memory.borrow_mut().push(ran.memory);
            Ok(ran.wall * 1e3)
        };
        let mut sides: Vec<Side<'_>> = vec![("read", Box::new(read)), ("stats", Box::new(look))];
        let times = in_turn(bench.sizes().rounds, &mut sides)?;
        drop(sides);
        let resident: Vec<f64> = memory.borrow().iter().map(|memory| memory.resident as f64).collect();
        let (of, memory) = (Measure::ratio(&times[1], &times[0]), Measure::of(Unit::Bytes, &resident));
        (slowest, largest) = (slowest.max(of.median), largest.max(memory.high));
        let [read, look] = [0, 1].map(|at| Measure::of(Unit::Milliseconds, &times[at]));
        table.row([(*format).into(), read.into(), look.into(), of.into(), memory.into()]);
    }
    section.tables.push(table);
    section.reach("look/stats", slowest);
    section.reach("look/stats-memory", largest / f64::from(1 << 20));
    Ok(())
}

fn quantiles(bench: &Bench, section: &mut Section, file: &Path) -> Result<()> {
    if !is_there(bench, section, &DUCKDB) {
        return Ok(());
    }
    let ours = said(bench.callboard().arg("stats").arg(file).args(["--format", "json"]))?;
    let columns = ours["columns"].as_array().ok_or("`stats` says nothing of columns")?;
    let of = |column: &Value| -> Vec<(f64, f64)> {
        let quantiles = column["spread"]["quantiles"].as_array().into_iter().flatten();
        quantiles.filter_map(|quantile| Some((quantile["share"].as_f64()?, quantile["value"].as_f64()?))).collect()
    };
    let ours: BTreeMap<&str, Vec<(f64, f64)>> =
        columns.iter().filter_map(|column| Some((column["column"].as_str()?, of(column)))).collect();
    let shares = ours.values().next().ok_or("there are no columns")?;
    let theirs = said(program(bench, &DUCKDB).arg(file).args(shares.iter().map(|(share, _)| share.to_string())))?;
    let mut table = Table::new("Quantiles beside DuckDB's", &["column", "quantiles", "largest difference"]);
    let mut largest: f64 = 0.0;
    for (column, quantiles) in &ours {
        let exact = theirs[*column].as_array().ok_or_else(|| format!("DuckDB has no column `{column}`"))?;
        let pairs = quantiles.iter().zip(exact).filter_map(|((_, ours), exact)| Some((ours, exact.as_f64()?)));
        let off = pairs.map(|(ours, exact)| (ours - exact).abs() / exact.abs().max(f64::MIN_POSITIVE) * 100.0);
        let off = off.fold(0.0, f64::max);
        largest = largest.max(off);
        let count = Measure::one(Unit::Count, quantiles.len() as f64);
        table.row([format!("`{column}`").as_str().into(), count.into(), Measure::one(Unit::Percent, off).into()]);
    }
    section.tables.push(table);
    section.reach("look/quantiles", largest);
    Ok(())
}

/// What a program says, as JSON.
fn said(command: &mut Command) -> Result<Value> {
    let output = command.output().map_err(|error| format!("`{command:?}` could not be run: {error}"))?;
    match output.status.success() {
        true => serde_json::from_slice(&output.stdout).map_err(|error| format!("`{command:?}` says no JSON: {error}")),
        false => Err(format!("`{command:?}` failed:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}
