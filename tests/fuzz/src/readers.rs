//! Any file is read as a dataset, or is an error: in bounded memory, and the same rows however batches are cut.

use std::fs;
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use callboard_io::{BadRow, BatchPolicy, Dataset, Format, InputSpec, IoError, OnBadRow};

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("there is a folder for temporary files");
}

/// Reads the bytes as a file with this extension.
pub fn fuzz(extension: &str, bytes: &[u8]) {
    FOLDER.with(|folder| {
        let name = format!("rows.{extension}");
        fs::write(folder.path().join(&name), bytes).expect("the folder can be written");
        read(folder.path(), name.clone(), OnBadRow::Fail);
        read(folder.path(), name, OnBadRow::Reject);
    });
}

fn read(base: &Path, name: String, on_bad_row: OnBadRow) {
    let (paths, base) = (vec![name], base.to_owned());
    let spec = InputSpec { name: "docs".to_owned(), base, paths, on_bad_row, ..InputSpec::default() };
    let dataset = match Dataset::open(&spec) {
        Ok(dataset) => dataset,
        Err(error) => return said(&error),
    };
    let of_library = matches!(dataset.format(), Format::Parquet | Format::Arrow);
    let numbered = of_library || matches!(dataset.format(), Format::Json | Format::Warc | Format::Tar);
    let numbered = numbered && on_bad_row == OnBadRow::Fail;
    let small = rows(&dataset, BatchPolicy { rows: 3, bytes: 64 }, numbered);
    let large = rows(&dataset, BatchPolicy { rows: 8192, bytes: 1 << 20 }, numbered);
    match (small, large) {
        (Ok(small), Ok(large)) => assert!(small == large, "how batches are cut shows in the rows"),
        (Err(small), Err(large)) => {
            said(&small);
            said(&large);
            // What the libraries say of corrupt files counts their own batches.
            assert!(
                of_library || small.to_string() == large.to_string(),
                "how batches are cut shows: {small}, {large}"
            );
        }
        (small, large) => panic!("{:?} in small batches, {:?} in large ones", small.err(), large.err()),
    }
}

fn rows(dataset: &Dataset, policy: BatchPolicy, numbered: bool) -> Result<(RecordBatch, Vec<BadRow>), IoError> {
    let mut chunks = Vec::new();
    let (mut last, mut count, mut bad) = (0, 0, Vec::new());
    for chunk in dataset.read(policy) {
        let chunk = chunk?;
        assert_eq!(chunk.rows.schema(), dataset.schema());
        let all = chunk.rows.num_rows() + chunk.bad.len();
        assert!((1..=policy.rows).contains(&all), "a batch of {all} rows");
        assert_eq!((chunk.origin.len(), chunk.origin.null_count()), (chunk.rows.num_rows(), 0));
        for column in chunk.rows.columns() {
            column.to_data().validate_full().expect("what was read is valid");
        }
        for origin in chunk.origin.values() {
            assert!(*origin > last && (!numbered || *origin == last + 1), "row {origin} after row {last}");
            last = *origin;
        }
        // Rows without columns cost nothing, and a file can have 2^63 of them.
        count += all;
        bad.extend(chunk.bad);
        if count > 100_000 {
            break;
        }
        chunks.push(chunk.rows);
    }
    Ok((concat_batches(&dataset.schema(), &chunks).expect("chunks of one schema"), bad))
}

/// Whatever is wrong is said, in words of a bounded length.
fn said(error: &IoError) {
    let words = error.to_string();
    assert!(!words.is_empty() && words.len() < 16 << 10, "{} bytes of message", words.len());
}
