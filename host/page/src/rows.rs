//! Where rows went: the accounts, what each step took and why, inputs and outputs.

use std::collections::BTreeMap;

use callboard_runtime::StepReport;
use callboard_words::figures::{count, percent};
use callboard_words::sizes::bytes;
use maud::{Markup, html};

use crate::stages::MOST;
use crate::steps::bar;
use crate::text::short;
use crate::{Shown, wide};

/// Reasons shown of each step, and of all.
const REASONS: usize = 6;
const ALL_REASONS: usize = 240;

/// Rows of a whole run.
pub(crate) struct Sums {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) created: u64,
    pub(crate) repeated: u64,
    pub(crate) consumed: u64,
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
}

impl Sums {
    pub(crate) fn of(shown: &Shown<'_>) -> Sums {
        let sum = |of: fn(&StepReport) -> u64| shown.steps().map(of).fold(0, u64::saturating_add);
        let unread: u64 = shown.report.inputs.values().map(|input| input.rows_rejected).sum();
        Sums {
            read: unread + shown.report.inputs.values().map(|input| input.rows).sum::<u64>(),
            written: shown.report.outputs.values().map(|output| output.rows).sum(),
            created: sum(|step| step.rows_created),
            repeated: sum(|step| step.rows_repeated),
            consumed: sum(consumed),
            dropped: sum(|step| step.rows_dropped.saturating_sub(consumed(step))),
            rejected: unread + sum(|step| step.rows_rejected),
        }
    }
}

/// Rows of a step that puts out only rows of its own, made of what it read: those are not dropped, as a person sees it.
fn consumed(step: &StepReport) -> u64 {
    let makes_all = step.rows_created > 0 && step.rows_created == step.rows_out;
    if makes_all { step.dropped.get("").copied().unwrap_or_default() } else { 0 }
}

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    if shown.steps().next().is_none() && shown.report.rejects.rows == 0 {
        return None;
    }
    Some(html! {
        (accounts(shown))
        @if shown.steps().any(is_removing) {
            (wide("Where rows went", &went(shown)))
            p.legend aria-hidden="true" { @for fate in ["kept", "dropped", "rejected"] { span { i.(fate) {} " " (fate) } } }
        }
        (reasons(shown))
        @if shown.report.rejects.rows > 0 { p { "Rejected rows are in " code { (short(&shown.report.rejects.path, 200)) } "." } }
        @if !shown.examples.is_empty() {
            h3 { "Examples of rejected rows" }
            dl.examples { @for example in shown.examples {
                dt { (short(&example.node, 60)) ": " (short(&example.reason, 200)) }
                dd { pre { (short(&example.row, 600)) } }
            } }
        }
    })
}

fn accounts(shown: &Shown<'_>) -> Markup {
    let Sums { read, written, created, repeated, consumed, dropped, rejected } = Sums::of(shown);
    let fates = [
        (created, "created"),
        (repeated, "repeated"),
        (consumed, "consumed"),
        (dropped, "dropped"),
        (rejected, "rejected"),
    ];
    let wrong: Vec<String> = shown.steps().filter(|step| !step.adds_up).map(|step| short(&step.name, 60)).collect();
    html! {
        p {
            strong { (count(read)) } " read"
            @for (rows, what) in fates { @if rows > 0 { ", " strong { (count(rows)) } " " (what) } }
            ", " strong { (count(written)) } " written. "
            @if wrong.is_empty() { span.good { "✓ Adds up at every step that ended." } }
            @else { span.bad { "✗ Does not add up at " (wrong.join(", ")) "." } }
        }
    }
}

fn is_removing(step: &StepReport) -> bool {
    step.rows_dropped + step.rows_rejected + step.rows_elsewhere > 0
}

fn went(shown: &Shown<'_>) -> Markup {
    let removing = shown.steps().filter(|step| is_removing(step));
    html! {
        table.bars {
            caption { "Steps that took rows out" }
            thead { tr {
                th.text scope="col" { "step" } th scope="col" { "rows in" } th scope="col" { "kept" } th scope="col" { "dropped" }
                th scope="col" { "rejected" } th scope="col" { "elsewhere" } th.text scope="col" { span.unseen { "as a bar" } }
            } }
            tbody { @for step in removing.take(MOST) {
                @let kept = step.rows_in.saturating_sub(step.rows_dropped).saturating_sub(step.rows_rejected);
                tr {
                    th.text scope="row" { (short(&step.name, 60)) }
                    td { (count(step.rows_in)) }
                    td { (percent(kept as f64, step.rows_in as f64)) }
                    td { (count(step.rows_dropped)) } td { (count(step.rows_rejected)) } td { (count(step.rows_elsewhere)) }
                    td.text { (bar(&[("kept", kept as f64), ("dropped", step.rows_dropped as f64), ("rejected", step.rows_rejected as f64)], step.rows_in as f64)) }
                }
            } }
        }
    }
}

fn reasons(shown: &Shown<'_>) -> Markup {
    let mut all: Vec<(&str, &str, String, u64)> = Vec::new();
    for (name, input) in &shown.report.inputs {
        add(&mut all, "rejected", name, &input.rejected);
    }
    for step in shown.steps() {
        add(&mut all, "rejected", &step.name, &step.rejected);
    }
    for step in shown.steps() {
        add(&mut all, "dropped", &step.name, &step.dropped);
    }
    let more = all.len().saturating_sub(ALL_REASONS);
    let table = html! {
        table {
            caption { "Reasons" }
            thead { tr { th.text scope="col" { "step or input" } th.text scope="col" { "fate" } th.text scope="col" { "reason" } th scope="col" { "rows" } } }
            tbody { @for (node, fate, reason, rows) in all.iter().take(ALL_REASONS) {
                tr { th.text scope="row" { (short(node, 60)) } td.text { (fate) } td.text { (reason) } td { (count(*rows)) } }
            } }
        }
    };
    html! {
        @if !all.is_empty() { (wide("Reasons", &table)) }
        @if more > 0 { p.quiet { (count(more as u64)) " more are in " code { "report.json" } "." } }
    }
}

/// The most frequent reasons of a node.
fn add<'a>(
    all: &mut Vec<(&'a str, &'static str, String, u64)>,
    fate: &'static str,
    node: &'a str,
    reasons: &BTreeMap<String, u64>,
) {
    let mut sorted: Vec<(&String, &u64)> = reasons.iter().collect();
    sorted.sort_by_key(|(reason, rows)| (std::cmp::Reverse(**rows), *reason));
    let said = |reason: &str| if reason.is_empty() { "no reason given".to_owned() } else { short(reason, 160) };
    all.extend(sorted.iter().take(REASONS).map(|(reason, rows)| (node, fate, said(reason), **rows)));
    if sorted.len() > REASONS {
        let rest = sorted[REASONS..].iter().map(|(_, rows)| **rows).sum();
        all.push((node, fate, format!("{} more reasons", count((sorted.len() - REASONS) as u64)), rest));
    }
}

pub(crate) fn files(shown: &Shown<'_>) -> Option<Markup> {
    let report = shown.report;
    if report.inputs.is_empty() && report.outputs.is_empty() {
        return None;
    }
    let table = html! {
        table {
            caption { "What was read and written" }
            thead { tr { th.text scope="col" { "name" } th.text scope="col" { "" span.unseen { "direction" } } th scope="col" { "rows" } th scope="col" { "size" } th.text scope="col" { "place" } } }
            tbody {
                @for (name, input) in report.inputs.iter().take(MOST) {
                    tr { th.text scope="row" { (short(name, 60)) } td.text { "input" } td { (count(input.rows)) } td { (bytes(input.bytes)) } td.text { (paths(shown, name)) } }
                }
                @for (name, output) in report.outputs.iter().take(MOST) {
                    tr { th.text scope="row" { (short(name, 60)) } td.text { "output" } td { (count(output.rows)) } td { (bytes(output.bytes)) } td.text { code { (short(&output.path, 200)) } } }
                }
            }
        }
    };
    Some(wide("Inputs and outputs", &table))
}

fn paths(shown: &Shown<'_>, input: &str) -> Markup {
    let paths = shown.plan.and_then(|plan| plan.input(input)).map(|input| input.paths.as_slice()).unwrap_or_default();
    html! {
        @for path in paths.iter().take(3) { code { (short(path, 120)) } " " }
        @if paths.len() > 3 { "and " (count(paths.len() as u64 - 3)) " more" }
    }
}
