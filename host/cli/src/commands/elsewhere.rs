//! What `submit` and `task … drive` have an engine do that has machines of its own: a job is begun, and followed if that is asked for.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callboard_io::Stop;
use callboard_plan::Pipeline;
use callboard_runtime::{CancellationToken, Class, Following, Settings, TasksReport, WorkPlace, run_plan};

use super::run::Watched;
use super::submit::{continued, drive};
use crate::arguments::{ElsewhereArguments, On};
use crate::engines::{Begun, Elsewhere, Gone, Job};
use crate::exit::{Failure, quoted};
use crate::show::{err, print};

/// Between two looks at a job that is followed.
const LOOK: Duration = Duration::from_millis(500);
/// How many looks may fail, one after the other, before the engine is taken for gone.
const FAILED_LOOKS: u32 = 20;

/// What the command line decides about a job.
pub(crate) struct Given<'a> {
    pub(crate) work: &'a WorkPlace,
    /// What stands for this user's key, where that is not.
    pub(crate) trusted: Option<u128>,
    pub(crate) overwrite: bool,
    pub(crate) elsewhere: &'a ElsewhereArguments,
    pub(crate) on: &'a On,
}

/// Ends requests to an engine when the command is interrupted.
pub(crate) fn stop(cancel: &CancellationToken) -> Stop {
    let cancel = cancel.clone();
    Stop::when(move || cancel.is_cancelled())
}

impl Given<'_> {
    /// The job for an engine.
    pub(crate) fn job(&self, name: &str, tasks: TasksReport, watched: &Watched<'_>) -> Result<Job, Failure> {
        let work = match self.work.is_remote() {
            true => Ok(self.work.name().to_owned()),
            false => std::path::absolute(self.work.name()),
        };
        let work = work.map_err(|error| Failure::system("find the work place", &error))?;
        let program = match (&self.elsewhere.program, self.on) {
            (Some(program), _) => program.clone(),
            (None, On::Slurm) => {
                let found = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
                found.display().to_string()
            }
            _ => "callboard".to_owned(),
        };
        let mut arguments: Vec<String> = Vec::new();
        arguments.extend(self.trusted.map(|digest| format!("--trust={digest:032x}")));
        arguments.extend(self.overwrite.then(|| "--overwrite".to_owned()));
        arguments.extend((!watched.is_confined()).then(|| "--no-landlock".to_owned()));
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let name = match self.on {
            On::Ray(_) => format!("callboard-{name}-{moment:x}"),
            _ => name.to_owned(),
        };
        Ok(Job { name, work, is_remote: self.work.is_remote(), program, arguments, groups: tasks.groups })
    }

    /// Begins a job, and follows it if that is asked for.
    pub(crate) fn begin(
        &self,
        elsewhere: &Elsewhere,
        job: &Job,
        settings: Settings,
        watched: Watched<'_>,
        pipeline: Option<&Pipeline>,
    ) -> Result<ExitCode, Failure> {
        let begun = elsewhere.begin(job).map_err(|failure| failure.also(self.again()).also(here(self.work)))?;
        let work = quoted(self.work.name());
        if !self.elsewhere.follow {
            return print(&format!("submitted: {}\nto look at it: callboard runs show {work}", begun.words()));
        }
        err(&format!("submitted: {}", begun.words()));
        let over = self.followed(elsewhere, &begun, &settings)?;
        if let Some(report) = self.work.finished() {
            let looked = self.work.look()?;
            return watched.end(Ok(report), self.work.name(), pipeline, run_plan(looked.folder()).as_ref());
        }
        // Its driver is no more, so this process is free to be one: it finds out why tasks failed, or ends what only had to be put in place.
        let settings = settings.overwrite(self.overwrite);
        let run = drive(self.work, settings, self.trusted, Some(&mut Gone::new(over)), &watched);
        let run = run.map_err(|error| {
            let error = continued(error, self.work.name(), self.on);
            match pipeline {
                Some(pipeline) => Failure::of(error, pipeline),
                None => error.into(),
            }
        })?;
        let plan = run.plan().clone();
        watched.end(run.execute(), self.work.name(), pipeline, Some(&plan))
    }

    /// Waits until the run has finished, or its job is over: then in the engine's words.
    fn followed(&self, elsewhere: &Elsewhere, begun: &Begun, settings: &Settings) -> Result<String, Failure> {
        let mut failed = 0;
        // What cannot be looked at is not shown.
        let following = Following::begin(self.work, &settings.cache_folder, self.trusted, settings.observer.clone());
        let mut following = following.ok();
        loop {
            following = following.and_then(|mut following| following.look().ok().map(|()| following));
            if settings.cancel.is_cancelled() {
                let failure =
                    Failure::other(Class::Interrupted, format!("{} is no longer followed, and goes on", begun.words()));
                return Err(failure.help(format!("to look at it: callboard runs show {}", quoted(self.work.name()))));
            }
            if self.work.finished().is_some() && self.work.is_at_rest() {
                return Ok(String::new());
            }
            match elsewhere.ended(begun) {
                Ok(Some(words)) => return Ok(words),
                Ok(None) => failed = 0,
                Err(_) if failed < FAILED_LOOKS => failed += 1,
                Err(failure) => return Err(failure),
            }
            std::thread::sleep(LOOK);
        }
    }

    fn again(&self) -> String {
        format!(
            "the work place is there; to begin its job: callboard task {} drive --on {}",
            quoted(self.work.name()),
            self.on
        )
    }
}

/// What helps where an engine does not answer.
pub(crate) fn here(work: &WorkPlace) -> String {
    format!("to continue on this machine: callboard resume {} --on local=2", quoted(work.name()))
}
