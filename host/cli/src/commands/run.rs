//! `callboard run`: a pipeline from its inputs to its outputs, and the report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use callboard_plan::Plan;
use callboard_runtime::{CancellationToken, Class, Report, Run, Settings};

use crate::arguments::RunArguments;
use crate::exit::Failure;
use crate::pipeline::{planned, settings};
use crate::show::progress::{Detail, Progress};
use crate::show::{print, report};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let mut planned = planned(&arguments.pipeline, arguments.load.into())?;
    if let Some(folder) = &arguments.outputs_to {
        divert(&mut planned.plan, folder)?;
    }
    let detail = match (arguments.quiet, arguments.verbose) {
        (true, _) => Detail::Errors,
        (_, true) => Detail::All,
        _ => Detail::Progress,
    };
    let progress = Progress::new(detail);
    let cancel = interruptible()?;
    let run_folder = arguments.run_dir.clone().unwrap_or_else(|| new_folder(&planned.plan.name));
    let settings = Settings {
        overwrite: arguments.overwrite,
        limit: arguments.limit,
        observer: progress.observer(),
        cancel,
        ..settings(planned.base, run_folder)?
    };
    let prepared = Run::prepare(planned.plan, planned.components, settings)?;
    let done = prepared.execute();
    progress.finish();
    let written = arguments.report.as_ref().map_or(Ok(()), |path| write_report(&done, path));
    let shown = match done.failure {
        Some(error) => return Err(error.into()),
        None if arguments.quiet => Ok(ExitCode::SUCCESS),
        None => print(&report::table(&done)),
    };
    written.and(shown)
}

/// A token that the first interrupt or termination cancels; the second ends the process at once.
fn interruptible() -> Result<CancellationToken, Failure> {
    let cancel = CancellationToken::new();
    let on_signal = cancel.clone();
    ctrlc::set_handler(move || {
        if on_signal.is_cancelled() {
            std::process::exit(130);
        }
        on_signal.cancel();
    })
    .map_err(|error| Failure::Other(Class::System, format!("cannot listen for signals: {error}")))?;
    Ok(cancel)
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
