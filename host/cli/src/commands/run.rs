//! `callboard run`: a pipeline from its inputs to its outputs, and the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use callboard_plan::{Pipeline, Plan};
use callboard_runtime::{Profile, Report, Run, Settings};

use crate::arguments::{RunArguments, ShownArguments};
use crate::exit::Failure;
use crate::last_words;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::progress::{Detail, Progress};
use crate::show::{print, report};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let Planned { pipeline, mut plan, components, base } = planned(&arguments.pipeline, arguments.load.into())?;
    if let Some(folder) = &arguments.outputs_to {
        divert(&mut plan, folder)?;
    }
    let watched = Watched::begin(&arguments.shown)?;
    let run_folder = arguments.run_dir.clone().unwrap_or_else(|| new_folder(&plan.name));
    let earlier = match arguments.fresh || arguments.no_resume {
        true => Vec::new(),
        false => earlier(&run_folder)?,
    };
    let file = Some(&arguments.pipeline.file).filter(|file| file.as_os_str() != "-");
    let settings = Settings {
        pipeline: file.and_then(|file| std::path::absolute(file).ok()),
        overwrite: arguments.overwrite,
        limit: arguments.limit,
        resumable: !arguments.no_resume,
        earlier,
        max_spill: arguments.max_spill,
        profile: arguments.profile.clone().map(|step| Profile { step, path: arguments.profile_out.clone() }),
        observer: watched.progress.observer(),
        ..settings(base, run_folder, interruptible()?)?
    };
    let folder = settings.run_folder.clone();
    let prepared = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    if !arguments.no_resume {
        last_words::running_in(&folder);
    }
    watched.end(prepared.execute(), &folder, Some(&pipeline))
}

/// Runs that lie beside this one.
fn earlier(run_folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let parent = run_folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let doing = format!("read the folder of runs `{}`", parent.display());
    let folders = callboard_runtime::run_folders(parent).map_err(|error| Failure::system(&doing, &error))?;
    Ok(folders.into_iter().filter(|folder| folder != run_folder).collect())
}

/// A run that is being shown.
pub(crate) struct Watched<'a> {
    arguments: &'a ShownArguments,
    pub(crate) progress: Progress,
}

impl<'a> Watched<'a> {
    pub(crate) fn begin(arguments: &'a ShownArguments) -> Result<Watched<'a>, Failure> {
        let folder = arguments.report.as_ref().and_then(|path| path.parent());
        if let Some(folder) = folder.filter(|path| !path.as_os_str().is_empty()) {
            // Sooner than at the end of a long run.
            let doing = format!("open the report's folder `{}`", folder.display());
            folder.read_dir().map_err(|error| Failure::system(&doing, &error))?;
        }
        let detail = match (arguments.quiet, arguments.verbose) {
            (true, _) => Detail::Errors,
            (_, true) => Detail::All,
            _ => Detail::Progress,
        };
        Ok(Watched { arguments, progress: Progress::new(detail) })
    }

    /// Shows what the run came to.
    pub(crate) fn end(self, done: Report, folder: &Path, pipeline: Option<&Pipeline>) -> Result<ExitCode, Failure> {
        self.progress.finish();
        let written = self.arguments.report.as_ref().map_or(Ok(()), |path| write_report(&done, path));
        let resumable = done.resumable;
        let shown = match done.failure {
            Some(mut error) => {
                let mut beside = |note: String| {
                    error.help = Some(error.help.take().map_or(note.clone(), |help| format!("{help}\n{note}")));
                };
                if std::fs::metadata(&done.rejects.path).is_ok_and(|file| file.len() > 0) {
                    beside(format!("the rows rejected until then are in {}", done.rejects.path));
                }
                if let Some(profile) = &done.profile {
                    beside(format!("the profile of `{}` until then: {}", profile.step, report::profile(profile)));
                }
                let failure = match pipeline {
                    Some(pipeline) => Failure::of(error, pipeline),
                    None => error.into(),
                };
                return Err(if resumable { failure.resumable(folder) } else { failure });
            }
            None if self.arguments.quiet => Ok(ExitCode::SUCCESS),
            None => print(&report::table(&done)),
        };
        written.and(shown)
    }
}

/// `.callboard/runs/NAME-TIME`, the time in milliseconds and base 36.
fn new_folder(name: &str) -> PathBuf {
    let mut time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut digits = Vec::new();
    while time > 0 {
        digits.push(char::from_digit((time % 36) as u32, 36).expect("a digit of base 36"));
        time /= 36;
    }
    let id: String = digits.into_iter().rev().collect();
    Path::new(".callboard/runs").join(format!("{name}-{id}"))
}

fn write_report(report: &Report, path: &Path) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(report).expect("a report is JSON");
    let doing = format!("write the report to `{}`", path.display());
    std::fs::write(path, json + "\n").map_err(|error| Failure::system(&doing, &error))
}

/// Sends the outputs to another folder, each under its own name.
fn divert(plan: &mut Plan, folder: &Path) -> Result<(), Failure> {
    let folder = folder.canonicalize().map_err(|error| Failure::system("open the folder for outputs", &error))?;
    for output in &mut plan.outputs {
        let file = Path::new(&output.path).file_name().unwrap_or_default();
        output.path = folder.join(&output.name).join(file).display().to_string();
    }
    Ok(())
}
