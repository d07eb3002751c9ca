//! The first row of each text, natively: a set of hashes.

use arrow::array::{AsArray, RecordBatch};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use crate::Result;

/// For each row whether it is the first of its text.
///
/// # Errors
///
/// Rows without a column `text`.
pub fn distinct(batches: &[RecordBatch]) -> Result<Vec<bool>> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut seen = HashTable::<u128>::with_capacity(rows);
    let mut first = Vec::with_capacity(rows);
    for batch in batches {
        let column = batch.column_by_name("text").and_then(|column| column.as_string_opt::<i32>());
        let text = column.ok_or("the native twin: there is no column of text")?;
        // All hashes of a batch before any is looked up: the processor waits for several places of the table at a time then.
        let hashes: Vec<u128> = text.iter().map(|text| xxh3_128(text.unwrap_or_default().as_bytes())).collect();
        for hash in hashes {
            let is_new = seen.find(hash as u64, |other| *other == hash).is_none();
            if is_new {
                seen.insert_unique(hash as u64, hash, |hash| *hash as u64);
            }
            first.push(is_new);
        }
    }
    Ok(first)
}
