//! What it costs that a run can be resumed, and what resuming costs.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::in_turn;
use crate::pipelines::reference;
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "The reference pipeline with `--fresh`, which writes down what it does, against `--no-resume`, which keeps nothing: \
nine times as many rounds as elsewhere, as the difference is smaller than what a round varies by. And `callboard resume` of a run that was killed \
when as much had been written as when nine tenths of a whole run's time are over, of few rows and of enough rows for some seconds: what a process takes to start and to put its outputs \
in their places is a good part of a short run. Times are those of whole processes, starting included.";

/// How often a run is looked at.
const EVERY: Duration = Duration::from_millis(1);
/// How often a run is killed anew, where it had ended before.
const ATTEMPTS: usize = 40;

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let sizes = bench.sizes();
    let journal = journal(bench, section)?;
    section.tables.push(journal);
    let mut table =
        Table::new("Resuming", &["rows", "a whole run", "`callboard resume`", "of a whole run", "not worked on again"]);
    for rows in [sizes.rows, sizes.resumed] {
        let (input, expected) = bench.rows(rows)?;
        let out = bench.path("out.jsonl");
        let pipeline = bench.pipeline("reference", &reference(&input, &out))?;
        let Resumed { whole, again, ratio, reused } = resumed(bench, &pipeline)?;
        expected.check(&out)?;
        bench.forget(rows);
        if rows == sizes.resumed {
            section.reach("resume/killed", ratio.median);
        }
        let reused = format!("{} rows of all steps", grouped(reused));
        table.row([grouped(rows).into(), whole.into(), again.into(), ratio.into(), reused.into()]);
    }
    section.tables.push(table);
    Ok(())
}

/// What writing down costs.
fn journal(bench: &Bench, section: &mut Section) -> Result<Table> {
    let (rows, expected) = bench.rows(bench.sizes().rows)?;
    let out = bench.path("out.jsonl");
    let pipeline = bench.pipeline("reference", &reference(&rows, &out))?;
    let timed = |flag: &'static str| {
        let pipeline = &pipeline;
        move || Ok(bench.run_pipeline(pipeline, &[flag])?.ran.wall * 1e3)
    };
    let times = in_turn(
        9 * bench.sizes().rounds,
        &mut [("--fresh", Box::new(timed("--fresh"))), ("--no-resume", Box::new(timed("--no-resume")))],
    )?;
    expected.check(&out)?;
    let ratio = Measure::ratio(&times[0], &times[1]);
    section.reach("resume/journal", ratio.median);
    let time = |times: &[f64]| Measure::of(Unit::Milliseconds, times).into();
    let mut table =
        Table::new(format!("Journal, {} rows", grouped(bench.sizes().rows)), &["what", "time", "of a run beside it"]);
    table.row(["`--fresh`: what can be resumed".into(), time(&times[0]), ratio.into()]);
    table.row(["`--no-resume`: nothing is kept".into(), time(&times[1]), "".into()]);
    Ok(table)
}

/// What resuming took.
pub(super) struct Resumed {
    whole: Measure,
    again: Measure,
    /// Of a whole run.
    pub(super) ratio: Measure,
    /// Rows that steps were not called on again, of all steps, the last time.
    reused: u64,
}

/// Resumes runs of a pipeline, whose output is `out`, that were killed when nine tenths of a whole run's time were over.
pub(super) fn resumed(bench: &Bench, pipeline: &Path) -> Result<Resumed> {
    let (late, reused) = (Cell::new(Late::default()), Cell::new(0.0));
    let times = in_turn(
        bench.sizes().rounds,
        &mut [
            (
                "--fresh",
                Box::new(|| {
                    let (whole, nine_tenths) = whole(bench, pipeline)?;
                    late.set(nine_tenths);
                    Ok(whole * 1e3)
                }),
            ),
            (
                "resume",
                Box::new(|| {
                    let folder = killed(bench, pipeline, late.get())?;
                    let done = bench.run_in(&folder, "resume", &folder, &[]);
                    bench.forget_run(&folder);
                    let done = done?;
                    let steps = done.stages().iter().flat_map(|stage| stage["steps"].as_array()).flatten();
                    reused.set(steps.filter_map(|step| step["rows_reused"].as_f64()).sum());
                    Ok(done.ran.wall * 1e3)
                }),
            ),
        ],
    )?;
    Ok(Resumed {
        whole: Measure::of(Unit::Milliseconds, &times[0]),
        again: Measure::of(Unit::Milliseconds, &times[1]),
        ratio: Measure::ratio(&times[1], &times[0]),
        reused: reused.get() as u64,
    })
}

/// When nine tenths of a run's time are over.
#[derive(Clone, Copy, Default)]
struct Late {
    /// The bytes of its output then.
    bytes: u64,
    seconds: f64,
}

impl Late {
    /// Whether a run is there. It may be faster than another one, so its output tells it; where there is none so late, the time does.
    fn is(self, written: u64, seconds: f64) -> bool {
        written >= self.bytes && (self.bytes > 0 || seconds >= self.seconds)
    }

    fn sooner(self) -> Late {
        Late { bytes: self.bytes * 9 / 10, seconds: self.seconds * 0.9 }
    }
}

/// A whole run: its seconds, and nine tenths of it.
fn whole(bench: &Bench, pipeline: &Path) -> Result<(f64, Late)> {
    let folder = bench.run_folder();
    let ended = AtomicBool::new(false);
    let (done, sizes) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (began, mut sizes) = (Instant::now(), Vec::new());
            while !ended.load(Ordering::Relaxed) {
                sizes.push((began.elapsed().as_secs_f64(), written(&folder)));
                std::thread::sleep(EVERY);
            }
            sizes
        });
        let done = bench.run_in(&folder, "run", pipeline, &["--fresh"]);
        ended.store(true, Ordering::Relaxed);
        (done, watching.join().expect("watching does not panic"))
    });
    bench.forget_run(&folder);
    let wall = done?.ran.wall;
    // Behind the last of them the output is in its place.
    let seconds = wall * 0.9;
    let before = sizes.iter().take_while(|(at, _)| *at <= seconds);
    Ok((wall, Late { bytes: before.map(|(_, size)| *size).max().unwrap_or(0), seconds }))
}

/// Kills a run so late; its folder. Where there is nothing to resume then, a little sooner.
fn killed(bench: &Bench, pipeline: &Path, mut late: Late) -> Result<PathBuf> {
    for _ in 0..ATTEMPTS {
        let folder = bench.run_folder();
        let mut command = bench.callboard();
        command.arg("run").arg(pipeline).args(["--quiet", "--overwrite", "--fresh", "--run-dir"]).arg(&folder);
        let mut child = command.spawn().map_err(|error| format!("`callboard run` could not be run: {error}"))?;
        let begun = Instant::now();
        let ended = loop {
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            let is_late = late.is(written(&folder), begun.elapsed().as_secs_f64());
            if ended.is_some() || (is_late && folder.join("run.json").exists()) {
                break ended;
            }
            std::thread::sleep(EVERY);
        };
        if ended.is_none() {
            child.kill().map_err(|error| format!("`callboard run` cannot be killed: {error}"))?;
            child.wait().map_err(|error| error.to_string())?;
            // It may have ended by itself just before: its report is written first.
            if !folder.join("report.json").exists() {
                return Ok(folder);
            }
        }
        late = late.sooner();
        bench.forget_run(&folder);
    }
    Err(format!("a run was not caught at work in {ATTEMPTS} attempts"))
}

/// The bytes of the output that lie in a run's folder.
fn written(folder: &Path) -> u64 {
    folder.join("outputs/out").metadata().map_or(0, |file| file.len())
}
