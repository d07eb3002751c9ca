//! What it takes until a step works, and until nothing is left of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use callboard_runtime::Life;
use serde_json::{Value, json};

use crate::Result;
use crate::bench::Bench;
use crate::markdown::grouped;
use crate::measure::{Measure, Unit};
use crate::pair::in_turn;
use crate::pipelines::reference;
use crate::process::{self, Watch};
use crate::report::{Section, Table};
use crate::step::{Step, said};

pub(super) const ABOUT: &str = "A component that was compiled before is mapped from the cache, instantiated, opened and dropped, as a stage does it: `text-stats` in Rust, the template's step, which counts words, in the others. \
The first batch is that of the reference pipeline: from before the process is started to the first call of the first step with rows.";

/// A language's step: what is reached by it, the language as `step new` calls it, and its name.
const LANGUAGES: [(Option<&str>, &str, &str); 3] = [
    (Some("lifecycle/rust"), "rust", "Rust"),
    (None, "typescript", "TypeScript"),
    (Some("lifecycle/python"), "python", "Python"),
];

pub(super) fn run(bench: &Bench, section: &mut Section) -> Result<()> {
    let mut table =
        Table::new("A step", &["language", "component", "load", "instantiate", "open", "drop", "load and instantiate"]);
    for (target, language, name) in LANGUAGES {
        match component(bench, language) {
            Ok(component) => {
                let config = if language == "rust" { json!({}) } else { json!({ "min": 3 }) };
                let both = life(bench, &component, name, config, &mut table)?;
                target.into_iter().for_each(|target| section.reach(target, both));
            }
            Err(why) => {
                section.note(format!("{name} is left out: {why}"));
                target.into_iter().for_each(|target| section.leave_out(target, why.clone()));
            }
        }
    }
    section.tables.push(table);
    first_batch(bench, section)
}

/// The template's step in a language: as the tests built it, or as `callboard step build` does.
fn component(bench: &Bench, language: &str) -> Result<PathBuf> {
    if language == "rust" {
        return bench.guest("text-stats");
    }
    let tested = bench.options.root.join("target/languages").join(language).join("transform/step/as-told.wasm");
    if tested.is_file() {
        return Ok(tested);
    }
    let help = format!("the {language} template is not built: `cargo xtask languages` gets the toolchain");
    let toolchains = bench.options.root.join("target/toolchains");
    if bench.sizes().quick || !toolchains.is_dir() {
        return Err(help);
    }
    bench.tell(&format!("building a step in {language}"));
    let folder = bench.path(language);
    let bins = [toolchains.join("bin"), toolchains.join(".venv/bin"), toolchains.join("node_modules/.bin")];
    let here = std::env::var_os("PATH").unwrap_or_default();
    let paths = bins.into_iter().chain(std::env::split_paths(&here));
    let paths = std::env::join_paths(paths).map_err(|error| error.to_string())?;
    let step = |words: &[&str]| {
        let mut command = bench.callboard();
        command.arg("step").args(words).env("PATH", &paths);
        command
    };
    let (mut new, mut build) = (step(&["new", "as-told", "--lang", language, "--dir"]), step(&["build"]));
    let built =
        process::run(new.arg(&folder), Watch::Process).and_then(|_| process::run(build.arg(&folder), Watch::Process));
    built.map(|_| folder.join("as-told.wasm")).map_err(|_| help)
}

/// Measures the life of a step; the median of loading and instantiating, ms.
fn life(bench: &Bench, component: &Path, name: &str, config: Value, table: &mut Table) -> Result<f64> {
    let step = Step::load(bench, component, config.clone())?;
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    let declared = step.probe().declare(&config, &[schema]).map_err(|error| said(error.error))?;
    let rounds = bench.sizes().rounds * 5;
    let mut lives: Vec<Life> = Vec::with_capacity(rounds);
    in_turn(
        rounds,
        &mut [(
            name,
            Box::new(|| {
                lives.push(step.probe().live(&declared).map_err(said)?);
                Ok(0.0)
            }),
        )],
    )?;
    // The first was not counted.
    let of = |part: fn(&Life) -> std::time::Duration| {
        let values: Vec<f64> = lives[1..].iter().map(|life| part(life).as_secs_f64() * 1e3).collect();
        Measure::of(Unit::Milliseconds, &values)
    };
    let both = of(|life| life.load + life.instantiate);
    let (median, bytes) = (both.median, std::fs::metadata(component).map_or(0, |file| file.len()));
    table.row([
        name.into(),
        Measure::one(Unit::Bytes, bytes as f64).into(),
        of(|life| life.load).into(),
        of(|life| life.instantiate).into(),
        of(|life| life.open).into(),
        of(|life| life.drop).into(),
        both.into(),
    ]);
    Ok(median)
}

fn first_batch(bench: &Bench, section: &mut Section) -> Result<()> {
    let rows = bench.sizes().rows;
    let (file, _) = bench.rows(rows)?;
    let pipeline = bench.pipeline("reference", &reference(&file, &bench.path("out.jsonl")))?;
    let (mut checked, mut whole) = (Vec::new(), Vec::new());
    let times = in_turn(
        bench.sizes().rounds,
        &mut [(
            "callboard run",
            Box::new(|| {
                let done = bench.run_pipeline(&pipeline, &[])?;
                let began = (done.figure("/began_at")? - done.started) * 1e3;
                checked.push(began);
                whole.push(done.ran.wall * 1e3);
                Ok(began + done.figure("/first_batch_ms")?)
            }),
        )],
    )?;
    let first = Measure::of(Unit::Milliseconds, &times[0]);
    section.reach("lifecycle/first-batch", first.median);
    let mut table = Table::new(
        format!("`callboard run`, {} rows, from before it is started", grouped(rows)),
        &["to its first stage", "to its first batch", "to its end"],
    );
    table.row([
        Measure::of(Unit::Milliseconds, &checked[1..]).into(),
        first.into(),
        Measure::of(Unit::Milliseconds, &whole[1..]).into(),
    ]);
    section.tables.push(table);
    Ok(())
}
