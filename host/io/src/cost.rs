//! Tests: what many columns cost, counted in look-ups and comparisons of names.

use std::fmt::Write;
use std::path::Path;

use crate::names::counted;
use crate::{BatchPolicy, Dataset, InputLimits, InputSpec};

const LIMITS: InputLimits = InputLimits { line: 64 << 20, columns: 1_000_000, header: 64 << 20, window: 1 << 20 };

/// Writes a file, and counts what it takes to open and to read it.
fn cost(name: &str, text: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    // Two files of the same columns, which are merged.
    for nth in 0..2 {
        let path = format!("{nth}{name}");
        std::fs::write(folder.path().join(&path), text).unwrap();
        paths.push(path);
    }
    let spec = InputSpec {
        name: "docs".into(),
        base: Path::new(folder.path()).into(),
        paths,
        limits: LIMITS,
        ..InputSpec::default()
    };
    let taken = counted(|| {
        let dataset = Dataset::open(&spec).unwrap();
        let rows: usize =
            dataset.read(BatchPolicy { rows: 100, bytes: 1 << 30 }).map(|c| c.unwrap().rows.num_rows()).sum();
        assert!(rows > 0);
    });
    assert!(taken > 0);
    taken
}

/// `0..columns` in an order of its own for each `row`.
fn shuffled(columns: usize, row: usize) -> impl Iterator<Item = usize> {
    // Prime to any of the numbers below, so every column is met once.
    (0..columns).map(move |n| (n * 7919 + row * 104_729) % columns)
}

fn object(keys: impl Iterator<Item = usize>) -> String {
    let mut text = String::from("{");
    keys.for_each(|key| write!(text, "{}\"k{key}\":1", if text.len() > 1 { "," } else { "" }).unwrap());
    text + "}"
}

/// Twice the columns cost twice the look-ups, and not four times.
#[track_caller]
fn linear(name: &str, of: impl Fn(usize) -> String) {
    let (half, whole) = (cost(name, &of(2000)), cost(name, &of(4000)));
    assert!(whole * 2 <= half * 5, "{name}: {half} look-ups for half of the columns, {whole} for all");
}

#[test]
fn keys_of_one_object() {
    linear(".jsonl", |columns| object(0..columns) + "\n");
}

#[test]
fn columns_in_another_order_in_each_row() {
    linear(".jsonl", |columns| (0..10).map(|row| object(shuffled(columns, row)) + "\n").collect());
}

#[test]
fn keys_that_change_from_row_to_row() {
    let rows = |keys: usize| {
        let row = |row: usize| format!("{{\"scores\":{}}}\n", object(row * keys / 20..(row + 1) * keys / 20));
        (0..20).map(row).collect()
    };
    linear(".jsonl", rows);
    // The same in lists.
    linear(".jsonl", |keys| rows(keys).replace("{\"scores\":", "{\"scores\":[").replace("}}", "}]}"));
}

#[test]
fn columns_of_csv() {
    linear(".csv", |columns| {
        let names: Vec<_> = shuffled(columns, 3).map(|n| format!("c{n}")).collect();
        format!("{}\n{}\n", names.join(","), vec!["1"; columns].join(","))
    });
}
