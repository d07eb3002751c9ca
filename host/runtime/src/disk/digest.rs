//! Digests of rows: the same rows have the same digest, wherever they lie and however their arrays are sliced.

use arrow::array::{Array, ArrayData, RecordBatch, StructArray};
use arrow::datatypes::DataType;
use twox_hash::XxHash3_128;

use crate::columns::whole_offsets;

/// The digest of a batch: of its values, not of its schema.
pub(crate) fn of_rows(rows: &RecordBatch, seed: u64) -> u128 {
    let mut digest = XxHash3_128::with_seed(seed);
    digest.write(&(rows.num_rows() as u64).to_le_bytes());
    rows.columns().iter().for_each(|column| add(&mut digest, &column.to_data()));
    digest.finish_128()
}

/// The digest of a text.
pub(crate) fn of_text(text: &str) -> u128 {
    XxHash3_128::oneshot(text.as_bytes())
}

/// A digest of all that goes through a column.
pub(crate) struct ColumnDigest(XxHash3_128);

impl ColumnDigest {
    pub(crate) fn new() -> ColumnDigest {
        ColumnDigest(XxHash3_128::new())
    }

    pub(crate) fn add(&mut self, column: &dyn Array) {
        add(&mut self.0, &column.to_data());
    }

    pub(crate) fn text(&self) -> String {
        format!("{:032x}", self.0.finish_128())
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

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let names = (0..columns.len()).map(|at| at.to_string());
        RecordBatch::try_from_iter_with_nullable(names.zip(columns).map(|(name, column)| (name, column, true))).unwrap()
    }

    fn rows() -> RecordBatch {
        let lists = (0..20).map(|i| (i % 4 != 0).then(|| vec![Some(i), None, Some(i * 2)]));
        batch(vec![
            Arc::new(StringArray::from_iter((0..20).map(|i| (i % 3 != 0).then(|| format!("row {i}"))))),
            Arc::new(BooleanArray::from_iter((0..20).map(|i| (i % 5 != 0).then_some(i % 2 == 0)))),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
            Arc::new(Int32Array::from_iter((0..20).map(|i| (i != 13).then_some(i)))),
        ])
    }

    #[test]
    fn a_slice_has_the_digest_of_its_copy() {
        let rows = rows();
        for (at, len) in [(0, 20), (1, 7), (3, 9), (8, 8), (13, 1), (5, 0)] {
            let slice = rows.slice(at, len);
            let pick = arrow::array::UInt32Array::from_iter_values(at as u32..(at + len) as u32);
            let copies = slice.columns().iter().zip(rows.columns());
            let copy = batch(copies.map(|(_, whole)| arrow::compute::take(whole, &pick, None).unwrap()).collect());
            assert_eq!(of_rows(&slice, 1), of_rows(&copy, 1), "rows {at} and {len} more");
            assert_ne!(of_rows(&slice, 1), of_rows(&slice, 2));
        }
    }

    #[test]
    fn other_rows_have_another_digest() {
        let text = |values: Vec<Option<&str>>| of_rows(&batch(vec![Arc::new(StringArray::from(values))]), 0);
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
