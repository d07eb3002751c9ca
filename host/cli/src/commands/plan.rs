//! `callboard plan`: the stages of a pipeline, for a person or a program.

use std::path::PathBuf;
use std::process::ExitCode;

use callboard_runtime::{Change, Run, StepReuse, Verdict};

use super::run::ReportFile;
use crate::arguments::{PlanArguments, PlanFormat};
use crate::exit::Failure;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::figures::count;
use crate::show::progress::{Detail, Progress};
use crate::show::{inline, print, print_json, width};

pub(crate) fn plan(arguments: &PlanArguments) -> Result<ExitCode, Failure> {
    let planned = planned(&arguments.pipeline, arguments.load.into())?;
    if arguments.why {
        return why(arguments, planned);
    }
    let plan = planned.plan;
    if let Some(file) = &arguments.svg {
        ReportFile::find(file)?.replacing("<svg ", "a drawing")?.write_text(&callboard_plan::svg(&plan))?;
        return print(&format!("drawn: {}", inline(&file.display().to_string())));
    }
    match arguments.format {
        PlanFormat::Text => print(&callboard_plan::explain(&plan, columns())),
        PlanFormat::Json => print_json(&plan),
        PlanFormat::Mermaid => print(&callboard_plan::mermaid(&plan)),
        PlanFormat::Svg => print(&callboard_plan::svg(&plan)),
    }
}

/// Lines that are longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 120;

fn columns() -> usize {
    width().min(WIDEST)
}

/// Why the plan is as it is; then for each step, what would be taken over from earlier runs, and why not the rest.
fn why(arguments: &PlanArguments, planned: Planned) -> Result<ExitCode, Failure> {
    let Planned { pipeline, plan, components, base, file } = planned;
    print(&callboard_plan::reasons(&plan, columns()))?;
    let doing = format!("read the folder of runs `{}`", arguments.runs.display());
    let earlier = callboard_runtime::run_folders(&arguments.runs).map_err(|error| Failure::system(&doing, &error))?;
    let observer = Progress::plain(Detail::Warnings).observer();
    let settings = settings(base, PathBuf::new(), interruptible()?)?;
    let settings = settings.pipeline(file).overwrite(true).earlier(earlier).observer(observer);
    let run = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    let steps = run.reuse().map_err(|error| Failure::of(error, &pipeline))?;
    let width = steps.iter().map(|step| step.step.chars().count()).max().unwrap_or(0);
    let lines = steps.iter().map(|StepReuse { step, verdict }| format!(" {step:width$}  {}\n", words(verdict, width)));
    print(&format!(
        "\nworked out before, in runs of `{}`:\n{}",
        inline(&arguments.runs.display().to_string()),
        lines.collect::<String>()
    ))
}

fn words(verdict: &Verdict, width: usize) -> String {
    match verdict {
        Verdict::New => "runs: no earlier run has it".to_owned(),
        Verdict::Writes => "runs: it may write files, and would not write them otherwise".to_owned(),
        Verdict::Changed { run, changes } => {
            let of = |change: &Change| {
                format!("\n {:width$}    {}: {} → {}", "", change.what, inline(&change.from), inline(&change.to))
            };
            let changes: String = changes.iter().map(of).collect();
            format!("runs: it has changed since {}{changes}", run.display())
        }
        Verdict::Same { run, rows, behind } if behind.is_empty() => {
            format!("taken over from {}: {} rows", run.display(), count(*rows))
        }
        Verdict::Same { run, rows, behind } => {
            let names: Vec<String> = behind.iter().map(|name| format!("`{name}`")).collect();
            let (run, rows) = (run.display(), count(*rows));
            let others = names.join(", ");
            format!("taken over from {run} for unchanged rows, at most {rows}: those of {others} may differ")
        }
    }
}
