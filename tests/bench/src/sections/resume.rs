//! What it costs that a run can be resumed, and what resuming costs.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::in_turn;
use crate::pipelines::reference;
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "The reference pipeline with `--fresh`, which writes down what it does, against `--no-resume`, which keeps nothing; and \
`callboard resume` of a run that was killed when nine tenths of a whole run's time were over. Times are those of whole processes, starting included.";

/// How often a run is killed anew, where it had ended before or had not yet begun.
const ATTEMPTS: usize = 40;

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let (rows, expected) = bench.rows(bench.sizes().rows)?;
    let out = bench.path("out.jsonl");
    let pipeline = bench.pipeline("reference", &reference(&rows, &out))?;
    let timed = |flag: &'static str| {
        let pipeline = &pipeline;
        move || Ok(bench.run_pipeline(pipeline, &[flag])?.ran.wall * 1e3)
    };
    let rounds = bench.sizes().rounds;
    let times = in_turn(
        rounds,
        &mut [("--fresh", Box::new(timed("--fresh"))), ("--no-resume", Box::new(timed("--no-resume")))],
    )?;
    expected.check(&out)?;
    let journal = Measure::ratio(&times[0], &times[1]);
    section.reach("resume/journal", journal.median);

    let whole = Measure::of(Unit::Milliseconds, &times[0]);
    let (after, reused) = (Cell::new(whole.median / 1e3 * 0.9), Cell::new(0.0));
    let times_again = in_turn(
        rounds,
        &mut [
            ("--fresh", Box::new(timed("--fresh"))),
            (
                "resume",
                Box::new(|| {
                    let folder = killed(bench, &pipeline, &after)?;
                    let done = bench.run_in(&folder, "resume", &folder, &[]);
                    bench.remove_run(&folder);
                    let done = done?;
                    reused.set(
                        done.stages()
                            .iter()
                            .flat_map(|stage| stage["steps"].as_array())
                            .flatten()
                            .filter_map(|step| step["rows_reused"].as_f64())
                            .sum(),
                    );
                    Ok(done.ran.wall * 1e3)
                }),
            ),
        ],
    )?;
    expected.check(&out)?;
    let killed = Measure::ratio(&times_again[1], &times_again[0]);
    section.reach("resume/killed", killed.median);

    let mut table =
        Table::new(format!("{} rows", grouped(bench.sizes().rows)), &["what", "time", "of a run beside it"]);
    table.row(["`--fresh`: what can be resumed".into(), whole.into(), journal.into()]);
    table.row(["`--no-resume`: nothing is kept".into(), Measure::of(Unit::Milliseconds, &times[1]).into(), "".into()]);
    table.row([
        "`callboard resume` after the kill".into(),
        Measure::of(Unit::Milliseconds, &times_again[1]).into(),
        killed.into(),
    ]);
    section.tables.push(table);
    section.note(format!(
        "The last kill came after {:.0} ms; {} rows of all steps together were not worked on again.",
        after.get() * 1e3,
        grouped(reused.get() as u64)
    ));
    Ok(())
}

/// Kills a run after so many seconds; its folder. Where there is nothing to resume then, a little sooner or later.
fn killed(bench: &Bench, pipeline: &Path, after: &Cell<f64>) -> Result<PathBuf> {
    for _ in 0..ATTEMPTS {
        let folder = bench.run_folder();
        let mut command = bench.callboard();
        command.arg("run").arg(pipeline).args(["--quiet", "--overwrite", "--fresh", "--run-dir"]).arg(&folder);
        let mut child = command.spawn().map_err(|error| format!("`callboard run` could not be run: {error}"))?;
        std::thread::sleep(Duration::from_secs_f64(after.get()));
        let ended = child.try_wait().map_err(|error| error.to_string())?;
        if ended.is_none() {
            child.kill().map_err(|error| format!("`callboard run` cannot be killed: {error}"))?;
            let status = child.wait().map_err(|error| error.to_string())?;
            // It may have ended by itself just before, and may not yet have begun its folder.
            match (status.success(), folder.join("journal").exists()) {
                (false, true) => return Ok(folder),
                (false, false) => after.set(after.get() * 1.04),
                (true, _) => after.set(after.get() * 0.95),
            }
        } else {
            after.set(after.get() * 0.95);
        }
        bench.remove_run(&folder);
    }
    Err(format!("a run was not caught at work in {ATTEMPTS} attempts"))
}
