//! The driver of a work place, as `task … drive` and `resume` have it: the tasks that are left are carried out, and the outputs put in place.

use std::process::ExitCode;

use callboard_io::Stop;
use callboard_runtime::{RunError, Settings, WorkPlace, default_cache_folder, run_plan, submitted_to, tasks_of};

use super::elsewhere::{Given, here};
use super::run::Watched;
use super::submit::{continued, drive, engine};
use crate::arguments::{ElsewhereArguments, On, ShownArguments};
use crate::engines::Elsewhere;
use crate::exit::Failure;
use crate::last_words;

/// What the command line says about a driver.
pub(crate) struct Driver<'a> {
    pub(crate) work: &'a WorkPlace,
    /// What starts the tasks; `None` if something else does.
    pub(crate) on: Option<&'a On>,
    pub(crate) elsewhere: &'a ElsewhereArguments,
    pub(crate) overwrite: bool,
    pub(crate) trust: Option<u128>,
    pub(crate) shown: &'a ShownArguments,
}

impl Driver<'_> {
    /// Drives, or has an engine drive that has machines of its own. `stop` ends requests to it.
    pub(crate) fn drive(self, settings: Settings, watched: Watched<'_>, stop: Stop) -> Result<ExitCode, Failure> {
        let Driver { work, on, elsewhere, overwrite, trust, shown } = self;
        let settings = settings.overwrite(overwrite).also_written(watched.report_place());
        if let Some(on) = on
            && let Some(engine) = Elsewhere::of(on, stop).map_err(|failure| failure.also(here(work)))?
        {
            let name = run_plan(work.look()?.folder()).map(|plan| plan.name().to_owned());
            let (tasks, digest) = tasks_of(work, &settings.cache_folder, trust)?;
            let given = Given { work, trusted: Some(digest), overwrite, elsewhere, on };
            let job = given.job(&name.unwrap_or_default(), tasks, &watched)?;
            return given.begin(&engine, &job, settings, watched, None);
        }
        last_words::running_in(work.name());
        let mut engine = on.map(|on| engine(on, work.name(), trust, shown)).transpose()?;
        let run = drive(work, settings, trust, engine.as_mut().map(|engine| &mut **engine as _), &watched);
        let run = run.map_err(|error| match on {
            Some(on) => continued(error, work.name(), on),
            None => error,
        })?;
        let plan = run.plan().clone();
        watched.end(run.execute(), work.name(), None, Some(&plan))
    }
}

/// What starts the tasks of a work place if nobody says it: what they were submitted to, with the command on its machines.
pub(crate) fn as_submitted(work: &WorkPlace, trust: Option<u128>) -> Result<(On, Option<String>), RunError> {
    let submitted = submitted_to(work, &default_cache_folder(), trust)?;
    match submitted.and_then(|submitted| Some((submitted.on.parse().ok()?, submitted.program))) {
        Some(submitted) => Ok(submitted),
        None => Ok((on_this_machine(work, trust)?, None)),
    }
}

/// As many processes of this machine as it has cores for, if each task has those that it can use.
fn on_this_machine(work: &WorkPlace, trust: Option<u128>) -> Result<On, RunError> {
    let (tasks, _) = tasks_of(work, &default_cache_folder(), trust)?;
    let of_task = tasks.groups.iter().map(|group| group.cores as usize).max().unwrap_or(1).max(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(On::Local((cores / of_task).max(1)))
}
