//! Columns between Arrow and the contract, natively: text and numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use callboard_sdk::raw::columns::{Array as RawArray, Batch, Bytes, Column, Values};

use crate::Result;

/// These columns of a batch, copied: a step takes what it is given. No rows give a schema.
///
/// # Errors
///
/// A column that is not there, or of another type than text and whole numbers.
pub fn given(rows: &RecordBatch, names: &[&str]) -> Result<Batch> {
    let mut batch = Batch { rows: rows.num_rows() as u32, columns: Vec::new(), arrays: Vec::new() };
    for name in names {
        let column = rows.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`"))?;
        batch.columns.push(Column { name: (*name).to_owned(), values: batch.arrays.len() as u32 });
        batch.arrays.push(array(column, rows.num_rows() == 0)?);
    }
    Ok(batch)
}

fn array(column: &ArrayRef, schema: bool) -> Result<RawArray> {
    if column.null_count() > 0 {
        return Err("there are nulls, and the benchmark's rows have none".to_owned());
    }
    let values = match column.data_type() {
        DataType::Utf8 => {
            let text = column.as_any().downcast_ref::<StringArray>().expect("it is text");
            let (first, last) = (text.value_offsets()[0], text.value_offsets()[text.len()]);
            let offsets = text.value_offsets().iter().map(|offset| (offset - first) as u32).collect();
            Values::Utf8(Bytes { offsets, data: text.value_data()[first as usize..last as usize].to_vec() })
        }
        DataType::Int64 => {
            let numbers = column.as_any().downcast_ref::<Int64Array>().expect("it is numbers");
            Values::Int64(numbers.values().to_vec())
        }
        other => return Err(format!("there is a column of type {other}")),
    };
    // In a schema: there may be nulls, as in what is read from JSON.
    let validity = schema.then(Vec::new);
    Ok(RawArray { length: column.len() as u32, validity, values, logical: None })
}

/// The columns that a step wrote, not copied.
///
/// # Errors
///
/// A column of another type than text and whole numbers; text that is not UTF-8.
pub fn written(batch: Batch) -> Result<Vec<ArrayRef>> {
    let column = |array: RawArray| -> Result<ArrayRef> {
        match array.values {
            Values::Utf8(Bytes { offsets, data }) => {
                let offsets: ScalarBuffer<i32> = Buffer::from_vec(offsets).into();
                let text = StringArray::try_new(OffsetBuffer::new(offsets), Buffer::from_vec(data), None);
                Ok(Arc::new(text.map_err(|error| error.to_string())?))
            }
            Values::Int64(numbers) => Ok(Arc::new(Int64Array::from(numbers))),
            _ => Err("a step wrote a column that is neither text nor whole numbers".to_owned()),
        }
    };
    batch.arrays.into_iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_as_they_went() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["left out", "a", "", "déf"]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, -2, i64::MAX]));
        let rows = RecordBatch::try_from_iter([("text", text), ("n", numbers)]).unwrap().slice(1, 3);
        let back = written(given(&rows, &["text", "n"]).unwrap()).unwrap();
        assert_eq!(back, rows.columns());
        assert!(given(&rows, &["id"]).unwrap_err().contains("`id`"));
    }
}
