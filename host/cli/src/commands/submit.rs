//! `callboard submit`: a pipeline is cut into tasks, and an engine carries them out.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use callboard_bundled::BUNDLED;
use callboard_runtime::{Class, Driving, Engine, Local, Run, RunError, Settings};

use super::run::Watched;
use crate::arguments::{On, ShownArguments, SubmitArguments};
use crate::exit::{Failure, quoted};
use crate::last_words;
use crate::pipeline::{Planned, interruptible, planned, settings};

pub(crate) fn submit(arguments: &SubmitArguments) -> Result<ExitCode, Failure> {
    let Planned { pipeline, plan, components, base, file } = planned(&arguments.pipeline, arguments.load.into())?;
    let watched = Watched::begin(&arguments.shown)?;
    if arguments.work.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let work = quoted(&arguments.work);
        let message = format!("the work place `{}` is not empty", arguments.work.display());
        let help = format!("name a new one: --work DIR\nor continue it: callboard task {work} drive --on local=4");
        return Err(Failure::other(Class::Pipeline, message).help(help));
    }
    let settings = settings(base, arguments.work.clone(), interruptible()?)?
        .pipeline(file)
        .overwrite(arguments.overwrite)
        .limit(arguments.limit)
        .resumable(true)
        .max_spill(arguments.max_spill)
        .also_written(watched.report_place())
        .observer(watched.progress.observer());
    let placed = Run::prepare(plan, components, settings.clone()).and_then(|run| run.place(arguments.sliced.slices()));
    let trusted = placed.map_err(|error| Failure::of(error, &pipeline))?;
    last_words::running_in(&arguments.work);
    let mut engine = engine(arguments.on, &arguments.work, Some(trusted), &arguments.shown)?;
    let run = drive(settings, Some(trusted), Some(&mut *engine), &watched);
    let run = run.map_err(|error| Failure::of(continued(error, &arguments.work, arguments.on), &pipeline))?;
    let plan = run.plan().clone();
    watched.end(run.execute(), &arguments.work, Some(&pipeline), Some(&plan))
}

/// What starts tasks of a work place.
pub(crate) fn engine(
    on: On,
    work: &Path,
    trusted: Option<u128>,
    shown: &ShownArguments,
) -> Result<Box<dyn Engine>, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
    let (work, verbose, no_landlock) = (work.to_owned(), shown.verbose, shown.no_landlock);
    match on {
        On::Local(most) => Ok(Box::new(Local::new(most, move |task| {
            let mut command = Command::new(&program);
            command.arg("task").arg(&work).arg(task.to_string());
            command.args(trusted.map(|digest| format!("--trust={digest:032x}")));
            command.args(no_landlock.then_some("--no-landlock")).args(verbose.then_some("--verbose"));
            // Why a task failed is written down; what its steps log is for whoever asks for it.
            let said = if verbose { Stdio::inherit() } else { Stdio::null() };
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
            command
        }))),
    }
}

/// Has all tasks carried out; what is left is to put the outputs in their places.
pub(crate) fn drive(
    settings: Settings,
    trusted: Option<u128>,
    engine: Option<&mut dyn Engine>,
    watched: &Watched<'_>,
) -> Result<Run, RunError> {
    let settings = settings.confined(watched.is_confined());
    let driven = callboard_runtime::drive(Driving { bundled: BUNDLED, settings, trusted, engine });
    Ok(driven?.with_page(crate::pipeline::page))
}

/// With the command that continues.
pub(crate) fn continued(mut error: RunError, work: &Path, on: On) -> RunError {
    let On::Local(most) = on;
    let command = format!("what is done is kept; to continue: callboard task {} drive --on local={most}", quoted(work));
    error.help = Some(match error.help.take() {
        Some(help) => help.and("\n").and(command),
        None => command.into(),
    });
    error
}
