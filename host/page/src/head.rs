//! What stands first: what ran, how it ended, and the figures that matter most.

use std::time::{Duration, UNIX_EPOCH};

use callboard_plan::Load;
use callboard_runtime::{Status, StepCallsReport, UnfinishedReport};
use callboard_words::figures::{count, percent, time};
use callboard_words::sizes::bytes;
use maud::{Markup, html};

use crate::text::{lines, short};
use crate::{PAUSED, REFRESH, Shown, State, rows};

/// How it ended, in a word.
pub(crate) fn status(shown: &Shown<'_>) -> &'static str {
    match shown.report.status {
        _ if shown.goes_on() => "running",
        Status::Finished => "finished",
        Status::Failed => "failed",
        Status::Interrupted => "interrupted",
        Status::Waiting => "waiting",
    }
}

pub(crate) fn header(shown: &Shown<'_>) -> Markup {
    let report = shown.report;
    let resumed = match report.resumed {
        0 => String::new(),
        1 => ", resumed once".to_owned(),
        times => format!(", resumed {times} times"),
    };
    let load = match report.load {
        Load::Staged => "loaded stage by stage",
        Load::Eager => "all steps loaded throughout",
        Load::Step => "loaded step by step",
    };
    html! {
        header {
            h1 { (short(&report.name, 100)) " " span.status.(status(shown)) { (status(shown)) } }
            p {
                @if let (true, Some(stage), Some(plan)) = (shown.goes_on(), shown.unfinished, shown.plan) {
                    "stage " strong { (stage.stage) } " of " (plan.stages().len())
                    @if let Some(part) = stage.part { " (" (percent(part, 1.0)) ")" }
                    ", "
                }
                "after " strong { (time(shown.wall_ms)) } (resumed) ", " (load)
                @if report.began_at > 0.0 { ", begun " time { (date(report.began_at)) } }
                @if let Some(left) = shown.unfinished.filter(|_| shown.goes_on()).and_then(left) { "; " (left) }
            }
            p.quiet { code { (short(&report.run_folder, 200)) } }
            @match shown.state {
                State::Ended => {}
                State::Followed => p.quiet { "Updated every " (REFRESH) " seconds. " a href={ "?" (PAUSED) } { "Pause" } },
                State::Paused => p.quiet { "Paused. " a href="?" { "Follow the run" } },
            }
        }
    }
}

/// What time is left of a run that is in this stage, or, if that is not known, of the stage.
fn left(stage: &UnfinishedReport) -> Option<Markup> {
    let (left, of) = match stage.run_left_ms {
        Some(left) => (left, ""),
        None => (stage.left_ms?, " in this stage"),
    };
    Some(html! { "about " strong { (time(left)) } " left" (of) })
}

pub(crate) fn error(shown: &Shown<'_>) -> Markup {
    let report = shown.report;
    html! {
        @if let Some(error) = &report.error {
            section.error aria-labelledby="error-title" {
                h2 #error-title { @match report.status {
                    Status::Interrupted => "Interrupted",
                    Status::Waiting => "Waiting",
                    _ => "Error",
                } }
                pre { (lines(&error.message, 400)) }
                @if let Some(help) = &error.help { p { strong { "Help: " } } pre { (lines(help, 400)) } }
                @if let Some(stage) = shown.unfinished { p { "Stage " (stage.stage) " had run for " (time(stage.took_ms)) "." } }
                @if report.resumable { p { "To continue: " code { "callboard resume " (short(&report.run_folder, 200)) } } }
            }
        }
    }
}

/// The figures that matter most.
pub(crate) fn figures(shown: &Shown<'_>) -> Markup {
    let (report, sums) = (shown.report, rows::Sums::of(shown));
    let mut cards: Vec<(&str, String, String)> = vec![
        ("rows read", count(sums.read), bytes(report.inputs.values().map(|input| input.bytes).sum())),
        ("rows written", count(sums.written), bytes(report.outputs.values().map(|output| output.bytes).sum())),
        ("dropped", count(sums.dropped), String::new()),
        ("rejected", count(sums.rejected), String::new()),
    ];
    let budget = report.budget_bytes.map(|budget| format!("of a budget of {}", bytes(budget)));
    cards.push(("resident memory, peak", bytes(report.peak_resident_bytes), budget.unwrap_or_default()));
    let calls = || shown.calls.values().flat_map(|server| server.steps.values());
    let sum = |of: fn(&StepCallsReport) -> u64| calls().map(of).sum::<u64>();
    if !shown.calls.is_empty() {
        let tokens = format!(
            "{} tokens in, {} out",
            count(sum(|step| step.input_tokens)),
            count(sum(|step| step.output_tokens))
        );
        cards.push(("replies of servers", count(sum(|step| step.replies)), tokens));
        let cost: f64 = calls().map(|step| step.cost).sum();
        if cost > 0.0 {
            cards.push(("cost", format!("{cost:.4}"), String::new()));
        }
    }
    html! {
        dl.cards {
            @for (what, figure, beside) in &cards {
                div { dt { (what) } dd { (figure) @if !beside.is_empty() { span.quiet { (beside) } } } }
            }
        }
    }
}

pub(crate) fn notes(shown: &Shown<'_>) -> Option<Markup> {
    let notes = &shown.report.notes;
    (!notes.is_empty()).then(|| {
        html! { ul { @for note in notes.iter().take(100) { li { (short(note, 600)) } } } }
    })
}

pub(crate) fn footer(shown: &Shown<'_>) -> Markup {
    html! {
        footer.quiet {
            "Plan " code { (short(&shown.report.plan, 64)) } ". "
            "All figures are in " code { "report.json" } " of the run's folder. Made by Callboard."
        }
    }
}

/// A moment in seconds since 1970, as `2026-11-29 21:40:12 UTC`; no later than the last second of the year 9999.
fn date(seconds: f64) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(seconds.clamp(0.0, 253_402_300_799.0) as u64);
    humantime::format_rfc3339_seconds(at).to_string().replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_run_or_else_of_the_stage() {
        let said = |of: &str| {
            let stage = format!("{{\"stage\": 2, \"took_ms\": 9, \"steps\": {{}}, \"curve\": []{of}}}");
            left(&serde_json::from_str(&stage).unwrap()).map(|left| left.into_string())
        };
        assert_eq!(said(""), None);
        assert_eq!(said(", \"left_ms\": 2000"), Some("about <strong>2.0 s</strong> left in this stage".to_owned()));
        let of_run = said(", \"left_ms\": 2000, \"run_left_ms\": 372000");
        assert_eq!(of_run, Some("about <strong>6m 12s</strong> left".to_owned()));
    }
}
