//! What is different between two runs, for people.

use std::fmt::Write;

use callboard_runtime::{ChangedRow, MovedRows, OneRow, OutputDiff, PlanChange, RunsDiff, StepDiff};

use super::difference::{difference, named, word};
use super::figures::count;
use super::inline;
use super::report::aligned;

pub(crate) fn text(diff: &RunsDiff) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} → {}\n", inline(&diff.before), inline(&diff.after));
    plan(&mut text, &diff.plan);
    steps(&mut text, &diff.steps);
    diff.outputs.iter().for_each(|one| output(&mut text, one));
    text
}

fn plan(text: &mut String, changes: &[PlanChange]) {
    if changes.is_empty() {
        text.push_str(" the plan is the same\n");
    }
    for PlanChange { kind, name, added, removed, settings, .. } in changes {
        let did = match (added, removed) {
            (true, _) => "added",
            (_, true) => "removed",
            _ => "changed",
        };
        let _ = writeln!(text, " {did:<8} {kind} {}", inline(name));
        for change in settings {
            let changed = difference(change.from.as_ref(), change.to.as_ref());
            let _ = writeln!(text, "            {}: {changed}", inline(&change.setting));
        }
    }
    text.push('\n');
}

/// A line for each step, each figure with what was added or taken away.
fn steps(text: &mut String, steps: &[StepDiff]) {
    if steps.is_empty() {
        return;
    }
    let heads = ["step", "rows in", "out", "dropped", "rejected"].map(str::to_owned).to_vec();
    let line = |step: &StepDiff| {
        let figures: [fn(&MovedRows) -> u64; 4] =
            [|rows| rows.rows_in, |rows| rows.rows_out, |rows| rows.rows_dropped, |rows| rows.rows_rejected];
        let cells = figures.map(|of| figure(step.before.as_ref().map(of), step.after.as_ref().map(of)));
        std::iter::once(inline(&step.step)).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(steps.iter().map(line)).collect();
    let _ = writeln!(text, "{}", aligned(&rows, 1));
}

/// `1,204 (+12)`; a dash for a run that has no such step.
fn figure(before: Option<u64>, after: Option<u64>) -> String {
    match (before, after) {
        (None, None) => "–".to_owned(),
        (Some(was), None) => format!("{} → –", count(was)),
        (None, Some(is)) => format!("– → {}", count(is)),
        (Some(was), Some(is)) if was == is => count(is),
        (Some(was), Some(is)) => {
            let sign = if is > was { '+' } else { '-' };
            format!("{} ({sign}{})", count(is), count(is.abs_diff(was)))
        }
    }
}

fn output(text: &mut String, diff: &OutputDiff) {
    let OutputDiff { output, rows_before, rows_after, same, changed, came, went, .. } = diff;
    let (before, after) = (count(*rows_before), count(*rows_after));
    let _ = writeln!(
        text,
        "── output {}   {before} → {after} rows: {} the same, {} changed, {} came, {} went",
        inline(output),
        count(*same),
        count(*changed),
        count(*came),
        count(*went)
    );
    for (did, columns) in [("came", &diff.columns_added), ("went", &diff.columns_removed)] {
        if !columns.is_empty() {
            let _ = writeln!(
                text,
                " columns that {did}: {}",
                columns.iter().map(|column| named(column)).collect::<Vec<_>>().join(", ")
            );
        }
    }
    for ChangedRow { place, values, .. } in &diff.examples_changed {
        let _ = writeln!(text, " changed  {}", inline(place));
        for value in values {
            let changed = difference(value.from.as_ref(), value.to.as_ref());
            let _ = writeln!(text, "   {}: {changed}", named(&value.column));
        }
    }
    for (did, rows) in [("came", &diff.examples_came), ("went", &diff.examples_went)] {
        for OneRow { place, row, .. } in rows {
            let _ = writeln!(text, " {did:<8} {}", inline(place));
            for (column, value) in row {
                let _ = writeln!(text, "   {}: {}", named(column), word(value));
            }
        }
    }
    text.push('\n');
}
