//! Columns in figures, for people.

use std::fmt::Write;

use callboard_runtime::{Bin, ColumnStats, FrequentValue, GroupStats, Measure, Spread, Stats, ThresholdStats};

use super::report::aligned;
use super::rows::cut;
use super::{inline, width};
use callboard_words::figures::{count, moment, number, share, time};

/// A name, or a frequent value, is no wider than this.
const NAME: usize = 32;
const VALUE: usize = 24;
/// The ranges of a histogram as one character each.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Some columns of the table go where the terminal is narrower.
const WIDE: usize = 100;

pub(crate) fn text(stats: &Stats, by: Option<&str>) -> String {
    let mut text = format!("{}\n\n{}", rows(stats.rows), columns(&stats.columns, stats.rows));
    for threshold in &stats.thresholds {
        text.push('\n');
        text.push_str(&thresholds(threshold));
    }
    for group in &stats.groups {
        let _ = write!(
            text,
            "\n── {}\n{}",
            heading(group, by.unwrap_or_default(), stats.rows),
            columns(&group.columns, group.rows)
        );
    }
    text
}

fn rows(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "row" } else { "rows" })
}

fn heading(group: &GroupStats, by: &str, all: u64) -> String {
    let value = match &group.value {
        _ if group.others => "all other values".to_owned(),
        None => format!("{} is null", name(by)),
        Some(value) => format!("{} = {}", name(by), cut(&inline(value), NAME)),
    };
    format!("{value}   {} ({})", rows(group.rows), share(group.rows as f64 / all as f64))
}

/// A line for each column, and the most frequent texts below.
fn columns(columns: &[ColumnStats], rows: u64) -> String {
    let is_wide = width() >= WIDE;
    let heads = ["column", "type", "of", "nulls", "distinct", "min", "5 %", "median", "95 %", "max", "spread"];
    let chosen = |at: &usize| is_wide || ![1, 6, 8].contains(at);
    let line = |column: &ColumnStats| -> Vec<String> {
        let spread = column.spread.as_ref();
        let quantile = |share: f64| {
            let found = spread.and_then(|spread| {
                let quantile = spread.quantiles.iter().find(|quantile| quantile.share == share)?;
                Some(figure(spread.of, quantile.value))
            });
            found.unwrap_or_default()
        };
        let nulls = if rows == 0 { 0.0 } else { column.nulls as f64 / rows as f64 };
        vec![
            name(&column.column),
            cut(&column.column_type, NAME),
            spread.map(|spread| of(spread.of)).unwrap_or_default().to_owned(),
            if column.nulls == 0 { "0".to_owned() } else { share(nulls) },
            column.distinct.map(count).unwrap_or_default(),
            spread.and_then(|spread| Some(figure(spread.of, spread.min.as_f64()?))).unwrap_or_default(),
            quantile(0.05),
            quantile(0.5),
            quantile(0.95),
            spread.and_then(|spread| Some(figure(spread.of, spread.max.as_f64()?))).unwrap_or_default(),
            spread.map(bars).unwrap_or_default(),
        ]
    };
    let all = std::iter::once(heads.map(str::to_owned).to_vec()).chain(columns.iter().map(line));
    let pick =
        |row: Vec<String>| row.into_iter().enumerate().filter(|(at, _)| chosen(at)).map(|(_, cell)| cell).collect();
    let all: Vec<Vec<String>> = all.map(pick).collect();
    let mut text = aligned(&all, if is_wide { 3 } else { 2 });
    let frequent: Vec<Vec<String>> =
        columns.iter().filter(|column| !column.frequent.is_empty()).map(|column| frequent(column, rows)).collect();
    if !frequent.is_empty() {
        let _ = write!(text, "\n most frequent\n{}", aligned(&frequent, 2));
    }
    for spread in columns.iter().filter_map(|column| Some((column, column.spread.as_ref()?))) {
        if spread.1.not_finite > 0 {
            let _ = writeln!(
                text,
                "\n {}: {} not finite, and in no figure",
                name(&spread.0.column),
                rows_of(spread.1.not_finite)
            );
        }
    }
    text
}

fn rows_of(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "value is" } else { "values are" })
}

/// As many of the most frequent texts as fit into a line.
fn frequent(column: &ColumnStats, rows: u64) -> Vec<String> {
    let mut line = String::new();
    let room = width().saturating_sub(NAME.min(column.column.chars().count()) + 4);
    for FrequentValue { value, characters, at_least, .. } in &column.frequent {
        let text = match characters {
            Some(characters) => {
                format!("{}… {}", inline(value).chars().take(VALUE - 8).collect::<String>(), count(*characters))
            }
            None => cut(&inline(value), VALUE),
        };
        let one = format!("{text} {}", share(*at_least as f64 / rows as f64));
        let next = if line.is_empty() { one } else { format!("{line}, {one}") };
        if next.chars().count() > room && !line.is_empty() {
            break;
        }
        line = next;
    }
    vec![name(&column.column), line]
}

fn thresholds(stats: &ThresholdStats) -> String {
    let ThresholdStats { operand, operator, rows: given, thresholds, .. } = stats;
    let operand = name(operand);
    let mut text =
        format!(" what a threshold of {operand} would drop of the {} that the step was given\n", rows(*given));
    let lines = thresholds.iter().map(|threshold| {
        let beside = if threshold.current { "the condition's" } else { "" };
        vec![format!("{operand} {operator} {}", number(threshold.value)), share(threshold.dropped), beside.to_owned()]
    });
    text.push_str(&aligned(&lines.collect::<Vec<_>>(), 1));
    text
}

fn name(name: &str) -> String {
    cut(&inline(name), NAME)
}

fn of(measure: Measure) -> &'static str {
    match measure {
        Measure::Numbers | Measure::Moments | Measure::Seconds => "",
        Measure::Characters => "characters",
        Measure::Bytes => "bytes",
        Measure::Items => "items",
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

/// A histogram as one character for each range.
fn bars(spread: &Spread) -> String {
    let most = spread.histogram.iter().map(|bin| bin.rows).max().unwrap_or(0).max(1);
    let bar = |bin: &Bin| match bin.rows {
        0 => ' ',
        rows => BARS[(rows * (BARS.len() as u64 - 1)).div_ceil(most) as usize],
    };
    let bars: String = spread.histogram.iter().map(bar).collect();
    // As wide as the widest: all begin at the left.
    format!("{bars:<20}")
}
