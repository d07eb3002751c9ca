//! Digests of rows: the same rows have the same digest, wherever they lie and however their arrays are sliced.

use arrow::array::{Array, ArrayData, StructArray};
use arrow::datatypes::DataType;
use twox_hash::XxHash3_128;

use callboard_sandbox::whole_offsets;

use super::Batch;

/// The digest of the values of a column of a batch.
pub(crate) fn of_values(column: &dyn Array, seed: u64) -> u128 {
    let mut digest = XxHash3_128::with_seed(seed);
    add(&mut digest, &column.to_data());
    digest.finish_128()
}

/// The digest of rows: of their values, by column, not of their schema.
pub(crate) fn of_columns(rows: usize, columns: impl Iterator<Item = u128>, seed: u64) -> u128 {
    let mut digest = XxHash3_128::with_seed(seed);
    digest.write(&(rows as u64).to_le_bytes());
    columns.for_each(|column| digest.write(&column.to_le_bytes()));
    digest.finish_128()
}

/// A seed as text.
pub(crate) fn seed_text(seed: u64) -> String {
    format!("{seed:016x}")
}

/// The digest of a text.
pub(crate) fn of_text(text: &str) -> u128 {
    XxHash3_128::oneshot(text.as_bytes())
}

/// Digests, under one seed, of all that goes through each column: of the digests of its batches.
pub(crate) struct ColumnDigests {
    seed: u64,
    columns: Vec<XxHash3_128>,
}

impl ColumnDigests {
    pub(crate) fn new(seed: u64, columns: usize) -> ColumnDigests {
        ColumnDigests { seed, columns: (0..columns).map(|_| XxHash3_128::with_seed(seed)).collect() }
    }

    pub(crate) fn add(&mut self, batch: &Batch) {
        let columns = self.columns.iter_mut().enumerate();
        columns.for_each(|(at, digest)| digest.write(&batch.column_digest(at, self.seed).to_le_bytes()));
    }

    /// The seed, and the digests, as text.
    pub(crate) fn finish(&self) -> (String, Vec<String>) {
        (seed_text(self.seed), self.columns.iter().map(|digest| format!("{:032x}", digest.finish_128())).collect())
    }
}

/// Adds an array of a canonical type. Lengths go in before what they measure, so no two arrays look alike.
fn add(digest: &mut XxHash3_128, data: &ArrayData) {
    let (offset, len) = (data.offset(), data.len());
    digest.write(&(len as u64).to_le_bytes());
    match data.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => add_bits(digest, &nulls.inner().sliced(), len),
        None => digest.write(&[0]),
    }
    match data.data_type() {
        DataType::Null => {}
        DataType::Boolean => add_bits(digest, &data.buffers()[0].bit_slice(offset, len), len),
        DataType::Utf8 | DataType::Binary => {
            let (offsets, start, end) = whole_offsets(data);
            digest.write(&offsets);
            digest.write(&data.buffers()[1][start..end]);
        }
        DataType::List(_) | DataType::Map(..) => {
            let (offsets, start, end) = whole_offsets(data);
            digest.write(&offsets);
            add(digest, &data.child_data()[0].slice(start, end - start));
        }
        DataType::FixedSizeList(_, width) => {
            let width = usize::try_from(*width).expect("Arrow's own widths are not negative");
            add(digest, &data.child_data()[0].slice(offset * width, len * width));
        }
        // Through the typed array: it knows whether the children are sliced already.
        DataType::Struct(_) => {
            let whole = StructArray::from(data.clone());
            whole.columns().iter().for_each(|child| add(digest, &child.to_data()));
        }
        DataType::FixedSizeBinary(width) => {
            let width = usize::try_from(*width).expect("Arrow's own widths are not negative");
            digest.write(&data.buffers()[0][offset * width..(offset + len) * width]);
        }
        other => {
            let width = other.primitive_width().expect("every column of a dataset has a type of the contract");
            digest.write(&data.buffers()[0][offset * width..(offset + len) * width]);
        }
    }
}

/// Bits that begin at the first; those past the length do not count.
fn add_bits(digest: &mut XxHash3_128, bits: &[u8], len: usize) {
    digest.write(&[1]);
    let (whole, rest) = (len / 8, len % 8);
    digest.write(&bits[..whole]);
    if rest > 0 {
        digest.write(&[bits[whole] & ((1 << rest) - 1)]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int32Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn columns() -> [ArrayRef; 4] {
        let lists = (0..20).map(|i| (i % 4 != 0).then(|| vec![Some(i), None, Some(i * 2)]));
        [
            Arc::new(StringArray::from_iter((0..20).map(|i| (i % 3 != 0).then(|| format!("row {i}"))))),
            Arc::new(BooleanArray::from_iter((0..20).map(|i| (i % 5 != 0).then_some(i % 2 == 0)))),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
            Arc::new(Int32Array::from_iter((0..20).map(|i| (i != 13).then_some(i)))),
        ]
    }

    #[test]
    fn a_slice_has_the_digest_of_its_copy() {
        for (at, len) in [(0, 20), (1, 7), (3, 9), (8, 8), (13, 1), (5, 0)] {
            let pick = arrow::array::UInt32Array::from_iter_values(at as u32..(at + len) as u32);
            for whole in columns() {
                let (slice, copy) = (whole.slice(at, len), arrow::compute::take(&whole, &pick, None).unwrap());
                let of = whole.data_type();
                assert_eq!(of_values(&slice, 1), of_values(&copy, 1), "rows {at} and {len} more of {of}");
                assert_ne!(of_values(&slice, 1), of_values(&slice, 2));
            }
        }
    }

    #[test]
    fn other_rows_have_another_digest() {
        let text = |values: Vec<Option<&str>>| of_values(&StringArray::from(values), 0);
        let all = [
            text(vec![Some("ab"), Some("c")]),
            text(vec![Some("a"), Some("bc")]),
            text(vec![Some("abc")]),
            text(vec![Some("abc"), None]),
            text(vec![Some("abc"), Some("")]),
            text(vec![]),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
