//! Files joined by their bytes (`cat a b`): a wrong outcome would be the rows of one of them, or of neither, and no word of the others.

use std::sync::Arc;

use arrow::array::*;
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;

use crate::bench::{Bench, join};

fn rows(count: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef)]).unwrap()
}

fn parquet(count: i64) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows(count).schema(), None).unwrap();
    writer.write(&rows(count)).unwrap();
    writer.into_inner().unwrap()
}

fn arrow(count: i64) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &rows(count).schema()).unwrap();
    writer.write(&rows(count)).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn files_joined_by_their_bytes_are_refused() {
    for name in ["in.parquet", "in.arrow"] {
        let file = |count| if name == "in.parquet" { parquet(count) } else { arrow(count) };
        // The first one shorter than the second, longer, as long, and without rows; and three of them.
        for counts in [&[3, 5_000][..], &[5_000, 3], &[7, 7], &[0, 7], &[7, 0], &[1, 2, 3]] {
            let joined: Vec<u8> = counts.iter().flat_map(|count| file(*count)).collect();
            let (message, help) = Bench::with(name, joined).error(&[name], &[]);
            assert!(message.contains("one after another"), "{name} {counts:?}: {message}");
            assert!(help.contains("name each file in `path`"), "{help}");
        }
        for count in [0, 7, 5_000] {
            let read = Bench::with(name, file(count)).read(&[name]).unwrap();
            let found = if read.is_empty() { 0 } else { join(&read).num_rows() };
            assert_eq!(found, count as usize, "{name}");
        }
    }
}
