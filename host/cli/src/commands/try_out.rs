//! `callboard try`: a pipeline on a few rows, and what each step did to them.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use callboard_runtime::{CancellationToken, Changed, Class, Gone, Report, Run, TriedStep, remove_run};

use super::run::new_folder;
use crate::arguments::TryArguments;
use crate::exit::Failure;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::difference::{difference, named, word};
use crate::show::figures::count;
use crate::show::progress::{Detail, Progress};
use crate::show::report::aligned;
use crate::show::{err, inline, print_paged};
use crate::step::watch::watch_file;

pub(crate) fn try_out(arguments: &TryArguments) -> Result<ExitCode, Failure> {
    let cancel = interruptible()?;
    if !arguments.watch {
        return once(arguments, &cancel);
    }
    let file = arguments.pipeline.file.clone();
    if file.as_os_str() == "-" {
        let message = "`--watch` tries again when the file is saved, and standard input is no file";
        return Err(Failure::other(Class::Pipeline, message));
    }
    watch_file(&file, &|| cancel.is_cancelled(), || {
        if let Err(failure) = once(arguments, &cancel) {
            failure.report();
        }
        err(&format!("waiting for `{}` to be saved; Ctrl-C ends it", inline(&file.display().to_string())));
    });
    Ok(ExitCode::from(130))
}

fn once(arguments: &TryArguments, cancel: &CancellationToken) -> Result<ExitCode, Failure> {
    // In a thread of its own: what Landlock takes from it, it never gets back, and the next one reads other files.
    let mut folder = Removed::default();
    let tried = thread::scope(|scope| scope.spawn(|| tried(arguments, cancel, &mut folder)).join());
    drop(folder);
    let tried = tried.unwrap_or_else(|_| Err(Failure::other(Class::Bug, "the thread that tried it panicked")))?;
    let shown = print_paged(&text(&tried, arguments.step.as_deref()));
    match tried.failed {
        Some(failure) => Err(failure),
        None => shown,
    }
}

struct Tried {
    report: Report,
    steps: Vec<TriedStep>,
    failed: Option<Failure>,
}

fn tried(arguments: &TryArguments, cancel: &CancellationToken, removed: &mut Removed) -> Result<Tried, Failure> {
    let Planned { pipeline, plan, components, base, file } =
        planned(&arguments.pipeline, callboard_plan::Load::default())?;
    let is_there = |step: &&String| plan.steps().iter().any(|planned| is_of(&planned.name, step));
    if let Some(step) = arguments.step.as_ref().filter(|step| !is_there(step)) {
        let names: Vec<String> = plan.steps().iter().map(|step| format!("`{}`", step.name)).collect();
        let message = format!("the pipeline has no step `{}`", inline(step));
        return Err(Failure::other(Class::Pipeline, message).help(format!("there are {}", names.join(", "))));
    }
    let progress = Progress::plain(Detail::Warnings);
    let folder = new_folder(&format!("{}-try", plan.name()));
    let settings = settings(base, folder.clone(), cancel.child_token())?
        .pipeline(file)
        .overwrite(true)
        .limit(Some(arguments.rows))
        .spread(arguments.spread.then_some(arguments.seed))
        .confined(!arguments.no_landlock)
        .observer(progress.observer());
    removed.0 = Some(folder);
    let run = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    let (done, steps) = run.try_out();
    Ok(match done {
        Ok(report) => Tried { report, steps, failed: None },
        Err(failed) => Tried { report: failed.report, steps, failed: Some(Failure::of(failed.error, &pipeline)) },
    })
}

/// The folder of what was tried, which goes with it. It lies where the thread that tries may write no more.
#[derive(Default)]
struct Removed(Option<PathBuf>);

impl Drop for Removed {
    fn drop(&mut self) {
        if let Some(folder) = self.0.take().filter(|folder| folder.exists()) {
            let _ = remove_run(&folder);
        }
    }
}

/// Whether a step has a name, or is one of the pipeline that has it.
fn is_of(step: &str, name: &str) -> bool {
    step == name || step.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
}

fn text(tried: &Tried, only: Option<&str>) -> String {
    let Tried { report, steps, .. } = tried;
    let heads = ["step", "rows in", "out", "dropped", "rejected"].map(str::to_owned).to_vec();
    let of_all = || {
        report
            .stages
            .iter()
            .flat_map(|stage| &stage.steps)
            .filter(|step| only.is_none_or(|only| is_of(&step.name, only)))
    };
    let rows = of_all().map(|step| {
        let figures = [step.rows_in, step.rows_out, step.rows_dropped, step.rows_rejected].map(count);
        std::iter::once(step.name.clone()).chain(figures).collect()
    });
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let mut text = aligned(&rows, 1);
    for step in steps.iter().filter(|step| only.is_none_or(|only| is_of(&step.name, only))) {
        let reasons = of_all().find(|reported| reported.name == step.name);
        let (dropped, rejected) = reasons.map_or((0, 0), |reported| (reported.rows_dropped, reported.rows_rejected));
        let mut said = String::new();
        if let Some((place, changes)) = &step.changed {
            let _ = writeln!(said, " changed   {}", inline(place));
            for Changed { column, from, to, .. } in changes {
                let _ = writeln!(said, "   {}: {}", named(column), difference(from.as_ref(), to.as_ref()));
            }
        }
        for (did, rows, gone) in [("dropped", dropped, &step.dropped), ("rejected", rejected, &step.rejected)] {
            let Some(Gone { place, reason, row, .. }) = gone else { continue };
            let _ =
                writeln!(said, " {did:<9} {}   {} ({} of {})", inline(place), inline(reason), count(1), count(rows));
            for (column, value) in row {
                let _ = writeln!(said, "   {}: {}", named(column), word(value));
            }
        }
        if !said.is_empty() {
            let _ = write!(text, "\n── {}\n{said}", step.name);
        }
    }
    for note in &report.notes {
        let _ = writeln!(text, "\nnote: {}", inline(note));
    }
    let replies = if report.calls.is_empty() { "" } else { ", and the replies of servers" };
    let _ = write!(
        text,
        "\nno output was written; a run uses the components as they are compiled now{replies}, and works on its own batches of rows"
    );
    text
}
