//! `callboard resume`: a run that was begun before, taken up where it stopped.

use std::path::PathBuf;
use std::process::ExitCode;

use callboard_runtime::{
    Allowed, CancellationToken, Class, Run, RunState, RunSummary, Settings, WorkPlace, default_cache_folder, run_plan,
    run_report,
};

use super::drive::{Driver, as_submitted};
use super::elsewhere::stop;
use super::run::{Watched, standard_output};
use crate::arguments::{ElsewhereArguments, ResumeArguments};
use crate::exit::Failure;
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
    if work.is_remote() || work.is_there() {
        return tasks(arguments, &work, watched, cancel);
    }
    if let Some(on) = &arguments.on {
        let message = format!("this run is not cut into tasks, which `{on}` could start");
        return Err(Failure::other(Class::Pipeline, message).help("remove --on"));
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

/// The same where the run is cut into tasks: those that are left are carried out, on what they were submitted to if nothing else is said.
fn tasks(
    arguments: &ResumeArguments,
    work: &WorkPlace,
    watched: Watched<'_>,
    cancel: CancellationToken,
) -> Result<ExitCode, Failure> {
    let ResumeArguments { base, max_spill, wait, max_rejects, budget, serve, .. } = arguments;
    let given = [
        ("--base", base.is_some()),
        ("--max-spill", max_spill.is_some()),
        ("--wait", *wait),
        ("--max-rejects", max_rejects.is_some()),
        ("--budget", budget.is_some()),
        ("--serve", serve.serve.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
        let message = format!("`{option}` is for runs of one process, and this one is cut into tasks");
        return Err(Failure::other(Class::Pipeline, message).help(format!("remove {option}, or submit it again")));
    }
    let stop = stop(&cancel);
    let settings = settings(PathBuf::new(), work.folder().to_owned(), cancel)?.observer(watched.observer());
    let ResumeArguments { on, elsewhere: ElsewhereArguments { follow, program }, overwrite, trust, shown, .. } =
        arguments;
    let (on, submitted) = match on {
        Some(on) => (on.clone(), None),
        None => as_submitted(work, *trust)?,
    };
    let elsewhere = &ElsewhereArguments { follow: *follow, program: program.clone().or(submitted) };
    Driver { work, on: Some(&on), elsewhere, overwrite: *overwrite, trust: *trust, shown }
        .drive(settings, watched, stop)
}
