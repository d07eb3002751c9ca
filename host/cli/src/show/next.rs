//! The last lines of a run: commands that show what it did.

use std::path::Path;

use callboard_plan::Kind;
use callboard_runtime::{Report, StepReport};

use super::figures::count;
use crate::exit::quoted;

/// Commands that show what the run did, each beside what it is for; none if the run's folder keeps nothing to be shown.
pub(super) fn next(report: &Report) -> Vec<String> {
    let folder = Path::new(&report.run_folder);
    let steps = || report.stages.iter().flat_map(|stage| &stage.steps);
    if !folder.join("columns.json").is_file() {
        return Vec::new();
    }
    let run = quoted(folder);
    let told = |step: &&StepReport| step.dropped.keys().any(|reason| !reason.is_empty());
    let most = |rows: fn(&StepReport) -> u64| steps().filter(|step| rows(step) > 0).max_by_key(|step| rows(step));
    // What a step says a reason of it means to leave out; a global step may only have put rows together.
    let dropped = steps().filter(|step| step.rows_dropped > 0 && (told(step) || step.kind == Kind::Transform));
    let dropped = dropped.max_by_key(|step| step.rows_dropped);
    let rejected = most(|step| step.rows_rejected);
    let mut lines = Vec::new();
    if let Some(step) = dropped {
        lines.push((format!("callboard peek {run} {}.dropped", step.name), rows(step.rows_dropped, "dropped")));
    }
    if let Some(step) = rejected {
        lines.push((format!("callboard peek {run} {}.rejected", step.name), rows(step.rows_rejected, "rejected")));
    }
    if !lines.is_empty() {
        lines.push((format!("callboard trace {run} --row FILE:LINE"), "what happened to one row".to_owned()));
    }
    let width = lines.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    lines.into_iter().map(|(command, why)| format!("{command:width$}   {why}")).collect()
}

fn rows(number: u64, did: &str) -> String {
    match number {
        1 => format!("the row that it {did}, and why"),
        _ => format!("the {} rows that it {did}, and why", count(number)),
    }
}
