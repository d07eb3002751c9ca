//! Contract → Arrow, rows: what a guest returned, all of it checked before any of it is used.

use std::sync::Arc;

use arrow::array::ArrayData;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, MapArray, NullArray, RecordBatch,
    RecordBatchOptions, StringArray, StructArray, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, SchemaRef};
use callboard_words::text::excerpt;

use super::ORIGIN;
use super::decimals;
use super::layout::leaf;
use super::schema::{claim, display, leaf_of};
use crate::bindings::callboard::step::columns::{ArrayResult, BatchResult, ValuesResult};
use crate::error::Fault;
use crate::returnable::Returnable;

/// Rows of one batch. A row costs the host 12 bytes for its origin even where it costs the guest nothing: of no columns, of nulls,
/// of values without width. (As many row numbers are what one call may return at most.)
const MOST_ROWS: usize = 16 << 20;
/// Values of one array, likewise: the number of bytes that one call may return.
const MOST_VALUES: usize = 128 << 20;

/// What a value costs the host at least, bytes, whatever it costs the guest: nulls, booleans, structs, values of no width. (What
/// carries it on needs some room for each: levels in Parquet, words in JSON.)
const LEAST_VALUE: u64 = 4;

/// Makes a record batch of `schema` from what a guest returned for it: all of it is checked, and it costs the host no more than is
/// allowed, whatever it cost the guest.
///
/// # Errors
///
/// What is not as it was declared, or more than is allowed.
pub fn lift_within(batch: BatchResult, schema: &SchemaRef, allowed: &Returnable) -> Result<RecordBatch, Fault> {
    let lengths = || batch.arrays.iter().map(|array| array.length as usize);
    // What is larger than any batch may be is a fault of another kind.
    if batch.rows as usize <= MOST_ROWS && lengths().all(|length| length <= MOST_VALUES) {
        let values = lengths().map(|length| length as u64).fold(0, u64::saturating_add);
        let cost = values.saturating_mul(LEAST_VALUE).saturating_add(u64::from(batch.rows).saturating_mul(ORIGIN));
        allowed.check(cost)?;
    }
    lift(batch, schema).map_err(Fault::Contract)
}

/// Makes a record batch of `schema` from what a guest returned for it.
///
/// Every size, offset, validity bit and string is checked; buffers are taken over, not copied.
/// An error is a phrase that says what is wrong, naming the column.
pub(crate) fn lift(batch: BatchResult, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let rows = batch.rows as usize;
    if rows > MOST_ROWS {
        return Err(format!("it returned {rows} rows in one batch, of {MOST_ROWS} allowed"));
    }
    if !batch.columns.iter().map(|c| &c.name).eq(schema.fields().iter().map(|f| f.name())) {
        return Err(format!(
            "the columns returned are `{}`, and `{}` were declared",
            names(batch.columns.iter().map(|c| c.name.as_str())),
            names(schema.fields().iter().map(|f| f.name().as_str())),
        ));
    }
    let mut arrays: Vec<Option<ArrayResult>> = batch.arrays.into_iter().map(Some).collect();
    let mut columns = Vec::with_capacity(batch.columns.len());
    for (column, field) in batch.columns.iter().zip(schema.fields()) {
        let made = array(column.values, arrays.len(), field, &mut arrays)
            .map_err(|what| format!("column `{}`: {what}", field.name()))?;
        if made.len() != rows {
            return Err(format!("column `{}` has {} values, and the batch {rows} rows", field.name(), made.len()));
        }
        columns.push(made);
    }
    if let Some(unused) = arrays.iter().position(Option::is_some) {
        return Err(format!("array {unused} is named by no column"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let made = RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|e| e.to_string())?;
    decimals::check(&made)?;
    Ok(made)
}

/// Array `id` as an Arrow array of the field's type; nesting is bounded by that type's own.
fn array(id: u32, before: usize, field: &Field, arrays: &mut [Option<ArrayResult>]) -> Result<ArrayRef, String> {
    let array_result = claim(id, before, arrays)?;
    let length = array_result.length as usize;
    if length > MOST_VALUES {
        return Err(format!("it has {length} values, of {MOST_VALUES} allowed"));
    }
    let nulls = nulls(array_result.validity, length)?;
    if !field.is_nullable() && nulls.as_ref().is_some_and(|n| n.null_count() > 0) {
        return Err("it has nulls, which its declaration excludes".to_owned());
    }
    let before = id as usize;
    let wrong = |got: &str| Err(format!("it was declared {}, and {got} were returned", display(field.data_type())));
    Ok(match (field.data_type(), array_result.values) {
        (DataType::List(item), ValuesResult::Lists(lists)) => {
            let items = array(lists.items, before, item, arrays)?;
            let offsets = offsets(lists.offsets, length, items.len())?;
            Arc::new(ListArray::try_new(item.clone(), offsets, items, nulls).map_err(|e| e.to_string())?)
        }
        (DataType::Map(entries, sorted), ValuesResult::Lists(lists)) => {
            let items = array(lists.items, before, entries, arrays)?;
            let offsets = offsets(lists.offsets, length, items.len())?;
            let items = items.as_any().downcast_ref::<StructArray>().expect("the entries of a map are structs").clone();
            Arc::new(MapArray::try_new(entries.clone(), offsets, items, nulls, *sorted).map_err(|e| e.to_string())?)
        }
        (DataType::FixedSizeList(item, width), ValuesResult::Vectors(vectors)) => {
            let items = array(vectors.items, before, item, arrays)?;
            if i64::from(vectors.width) != i64::from(*width) || items.len() != length * vectors.width as usize {
                return Err(format!(
                    "{length} vectors of {width} were wanted, and {} values in vectors of {} were returned",
                    items.len(),
                    vectors.width
                ));
            }
            let made = FixedSizeListArray::try_new_with_length(item.clone(), *width, items, nulls, length);
            Arc::new(made.map_err(|e| e.to_string())?)
        }
        (DataType::Struct(fields), ValuesResult::Structs(members)) => {
            if !members.iter().map(|m| &m.name).eq(fields.iter().map(|f| f.name())) {
                return Err(format!("its members are not those of {}", display(field.data_type())));
            }
            let mut children = Vec::with_capacity(members.len());
            for (member, field) in members.iter().zip(fields) {
                let child = array(member.values, before, field, arrays)?;
                if child.len() != length {
                    return Err(format!("its member `{}` has {} values of {length}", field.name(), child.len()));
                }
                children.push(child);
            }
            let made = StructArray::try_new_with_length(fields.clone(), children, nulls, length);
            Arc::new(made.map_err(|e| e.to_string())?)
        }
        (_, ValuesResult::Lists(_)) => return wrong("lists"),
        (_, ValuesResult::Vectors(_)) => return wrong("vectors"),
        (_, ValuesResult::Structs(_)) => return wrong("structs"),
        (of, values) => {
            let got = leaf_of(&values);
            match leaf(of) {
                Some((wanted, _)) if wanted == got => leaf_array(of, values, length, nulls)?,
                _ => return wrong(&format!("values laid out as {}", format!("{got:?}").to_lowercase())),
            }
        }
    })
}

fn leaf_array(
    of: &DataType,
    values: ValuesResult,
    length: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, String> {
    let (buffer, width) = match values {
        ValuesResult::Nulls => return Ok(Arc::new(NullArray::new(length))),
        ValuesResult::Booleans(bits) => {
            let bits = bitmap(bits, length)?;
            return Ok(Arc::new(BooleanArray::new(bits, nulls)));
        }
        ValuesResult::Utf8(bytes) => {
            let offsets = offsets(bytes.offsets, length, bytes.data.len())?;
            let made = StringArray::try_new(offsets, bytes.data.into(), nulls);
            return Ok(Arc::new(made.map_err(|e| {
                let words = e.to_string();
                let what = words.rsplit(": ").next().unwrap_or(&words);
                format!("it is not valid UTF-8: {}", excerpt(what, 200))
            })?));
        }
        ValuesResult::Binary(bytes) => {
            let offsets = offsets(bytes.offsets, length, bytes.data.len())?;
            return Ok(Arc::new(BinaryArray::try_new(offsets, bytes.data.into(), nulls).map_err(|e| e.to_string())?));
        }
        ValuesResult::Int8(v) => (Buffer::from_vec(v), 1),
        ValuesResult::Uint8(v) => (Buffer::from_vec(v), 1),
        ValuesResult::Int16(v) => (Buffer::from_vec(v), 2),
        ValuesResult::Uint16(v) => (Buffer::from_vec(v), 2),
        ValuesResult::Int32(v) => (Buffer::from_vec(v), 4),
        ValuesResult::Uint32(v) => (Buffer::from_vec(v), 4),
        ValuesResult::Float32(v) => (Buffer::from_vec(v), 4),
        ValuesResult::Int64(v) => (Buffer::from_vec(v), 8),
        ValuesResult::Uint64(v) => (Buffer::from_vec(v), 8),
        ValuesResult::Float64(v) => (Buffer::from_vec(v), 8),
        ValuesResult::Fixed(fixed) => (aligned(fixed.data, of), fixed.width as usize),
        ValuesResult::Lists(_) | ValuesResult::Vectors(_) | ValuesResult::Structs(_) => {
            unreachable!("the layout was compared before")
        }
    };
    if buffer.len() != length * width {
        return Err(format!(
            "it has {} bytes of values, and {length} values of {width} bytes were announced",
            buffer.len()
        ));
    }
    let data = ArrayData::builder(of.clone()).len(length).add_buffer(buffer).nulls(nulls);
    Ok(make_array(data.build().map_err(|e| e.to_string())?))
}

/// Bytes as a buffer that suits wide values (decimals), which want an alignment that a byte vector may lack.
fn aligned(bytes: Vec<u8>, of: &DataType) -> Buffer {
    match of {
        DataType::FixedSizeBinary(_) => Buffer::from_vec(bytes),
        _ => Buffer::from_slice_ref(&bytes),
    }
}

fn nulls(validity: Option<Vec<u8>>, length: usize) -> Result<Option<NullBuffer>, String> {
    validity.map(|bits| bitmap(bits, length).map(NullBuffer::new)).transpose()
}

fn bitmap(bits: Vec<u8>, length: usize) -> Result<BooleanBuffer, String> {
    if bits.len() != length.div_ceil(8) {
        return Err(format!("{length} bits are {} bytes, and {} were returned", length.div_ceil(8), bits.len()));
    }
    Ok(BooleanBuffer::new(Buffer::from_vec(bits), 0, length))
}

/// Checks offsets into `values` values, so that Arrow's own constructor has nothing left to assert.
fn offsets(offsets: Vec<u32>, length: usize, values: usize) -> Result<OffsetBuffer<i32>, String> {
    if offsets.len() != length + 1 {
        return Err(format!("{length} values have {} offsets, and {} were returned", length + 1, offsets.len()));
    }
    if offsets[0] != 0 {
        return Err(format!("the first offset is {}, and must be 0", offsets[0]));
    }
    if let Some(at) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(format!("offset {} is {}, less than the one before ({})", at + 1, offsets[at + 1], offsets[at]));
    }
    let last = offsets[length];
    if last as usize != values || last > i32::MAX as u32 {
        return Err(format!("the last offset is {last}, and there are {values} values"));
    }
    let count = offsets.len();
    Ok(OffsetBuffer::new(ScalarBuffer::new(Buffer::from_vec(offsets), 0, count)))
}

/// Names for an error, up to the length of a line, of a guest that may have given any number, of any length.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut shown = String::new();
    for name in names {
        if !shown.is_empty() {
            shown.push_str("`, `");
        }
        shown.push_str(&excerpt(name, 200));
        if shown.len() > 200 {
            return excerpt(&shown, 200).into_owned();
        }
    }
    shown
}

#[cfg(test)]
#[path = "weightless.rs"]
mod weightless;

#[cfg(test)]
mod digits {
    use arrow::datatypes::Schema;

    use super::*;
    use crate::bindings::callboard::step::columns::{ColumnResult, FixedBytesResult, ListsResult};

    /// Three decimals of five digits at most, of which the last has six.
    fn decimals() -> ArrayResult {
        let data = [99_999i128, -99_999, 100_000].iter().flat_map(|value| value.to_le_bytes()).collect();
        let values = ValuesResult::Fixed(FixedBytesResult { width: 16, data });
        ArrayResult { length: 3, validity: None, values, logical: None }
    }

    fn lifted(arrays: Vec<ArrayResult>, rows: u32, of: DataType) -> Result<RecordBatch, String> {
        let columns = vec![ColumnResult { name: "d".to_owned(), values: arrays.len() as u32 - 1 }];
        let schema = Arc::new(Schema::new(vec![Field::new("d", of, true)]));
        lift(BatchResult { rows, columns, arrays }, &schema)
    }

    #[test]
    fn a_decimal_has_no_more_digits_than_were_declared() {
        let of = DataType::Decimal128(5, 2);
        let what = "has 1000.00, which has more digits than the 5 of its type, decimal(5, 2)";
        assert_eq!(lifted(vec![decimals()], 3, of.clone()).unwrap_err(), format!("column `d`: row 3 {what}"));
        let lists = ValuesResult::Lists(ListsResult { offsets: vec![0, 1, 3], items: 0 });
        let lists = ArrayResult { length: 2, validity: None, values: lists, logical: None };
        let of_lists = DataType::List(Arc::new(Field::new_list_field(of.clone(), true)));
        let nested = lifted(vec![decimals(), lists], 2, of_lists).unwrap_err();
        assert_eq!(nested, format!("column `d`: row 2 {what}"));
        // Under a null there is no value, whatever the bytes are.
        let null = ArrayResult { validity: Some(vec![0b011]), ..decimals() };
        assert_eq!(lifted(vec![null], 3, of).unwrap().num_rows(), 3);
    }
}
