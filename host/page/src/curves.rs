//! Memory and rows over time, as drawings: stage after stage, each from its beginning to its end.

use std::fmt::Write as _;

use callboard_runtime::{Moment, StageReport};
use callboard_words::sizes::bytes;
use maud::{Markup, PreEscaped, html};

use crate::axis::{Ticks, of_bytes, of_rates, of_time};
use crate::{Shown, wide};

const WIDTH: f64 = 1000.0;
/// Left of a drawing, where its axis has figures.
const LEFT: f64 = 76.0;
const TOP: f64 = 22.0;
const HEIGHT: f64 = 200.0;

/// A stage on the axis of time, in milliseconds from the first one's beginning.
struct Span<'a> {
    index: usize,
    begin: f64,
    took: f64,
    curve: &'a [Moment],
}

/// A line of a drawing: points of time and value.
type Line = Vec<(f64, f64)>;

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    let spans = spans(shown);
    let all: f64 = spans.iter().map(|span| span.took).sum();
    if spans.iter().all(|span| span.curve.len() < 2) || all <= 0.0 {
        return None;
    }
    let of = |value: fn(&Moment) -> u64| -> Line { line(&spans, value) };
    let memory: [(&str, &str, Line); 3] = [
        ("resident", "the process, without files", of(|moment| moment.resident)),
        ("linear", "memory of steps", of(|moment| moment.linear)),
        ("flight", "rows in flight", of(|moment| moment.in_flight)),
    ];
    let budget = shown.report.budget_bytes;
    let most = memory.iter().flat_map(|(_, _, line)| line).map(|(_, value)| *value).fold(0.0, f64::max);
    let most = budget.map_or(most, |budget| most.max(budget as f64)).max(1.0);
    let lines: Vec<(&str, &Line)> = memory.iter().map(|(class, _, line)| (*class, line)).collect();
    let most = most * 1.05;
    let budgeted = budget.map(|budget| budget as f64);
    let chart = drawing("Memory over time", &spans, all, &lines, budgeted, most, &of_bytes(most));
    let rates = rates(&spans, all / 60.0);
    let fastest = rates.iter().map(|(_, value)| *value).fold(0.0, f64::max).max(1.0);
    let most = fastest * 1.05;
    let speed = drawing("Rows per second over time", &spans, all, &[("rate", &rates)], None, most, &of_rates(most));
    Some(html! {
        p.legend {
            @for (class, what, _) in &memory { span { i.(class) {} " " (what) " " } }
            @if let Some(budget) = budget { span { i.budget {} " budget " (bytes(budget)) } }
        }
        (wide("Memory over time", &chart))
        h3 { "Rows per second" }
        p.quiet { "Rows that the steps of a stage were given, all steps together." }
        (wide("Rows per second over time", &speed))
        @if shown.report.resumed > 0 { p.quiet { "Stages that ended before the run was resumed are drawn as they were then; pauses are left out." } }
    })
}

fn took(stage: &StageReport) -> f64 {
    let curve = stage.curve.last().map_or(0.0, |last| last.at_ms as f64);
    curve.max(stage.intake_ms + stage.load_ms + stage.run_ms + stage.unload_ms)
}

fn spans<'a>(shown: &Shown<'a>) -> Vec<Span<'a>> {
    let ended = shown.report.stages.iter().map(|stage| (stage.index, took(stage), stage.curve.as_slice()));
    let unfinished = shown.unfinished.map(|stage| (stage.stage, stage.took_ms, stage.curve.as_slice()));
    let mut begin = 0.0;
    ended
        .chain(unfinished)
        .map(|(index, took, curve)| {
            let span = Span { index, begin, took, curve };
            begin += took;
            span
        })
        .collect()
}

fn line(spans: &[Span<'_>], value: fn(&Moment) -> u64) -> Line {
    let points = |span: &Span<'_>| {
        let begin = span.begin;
        span.curve.iter().map(move |moment| (begin + moment.at_ms as f64, value(moment) as f64)).collect::<Vec<_>>()
    };
    spans.iter().flat_map(points).collect()
}

/// Rows per second, each over at least this many milliseconds where a stage has them: steps are heard of a batch at a time.
fn rates(spans: &[Span<'_>], least: f64) -> Line {
    let mut line = Line::new();
    for span in spans {
        let mut last: Option<&Moment> = None;
        for moment in span.curve {
            let Some(before) = last else {
                last = Some(moment);
                line.push((span.begin + moment.at_ms as f64, 0.0));
                continue;
            };
            let apart = moment.at_ms.saturating_sub(before.at_ms);
            if apart as f64 >= least.max(20.0) {
                let rate = moment.rows.saturating_sub(before.rows) as f64 / apart as f64 * 1e3;
                line.push((span.begin + before.at_ms as f64, rate));
                line.push((span.begin + moment.at_ms as f64, rate));
                last = Some(moment);
            }
        }
        line.push((span.begin + span.took, 0.0));
    }
    line
}

fn drawing(
    title: &str,
    spans: &[Span<'_>],
    all: f64,
    lines: &[(&str, &Line)],
    limit: Option<f64>,
    most: f64,
    ticks: &Ticks,
) -> Markup {
    let x = |at: f64| LEFT + at / all * (WIDTH - LEFT);
    let y = |value: f64| TOP + HEIGHT - value / most * HEIGHT;
    let bottom = TOP + HEIGHT;
    let mut out = String::new();
    // Writing to a string does not fail; all texts in it are figures of ours.
    for (nth, span) in spans.iter().enumerate() {
        let (from, to) = (x(span.begin), x(span.begin + span.took));
        let class = if nth % 2 == 0 { "even" } else { "odd" };
        _ = write!(
            out,
            r#"<rect class="{class}" x="{from:.1}" y="{TOP}" width="{:.1}" height="{HEIGHT}"/>"#,
            (to - from).max(0.0)
        );
        if to - from > 22.0 {
            let words = if to - from > 70.0 { "stage " } else { "" };
            _ = write!(
                out,
                r#"<text x="{:.1}" y="14" text-anchor="middle">{words}{}</text>"#,
                (from + to) / 2.0,
                span.index
            );
        }
    }
    for (value, words) in ticks {
        let at = y(*value);
        _ = write!(
            out,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{WIDTH}"/><text x="{:.0}" y="{:.1}" text-anchor="end">{words}</text>"#,
            LEFT - 6.0,
            at + 4.0,
        );
    }
    for (at, words) in of_time(all) {
        let at = x(at);
        let anchor = match at {
            at if at > WIDTH - 30.0 => "end",
            at if at > LEFT => "middle",
            _ => "start",
        };
        _ = write!(
            out,
            r#"<path class="grid" d="M{at:.1} {bottom}v5"/><text x="{at:.1}" y="{:.0}" text-anchor="{anchor}">{words}</text>"#,
            bottom + 18.0,
        );
    }
    for (class, line) in lines {
        let mut path = String::new();
        for (nth, (at, value)) in line.iter().enumerate() {
            _ = write!(path, "{}{:.1} {:.1}", if nth == 0 { "M" } else { "L" }, x(*at), y(*value));
        }
        _ = write!(out, r#"<path class="line {class}" d="{path}"/>"#);
    }
    if let Some(limit) = limit {
        _ = write!(out, r#"<path class="line budget" d="M{LEFT} {:.1}H{WIDTH}"/>"#, y(limit));
    }
    html! {
        svg.chart role="img" aria-label=(title) viewBox={ "0 0 " (WIDTH) " " (bottom + 24.0) } { title { (title) } (PreEscaped(out)) }
    }
}
