//! The report of a run, as a table to show a friend.

use std::fmt::Write;

use callboard_plan::{Kind, Load};
use callboard_runtime::{Report, StageReport, StepReport};

use super::figures::{bytes, count, percent, rate, time};

/// Reasons shown of each step; the JSON report has all.
const REASONS: usize = 5;

/// Everything a user wants to know of a run that finished.
pub(crate) fn table(report: &Report) -> String {
    let mut text = format!("{}  finished in {}   {}\n\n", report.name, time(report.wall_ms), mode(report));
    text.push_str(&aligned(&steps(report), 2));
    if report.stages.iter().skip(1).any(|stage| stage.steps.iter().any(|step| step.kind == Kind::Global)) {
        text.push_str(match report.load {
            Load::Eager => " ■ needs every row\n",
            Load::Staged | Load::Step => {
                " ■ needs every row: what stands above it had been unloaded before it was loaded\n"
            }
        });
    }
    text.push('\n');
    for (key, value) in facts(report) {
        let _ = writeln!(text, " {key:<9} {value}");
    }
    text
}

fn mode(report: &Report) -> &'static str {
    match report.load {
        Load::Staged => "loaded stage by stage",
        Load::Eager => "all steps loaded from the first moment to the last",
        Load::Step => "loaded step by step",
    }
}

fn steps(report: &Report) -> Vec<Vec<String>> {
    let heads = ["stage", "step", "rows in", "out", "dropped", "rejected", "rows/s", "time", "peak mem", "(cap)"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for stage in &report.stages {
        for (at, step) in stage.steps.iter().enumerate() {
            let index = if at == 0 { stage.index.to_string() } else { String::new() };
            let mark = if step.kind == Kind::Global { "■ " } else { "  " };
            rows.push(vec![
                index,
                format!("{mark}{}", step.name),
                count(step.rows_in),
                count(step.rows_out),
                count(step.rows_dropped),
                count(step.rows_rejected),
                speed(step),
                time(step.guest_ms),
                bytes(step.peak_linear_memory_bytes),
                bytes(step.memory_limit_bytes * u64::from(step.instances)),
            ]);
        }
        if stage.steps.is_empty() {
            rows.push(vec![stage.index.to_string(), "  (inputs to outputs)".to_owned()]);
        }
    }
    rows
}

fn speed(step: &StepReport) -> String {
    let rows = step.rows_in.max(step.rows_out);
    if step.guest_ms > 0.0 { rate(rows as f64 / step.guest_ms * 1e3) } else { "–".to_owned() }
}

/// The lines below the table: a word, and what is to be said under it.
fn facts(report: &Report) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    facts.push(("accounts".to_owned(), accounts(report)));
    for step in report.stages.iter().flat_map(|stage| &stage.steps) {
        reasons(&mut facts, "dropped", &step.name, &step.dropped);
    }
    for step in report.stages.iter().flat_map(|stage| &stage.steps) {
        reasons(&mut facts, "rejected", &step.name, &step.rejected);
    }
    if report.rejects.rows > 0 {
        facts.push((String::new(), format!("the rows are in {}", report.rejects.path)));
    }
    for step in report.stages.iter().flat_map(|stage| &stage.steps).filter(|step| !step.counters.is_empty()) {
        let counters: Vec<_> = step.counters.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
        facts.push(("counters".to_owned(), format!("{}: {}", step.name, counters.join(", "))));
    }
    facts.push(("memory".to_owned(), memory(report)));
    facts.push((String::new(), all_at_once(report)));
    facts.push(("time".to_owned(), times(report)));
    let spilled: u64 = report.stages.iter().map(|stage| stage.spilled_bytes).sum();
    if spilled > 0 {
        facts.push(("disk".to_owned(), format!("{} spilled between stages, freed", bytes(spilled))));
    }
    for (name, output) in &report.outputs {
        let key = if facts.iter().any(|(key, _)| key == "outputs") { "" } else { "outputs" };
        let said = format!("{name}  {} rows  {}  {}", count(output.rows), bytes(output.bytes), output.path);
        facts.push((key.to_owned(), said));
    }
    facts.push(("run".to_owned(), report.run_folder.clone()));
    first_of_each_key(facts)
}

/// Where each key stands more than once, it is shown the first time only.
fn first_of_each_key(facts: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut last = String::new();
    facts
        .into_iter()
        .map(|(key, value)| {
            let shown = if key == last { String::new() } else { key.clone() };
            if !key.is_empty() {
                last = key;
            }
            (shown, value)
        })
        .collect()
}

fn accounts(report: &Report) -> String {
    let all = || report.stages.iter().flat_map(|stage| &stage.steps);
    let read: u64 = report.inputs.values().map(|input| input.rows).sum();
    let created: u64 = all().map(|step| step.rows_created).sum();
    let repeated: u64 = all().map(|step| step.rows_repeated).sum();
    let dropped: u64 = all().map(|step| step.rows_dropped).sum();
    let rejected: u64 = all().map(|step| step.rows_rejected).sum();
    let written: u64 = report.outputs.values().map(|output| output.rows).sum();
    let mut text = format!("{} read", count(read));
    for (rows, what) in [(created, "created"), (repeated, "repeated"), (dropped, "dropped"), (rejected, "rejected")] {
        if rows > 0 {
            let _ = write!(text, ", {} {what}", count(rows));
        }
    }
    let _ = write!(text, ", {} written", count(written));
    let wrong: Vec<&str> = all().filter(|step| !step.adds_up).map(|step| step.name.as_str()).collect();
    match wrong.as_slice() {
        [] => text + "   ✓ adds up at every step",
        wrong => format!("{text}   ✗ does not add up at {}", wrong.join(", ")),
    }
}

fn reasons(
    facts: &mut Vec<(String, String)>,
    key: &str,
    step: &str,
    reasons: &std::collections::BTreeMap<String, u64>,
) {
    let mut sorted: Vec<(&String, &u64)> = reasons.iter().collect();
    sorted.sort_by_key(|(reason, rows)| (std::cmp::Reverse(**rows), reason.as_str()));
    let shown = sorted.iter().take(REASONS).map(|(reason, rows)| {
        let reason = if reason.is_empty() { "no reason given" } else { reason };
        format!("{} {reason}", count(**rows))
    });
    let mut shown: Vec<String> = shown.collect();
    if sorted.len() > REASONS {
        let rest: u64 = sorted[REASONS..].iter().map(|(_, rows)| **rows).sum();
        shown.push(format!("{} for {} more reasons", count(rest), sorted.len() - REASONS));
    }
    if !shown.is_empty() {
        facts.push((key.to_owned(), format!("{step}: {}", shown.join(", "))));
    }
}

fn memory(report: &Report) -> String {
    let (steps, resident) = (report.peak_linear_memory_bytes, report.peak_resident_bytes);
    let stage = report.stages.iter().max_by_key(|stage| stage.peak_linear_memory_bytes).map_or(0, |stage| stage.index);
    format!("peak {} of steps (stage {stage}); the whole process {} resident", bytes(steps), bytes(resident))
}

fn all_at_once(report: &Report) -> String {
    let (steps, sum) = (report.peak_linear_memory_bytes, sum_of_peaks(&report.stages));
    match report.load {
        Load::Eager => "all steps at once: this is it".to_owned(),
        _ => format!(
            "all steps at once: {} by sum of peaks, so {} saved; `callboard compare` measures it",
            bytes(sum),
            percent(sum.saturating_sub(steps) as f64, sum as f64)
        ),
    }
}

fn sum_of_peaks(stages: &[StageReport]) -> u64 {
    stages.iter().flat_map(|stage| &stage.steps).map(|step| step.peak_linear_memory_bytes).sum()
}

fn times(report: &Report) -> String {
    let sum = |of: fn(&StageReport) -> f64| report.stages.iter().map(of).sum::<f64>();
    let guests: f64 = report.stages.iter().flat_map(|stage| &stage.steps).map(|step| step.guest_ms).sum();
    let steps = report.stages.iter().map(|stage| stage.steps.len()).sum::<usize>();
    let intake = sum(|stage| stage.intake_ms);
    let mut text = format!("{} in steps, summed over threads", time(guests));
    if intake > 0.5 {
        let _ = write!(text, "; {} reading inputs whole", time(intake));
    }
    let (load, unload) = (time(sum(|stage| stage.load_ms)), time(sum(|stage| stage.unload_ms)));
    let _ = write!(text, "; loading {steps} steps {load}, unloading {unload}");
    text
}

/// Rows of cells in columns: the first `left` and those that are no figures begin at the left, the others end at the right.
pub(crate) fn aligned(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        let _ = writeln!(text, " {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}
