//! `callboard compare`: the same pipeline staged and eager, each in a process of its own.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use callboard_plan::Load;
use callboard_runtime::{Class, Report, Run};

use crate::arguments::CompareArguments;
use crate::exit::{Failure, class};
use crate::pipeline::{planned, settings};
use crate::show::{comparison, print};

pub(crate) fn compare(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    if arguments.pipeline.file == "-" {
        let message = "compare reads the pipeline twice, so it must be a file".to_owned();
        return Err(Failure::Other(Class::Pipeline, message));
    }
    let scratch = tempfile::tempdir().map_err(|error| Failure::system("make a temporary folder", &error))?;
    // Checked once here: mistakes are told in this process, and neither run has anything to compile.
    let planned = planned(&arguments.pipeline, Load::Staged)?;
    let mut checked = settings(planned.base, scratch.path().join("unused"))?;
    checked.overwrite = true;
    drop(Run::prepare(planned.plan, planned.components, checked)?);

    let staged = one(arguments, "staged", scratch.path())?;
    let eager = one(arguments, "eager", scratch.path())?;
    if let Some(path) = &arguments.report {
        let both = serde_json::json!({ "staged": staged, "eager": eager });
        let json = serde_json::to_string_pretty(&both).expect("reports are JSON");
        std::fs::write(path, json + "\n").map_err(|error| Failure::system("write the reports", &error))?;
    }
    print(&comparison::table(&staged, &eager))
}

fn one(arguments: &CompareArguments, load: &str, scratch: &Path) -> Result<Report, Failure> {
    let folder = scratch.join(load);
    std::fs::create_dir(&folder).map_err(|error| Failure::system("make a temporary folder", &error))?;
    let report = folder.join("report.json");
    let program = std::env::current_exe().map_err(|error| Failure::system("find this program", &error))?;
    let mut command = Command::new(program);
    command.args(["run", &arguments.pipeline.file, "--quiet", "--overwrite", "--load", load]);
    command.arg("--report").arg(&report).arg("--run-dir").arg(folder.join("run")).arg("--outputs-to").arg(&folder);
    command.args(arguments.limit.iter().flat_map(|rows| ["--limit".to_owned(), rows.to_string()]));
    command.args(arguments.pipeline.set.iter().flat_map(|set| ["--set", set]));
    let output = command.stdin(Stdio::null()).output().map_err(|error| Failure::system("start the run", &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().trim_start_matches("error: ");
        return Err(Failure::Other(class(output.status.code()), format!("the {load} run failed: {said}")));
    }
    let text = std::fs::read(&report).map_err(|error| Failure::system("read the run's report", &error))?;
    serde_json::from_slice(&text).map_err(|error| Failure::Other(Class::Bug, format!("the run's report: {error}")))
}
