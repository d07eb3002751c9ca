//! What each stage took, and what loading late saved.

use callboard_plan::Load;
use callboard_runtime::{Report, StageReport};
use callboard_words::figures::{count, percent, time};
use callboard_words::sizes::bytes;
use maud::{Markup, html};

use crate::{Shown, spent, wide};

/// A page has no more stages and steps than this; the report has all.
pub(crate) const MOST: usize = 500;

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    let report = shown.report;
    if report.stages.is_empty() && shown.unfinished.is_none() {
        return None;
    }
    let table = html! {
        table {
            caption { "Time and memory of each stage" }
            thead { tr {
                th scope="col" { "stage" } th scope="col" { "steps" } th scope="col" { "reading whole" } th scope="col" { "loading" }
                th scope="col" { "running" } th scope="col" { "unloading" } th scope="col" { "steps’ peak" } th scope="col" { "rows’ peak" }
                th scope="col" { "counted" } th scope="col" { "predicted" } th scope="col" { "spilled" } th scope="col" { "reader waits" }
            } }
            tbody {
                @for stage in report.stages.iter().take(MOST) {
                    tr {
                        th scope="row" { (stage.index) @if stage.before { " " span.quiet { "before" } } }
                        td { (stage.steps.len()) }
                        td { (spent(stage.intake_ms)) } td { (spent(stage.load_ms)) } td { (spent(stage.run_ms)) } td { (spent(stage.unload_ms)) }
                        td { (bytes(stage.peak_linear_memory_bytes)) } td { (bytes(stage.peak_rows_bytes)) }
                        td { (bytes(stage.counted_peak_bytes)) } td { (bytes(stage.predicted_peak_bytes)) }
                        td { (bytes(stage.spilled_bytes)) } td { (count(stage.reader_waits)) }
                    }
                }
                @if let Some(stage) = shown.unfinished {
                    tr { th scope="row" { (stage.stage) } td.text colspan="11" { "not ended; " (time(stage.took_ms)) " until now" } }
                }
            }
        }
    };
    Some(html! {
        (wide("Stages", &table))
        @if let Some(saved) = saved(report) { p { (saved) } }
    })
}

/// What loading late saves; not known where a step was not loaded at all.
fn saved(report: &Report) -> Option<String> {
    let mut steps = report.stages.iter().flat_map(|stage| &stage.steps).peekable();
    steps.peek()?;
    if !steps.all(|step| step.guest_ms > 0.0 || step.peak_linear_memory_bytes > 0) {
        return None;
    }
    let peaks = report.stages.iter().map(|stage| stage.peak_linear_memory_bytes);
    let peak = peaks.chain([report.peak_linear_memory_bytes]).max().unwrap_or(0);
    let sum = |stage: &StageReport| stage.steps.iter().map(|step| step.peak_linear_memory_bytes).sum::<u64>();
    let sum: u64 = report.stages.iter().map(sum).sum();
    Some(match report.load {
        Load::Eager => format!("All steps were loaded at once: {} at most.", bytes(peak)),
        _ => format!(
            "Steps took {} at most. Loaded all at once they would take {}, by the sum of their peaks: loading late saved {}.",
            bytes(peak),
            bytes(sum),
            percent(sum.saturating_sub(peak) as f64, sum as f64)
        ),
    })
}
