//! `callboard run`: a pipeline from its inputs to its outputs, and the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use callboard_plan::Plan;
use callboard_runtime::{Report, Run, Settings};

use crate::arguments::RunArguments;
use crate::exit::Failure;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::progress::{Detail, Progress};
use crate::show::{print, report};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let Planned { pipeline, mut plan, components, base } = planned(&arguments.pipeline, arguments.load.into())?;
    if let Some(folder) = &arguments.outputs_to {
        divert(&mut plan, folder)?;
    }
    if let Some(folder) =
        arguments.report.as_ref().and_then(|path| path.parent()).filter(|path| !path.as_os_str().is_empty())
    {
        // Sooner than at the end of a long run.
        let doing = format!("open the report's folder `{}`", folder.display());
        folder.read_dir().map_err(|error| Failure::system(&doing, &error))?;
    }
    let detail = match (arguments.quiet, arguments.verbose) {
        (true, _) => Detail::Errors,
        (_, true) => Detail::All,
        _ => Detail::Progress,
    };
    let progress = Progress::new(detail);
    let run_folder = arguments.run_dir.clone().unwrap_or_else(|| new_folder(&plan.name));
    let settings = Settings {
        overwrite: arguments.overwrite,
        limit: arguments.limit,
        observer: progress.observer(),
        ..settings(base, run_folder, interruptible()?)?
    };
    let prepared = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    let done = prepared.execute();
    progress.finish();
    let written = arguments.report.as_ref().map_or(Ok(()), |path| write_report(&done, path));
    let shown = match done.failure {
        Some(mut error) => {
            if std::fs::metadata(&done.rejects.path).is_ok_and(|file| file.len() > 0) {
                let note = format!("the rows rejected until then are in {}", done.rejects.path);
                error.help = Some(error.help.map_or(note.clone(), |help| format!("{help}\n{note}")));
            }
            return Err(Failure::of(error, &pipeline));
        }
        None if arguments.quiet => Ok(ExitCode::SUCCESS),
        None => print(&report::table(&done)),
    };
    written.and(shown)
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
