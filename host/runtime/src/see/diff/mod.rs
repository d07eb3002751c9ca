//! Two runs, and what is different: their plans, the rows of each step, and the rows of each output.

mod marks;
mod plans;
mod rows;

use self::marks::Marks;
use self::marks::{Pair, compare};
use self::rows::{Kept, Wanted, examples, marks};
use super::Looking;
use super::replay::{Opened, scratch};
use super::trace::{Changed, changes};
use crate::error::RunError;
use crate::tell::diff::{ChangedRow, ChangedValue, MovedRows, OneRow, OutputDiff, RunsDiff, StepDiff};
use crate::tell::report::{Report, StepReport};
use crate::tell::runs::run_report;

/// Compares two runs, from what they kept: nothing is called. Rows of outputs that have one name in both are compared by where they
/// are from, with at most this many `examples` of each kind.
///
/// # Errors
///
/// No such run; inputs that have changed since; a run that keeps nothing of these rows.
pub fn diff_runs(before: &Looking, after: &Looking, examples: usize) -> Result<RunsDiff, RunError> {
    let (plan, new_plan) = (Opened::of(before)?.plan, Opened::of(after)?.plan);
    let folder = scratch(after.folder()?)?;
    let (old_columns, new_columns) = (rows::columns(before)?, rows::columns(after)?);
    let both = |(name, old): (&String, &Vec<String>)| {
        let new = new_columns.get(name)?;
        Some((name.clone(), old.iter().filter(|column| new.contains(column)).cloned().collect()))
    };
    let compared: rows::Columns = old_columns.iter().filter_map(both).collect();
    let (mut old, old_notes) = marks(before, &compared, folder.path())?;
    let (mut new, new_notes) = marks(after, &compared, folder.path())?;
    let mut diffs = Vec::new();
    for (name, compared) in &compared {
        let (Some(old), Some(new)) = (old.remove(name), new.remove(name)) else { continue };
        let mut one = Compared::of(name, old, new, examples)?;
        let others = |columns: &rows::Columns| {
            columns[name].iter().filter(|column| !compared.contains(column)).cloned().collect()
        };
        (one.diff.columns_removed, one.diff.columns_added) = (others(&old_columns), others(&new_columns));
        diffs.push(one);
    }
    let wanted = |of: fn(&Compared) -> Vec<u64>| -> Wanted {
        diffs.iter().map(|one| (one.diff.output.clone(), of(one))).collect()
    };
    let old_rows = self::examples(
        before,
        wanted(|one| [one.went.clone(), one.pairs.iter().map(|pair| pair.0).collect()].concat()),
    )?;
    let new_rows = self::examples(
        after,
        wanted(|one| [one.came.clone(), one.pairs.iter().map(|pair| pair.1).collect()].concat()),
    )?;
    let outputs = diffs.into_iter().map(|one| one.with_examples(&old_rows, &new_rows)).collect();
    let shown = |looking: &Looking| looking.run.display().to_string();
    let of = |notes: Vec<String>, run: String| notes.into_iter().map(move |note| format!("{run}: {note}"));
    let notes = of(old_notes, shown(before)).chain(of(new_notes, shown(after))).collect();
    let steps = steps(run_report(before.folder()?).as_ref(), run_report(after.folder()?).as_ref());
    Ok(RunsDiff {
        before: shown(before),
        after: shown(after),
        plan: plans::changes(&plan, &new_plan),
        steps,
        outputs,
        notes,
    })
}

/// What each step did to rows in both runs, in the order of the later one.
fn steps(before: Option<&Report>, after: Option<&Report>) -> Vec<StepDiff> {
    let of = |report: Option<&Report>| -> Vec<(String, MovedRows)> {
        let steps = report.into_iter().flat_map(|report| &report.stages).flat_map(|stage| &stage.steps);
        steps.map(|step| (step.name.clone(), MovedRows::of(step))).collect()
    };
    let (before, after) = (of(before), of(after));
    let find =
        |steps: &[(String, MovedRows)], name: &str| steps.iter().find(|(step, _)| step == name).map(|(_, rows)| *rows);
    let gone = before.iter().filter(|(name, _)| find(&after, name).is_none());
    let names = after.iter().chain(gone).map(|(name, _)| name.clone());
    names.map(|step| StepDiff { before: find(&before, &step), after: find(&after, &step), step }).collect()
}

impl MovedRows {
    fn of(step: &StepReport) -> MovedRows {
        MovedRows {
            rows_in: step.rows_in,
            rows_out: step.rows_out,
            rows_dropped: step.rows_dropped,
            rows_rejected: step.rows_rejected,
        }
    }
}

/// An output that was compared, and which of its rows are to be shown, by their numbers.
struct Compared {
    diff: OutputDiff,
    came: Vec<u64>,
    went: Vec<u64>,
    pairs: Vec<(u64, u64)>,
}

impl Compared {
    fn of(name: &str, old: Marks, new: Marks, most: usize) -> Result<Compared, RunError> {
        let mut diff = OutputDiff {
            output: name.to_owned(),
            rows_before: old.rows(),
            rows_after: new.rows(),
            ..OutputDiff::default()
        };
        let (mut came, mut went, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        let note = |to: &mut Vec<u64>, number| {
            if to.len() < most {
                to.push(number)
            }
        };
        let unread = |error: std::io::Error| RunError::unread("the rows that are compared", &error);
        let (old, new) = (old.in_order().map_err(unread)?, new.in_order().map_err(unread)?);
        let each = |pair| match pair {
            Pair::Same => diff.same += 1,
            Pair::Changed(old, new) => {
                diff.changed += 1;
                if pairs.len() < most {
                    pairs.push((old, new));
                }
            }
            Pair::Went(number) => {
                diff.went += 1;
                note(&mut went, number);
            }
            Pair::Came(number) => {
                diff.came += 1;
                note(&mut came, number);
            }
        };
        compare(old, new, each).map_err(unread)?;
        Ok(Compared { diff, came, went, pairs })
    }

    fn with_examples(self, old: &Kept, new: &Kept) -> OutputDiff {
        let Compared { mut diff, came, went, pairs } = self;
        let row = |kept: &Kept, number: &u64| kept.get(&(diff.output.clone(), *number)).cloned();
        let rows = |kept: &Kept, numbers: &[u64]| -> Vec<OneRow> {
            numbers.iter().filter_map(|number| row(kept, number)).collect()
        };
        let (came, went) = (rows(new, &came), rows(old, &went));
        let changed = pairs.iter().filter_map(|(was, is)| {
            let (was, is) = (row(old, was)?, row(new, is)?);
            let changed = changes(&was.row, &is.row, &Default::default());
            let values = changed.into_iter().map(|Changed { column, from, to }| ChangedValue { column, from, to });
            Some(ChangedRow { place: is.place, values: values.collect() })
        });
        let changed = changed.collect();
        (diff.examples_came, diff.examples_went, diff.examples_changed) = (came, went, changed);
        diff
    }
}
