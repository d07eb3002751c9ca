//! What is in the columns of rows, where the pipeline asks for it: figures, histograms, and what other thresholds would drop.

use callboard_runtime::{Bin, ColumnStats, Measure, Spread, Stats, ThresholdStats};
use callboard_words::figures::{count, moment, number, share, time};
use maud::{Markup, html};

use crate::stages::MOST;
use crate::text::short;
use crate::{Shown, wide};

/// How many columns of a node are shown, and how many frequent texts of each.
const COLUMNS: usize = 40;
const FREQUENT: usize = 3;

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    let inputs = shown.report.inputs.iter().map(|(name, input)| (name.as_str(), "input", input.stats.as_ref()));
    let steps = shown.steps().map(|step| (step.name.as_str(), "step", step.stats.as_ref()));
    let outputs = shown.report.outputs.iter().map(|(name, output)| (name.as_str(), "output", output.stats.as_ref()));
    let nodes = inputs.chain(steps).chain(outputs).filter_map(|(name, what, stats)| Some((name, what, stats?)));
    let nodes: Vec<_> = nodes.take(MOST).collect();
    if nodes.is_empty() {
        return None;
    }
    Some(html! { @for (name, what, stats) in nodes {
        h3 { (short(name, 60)) " " span.quiet { (what) ", " (count(stats.rows)) " rows" } }
        (wide(&format!("Columns of {}", short(name, 60)), &table(stats)))
        @let more = stats.columns.len().saturating_sub(COLUMNS);
        @if more > 0 { p.quiet { (count(more as u64)) " more columns are in " code { "report.json" } "." } }
        @for note in &stats.notes { p.quiet { (short(note, 300)) } }
        @for thresholds in &stats.thresholds { (wide("Other thresholds", &others(thresholds))) }
    } })
}

fn table(stats: &Stats) -> Markup {
    html! {
        table {
            caption { "Columns" }
            thead { tr {
                th.text scope="col" { "column" } th.text scope="col" { "type" } th scope="col" { "nulls" } th scope="col" { "distinct" }
                th scope="col" { "min" } th scope="col" { "5 %" } th scope="col" { "median" } th scope="col" { "95 %" } th scope="col" { "max" }
                th.text scope="col" { span.unseen { "as a histogram" } }
            } }
            tbody { @for column in stats.columns.iter().take(COLUMNS) { (line(column, stats.rows)) } }
        }
    }
}

fn line(column: &ColumnStats, rows: u64) -> Markup {
    let spread = column.spread.as_ref();
    let at = |wanted: f64| {
        let quantile = spread?.quantiles.iter().find(|quantile| quantile.share == wanted)?;
        Some(figure(spread?.of, quantile.value))
    };
    let end = |end: fn(&Spread) -> Option<f64>| spread.and_then(|spread| Some(figure(spread.of, end(spread)?)));
    html! {
        tr {
            th.text scope="row" { (short(&column.column, 60)) @if !column.frequent.is_empty() { span.quiet.below { (frequent(column, rows)) } } }
            td.text { (short(&column.column_type, 40)) @if let Some(of) = spread.and_then(|spread| measured(spread.of)) { span.quiet.below { "in " (of) } } }
            td { @if column.nulls == 0 { "0" } @else { (share(column.nulls as f64 / rows.max(1) as f64)) } }
            td { (column.distinct.map(count).unwrap_or_default()) }
            td { (end(|spread| spread.min.as_f64()).unwrap_or_default()) }
            td { (at(0.05).unwrap_or_default()) } td { (at(0.5).unwrap_or_default()) } td { (at(0.95).unwrap_or_default()) }
            td { (end(|spread| spread.max.as_f64()).unwrap_or_default()) }
            td.text { @if let Some(spread) = spread { (histogram(&spread.histogram)) } }
        }
    }
}

/// `"de" 29.8 %, "fr" 10.0 %`
fn frequent(column: &ColumnStats, rows: u64) -> String {
    let one = |value: &callboard_runtime::FrequentValue| {
        let cut = if value.characters.is_some() { "…" } else { "" };
        format!(
            "\u{201c}{}{cut}\u{201d} {}",
            short(&value.value, 40),
            share(value.at_least as f64 / rows.max(1) as f64)
        )
    };
    column.frequent.iter().take(FREQUENT).map(one).collect::<Vec<_>>().join(", ")
}

fn measured(measure: Measure) -> Option<&'static str> {
    match measure {
        Measure::Numbers | Measure::Moments | Measure::Seconds => None,
        Measure::Characters => Some("characters"),
        Measure::Bytes => Some("bytes"),
        Measure::Items => Some("items"),
    }
}

/// A number of a column, in its own form.
fn figure(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Moments => moment(value),
        Measure::Seconds => time(value * 1e3),
        _ => number(value),
    }
}

/// The ranges side by side, all of one width. The table's figures say about the same.
fn histogram(bins: &[Bin]) -> Markup {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 18.0;
    let most = bins.iter().map(|bin| bin.rows).max().unwrap_or(0).max(1) as f64;
    let each = WIDTH / bins.len().max(1) as f64;
    // A range of few rows is seen too.
    let height = |bin: &Bin| if bin.rows == 0 { 0.0 } else { (HEIGHT * bin.rows as f64 / most).max(1.0) };
    html! {
        svg.bar aria-hidden="true" width=(WIDTH) height=(HEIGHT) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
            @for (nth, bin) in bins.iter().enumerate() {
                @let height = height(bin);
                rect.part x={ (format!("{:.1}", nth as f64 * each)) } y={ (format!("{:.1}", HEIGHT - height)) }
                    width={ (format!("{:.1}", (each - 1.0).max(0.5))) } height={ (format!("{height:.1}")) } {}
            }
        }
    }
}

fn others(stats: &ThresholdStats) -> Markup {
    let operand = short(&stats.operand, 60);
    html! {
        table.bars {
            caption { "What other thresholds would drop of the " (count(stats.rows)) " rows that the step was given" }
            thead { tr { th.text scope="col" { "threshold" } th scope="col" { "drops" } th.text scope="col" { span.unseen { "which one it is" } } } }
            tbody { @for threshold in &stats.thresholds {
                tr {
                    th.text scope="row" { (operand) " " (stats.operator) " " (number(threshold.value)) }
                    td { (share(threshold.dropped)) }
                    td.text { @if threshold.current { "as it is set" } }
                }
            } }
        }
    }
}
