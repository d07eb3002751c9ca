//! `callboard tasks --simulate`: what a run of any size would take on a cluster, from the figures of one that is there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callboard_plan::{Cut, Group, GroupRates, InputFile, Kind, Plan, Scale, Slicing, simulate as played};
use callboard_runtime::{Class, Report, StageReport, StepReport, appended_outputs, keyed_steps, run_report};

use crate::arguments::{TasksArguments, TasksFormat};
use crate::exit::{Failure, quoted};
use crate::show::{print, print_json, simulation};

/// What a core reads or writes of a file in a second, where no step's time says it, bytes.
const FILE_RATE: f64 = 1e8;
/// What is left of a row where parts of a step's rows are put together, bytes: its number, and its fate.
const RESULT: f64 = 16.0;
/// The most slices of a group.
const MOST_SLICES: u64 = 9_999;

/// Plays the tasks of a plan, with the figures of the run in a folder, and of another one.
pub(crate) fn simulate(
    plan: &Plan,
    run_dir: &Path,
    others: &[PathBuf],
    arguments: &TasksArguments,
) -> Result<ExitCode, Failure> {
    let report = measured(run_dir, plan)?;
    let other = others.first().map(|run_dir| measured(run_dir, plan)).transpose()?;
    let (rows, bytes) = read(&report);
    let wanted = &arguments.simulate;
    let scale = Scale {
        rows: wanted.for_rows.unwrap_or(rows),
        workers: wanted.workers,
        place_bytes_per_second: wanted.throughput as f64,
        task_seconds: wanted.task_seconds,
    };
    let bytes = bytes as f64 / rows.max(1) as f64 * scale.rows as f64;
    let slices = arguments.sliced.number(bytes as u64).clamp(1, MOST_SLICES) as u32;
    // As many files of each input as there are slices: more rows lie in more files, or in more parts of them.
    let file = InputFile { bytes: 1, is_parted: false };
    let files = plan.inputs().iter().map(|input| (input.name.clone(), vec![file; slices as usize])).collect();
    let keyed = keyed_steps(run_dir)?;
    let appended = appended_outputs(plan);
    let groups = plan.groups(&Slicing { slices, files, keyed, appended, limited: false });
    let rates: Vec<GroupRates> = groups.iter().map(|group| rates(group, &report, other.as_ref())).collect();
    let played = played(&rates, &scale);
    match arguments.format {
        TasksFormat::Json => print_json(&played),
        TasksFormat::Text => print(&simulation::table(&played)),
    }
}

/// The report of a run of this plan, all of whose work was done by it.
fn measured(run_dir: &Path, plan: &Plan) -> Result<Report, Failure> {
    let wrong = |message: String, help: &str| Failure::other(Class::Pipeline, message).help(help);
    let shown = run_dir.display();
    let report = run_report(run_dir)
        .ok_or_else(|| wrong(format!("there is no report of a run in `{shown}`"), "callboard run FILE --fresh"))?;
    let named = |stage: &StageReport| stage.steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
    let same = report.stages.iter().map(named).eq(plan.stages().iter().map(|stage| stage.steps.clone()));
    if !same {
        let message = format!("the run in `{shown}` has other stages than the pipeline");
        return Err(wrong(message, "measure the pipeline as it is: callboard run FILE --fresh"));
    }
    let mut steps = report.stages.iter().flat_map(|stage| &stage.steps);
    if let Some(step) = steps.find(|step| step.rows_reused > 0) {
        let message = format!(
            "the run in `{shown}` took work of `{}` over from an earlier one, and measured less than all",
            step.name
        );
        return Err(wrong(
            message,
            &format!("callboard run FILE --fresh, and its folder in place of {}", quoted(run_dir)),
        ));
    }
    Ok(report)
}

/// Rows and bytes of all inputs.
fn read(report: &Report) -> (u64, u64) {
    report.inputs.values().fold((0, 0), |(rows, bytes), input| (rows + input.rows, bytes + input.bytes))
}

/// What a group took, for each row.
fn rates(group: &Group, report: &Report, other: Option<&Report>) -> GroupRates {
    let (rows, bytes) = read(report);
    let for_each = |amount: f64| amount / rows.max(1) as f64;
    let stage = report.stages.iter().find(|stage| stage.index == group.stage);
    let of_stage = || stage.into_iter().flat_map(|stage| &stage.steps);
    let steps: Vec<&StepReport> = of_stage().filter(|step| group.steps.contains(&step.name)).collect();
    let outputs = group.outputs.iter().filter_map(|name| report.outputs.get(name));
    let (written_rows, written) =
        outputs.fold((0, 0), |(rows, bytes), output| (rows + output.rows, bytes + output.bytes));
    let inputs = group.inputs.iter().chain(&group.intakes).filter_map(|name| report.inputs.get(name));
    let (read_rows, read) = inputs.fold((0, 0), |(rows, bytes), input| (rows + input.rows, bytes + input.bytes));
    let rows_in = steps.iter().map(|step| step.rows_in).max().unwrap_or(0).max(read_rows).max(written_rows);
    let rows_out = steps.last().map_or(if group.outputs.is_empty() { rows_in } else { 0 }, |step| step.rows_out);
    // The time of a stage is that of its steps, in proportion to their calls.
    let busy = |steps: &mut dyn Iterator<Item = &StepReport>| steps.map(|step| step.guest_ms).sum::<f64>();
    let (own, all) = (busy(&mut steps.iter().copied()), busy(&mut of_stage()));
    let stage_seconds = stage.map_or(0.0, |stage| (stage.intake_ms + stage.run_ms) / 1e3);
    let cores = steps.iter().map(|step| step.instances).max().unwrap_or(1);
    let seconds = match steps.is_empty() {
        true => (read + written) as f64 / FILE_RATE,
        false => stage_seconds * if all > 0.0 { own / all } else { 1.0 },
    };
    // The calls of a step that is shared out by key are one phase; the rest of its time is about equally in the two others.
    let calls = seconds.min(own / 1e3 / f64::from(cores));
    let seconds = match group.cut {
        Cut::Parts(_) => calls,
        Cut::Scatter(_) | Cut::Merge => (seconds - calls) / 2.0,
        _ => seconds,
    };
    let row_bytes = for_each(bytes as f64);
    let (read_for_row, left_for_row) = match group.cut {
        Cut::Parts(_) => (row_bytes, RESULT),
        Cut::Merge => (RESULT, RESULT),
        _ => (row_bytes, row_bytes),
    };
    let grows = match group.cut {
        Cut::Scatter(_) | Cut::Merge => 0.0,
        _ => growth(&steps, other),
    };
    let rows_left = if matches!(group.cut, Cut::Scatter(_) | Cut::Parts(_)) { rows_in } else { rows_out };
    GroupRates {
        group: group.index,
        nodes: [&group.intakes, &group.inputs, &group.steps, &group.outputs].into_iter().flatten().cloned().collect(),
        tasks: group.slices().into(),
        is_whole: matches!(group.cut, Cut::Whole | Cut::Merge),
        rows: for_each(rows_in as f64),
        row_seconds: seconds / rows_in.max(1) as f64,
        cores,
        read_bytes: for_each(if read > 0 { read as f64 } else { rows_in as f64 * read_for_row }),
        shuffled_bytes: for_each(rows_left as f64 * left_for_row),
        output_bytes: for_each(written as f64),
        memory_bytes: stage.map_or(0, |stage| stage.counted_peak_bytes.saturating_sub((grows * rows_in as f64) as u64)),
        memory_per_row: grows,
    }
}

/// What an instance of a global step takes for each row that it reads, bytes: the most of the steps. With one run, all that it held.
fn growth(steps: &[&StepReport], other: Option<&Report>) -> f64 {
    let held = |step: &StepReport| step.peak_linear_memory_bytes as f64 / f64::from(step.instances.max(1));
    let of_other = |name: &str| other?.stages.iter().flat_map(|stage| &stage.steps).find(|step| step.name == name);
    let global = steps.iter().filter(|step| step.kind == Kind::Global);
    let of_step = |step: &&StepReport| match of_other(&step.name).filter(|other| other.rows_in != step.rows_in) {
        Some(other) => (held(step) - held(other)) / (step.rows_in as f64 - other.rows_in as f64),
        None => held(step) / step.rows_in.max(1) as f64,
    };
    global.map(of_step).fold(0.0, f64::max)
}
