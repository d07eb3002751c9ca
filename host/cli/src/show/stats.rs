//! Columns in figures, for people.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use callboard_runtime::{Bin, ColumnStats, FrequentValue, GroupStats, Measure, Spread, Stats, ThresholdStats};

use super::figures::{count, time};
use super::report::aligned;
use super::rows::cut;
use super::{inline, width};

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
    format!("{value}   {} ({})", rows(group.rows), percent(group.rows as f64 / all as f64))
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
            if column.nulls == 0 { "0".to_owned() } else { percent(nulls) },
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
        let one = format!("{text} {}", percent(*at_least as f64 / rows as f64));
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
        vec![format!("{operand} {operator} {}", number(threshold.value)), percent(threshold.dropped), beside.to_owned()]
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

/// Whole numbers in full, all others with four digits that count.
fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value.fract() == 0.0 && size < 1e15 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(size as u64))
        }
        _ if !(1e-4..1e7).contains(&size) => format!("{value:.3e}"),
        _ => {
            let digits = (3.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
            let text = format!("{value:.digits$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
    }
}

/// A moment from the year 1970 to 9999 as a date, with its time if that is not midnight.
fn moment(seconds: f64) -> String {
    if !(0.0..253_402_300_800.0).contains(&seconds) {
        return format!("{} s", number(seconds.round()));
    }
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds as u64)).to_string();
    let text = text.replace('T', " ").replace('Z', "");
    text.strip_suffix(" 00:00:00").map_or(text.clone(), str::to_owned)
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

/// `12.4 %`
fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 0.1 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_the_form_of_their_column() {
        assert_eq!(
            [0.0, 12.0, -1234.0, 0.12345, 1234.56, 1e-9, 2.5e17].map(number),
            ["0", "12", "-1,234", "0.1235", "1235", "1.000e-9", "2.500e17"]
        );
        assert_eq!(
            [0.0, 1e9, 1e9 + 0.5, -5.0].map(moment),
            ["1970-01-01", "2001-09-09 01:46:40", "2001-09-09 01:46:40", "-5 s"]
        );
        assert_eq!([0.0, 0.0001, 0.124, 1.0].map(percent), ["0.0 %", "<0.1 %", "12.4 %", "100.0 %"]);
    }
}
