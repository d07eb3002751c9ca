//! `callboard task`: one task of a submitted pipeline, or the driver of all.

use std::path::PathBuf;
use std::process::ExitCode;

use callboard_bundled::BUNDLED;
use callboard_runtime::{Class, RunState, RunSummary, TaskDone, carry_out, run_plan, run_report};

use super::run::Watched;
use super::submit::{continued, drive, engine};
use crate::arguments::{TaskArguments, TaskName};
use crate::exit::Failure;
use crate::last_words;
use crate::pipeline::{interruptible, settings};
use crate::show::print;

pub(crate) fn task(arguments: &TaskArguments) -> Result<ExitCode, Failure> {
    let TaskArguments { work, task, on, starts_nothing, trust, shown } = arguments;
    let watched = Watched::begin(shown)?;
    let settings = settings(PathBuf::new(), work.clone(), interruptible()?)?.observer(watched.progress.observer());
    let id = match task {
        TaskName::One(id) => *id,
        TaskName::Drive => {
            let finished = RunSummary::of(work).ok().filter(|run| run.state == RunState::Finished);
            if let Some(report) = finished.and_then(|run| run_report(&run.folder)) {
                return watched.end(Ok(report), work, None, run_plan(work).as_ref());
            }
            if on.is_none() && !starts_nothing {
                let failure = Failure::other(Class::Pipeline, "nothing says what starts the tasks");
                return Err(failure.help("add --on local=4, or --starts-nothing if something else does"));
            }
            last_words::running_in(work);
            let mut engine = on.map(|on| engine(on, work, *trust, shown)).transpose()?;
            let settings = settings.also_written(watched.report_place());
            let run = drive(settings, *trust, engine.as_mut().map(|engine| &mut **engine as _), &watched);
            let run = run.map_err(|error| match on {
                Some(on) => continued(error, work, *on),
                None => error,
            })?;
            let plan = run.plan().clone();
            return watched.end(run.execute(), work, None, Some(&plan));
        }
    };
    let done = carry_out(id, BUNDLED, settings.confined(watched.is_confined()), *trust);
    watched.progress.finish();
    match (done?, shown.quiet) {
        (_, true) => Ok(ExitCode::SUCCESS),
        (TaskDone::Now, _) => print(&format!("task {id}: done")),
        (TaskDone::Before, _) => print(&format!("task {id}: done before")),
    }
}
