//! Steps: rows in and out, time and memory; the slowest first among them.

use callboard_plan::Kind;
use callboard_runtime::StepReport;
use callboard_words::figures::{count, percent, rate, time};
use callboard_words::sizes::bytes;
use maud::{Markup, html};

use crate::stages::MOST;
use crate::text::short;
use crate::{Shown, spent, wide};

/// How many of the slowest steps are shown.
const SLOWEST: usize = 8;

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    let steps = shown.steps().count();
    let moving = shown.unfinished.map(|stage| &stage.steps).filter(|steps| !steps.is_empty());
    if steps == 0 && moving.is_none() {
        return None;
    }
    Some(html! {
        (slowest(shown))
        @if steps > 0 { (wide("Steps", &table(shown))) }
        @if steps > MOST { p.quiet { "The first " (MOST) " of " (count(steps as u64)) " steps; " code { "report.json" } " has all." } }
        @if let (Some(moving), Some(stage)) = (moving, shown.unfinished) {
            table.bars {
                caption { "Rows in stage " (stage.stage) ", which has not ended" }
                thead { tr { th scope="col" { "step" } th scope="col" { "rows in" } th scope="col" { "out" } } }
                tbody { @for (name, moved) in moving.iter().take(MOST) {
                    tr {
                        th scope="row" { (short(name, 60)) } td { (count(moved.rows_in)) } td { (count(moved.rows_out)) }
                        td { (count(moved.rows_dropped)) } td { (count(moved.rows_rejected)) }
                    }
                } }
            }
        }
    })
}

fn table(shown: &Shown<'_>) -> Markup {
    let steps = shown.report.stages.iter().flat_map(|stage| stage.steps.iter().map(|step| (stage.index, step)));
    html! {
        table {
            caption { "Rows, time and memory of each step" }
            thead { tr {
                th scope="col" { "stage" } th.text scope="col" { "step" } th scope="col" { "rows in" } th scope="col" { "out" }
                th scope="col" { "dropped" } th scope="col" { "rejected" } th scope="col" { "rows/s" } th scope="col" { "time" }
                th scope="col" { "peak" } th scope="col" { "limit" }
            } }
            tbody {
                @for (stage, step) in steps.take(MOST) {
                    tr {
                        td { (stage) }
                        th.text scope="row" {
                            (short(&step.name, 60))
                            @let about = about(step);
                            @if !about.is_empty() { " " span.quiet { (about) } }
                            @if !step.counters.is_empty() { span.quiet.below { (counters(step)) } }
                        }
                        td { (count(step.rows_in)) } td { (count(step.rows_out)) }
                        td { (count(step.rows_dropped)) } td { (count(step.rows_rejected)) }
                        td { (speed(step)) } td { (spent(step.guest_ms)) }
                        td { (bytes(step.peak_linear_memory_bytes)) }
                        td { (bytes(step.memory_limit_bytes.saturating_mul(u64::from(step.instances)))) }
                    }
                }
            }
        }
    }
}

/// What a step is, where its name does not say so.
fn about(step: &StepReport) -> String {
    let uses = (step.uses != step.name).then(|| short(&step.uses, 60));
    let needs = (step.kind == Kind::Global).then(|| "needs all rows".to_owned());
    uses.into_iter().chain(needs).collect::<Vec<_>>().join(", ")
}

fn counters(step: &StepReport) -> String {
    let counters = step.counters.iter().take(12).map(|(name, amount)| format!("{} {amount}", short(name, 40)));
    counters.collect::<Vec<_>>().join(", ")
}

fn speed(step: &StepReport) -> String {
    let rows = step.rows_in.max(step.rows_out);
    if step.guest_ms > 0.0 { rate(rows as f64 / step.guest_ms * 1e3) } else { "–".to_owned() }
}

fn slowest(shown: &Shown<'_>) -> Markup {
    let mut steps: Vec<&StepReport> = shown.steps().filter(|step| step.guest_ms > 0.0).collect();
    steps.sort_by(|a, b| b.guest_ms.total_cmp(&a.guest_ms));
    let all: f64 = steps.iter().map(|step| step.guest_ms).sum();
    let table = html! {
            table.bars {
                caption { "Slowest steps, of " (time(all)) " in calls, summed over threads" }
                thead { tr { th.text scope="col" { "step" } th scope="col" { "time" } th scope="col" { "share" } th.text scope="col" { span.unseen { "as a bar" } } } }
                tbody { @for step in steps.iter().take(SLOWEST) {
                    tr {
                        th.text scope="row" { (short(&step.name, 60)) }
                        td { (time(step.guest_ms)) } td { (percent(step.guest_ms, all)) }
                        td.text { (bar(&[("part", step.guest_ms)], all)) }
                    }
                } }
            }
    };
    html! { @if steps.len() > 1 { (wide("Slowest steps", &table)) } }
}

/// Parts of a whole, side by side. A table's figures say the same.
pub(crate) fn bar(parts: &[(&str, f64)], whole: f64) -> Markup {
    let mut from = 0.0;
    let parts: Vec<(&str, f64, f64)> = parts
        .iter()
        .map(|(class, part)| {
            let width = if whole > 0.0 { (200.0 * part / whole).clamp(0.0, 200.0 - from) } else { 0.0 };
            from += width;
            (*class, from - width, width)
        })
        .collect();
    html! {
        svg.bar aria-hidden="true" width="200" height="10" viewBox="0 0 200 10" {
            rect.rest width="200" height="10" {}
            @for (class, x, width) in parts { rect class=(class) x={ (format!("{x:.1}")) } width={ (format!("{width:.1}")) } height="10" {} }
        }
    }
}
