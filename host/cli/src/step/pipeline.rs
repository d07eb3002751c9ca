//! `callboard step run` of a bundled step that is a pipeline: rows go through a run of their own.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::ExitCode;

use callboard_io::beneath::Temporary;
use callboard_plan::pipeline::TextLimits;
use callboard_plan::{Load, Pipeline, Plan, Source};
use callboard_runtime::{Components, Run, compose};
use callboard_trial::Subject;
use serde_json::{Value, json};

use super::run::gone;
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::progress::{Detail, Progress};
use crate::show::{err, inline};
use callboard_bundled::BUNDLED;

/// Sends standard input through the step: `text` is its pipeline.
pub(super) fn run(subject: &Subject, text: &str, verbose: bool) -> Result<ExitCode, Failure> {
    let scratch = Temporary::create(&std::env::temp_dir(), "callboard-step-")
        .map_err(|error| Failure::system("make a folder for scratch", &error))?;
    let base = scratch.path();
    let copied = std::fs::File::create(base.join("stdin.jsonl"))
        .and_then(|mut file| io::copy(&mut io::stdin().lock(), &mut file));
    copied.map_err(|error| Failure::system("read standard input", &error))?;
    let pipeline = Pipeline::parse(Source::new("<step>", around(subject, text)), &[])?;
    let pipeline = compose(pipeline, BUNDLED, base, TextLimits::default())?;
    let components = Components::of(&pipeline, BUNDLED, base);
    let plan = Plan::new(&pipeline, &components.catalog, Load::Staged)?;
    let detail = if verbose { Detail::All } else { Detail::Warnings };
    let settings = crate::pipeline::settings(base.to_owned(), base.join("run"), interruptible()?)?;
    let settings = settings.observer(Progress::plain(detail).observer());
    Run::prepare(plan, components, settings)?.execute().map_err(|failed| failed.error)?;
    each_line(base.join("dropped.jsonl"), |line| {
        let row: Value = serde_json::from_str(line).unwrap_or_default();
        let reason = row["_reason"].as_str().unwrap_or("no reason given");
        err(&format!("dropped   row {}: {}", row["_line"], inline(reason)));
        Ok(())
    })?;
    let mut out = BufWriter::new(io::stdout());
    each_line(base.join("out.jsonl"), |line| writeln!(out, "{line}").or_else(gone))?;
    out.flush().or_else(gone).map_err(|error| Failure::system("write rows", &error))?;
    Ok(ExitCode::SUCCESS)
}

/// The pipeline of this one step, in JSON. Rows that it drops are shown, if it has a door for them.
fn around(subject: &Subject, text: &str) -> String {
    let mut outputs = json!({ "out": { "path": "out.jsonl" } });
    if text.contains("[outputs.dropped]") {
        outputs["dropped"] = json!({ "path": "dropped.jsonl", "from": format!("{}.dropped", subject.uses()) });
    }
    let step = json!({ "use": subject.uses(), "config": subject.config() });
    json!({ "callboard": 1, "inputs": { "stdin": { "path": "stdin.jsonl" } }, "steps": [step], "outputs": outputs })
        .to_string()
}

/// The lines of a file; none if it is not there.
fn each_line(path: std::path::PathBuf, mut line: impl FnMut(&str) -> io::Result<()>) -> Result<(), Failure> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::system("read what the step put out", &error)),
    };
    let all = BufReader::new(file).lines().try_for_each(|text| line(&text?));
    all.map_err(|error| Failure::system("write rows", &error))
}
