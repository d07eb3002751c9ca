//! `callboard task`: one task of a submitted pipeline, or the driver of all.

use std::path::PathBuf;
use std::process::ExitCode;

use callboard_bundled::BUNDLED;
use callboard_runtime::{
    Class, Lasts, RunState, RunSummary, TaskDone, WorkPlace, carry_out, default_cache_folder, run_plan, run_report,
    tasks_of,
};

use super::elsewhere::{Given, stop};
use super::run::{Watched, end_with};
use super::submit::{continued, drive, engine};
use crate::arguments::{TaskArguments, TaskName};
use crate::engines::Elsewhere;
use crate::exit::Failure;
use crate::last_words;
use crate::pipeline::{interruptible, settings};
use crate::show::print;

pub(crate) fn task(arguments: &TaskArguments) -> Result<ExitCode, Failure> {
    if let Some(parent) = arguments.end_with {
        end_with(parent)?;
    }
    let TaskArguments { work, task, on, elsewhere, overwrite, starts_nothing, trust, end_with: _, same_machine, shown } =
        arguments;
    let watched = Watched::begin(shown)?;
    let cancel = interruptible()?;
    let stop = stop(&cancel);
    let work = &WorkPlace::find(work, &default_cache_folder(), &cancel)?;
    let settings = settings(PathBuf::new(), work.folder().to_owned(), cancel)?.observer(watched.progress.observer());
    let id = match task {
        TaskName::One(id) => *id,
        TaskName::Drive => {
            work.catch_up()?;
            let name = {
                let looked = work.look()?;
                let finished = RunSummary::of(looked.folder()).ok().filter(|run| run.state == RunState::Finished);
                if let Some(report) = finished.as_ref().and_then(|_| run_report(looked.folder())) {
                    return watched.end(Ok(report), work.name(), None, run_plan(looked.folder()).as_ref());
                }
                run_plan(looked.folder()).map(|plan| plan.name().to_owned())
            };
            if on.is_none() && !starts_nothing {
                let failure = Failure::other(Class::Pipeline, "nothing says what starts the tasks");
                return Err(
                    failure.help("add --on local=4 (or another engine), or --starts-nothing if something else does")
                );
            }
            let settings = settings.overwrite(*overwrite).also_written(watched.report_place());
            if let Some(on) = on
                && let Some(engine) = Elsewhere::of(on, stop)?
            {
                let (tasks, digest) = tasks_of(work, &settings.cache_folder, *trust)?;
                let given = Given { work, trusted: Some(digest), overwrite: *overwrite, elsewhere, on };
                let job = given.job(&name.unwrap_or_default(), tasks, &watched)?;
                return given.begin(&engine, &job, settings, watched, None);
            }
            last_words::running_in(work.name());
            let mut engine = on.as_ref().map(|on| engine(on, work.name(), *trust, shown)).transpose()?;
            let run = drive(work, settings, *trust, engine.as_mut().map(|engine| &mut **engine as _), &watched);
            let run = run.map_err(|error| match on {
                Some(on) => continued(error, work.name(), on),
                None => error,
            })?;
            let plan = run.plan().clone();
            return watched.end(run.execute(), work.name(), None, Some(&plan));
        }
    };
    let lasts = if *same_machine { Lasts::UntilRestart } else { Lasts::ForGood };
    let done = carry_out(id, BUNDLED, work, settings.confined(watched.is_confined()), *trust, lasts);
    watched.progress.finish();
    match (done?, shown.quiet) {
        (_, true) => Ok(ExitCode::SUCCESS),
        (TaskDone::Now, _) => print(&format!("task {id}: done")),
        (TaskDone::Before, _) => print(&format!("task {id}: done before")),
    }
}
