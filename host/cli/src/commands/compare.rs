//! `callboard compare`: the same pipeline staged and eager, each in a process of its own.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use callboard_plan::Load;
use callboard_runtime::{CancellationToken, Class, Report, Run};

use super::run::ReportFile;
use crate::arguments::{CompareArguments, MemoryBudget};
use crate::exit::{Failure, class};
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::{comparison, print};

pub(crate) fn compare(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    if arguments.pipeline.file.as_os_str() == "-" {
        let message = "compare reads the pipeline twice, so it must be a file".to_owned();
        return Err(Failure::other(Class::Pipeline, message).help("write it to a file: callboard compare FILE"));
    }
    let report = arguments.report.as_deref().map(ReportFile::find).transpose()?;
    let scratch = tempfile::tempdir().map_err(|error| Failure::system("make a temporary folder", &error))?;
    // Checked once here: mistakes are told in this process, and neither run has anything to compile.
    let Planned { pipeline, plan, components, base, file } = planned(&arguments.pipeline, Load::Staged)?;
    let cancel = interruptible()?;
    let mut checked = settings(base, scratch.path().join("unused"), cancel.clone())?;
    checked.overwrite = true;
    checked.pipeline = file;
    drop(Run::prepare(plan, components, checked).map_err(|error| Failure::of(error, &pipeline))?);

    let staged = one(arguments, "staged", scratch.path(), &cancel)?;
    let eager = one(arguments, "eager", scratch.path(), &cancel)?;
    if let Some(report) = &report {
        let both = serde_json::json!({ "staged": staged, "eager": eager });
        report.write(serde_json::to_string_pretty(&both))?;
    }
    print(&comparison::table(&staged, &eager))
}

fn one(
    arguments: &CompareArguments,
    load: &str,
    scratch: &Path,
    cancel: &CancellationToken,
) -> Result<Report, Failure> {
    let folder = scratch.join(load);
    std::fs::create_dir(&folder).map_err(|error| Failure::system("make a temporary folder", &error))?;
    let report = folder.join("report.json");
    let program = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
    let mut command = Command::new(program);
    command.arg("run").arg(&arguments.pipeline.file);
    command.args(["--quiet", "--overwrite", "--no-resume", "--load", load]);
    command.arg("--report").arg(&report).arg("--run-dir").arg(folder.join("run")).arg("--outputs-to").arg(&folder);
    command.args(arguments.limit.iter().flat_map(|rows| ["--limit".to_owned(), rows.to_string()]));
    command.args(arguments.pipeline.set.iter().flat_map(|set| ["--set", set]));
    command
        .args(arguments.pipeline.replicas.iter().flat_map(|replicas| ["--replicas".to_owned(), replicas.to_string()]));
    match (load, arguments.pipeline.budget) {
        ("staged", Some(MemoryBudget::Bytes(bytes))) => drop(command.arg("--budget").arg(format!("{bytes}B"))),
        ("staged", None) => {}
        // What a budget is for is seen beside a run that has none.
        _ => drop(command.args(["--budget", "none"])),
    }
    // It says itself what goes wrong. An interrupt reaches it too: it ends by itself, and cleans up.
    let status = command.stdin(Stdio::null()).status().map_err(|error| Failure::system("start the run", &error))?;
    if cancel.is_cancelled() {
        return Err(Failure::other(Class::Interrupted, "interrupted"));
    }
    if !status.success() {
        return Err(Failure::other(class(status.code()), format!("the {load} run failed")));
    }
    let text = std::fs::read(&report).map_err(|error| Failure::system("read the run's report", &error))?;
    serde_json::from_slice(&text).map_err(|error| Failure::other(Class::Bug, format!("the run's report: {error}")))
}
