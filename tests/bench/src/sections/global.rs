//! Steps that bring all rows together: how time and memory grow with the rows, and what a second core is worth.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use super::resume::resumed;
use crate::Result;
use crate::bench::Bench;
use crate::measure::{Measure, Unit};
use crate::pair::{Side, in_turn_at_once};
use crate::pipelines::{distinct, near_duplicates, sorted};
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "`callboard run --no-resume`, JSON Lines in and out, the whole process. `exact-dedup` and `sort` have rows with a text of 16 characters, \
a twentieth of which another row has, and `sort` a tenth of the rows with texts of 400 characters, too; `minhash-dedup` has the documents of the reference pipeline. Few rows, many rows and many rows on one core (`taskset`) are measured in turn. Then runs of many rows, killed when as much had been written as when nine tenths of a whole \
run's time are over, are resumed.";

/// A step.
struct Case {
    step: &'static str,
    /// What its rows are, where it has several cases.
    of: &'static str,
    pipeline: fn(&Path, &Path) -> String,
    /// Makes a file of this many rows.
    rows: fn(&Bench, u64) -> Result<PathBuf>,
    /// The targets that it has: of a row's time, of two cores, of resuming.
    targets: [&'static str; 3],
}

const CASES: [Case; 4] = [
    Case {
        step: "exact-dedup",
        of: "",
        pipeline: distinct,
        rows: short_rows,
        targets: ["global/exact-dedup", "global/exact-dedup-cores", "global/exact-dedup-resumed"],
    },
    Case {
        step: "sort",
        of: "",
        pipeline: sorted,
        rows: short_rows,
        targets: ["global/sort", "global/sort-cores", "global/sort-resumed"],
    },
    Case {
        step: "sort",
        of: ", long texts",
        pipeline: sorted,
        rows: long_rows,
        targets: ["global/sort-long", "global/sort-long-cores", "global/sort-long-resumed"],
    },
    Case {
        step: "minhash-dedup",
        of: "",
        pipeline: near_duplicates,
        rows: documents,
        targets: ["global/minhash-dedup", "global/minhash-dedup-cores", "global/minhash-dedup-resumed"],
    },
];

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let columns = [
        "step",
        "rows",
        "time",
        "a row's, of that of few",
        "two cores, as fast as one",
        "resumed, of a whole run",
        "peak `VmRSS`",
    ];
    let mut table = Table::new("Rows brought together", &columns);
    for case in CASES {
        bench.tell(case.step);
        measured(bench, section, &mut table, &case)?;
    }
    section.tables.push(table);
    Ok(())
}

fn measured(bench: &Bench, section: &mut Section, table: &mut Table, case: &Case) -> Result<()> {
    let (sizes, Case { step, of, targets: [of_a_row, of_cores, of_resuming], .. }) = (bench.sizes().global, case);
    let out = bench.path("out.jsonl");
    let mut pipelines = Vec::new();
    for size in sizes {
        let name = format!("{step}-{size}{}", if of.is_empty() { "" } else { "-long" });
        pipelines.push(bench.pipeline(&name, &(case.pipeline)(&(case.rows)(bench, size)?, &out))?);
    }
    let resident: RefCell<[Vec<f64>; 2]> = RefCell::default();
    let time = |at: usize| {
        let done = bench.run_pipeline(&pipelines[at], &["--no-resume"])?;
        resident.borrow_mut()[at].push(done.ran.memory.resident as f64);
        Ok(done.ran.wall * 1e3)
    };
    let on_one_core = || Ok(bench.on_one_core(|| bench.run_pipeline(&pipelines[1], &["--no-resume"]))?.ran.wall * 1e3);
    let mut sides: Vec<Side<'_>> = vec![("few rows", Box::new(|| time(0))), ("many rows", Box::new(|| time(1)))];
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores > 1 && Bench::can_pin() {
        sides.push(("one core", Box::new(on_one_core)));
    }
    let times = in_turn_at_once(bench.sizes().rounds, &mut sides)?;
    let per_row = Measure::ratio(&times[1], &times[0]).scaled(sizes[0] as f64 / sizes[1] as f64);
    section.reach(of_a_row, per_row.median);
    let faster = times.get(2).map(|one| Measure::ratio(one, &times[1]));
    match &faster {
        Some(faster) if cores == 2 => section.reach(of_cores, faster.median),
        Some(_) => section.leave_out(of_cores, "this machine has more than two cores"),
        None => section.leave_out(of_cores, "needs two cores and `taskset`"),
    }
    drop(sides);
    // What was measured last may have been few rows.
    bench.run_pipeline(&pipelines[1], &["--no-resume"])?;
    let resumed = digest(&out).and_then(|whole| {
        let resumed = resumed(bench, &pipelines[1])?.ratio;
        match digest(&out)? == whole {
            true => Ok(resumed),
            false => Err(format!("`{step}`{of}: a resumed run gave other rows")),
        }
    })?;
    section.reach(of_resuming, resumed.median);
    let resident = resident.into_inner();
    if *step == "exact-dedup" {
        let memory = Measure::ratio(&resident[1], &resident[0]);
        section.reach("global/memory", memory.median);
    }
    for (at, size) in sizes.into_iter().enumerate() {
        let is_many = at == 1;
        table.row([
            format!("`{step}`{of}").into(),
            Measure::one(Unit::Count, size as f64).into(),
            Measure::of(Unit::Milliseconds, &times[at]).into(),
            if is_many { per_row.clone().into() } else { "".into() },
            faster.clone().filter(|_| is_many).map_or_else(|| "".into(), Into::into),
            if is_many { resumed.clone().into() } else { "".into() },
            Measure::of(Unit::Bytes, &resident[at]).into(),
        ]);
    }
    Ok(())
}

/// What tells an output from another one.
fn digest(out: &Path) -> Result<u64> {
    let read = || -> std::io::Result<u64> {
        let (mut file, mut hash) = (BufReader::with_capacity(1 << 20, File::open(out)?), Xxh3Default::new());
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                return Ok(hash.digest());
            }
            hash.update(bytes);
            let length = bytes.len();
            file.consume(length);
        }
    };
    read().map_err(|error| format!("{}: {error}", out.display()))
}

fn documents(bench: &Bench, rows: u64) -> Result<PathBuf> {
    Ok(bench.rows(rows / 10)?.0)
}

/// Rows of a number and a text of 16 characters.
fn short_rows(bench: &Bench, rows: u64) -> Result<PathBuf> {
    text_rows(bench, rows, 1)
}

/// A tenth of the rows, with texts of 400 characters.
fn long_rows(bench: &Bench, rows: u64) -> Result<PathBuf> {
    text_rows(bench, rows / 10, 25)
}

/// Rows of a number and a text, of this many times 16 characters.
fn text_rows(bench: &Bench, rows: u64, times: usize) -> Result<PathBuf> {
    let path = bench.path(&format!("texts-{rows}-{times}.jsonl"));
    if path.exists() {
        return Ok(path);
    }
    let write = || {
        let mut file = BufWriter::new(File::create(&path)?);
        for row in 0..rows {
            let of = if row % 20 == 19 { row / 2 } else { row };
            // Spread over all texts, each number its own.
            let text = of.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let text = format!("{text:016x}").repeat(times);
            writeln!(file, "{{\"id\":{row},\"text\":\"{text}\"}}")?;
        }
        file.flush()
    };
    write().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
