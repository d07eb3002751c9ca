//! `callboard task`: one task of a submitted pipeline, or the driver of all.

use std::path::PathBuf;
use std::process::ExitCode;

use callboard_bundled::BUNDLED;
use callboard_runtime::{
    Class, Lasts, RunState, RunSummary, TaskDone, WorkPlace, carry_out, default_cache_folder, run_plan, run_report,
};

use super::drive::Driver;
use super::elsewhere::stop;
use super::run::{Watched, end_with};
use crate::arguments::{TaskArguments, TaskName};
use crate::exit::Failure;
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
            {
                let looked = work.look()?;
                let finished = RunSummary::of(looked.folder()).ok().filter(|run| run.state == RunState::Finished);
                if let Some(report) = finished.as_ref().and_then(|_| run_report(looked.folder())) {
                    return watched.end(Ok(report), work.name(), None, run_plan(looked.folder()).as_ref());
                }
            }
            if on.is_none() && !starts_nothing {
                let failure = Failure::other(Class::Pipeline, "nothing says what starts the tasks");
                return Err(
                    failure.help("add --on local=4 (or another engine), or --starts-nothing if something else does")
                );
            }
            let (on, overwrite, trust) = (on.as_ref(), *overwrite, *trust);
            return Driver { work, on, elsewhere, overwrite, trust, shown }.drive(settings, watched, stop);
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
