//! `callboard resume`: a run that was begun before, taken up where it stopped.

use std::process::ExitCode;

use callboard_runtime::{
    Allowed, Class, Run, RunState, RunSummary, Settings, WorkPlace, default_cache_folder, run_plan, run_report,
};

use super::run::{Watched, standard_output};
use crate::arguments::ResumeArguments;
use crate::exit::{Failure, resume_command};
use crate::last_words;
use crate::pipeline::{interruptible, settings};
use callboard_bundled::BUNDLED;

pub(crate) fn resume(arguments: &ResumeArguments) -> Result<ExitCode, Failure> {
    let watched = Watched::begin(&arguments.shown)?;
    let cancel = interruptible()?;
    let work = WorkPlace::find(&arguments.run_dir, &default_cache_folder(), &cancel)?;
    work.catch_up()?;
    let looked = work.look()?;
    // Whoever resumes until the run is done need not know how far the last process got.
    let summary = RunSummary::of(looked.folder()).ok().filter(|run| run.state == RunState::Finished);
    if let Some(report) = summary.and_then(|run| run_report(&run.folder)) {
        let plan = run_plan(looked.folder());
        return watched.end(Ok(report), &arguments.run_dir, None, plan.as_ref());
    }
    if work.is_there() {
        let message = format!("`{}` is a work place: its tasks are driven, not resumed", arguments.run_dir.display());
        return Err(Failure::other(Class::Pipeline, message).help(resume_command(&arguments.run_dir)));
    }
    let watched = watched.seen_by(&arguments.serve)?;
    let base = arguments.base.clone().unwrap_or_default();
    let settings = settings(base.clone(), arguments.run_dir.clone(), cancel.clone())?
        .wait(arguments.wait)
        .batch_grace(arguments.batch_grace)
        .max_spill(arguments.max_spill)
        .overwrite(arguments.overwrite)
        .also_written(watched.report_place())
        .standard_output(standard_output())
        .confined(watched.is_confined())
        .observer(watched.observer());
    let (max_rejects, budget, trusted) = (arguments.max_rejects, arguments.budget, arguments.trust);
    let allowed = Allowed { max_rejects, budget, trusted };
    let prepared = watched.watching(Run::resume(BUNDLED, settings, allowed)?);
    last_words::running_in(&arguments.run_dir);
    let plan = prepared.plan().clone();
    let mut done = prepared.execute();
    if arguments.wait {
        let again =
            |settings: Settings| settings.base(&base).max_spill(arguments.max_spill).overwrite(arguments.overwrite);
        done = watched.wait(done, &arguments.run_dir, &cancel, again)?;
    }
    watched.end(done, &arguments.run_dir, None, Some(&plan))
}
