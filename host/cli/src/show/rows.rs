//! Rows of data, for people: a table as wide as the terminal, or each row by itself.

use std::fmt::Write;

use serde_json::{Map, Value};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::difference::named;
use super::figures::count;
use super::{harmless, inline, width};

/// A column of a table is at least this wide, if what it shows is as wide.
const NARROW: usize = 8;
/// A text of a row that is shown by itself has at most this many characters.
const LONG: usize = 2_000;

/// A table of rows, which are objects of JSON; what does not fit is cut, and the length of a text that was cut stands behind it.
pub(crate) fn table(rows: &[String], places: &[String], columns: &[String]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().zip(places).map(|(row, place)| line(row, place, columns)).collect();
    let cells = places_cut(cells);
    let heads: Vec<String> = std::iter::once("row").chain(columns.iter().map(String::as_str)).map(inline).collect();
    let all = || std::iter::once(&heads).chain(&cells);
    let mut widths: Vec<usize> =
        (0..heads.len()).map(|at| all().map(|row| row[at].width()).max().unwrap_or(0)).collect();
    let (shown, left) = fit(&mut widths, width());
    let mut text = String::new();
    for row in all() {
        let cells = row.iter().zip(&widths).take(shown).map(|(cell, width)| padded(&cut(cell, *width), *width));
        let _ = writeln!(text, " {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if left > 0 {
        let names = heads[shown..].iter().map(|name| cut(name, 40)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "\n not shown: {names}; choose with --columns, or --format text");
    }
    text
}

/// Where rows are from, as short as it can be: their numbers alone if all are of one file, else the end of what tells the files apart.
fn places_cut(mut cells: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let file = |row: &[String]| row[0].rsplit_once(':').map_or("", |(file, _)| file).to_owned();
    let first = cells.first().map(|row| file(row)).unwrap_or_default();
    let all_alike = cells.iter().all(|row| file(row) == first);
    let common = match first.rfind('/') {
        _ if all_alike => first.len() + 1,
        None => 0,
        Some(_) => (0..first.len())
            .rev()
            .find(|at| first.as_bytes()[*at] == b'/' && cells.iter().all(|row| row[0].starts_with(&first[..=*at])))
            .map_or(0, |at| at + 1),
    };
    cells.iter_mut().for_each(|row| row[0] = row[0][common..].to_owned());
    cells
}

/// The cells of a row: where it is from, and its columns.
fn line(row: &str, place: &str, columns: &[String]) -> Vec<String> {
    let row = members(row);
    let cell = |column: &String| row.get(column).map(word).unwrap_or_default();
    std::iter::once(inline(place)).chain(columns.iter().map(|column| inline(&cell(column)))).collect()
}

/// Narrows columns, the widest first, until they fit into a line; how many do, and how many do not.
fn fit(widths: &mut [usize], line: usize) -> (usize, usize) {
    let total = |widths: &[usize]| widths.iter().map(|width| width + 2).sum::<usize>();
    let mut shown = widths.len();
    loop {
        if total(&widths[..shown]) <= line || shown == 1 {
            return (shown, widths.len() - shown);
        }
        let over = total(&widths[..shown]) - line;
        match widths[..shown].iter_mut().filter(|width| **width > NARROW).max() {
            Some(widest) => *widest = widest.saturating_sub(over.min((*widest / 8).max(1))).max(NARROW),
            None => shown -= 1,
        }
    }
}

/// Each row by itself: a line that says where it is from, and one or more for each column.
pub(crate) fn text(rows: &[String], places: &[String]) -> String {
    let mut text = String::new();
    for (row, place) in rows.iter().zip(places) {
        let _ = writeln!(text, "── {}", inline(place));
        for (column, value) in members(row) {
            let value = word(&value);
            let (shown, length) = (value.char_indices().nth(LONG), value.chars().count());
            let shown = shown.map_or(value.as_str(), |(end, _)| &value[..end]);
            let rest = if length > LONG { format!("… ({} characters)", count(length as u64)) } else { String::new() };
            let shown = harmless(shown).replace("\r\n", "\n").replace('\n', "\n  │ ");
            let _ = writeln!(text, "{}: {shown}{rest}", named(&column));
        }
        text.push('\n');
    }
    text
}

fn members(row: &str) -> Map<String, Value> {
    serde_json::from_str(row).unwrap_or_default()
}

/// A text as it is, nothing for null, and all else as JSON.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A text of at most this width, with its length behind it if it was cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut end = format!("… {}", count(text.chars().count() as u64));
    if end.width() > most / 2 {
        end = "…".to_owned();
    }
    let mut room = most - end.width();
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).collect::<String>() + &end
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_is_cut_and_says_how_long_it_is() {
        let long = "x".repeat(1234);
        assert_eq!(cut(&long, 20), format!("{}… 1,234", "x".repeat(13)));
        assert_eq!(
            (cut("日本語日本語", 5), cut("abc", 3), cut("abcdef", 3)),
            ("日本…".into(), "abc".into(), "ab…".into())
        );
        let mut widths = [10, 200, 50, 5];
        assert_eq!(fit(&mut widths, 80), (4, 0));
        assert!(widths.iter().map(|width| width + 2).sum::<usize>() <= 80 && widths[3] == 5, "{widths:?}");
        assert_eq!(fit(&mut [10; 20], 80), (8, 12));
    }
}
