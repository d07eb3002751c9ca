//! What loading late saves, and whether it is known before.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::bench::{Bench, Done};
use crate::measure::{Measure, Unit};
use crate::pair::{Side, in_turn};
use crate::pipelines::filled;
use crate::process;
use crate::report::{Section, Table};

pub(super) const ABOUT: &str = "Pipelines run staged, eager and one step at a time, each way in a process of its own, as `callboard compare` does it. The ballast pipelines' steps hold memory and do nothing; \
the real one works on the reference rows. Linear memory is that of all instances alive at one moment; what is predicted is what the stages' steps need, from an earlier run. A prediction is compared with the staged run.";

const WAYS: [&str; 3] = ["staged", "eager", "step"];

/// A pipeline, by its target.
const PIPELINES: [(&str, &str, &str, &str); 4] = [
    ("staging/ballast-few", "ballast-few", "few large ballasts", include_str!("../../pipelines/ballast-few.toml")),
    ("staging/ballast-many", "ballast-many", "many small ballasts", include_str!("../../pipelines/ballast-many.toml")),
    (
        "staging/ballast-branch",
        "ballast-branch",
        "ballasts and a branch",
        include_str!("../../pipelines/ballast-branch.toml"),
    ),
    ("staging/heavy", "heavy", "`language-id` and `minhash-dedup`", include_str!("../../pipelines/heavy.toml")),
];

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    // What a global step needs grows with its rows, and those of other sections are more.
    let _ = std::fs::remove_file(bench.options.cache.join("needs.json"));
    let columns = ["pipeline", "loaded", "peak linear memory", "predicted", "peak `RssAnon`", "peak `VmRSS`", "time"];
    let mut table = Table::new("", &columns);
    for (target, name, what, text) in PIPELINES {
        bench.tell(name);
        let pipeline = pipeline(bench, name, text)?;
        let off = one(bench, &pipeline, what, &mut table)?;
        section.reach(target, off);
    }
    section.tables.push(table);
    Ok(())
}

fn pipeline(bench: &Bench, name: &str, text: &str) -> Result<PathBuf> {
    let rows = bench.rows(bench.sizes().step_rows)?.0;
    let (ballast, global) = (bench.guest("ballast")?, bench.guest("ballast-global")?);
    let (out, aside) = (bench.path("out.jsonl"), bench.path("aside.jsonl"));
    let large = bench.sizes().ballast;
    let text = text.replace("LARGE", &large.to_string()).replace("SMALL", &large.div_ceil(4).to_string());
    let paths: [(&str, &Path); 5] =
        [("ROWS", &rows), ("BALLAST", &ballast), ("GLOBAL", &global), ("ASIDE", &aside), ("OUT", &out)];
    bench.pipeline(name, &filled(&text, &paths))
}

/// Measures a pipeline in each way; how far the staged peak is off its prediction, percent.
fn one(bench: &Bench, pipeline: &Path, what: &str, table: &mut Table) -> Result<f64> {
    let done: [RefCell<Vec<Done>>; 3] = Default::default();
    let mut sides: Vec<Side<'_>> = Vec::new();
    for (way, done) in WAYS.iter().zip(&done) {
        sides.push((
            way,
            Box::new(move || {
                let ran = bench.run_pipeline(pipeline, &["--no-resume", "--load", way])?;
                let wall = ran.ran.wall * 1e3;
                done.borrow_mut().push(ran);
                Ok(wall)
            }),
        ));
    }
    let times = in_turn(bench.sizes().rounds, &mut sides)?;
    drop(sides);
    let needs = done[2].borrow();
    let predicted = predicted(bench, pipeline, &done[0].borrow()[0], &needs[0])?;
    let mut off = f64::NAN;
    for ((way, done), time) in WAYS.iter().zip(&done).zip(&times) {
        // The first was not counted.
        let done = &done.borrow()[1..];
        let of = |value: &dyn Fn(&Done) -> f64| Measure::of(Unit::Bytes, &done.iter().map(value).collect::<Vec<_>>());
        let peak = of(&|done| done.figure("/peak_linear_memory_bytes").unwrap_or(f64::NAN));
        if *way == "staged" {
            off = (peak.median / predicted - 1.0).abs() * 100.0;
        }
        table.row([
            what.into(),
            (*way).into(),
            peak.into(),
            if *way == "staged" { Measure::one(Unit::Bytes, predicted).into() } else { "".into() },
            of(&|done| done.ran.memory.anonymous as f64).into(),
            of(&|done| done.ran.memory.resident as f64).into(),
            Measure::of(Unit::Milliseconds, time).into(),
        ]);
    }
    Ok(off)
}

/// The most linear memory that the stages of a pipeline are predicted to take, bytes: what `callboard plan` says, where it says it; otherwise
/// the sum of what the steps of a stage needed when each was alone.
fn predicted(bench: &Bench, pipeline: &Path, staged: &Done, alone: &Done) -> Result<f64> {
    let plan = process::said(bench.callboard().arg("plan").arg(pipeline).args(["--format", "json"]))?;
    let plan: Value = serde_json::from_str(&plan).map_err(|error| format!("the plan: {error}"))?;
    let stages = plan["stages"].as_array().map_or(&[][..], Vec::as_slice);
    let planned = stages.iter().filter_map(|stage| stage["predicted"]["steps_bytes"].as_f64());
    if let Some(most) = planned.reduce(f64::max) {
        return Ok(most);
    }
    let needs = alone.stages().iter().flat_map(steps);
    let need = |name: &Value| {
        let step = needs.clone().find(|step| step["name"] == *name);
        step.and_then(|step| step["peak_linear_memory_bytes"].as_f64()).unwrap_or(f64::NAN)
    };
    let sums = staged.stages().iter().map(|stage| steps(stage).map(|step| need(&step["name"])).sum::<f64>());
    sums.reduce(f64::max).ok_or_else(|| "the run had no stages".to_owned())
}

fn steps(stage: &Value) -> impl Iterator<Item = &Value> + Clone {
    stage["steps"].as_array().map_or(&[][..], Vec::as_slice).iter()
}
