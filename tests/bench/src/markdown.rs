//! The report as a page.

use std::fmt::Write as _;

use crate::measure::{Measure, Unit};
use crate::report::{Cell, Reached, Report, Section};

/// The page.
pub fn page(report: &Report) -> String {
    let mut page = String::from("# Figures\n\n");
    let machine = &report.machine;
    let _ = writeln!(
        page,
        "Made by `cargo xtask bench` ([what it measures, and how](bench.md)). A figure is the median of at least five; what is compared was measured in turn. \
         In brackets: the least and the most.\n"
    );
    if report.quick {
        page += "**Made with `--quick`: these figures show that the benchmark works, and nothing else.**\n\n";
    }
    let _ = writeln!(page, "| | |\n|---|---|");
    for (what, is) in machine.rows() {
        let _ = writeln!(page, "| {what} | {is} |");
    }
    page += "\n## Targets\n\n| what | target | figure | |\n|---|---|---|---|\n";
    for reached in &report.targets {
        page += &target(reached);
    }
    for section in &report.sections {
        page += &self::section(section);
    }
    page
}

fn target(reached: &Reached) -> String {
    let Reached { what, target, figure, unit, met, left_out, .. } = reached;
    let figure = figure.map_or("–".to_owned(), |figure| format!("{} {unit}", short(figure)));
    let verdict = match (met, left_out) {
        (Some(true), _) => "met",
        (Some(false), _) => "**MISSED**",
        (None, Some(why)) => why,
        (None, None) => "not measured",
    };
    format!("| {what} | {target} | {figure} | {verdict} |\n")
}

fn section(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n`cargo xtask bench {}`. {}\n", section.title, section.name, section.about);
    for table in &section.tables {
        if !table.title.is_empty() {
            let _ = write!(text, "\n{}:\n", table.title);
        }
        let _ = write!(text, "\n| {} |\n|{}\n", table.columns.join(" | "), "---|".repeat(table.columns.len()));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(cell).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    for note in &section.notes {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Figure(measure) => figure(measure),
    }
}

fn figure(measure: &Measure) -> String {
    let Measure { unit, median, low, high, samples } = measure;
    let (scale, name) = scale(*unit, *median);
    let short = |value: f64| if *unit == Unit::Count { whole(value) } else { short(value) };
    let shown = format!("{}{name}", short(median / scale));
    match samples {
        1 => shown,
        _ => format!("{shown} ({}–{})", short(low / scale), short(high / scale)),
    }
}

/// What a figure of this size is counted in.
fn scale(unit: Unit, size: f64) -> (f64, &'static str) {
    match unit {
        Unit::Times => (1.0, " ×"),
        Unit::Milliseconds if size >= 10_000.0 => (1000.0, " s"),
        Unit::Milliseconds => (1.0, " ms"),
        Unit::Microseconds => (1.0, " µs"),
        Unit::Bytes if size >= 1e9 => (f64::from(1 << 30), " GiB"),
        Unit::Bytes if size < 1e6 => (1024.0, " KiB"),
        Unit::Bytes => (f64::from(1 << 20), " MiB"),
        Unit::RowsPerSecond => (1.0, " rows/s"),
        Unit::Percent => (1.0, " %"),
        Unit::Count => (1.0, ""),
    }
}

/// Three digits, or all that stand before the point.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 1000.0 => whole(number),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

/// How many, its digits in threes.
pub(crate) fn grouped(count: u64) -> String {
    whole(count as f64)
}

/// A whole number, its digits in threes.
fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    format!("{}{}", if number < 0.0 { "-" } else { "" }, groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        let shown = [0.0, 0.012_34, 1.234, 12.34, 123.4, 1234.5, 1_234_567.0, -4321.0].map(short);
        assert_eq!(shown, ["0.00", "0.0123", "1.23", "12.3", "123", "1,234", "1,234,567", "-4,321"]);
    }

    #[test]
    fn a_missed_target_is_called_so_and_one_left_out_says_why() {
        let mut section = Section::new("resume", "Resume", "");
        section.reach("resume/journal", 1.0500001);
        section.leave_out("resume/killed", "nobody was killed");
        let text = page(&Report::of(false, Machine::default(), vec![section]));
        assert!(text.contains("| at most 1.05 × | 1.05 × | **MISSED** |"), "{text}");
        assert!(text.contains("| at most 0.2 × | – | nobody was killed |"), "{text}");
        assert!(!text.contains("tax"), "sections that did not run are not there: {text}");
    }
}
