//! `callboard trace`: one row on its way through a run.

use std::fmt::Write;
use std::process::ExitCode;

use callboard_runtime::{Changed, Followed, Looking, Traced, TracedFate, TracedStep, default_cache_folder, trace_run};
use serde_json::{Value, json};

use crate::arguments::TraceArguments;
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::difference::{difference, named, word};
use crate::show::{inline, print_json, print_paged};

pub(crate) fn trace(arguments: &TraceArguments) -> Result<ExitCode, Failure> {
    let TraceArguments { run_dir, row, condition, json, trust } = arguments;
    let followed = match (row, condition) {
        (Some(place), _) => Followed::At(place.clone()),
        (None, condition) => Followed::Where(condition.clone().unwrap_or_default()),
    };
    let looking = Looking::at(run_dir, default_cache_folder()).trusted(*trust).cancel(interruptible()?);
    let traced = trace_run(&looking, &followed)?;
    if *json { print_json(&as_json(&traced)) } else { print_paged(&text(&traced)) }
}

fn text(traced: &Traced) -> String {
    let mut text = format!("{}\n", inline(&traced.place));
    for (column, value) in &traced.row {
        let _ = writeln!(text, "  {}: {}", named(column), word(value));
    }
    text.push('\n');
    let width = traced.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for TracedStep { name, fate, changes, .. } in &traced.steps {
        let said = match fate {
            TracedFate::PutOut(1) if changes.is_empty() => "kept as it is".to_owned(),
            TracedFate::PutOut(1) => "changed".to_owned(),
            TracedFate::PutOut(rows) => format!("put out {rows} times"),
            TracedFate::Dropped(reason) => format!("dropped   {}", inline(reason)),
            TracedFate::Rejected(reason) => format!("rejected   {}", inline(reason)),
            TracedFate::Unknown => "does not put it out".to_owned(),
        };
        let _ = writeln!(text, " {name:width$}  {}", said.trim_end());
        for Changed { column, from, to, .. } in changes {
            let _ = writeln!(text, " {:width$}    {}: {}", "", named(column), difference(from.as_ref(), to.as_ref()));
        }
    }
    text.push('\n');
    text.push_str(&ended(traced));
    for note in &traced.notes {
        let _ = write!(text, "\nnote: {}", inline(note));
    }
    text
}

/// Where the row is, or why it is nowhere.
fn ended(traced: &Traced) -> String {
    if !traced.outputs.is_empty() {
        let outputs = traced.outputs.iter().map(|(name, path)| format!("`{name}` ({})", inline(path)));
        return format!("it is in {}", outputs.collect::<Vec<_>>().join(", "));
    }
    let removed = |step: &str, did: &str, reason: &str| match reason.is_empty() {
        true => format!("it is in no output: `{step}` {did} it"),
        false => format!("it is in no output: `{step}` {did} it: {}", inline(reason)),
    };
    let gone = traced.steps.iter().rev().find_map(|step| match &step.fate {
        TracedFate::Dropped(reason) => Some(removed(&step.name, "dropped", reason)),
        TracedFate::Rejected(reason) => Some(removed(&step.name, "rejected", reason)),
        TracedFate::Unknown => {
            Some(format!("whether it is in an output is not known: `{}` did not put it out, {UNKNOWN}", step.name))
        }
        TracedFate::PutOut(_) => None,
    });
    gone.unwrap_or_else(|| "it is in no output".to_owned())
}

const UNKNOWN: &str =
    "since its `from` takes other rows, it puts out rows of its own, or the run does not keep what it did";

fn as_json(traced: &Traced) -> Value {
    let steps = traced.steps.iter().map(|step| {
        let (fate, rows, reason) = match &step.fate {
            TracedFate::PutOut(rows) => ("put out", *rows, None),
            TracedFate::Dropped(reason) => ("dropped", 0, Some(reason)),
            TracedFate::Rejected(reason) => ("rejected", 0, Some(reason)),
            TracedFate::Unknown => ("unknown", 0, None),
        };
        let changes =
            step.changes.iter().map(|change| json!({ "column": change.column, "from": change.from, "to": change.to }));
        let changes: Vec<Value> = changes.collect();
        json!({ "step": step.name, "fate": fate, "rows": rows, "reason": reason, "changes": changes })
    });
    let steps: Vec<Value> = steps.collect();
    let outputs: Vec<Value> =
        traced.outputs.iter().map(|(name, path)| json!({ "output": name, "path": path })).collect();
    json!({ "place": traced.place, "row": traced.row, "steps": steps, "outputs": outputs, "notes": traced.notes })
}
