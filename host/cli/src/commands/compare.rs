//! `callboard compare`: the same pipeline staged and eager, each in a process of its own.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use callboard_io::beneath::Temporary;
use callboard_plan::Load;
use callboard_runtime::{CancellationToken, Class, Report, Run};
use rustix::process::{Pid, Signal, kill_process};

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
    let scratch = Temporary::create(&std::env::temp_dir(), "callboard-compare-")
        .map_err(|error| Failure::system("make a temporary folder", &error))?;
    // Checked once here: mistakes are reported by this process, and neither run has anything to compile.
    let Planned { pipeline, plan, components, base, file } = planned(&arguments.pipeline, Load::Staged)?;
    let cancel = interruptible()?;
    let mut checked = settings(base, scratch.path().join("unused"), cancel.clone())?;
    checked.overwrite = true;
    checked.pipeline = file;
    checked.also_written = report.iter().filter_map(|file| file.also_written("the report (`--report`)")).collect();
    drop(Run::prepare(plan, components, checked).map_err(|error| Failure::of(error, &pipeline))?);

    let staged = one(arguments, "staged", scratch.path(), &cancel)?;
    let eager = one(arguments, "eager", scratch.path(), &cancel)?;
    if let Some(report) = &report {
        let both = serde_json::json!({ "staged": staged, "eager": eager });
        report.write(serde_json::to_string_pretty(&both))?;
    }
    print(&comparison::table(&staged, &eager))
}

/// How often it is looked whether a run has ended.
const POLL: Duration = Duration::from_millis(20);

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
    command.arg("--end-with").arg(std::process::id().to_string());
    command.args(arguments.limit.iter().flat_map(|rows| ["--limit".to_owned(), rows.to_string()]));
    command.args(arguments.pipeline.set.iter().flat_map(|set| ["--set", set]));
    command
        .args(arguments.pipeline.replicas.iter().flat_map(|replicas| ["--replicas".to_owned(), replicas.to_string()]))
        .args(
            arguments.pipeline.max_pipeline.iter().flat_map(|size| ["--max-pipeline".to_owned(), format!("{size}B")]),
        );
    match (load, arguments.pipeline.budget) {
        ("staged", Some(MemoryBudget::Bytes(bytes))) => drop(command.arg("--budget").arg(format!("{bytes}B"))),
        ("staged", None) => {}
        // What a budget is for is seen beside a run that has none.
        _ => drop(command.args(["--budget", "none"])),
    }
    // It says itself what goes wrong. Signals come to this process alone, which hands the first one on: it ends by itself, and cleans up.
    command.process_group(0);
    let start = |error: std::io::Error| Failure::system("start the run", &error);
    let mut run = command.stdin(Stdio::null()).spawn().map_err(start)?;
    let mut is_told = false;
    let status = loop {
        if let Some(status) = run.try_wait().map_err(start)? {
            break status;
        }
        if cancel.is_cancelled() && !is_told {
            is_told = true;
            // It may have ended by itself.
            let _ = kill_process(Pid::from_child(&run), Signal::TERM);
        }
        std::thread::sleep(POLL);
    };
    if cancel.is_cancelled() {
        return Err(Failure::other(Class::Interrupted, "interrupted"));
    }
    if !status.success() {
        return Err(Failure::other(class(status.code()), format!("the {load} run failed")));
    }
    let text = std::fs::read(&report).map_err(|error| Failure::system("read the run's report", &error))?;
    serde_json::from_slice(&text).map_err(|error| Failure::other(Class::Bug, format!("the run's report: {error}")))
}
