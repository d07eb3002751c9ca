//! What it costs that a run is looked at while it goes on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Result;
use crate::bench::Bench;
use crate::collector::{Collector, free_port, get};
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::in_turn;
use crate::pipelines::reference;
use crate::process::{self, Watch};
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "The reference pipeline with `--serve`, whose page and metrics are asked for twice a second, four times as often as \
a browser does, and with a collector of OpenTelemetry that takes all that it is sent; against the same pipeline alone. The time is that of the run, as \
its report has it: what a process waits for whoever has the page open, once its run has ended, is no part of it.";

/// Between two looks, and before there is anything to see.
const OFTEN: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_millis(5);
const TOKEN: &str = "0123456789abcdef";

/// What one run took.
struct Took {
    milliseconds: f64,
    processor: f64,
    looks: u64,
}

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = bench.sizes().resumed;
    let (input, expected) = bench.rows(rows)?;
    let out = bench.path("out.jsonl");
    let pipeline = bench.pipeline("reference", &reference(&input, &out))?;
    let collector = Collector::begin()?;
    let (mut processor, mut looks) = ([Vec::new(), Vec::new()], Vec::new());
    let [alone_processor, seen_processor] = &mut processor;
    let times = in_turn(
        3 * bench.sizes().rounds,
        &mut [
            (
                "alone",
                Box::new(|| {
                    let took = timed(bench, &pipeline, None)?;
                    alone_processor.push(took.processor * 1e3);
                    Ok(took.milliseconds)
                }),
            ),
            (
                "looked at",
                Box::new(|| {
                    let took = timed(bench, &pipeline, Some(&collector))?;
                    seen_processor.push(took.processor * 1e3);
                    looks.push(took.looks as f64);
                    Ok(took.milliseconds)
                }),
            ),
        ],
    )?;
    expected.check(&out)?;
    bench.forget(rows);
    // The first round does not count.
    processor.iter_mut().chain([&mut looks]).for_each(|values| _ = values.remove(0));
    if collector.requests() == 0 {
        return Err("the collector was sent nothing".to_owned());
    }
    let ratio = Measure::ratio(&times[1], &times[0]);
    section.reach("live/time", ratio.median);
    let of = |values: &[f64]| Measure::of(Unit::Milliseconds, values).into();
    let mut table = Table::new(
        format!("A run of {} rows", grouped(rows)),
        &["what", "time", "of a run beside it", "processor time", "of that", "looks"],
    );
    table.row(["alone".into(), of(&times[0]), "".into(), of(&processor[0]), "".into(), "".into()]);
    table.row([
        "looked at".into(),
        of(&times[1]),
        ratio.into(),
        of(&processor[1]),
        Measure::ratio(&processor[1], &processor[0]).into(),
        Measure::of(Unit::Count, &looks).into(),
    ]);
    section.tables.push(table);
    Ok(())
}

/// Runs the pipeline, and looks at it if there is a collector.
fn timed(bench: &Bench, pipeline: &Path, collector: Option<&Collector>) -> Result<Took> {
    let folder = bench.run_folder();
    let mut command = bench.callboard();
    command.arg("run").arg(pipeline).args(["--quiet", "--overwrite", "--fresh", "--run-dir"]).arg(&folder);
    let Some(collector) = collector else {
        let ran = process::run(&mut command, Watch::Process)?;
        return took(bench, &folder, ran.processor, 0);
    };
    let port = free_port()?;
    command.arg(format!("--serve={port}")).env("CALLBOARD_SERVE_TOKEN", TOKEN);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    let ended = AtomicBool::new(false);
    let (ran, looks) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !ended.load(Ordering::Relaxed) {
                // There may be nobody yet, or no longer.
                looks += u64::from(get(port, &format!("/{TOKEN}/")).is_ok());
                looks += u64::from(get(port, &format!("/{TOKEN}/metrics")).is_ok());
                std::thread::sleep(if looks == 0 { SOON } else { OFTEN });
            }
            looks
        });
        let ran = process::run(&mut command, Watch::Process);
        ended.store(true, Ordering::Relaxed);
        (ran, looking.join().expect("looking does not panic"))
    });
    if looks == 0 {
        return Err("nobody saw the page".to_owned());
    }
    took(bench, &folder, ran?.processor, looks)
}

fn took(bench: &Bench, folder: &Path, processor: f64, looks: u64) -> Result<Took> {
    let file = folder.join("report.json");
    let report = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let report: serde_json::Value =
        serde_json::from_slice(&report).map_err(|error| format!("{}: {error}", file.display()))?;
    bench.forget_run(folder);
    let milliseconds = report["wall_ms"].as_f64().ok_or("the run's report has no `wall_ms`")?;
    Ok(Took { milliseconds, processor, looks })
}
