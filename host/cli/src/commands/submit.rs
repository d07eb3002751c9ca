//! `callboard submit`: a pipeline is cut into tasks, and an engine carries them out.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use callboard_bundled::BUNDLED;
use callboard_runtime::{
    Class, Driving, Engine, Local, Run, RunError, Settings, Submitted, WorkPlace, default_cache_folder,
};

use super::elsewhere::{Given, stop};
use super::run::Watched;
use crate::arguments::{On, ShownArguments, SubmitArguments};
use crate::engines::lines::Lines;
use crate::engines::{Elsewhere, slurm};
use crate::exit::{Failure, quoted};
use crate::last_words;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::{err, inline, print};

pub(crate) fn submit(arguments: &SubmitArguments) -> Result<ExitCode, Failure> {
    let Planned { pipeline, plan, components, base, file } = planned(&arguments.pipeline, arguments.load.into())?;
    let watched = Watched::begin(&arguments.shown)?;
    let cancel = interruptible()?;
    let work = WorkPlace::find(&arguments.work, &default_cache_folder(), &cancel)?;
    if !work.is_free()? {
        let message = format!("the work place `{}` is not empty", work.name().display());
        let help = format!(
            "name a new one: --work DIR\nor continue it: callboard task {} drive --on {}",
            quoted(work.name()),
            arguments.on
        );
        return Err(Failure::other(Class::Pipeline, message).help(help));
    }
    if arguments.print && arguments.on != On::Slurm {
        let failure = Failure::other(Class::Pipeline, format!("there are no scripts for `{}`", arguments.on));
        return Err(failure.help("--on slurm"));
    }
    let elsewhere = Elsewhere::of(&arguments.on, stop(&cancel))?;
    let submitted = Submitted { on: arguments.on.to_string(), program: arguments.elsewhere.program.clone() };
    let settings = settings(base, work.folder().to_owned(), cancel)?
        .pipeline(file)
        .submitted(Some(submitted))
        .overwrite(arguments.overwrite)
        .limit(arguments.limit)
        .resumable(true)
        .max_spill(arguments.max_spill)
        .also_written(watched.report_place())
        .observer(watched.progress.observer());
    let name = plan.name().to_owned();
    let run = Run::prepare(plan, components, settings.clone()).map_err(|error| Failure::of(error, &pipeline))?;
    let slices = arguments.sliced.slices(Some(&arguments.on));
    let tasks = run.tasks(slices).map_err(|error| Failure::of(error, &pipeline))?;
    let given = Given {
        work: &work,
        trusted: None,
        overwrite: arguments.overwrite,
        elsewhere: &arguments.elsewhere,
        on: &arguments.on,
    };
    if arguments.print {
        return print(&slurm::shown(&slurm::scripts(&given.job(&name, tasks, &watched)?, slurm::LARGEST_ARRAY)));
    }
    if work.is_remote() && elsewhere.is_some() && !arguments.shown.quiet {
        let is_here = |path: &str| callboard_words::address::split(path).is_none();
        for output in run.plan().outputs().iter().filter(|output| is_here(&output.path)) {
            let name = inline(&output.name);
            err(&format!("note: output `{name}` is a file: it is written on the machine of the job's driver"));
        }
    }
    let trusted = run.place(slices).map_err(|error| Failure::of(error, &pipeline))?;
    work.publish()?;
    if let Some(elsewhere) = elsewhere {
        work.forget()?;
        let given = Given { trusted: Some(trusted), ..given };
        let job = given.job(&name, tasks, &watched)?;
        return given.begin(&elsewhere, &job, settings, watched, Some(&pipeline));
    }
    last_words::running_in(work.name());
    let mut engine = engine(&arguments.on, work.name(), Some(trusted), &arguments.shown)?;
    let run = drive(&work, settings, Some(trusted), Some(&mut *engine), &watched);
    let run = run.map_err(|error| Failure::of(continued(error, work.name(), &arguments.on), &pipeline))?;
    let plan = run.plan().clone();
    watched.end(run.execute(), work.name(), Some(&pipeline), Some(&plan))
}

/// What starts tasks of a work place.
pub(crate) fn engine(
    on: &On,
    work: &Path,
    trusted: Option<u128>,
    shown: &ShownArguments,
) -> Result<Box<dyn Engine>, Failure> {
    let most = match on {
        On::Local(most) => *most,
        On::Lines => return Ok(Box::new(Lines::begin())),
        On::Ray(_) | On::Slurm => {
            return Err(Failure::other(Class::Bug, format!("`{on}` starts no processes of this machine")));
        }
    };
    let program = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
    let (work, verbose, no_landlock) = (work.to_owned(), shown.verbose, shown.no_landlock);
    Ok(Box::new(Local::new(most, move |task| {
        let mut command = Command::new(&program);
        command.arg("task").arg(&work).arg(task.to_string()).arg("--same-machine");
        command.args(trusted.map(|digest| format!("--trust={digest:032x}")));
        command.args(no_landlock.then_some("--no-landlock")).args(verbose.then_some("--verbose"));
        // Why a task failed is written down; what its steps log is for whoever asks for it.
        let said = if verbose { Stdio::inherit() } else { Stdio::null() };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        command
    })))
}

/// Has all tasks carried out; what is left is to put the outputs in their places.
pub(crate) fn drive(
    work: &WorkPlace,
    settings: Settings,
    trusted: Option<u128>,
    engine: Option<&mut dyn Engine>,
    watched: &Watched<'_>,
) -> Result<Run, RunError> {
    let settings = settings.confined(watched.is_confined());
    let driven = callboard_runtime::drive(Driving { bundled: BUNDLED, work: work.clone(), settings, trusted, engine });
    Ok(driven?.with_page(crate::pipeline::page))
}

/// With the command that continues.
pub(crate) fn continued(mut error: RunError, work: &Path, on: &On) -> RunError {
    // Whoever started a driver within a job says how it continues.
    if *on == On::Lines {
        return error;
    }
    let command = format!("what is done is kept; to continue: callboard task {} drive --on {on}", quoted(work));
    error.help = Some(match error.help.take() {
        Some(help) => help.and("\n").and(command),
        None => command.into(),
    });
    error
}
