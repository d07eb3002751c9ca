//! A pipeline that is cut into tasks, beside one process; and what a task takes that has nothing to do.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::in_turn;
use crate::pipelines::reference;
use crate::process::{Ran, Watch, run as process};
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "The reference pipeline on eight files, by `callboard submit --on local=2` and by `callboard run`: the same bytes, whole processes, starting included. \
And tasks that read one row each, one after another: what is left is what a task takes by itself.";

/// Files of the input.
const FILES: u64 = 8;

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = bench.sizes().tasks;
    let (file, expected) = bench.rows(rows)?;
    let inputs = parted(bench, &file, rows)?;
    bench.forget(rows);
    let outs = ["one.jsonl", "tasks.jsonl"].map(|name| bench.path(name));
    let [one, tasks] = [("one", &outs[0]), ("tasks", &outs[1])]
        .map(|(name, out)| bench.pipeline(name, &reference(&inputs.join("*.jsonl"), out)));
    let (one, tasks) = (one?, tasks?);
    let processors = RefCell::new([Vec::new(), Vec::new()]);
    let took = |side: usize, ran: Ran| {
        processors.borrow_mut()[side].push(ran.processor * 1e3);
        ran.wall * 1e3
    };
    let times = in_turn(
        bench.sizes().rounds,
        &mut [
            ("callboard run", Box::new(|| Ok(took(0, bench.run_pipeline(&one, &["--fresh"])?.ran)))),
            ("callboard submit", Box::new(|| Ok(took(1, submitted(bench, &tasks, &["--slices=8", "--on=local=2"])?)))),
        ],
    )?;
    expected.check(&outs[0])?;
    expected.check(&outs[1])?;
    let ratio = Measure::ratio(&times[1], &times[0]);
    section.reach("tasks/local", ratio.median);
    let title = format!("{} rows in {FILES} files", grouped(rows));
    let mut table = Table::new(title, &["what", "time", "processor time", "of a run beside it"]);
    let processors = processors.into_inner();
    let time = |times: &[f64]| Measure::of(Unit::Milliseconds, times).into();
    table.row(["`callboard run`".into(), time(&times[0]), time(&processors[0]), "".into()]);
    table.row(["`callboard submit --on local=2`".into(), time(&times[1]), time(&processors[1]), ratio.into()]);
    section.tables.push(table);
    empty(bench, section)
}

/// What a task takes that reads one row.
fn empty(bench: &Bench, section: &mut Section) -> Result<()> {
    let count = if bench.sizes().quick { 4 } else { 100 };
    let folder = bench.path("single");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let documents = bench.documents();
    for id in 0..count {
        let row = serde_json::json!({"id": id, "text": documents.text(id)});
        fs::write(folder.join(format!("{id:04}.jsonl")), format!("{row}\n")).map_err(failed)?;
    }
    let text = format!(
        "callboard = 1\nname = \"single\"\n[inputs.rows]\npath = \"{}\"\n[[steps]]\nuse = \"normalise\"\n[outputs.out]\npath = \"{}\"\n",
        folder.join("*.jsonl").display(),
        bench.path("single.jsonl").display()
    );
    let pipeline = bench.pipeline("single", &text)?;
    let slices = format!("--slices={count}");
    let sides = |slices: String| {
        let pipeline = &pipeline;
        move || Ok(submitted(bench, pipeline, &[&slices, "--on=local=1"])?.wall * 1e3)
    };
    let times = in_turn(
        bench.sizes().rounds,
        &mut [("all tasks", Box::new(sides(slices))), ("two", Box::new(sides("--slices=2".to_owned())))],
    )?;
    let each: Vec<f64> =
        times[0].iter().zip(&times[1]).map(|(all, two)| ((all - two) / (count - 2) as f64).max(0.0)).collect();
    let each = Measure::of(Unit::Milliseconds, &each);
    section.reach("tasks/empty", each.median);
    let mut table = Table::new("Tasks of one row", &["tasks, one at a time", "time", "each"]);
    table.row([grouped(count).into(), Measure::of(Unit::Milliseconds, &times[0]).into(), each.into()]);
    section.tables.push(table);
    Ok(())
}

/// Has a pipeline carried out in tasks.
fn submitted(bench: &Bench, pipeline: &Path, flags: &[&str]) -> Result<Ran> {
    let folder = bench.run_folder();
    let mut command = bench.callboard();
    command.arg("submit").arg(pipeline).args(["--quiet", "--overwrite"]).args(flags).arg("--work").arg(&folder);
    let ran = process(&mut command, Watch::Process);
    bench.forget_run(&folder);
    ran
}

/// The rows of a file, in several.
fn parted(bench: &Bench, file: &Path, rows: u64) -> Result<PathBuf> {
    let folder = bench.path("parted");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut lines = BufReader::new(fs::File::open(file).map_err(failed)?);
    let mut line = Vec::new();
    for number in 0..FILES {
        let part = fs::File::create(folder.join(format!("{number}.jsonl"))).map_err(failed)?;
        let mut part = BufWriter::with_capacity(1 << 20, part);
        for _ in rows * number / FILES..rows * (number + 1) / FILES {
            line.clear();
            lines.read_until(b'\n', &mut line).map_err(failed)?;
            part.write_all(&line).map_err(failed)?;
        }
        part.flush().map_err(failed)?;
    }
    Ok(folder)
}
