//! `callboard check`: a pipeline against its files and components, without running it.

use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;

use callboard_plan::Load;
use callboard_runtime::Run;

use super::run::new_folder;
use crate::arguments::CheckArguments;
use crate::exit::Failure;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::{inline, print, progress};

pub(crate) fn check(arguments: &CheckArguments) -> Result<ExitCode, Failure> {
    let Planned { pipeline, plan, components, base, file } = planned(&arguments.pipeline, Load::Staged)?;
    // Where a run's folder would be: nothing is made there, but no step may reach it.
    let settings = settings(base, new_folder(plan.name()), interruptible()?)?;
    let observer = progress::Progress::plain(progress::Detail::Warnings).observer();
    // Outputs that are there already are a matter of `run --overwrite`, not of the pipeline.
    let settings = settings.pipeline(file).overwrite(true).observer(observer);
    // Nothing is written there.
    let settings = settings.standard_output(File::open("/dev/null").ok().map(Arc::new));
    let run = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    let schemas = run.schemas();
    let width = schemas.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines = schemas.iter().map(|(name, columns)| format!("  {name:width$}  {}\n", inline(columns)));
    let (stages, steps) = (run.plan().stages().len(), run.plan().steps().len());
    print(&format!(
        "{}ok: {steps} steps in {stages} stages, checked from the inputs to the outputs",
        lines.collect::<String>()
    ))
}
