//! `callboard tasks`: what would run where.

use std::process::ExitCode;

use callboard_plan::{Load, TaskId};
use callboard_runtime::{GroupReport, Run, TasksReport};
use callboard_sandbox::bytes;

use super::run::new_folder;
use super::simulate::simulate;
use crate::arguments::{TasksArguments, TasksFormat};
use crate::exit::Failure;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::{print, progress};

pub(crate) fn tasks(arguments: &TasksArguments) -> Result<ExitCode, Failure> {
    let Planned { pipeline, plan, components, base, file } = planned(&arguments.pipeline, Load::Staged)?;
    if let Some((run_dir, others)) = arguments.simulate.simulate.split_first() {
        return simulate(&plan, run_dir, others, arguments);
    }
    // Where a run's folder would be: nothing is made there, but no step may reach it.
    let settings = settings(base, new_folder(plan.name()), interruptible()?)?;
    let observer = progress::Progress::plain(progress::Detail::Warnings).observer();
    let settings = settings.pipeline(file).overwrite(true).observer(observer);
    let run = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    let tasks = run.tasks(arguments.sliced.slices(None))?;
    match arguments.format {
        TasksFormat::Json => print(&serde_json::to_string_pretty(&tasks).expect("tasks are JSON")),
        TasksFormat::Text => print(&listing(&tasks)),
    }
}

fn listing(tasks: &TasksReport) -> String {
    let groups = tasks.groups.iter().map(group).collect::<Vec<_>>();
    let all: u32 = tasks.groups.iter().map(|group| group.tasks).sum();
    format!("{}\n{all} tasks in {} groups", groups.join("\n"), tasks.groups.len())
}

fn group(group: &GroupReport) -> String {
    let GroupReport {
        group: index,
        stage,
        after,
        tasks,
        takes,
        phase,
        inputs,
        steps,
        outputs,
        cores,
        memory_bytes,
        ..
    } = group;
    let first = TaskId { group: *index, slice: 0 };
    let ids = match tasks {
        1 => first.to_string(),
        tasks => format!("{first} to {}", TaskId { group: *index, slice: tasks - 1 }),
    };
    let takes = match (*takes, tasks) {
        ("all", _) | (_, 1) => String::new(),
        (part, _) => format!(", each some {part}"),
    };
    let after = after.iter().map(u32::to_string).collect::<Vec<_>>();
    let after = if after.is_empty() { String::new() } else { format!(", after {}", after.join(", ")) };
    let does = match *phase {
        Some("scatter") => "bring together for",
        Some("merge") => "put together results of",
        _ => "",
    };
    let nodes = [("read", inputs), (does, steps), ("write", outputs)];
    let nodes = nodes.iter().filter(|(_, names)| !names.is_empty());
    let nodes = nodes.map(|(verb, names)| format!("{verb} {}", names.join(", ")).trim().to_owned()).collect::<Vec<_>>();
    let cores = if *cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    format!(
        "{ids}  stage {stage}{takes}{after}: {}\n        {cores}, at most {}",
        nodes.join("; "),
        bytes(*memory_bytes)
    )
}
