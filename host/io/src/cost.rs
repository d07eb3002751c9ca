//! Tests: what many columns cost, counted in look-ups and comparisons of names.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::names::counted;
use crate::{BatchPolicy, Dataset, InputLimits, InputSpec};

const LIMITS: InputLimits =
    InputLimits { line: 64 << 20, columns: 1_000_000, header: 64 << 20, window: 1 << 20, batch: 256 << 20 };

/// Writes a text twice, and counts what it takes to open and to read both: two files of the same columns, which are merged.
fn cost(name: &str, text: &str) -> u64 {
    cost_of(name, &[text.as_bytes(), text.as_bytes()])
}

/// Writes files, and counts what it takes to open and to read them as one input.
fn cost_of(name: &str, files: &[&[u8]]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (nth, bytes) in files.iter().enumerate() {
        let path = format!("{nth}{name}");
        std::fs::write(folder.path().join(&path), bytes).unwrap();
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

/// A row for each group, of these columns.
fn row(columns: impl Iterator<Item = usize>) -> RecordBatch {
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    RecordBatch::try_from_iter(columns.map(|n| (format!("c{n}"), one.clone()))).unwrap()
}

fn parquet(row: &RecordBatch, groups: usize) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), row.schema(), None).unwrap();
    for _ in 0..groups {
        writer.write(row).unwrap();
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

fn arrow(row: &RecordBatch, batches: usize) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &row.schema()).unwrap();
    (0..batches).for_each(|_| writer.write(row).unwrap());
    writer.into_inner().unwrap()
}

/// Columns of INT96, one value in each: their units are looked for, and each of their values is looked at.
fn int96(columns: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut schema = String::from("message m {");
    columns.for_each(|n| write!(schema, " required int96 c{n};").unwrap());
    let schema = Arc::new(parse_message_type(&(schema + " }")).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        let day = Int96::from(vec![0, 0, 2_440_588]);
        column.typed::<Int96Type>().write_batch(&[day], None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

type Make = fn(&RecordBatch, usize) -> Vec<u8>;
const BINARY: [(&str, Make); 2] = [(".parquet", parquet), (".arrow", arrow)];

/// Files of the same columns in other orders are merged by name.
#[test]
fn columns_of_binary_files_in_another_order_in_each() {
    for (name, make) in BINARY {
        let of = |columns: usize| {
            let files: Vec<_> = (0..3).map(|nth| make(&row(shuffled(columns, nth)), 1)).collect();
            cost_of(name, &files.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let (half, whole) = (of(2_500), of(5_000));
        assert!(
            half > 5 * 2_500,
            "{name}: {half} look-ups, and each column of each file is looked up when it is merged"
        );
        assert!(whole * 2 <= half * 5, "{name}: {half} look-ups for half of the columns, {whole} for all");
    }
}

#[test]
fn columns_of_int96_in_another_order_in_each() {
    let of = |columns: usize| {
        let files: Vec<_> = (0..2).map(|nth| int96(shuffled(columns, nth))).collect();
        cost_of(".parquet", &files.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let (half, whole) = (of(1_000), of(2_000));
    assert!(half > 4_000, "{half} look-ups, and each column is looked up when it is found, settled and read");
    assert!(whole * 2 <= half * 5, "{half} look-ups for half of the columns, {whole} for all");
}

/// Names are matched once for a file, not for each of its row groups or record batches.
#[test]
fn many_groups_cost_no_look_ups_of_their_own() {
    for (name, make) in BINARY {
        let of = |groups: usize| {
            let files: Vec<_> = (0..2).map(|nth| make(&row(shuffled(4, nth)), groups)).collect();
            cost_of(name, &files.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        assert_eq!(of(5_000), of(10_000), "{name}");
    }
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
