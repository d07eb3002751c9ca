//! Columns made up, of every type that crosses, in every pattern of nulls.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, FixedSizeListArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, NullArray,
    StringArray, StructArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array, make_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

/// Which values are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    None,
    Some,
    All,
}

impl Nulls {
    pub(crate) const EACH: [Nulls; 3] = [Nulls::None, Nulls::Some, Nulls::All];

    /// The validity of `rows` values, from a place of the pattern on.
    fn buffer(self, rows: usize) -> Option<NullBuffer> {
        match self {
            Nulls::None => None,
            Nulls::Some => Some((0..rows).map(|row| row % 3 != 1).collect::<Vec<bool>>().into()),
            Nulls::All => Some(NullBuffer::new_null(rows)),
        }
    }
}

fn field(name: &str, of: DataType) -> Arc<Field> {
    Arc::new(Field::new(name, of, true))
}

/// One type for each layout and each meaning of the contract, nested ones among them.
pub(crate) fn types() -> Vec<DataType> {
    let list = |of| DataType::List(field("item", of));
    let entries =
        Fields::from(vec![Arc::new(Field::new("key", DataType::Utf8, false)), field("value", DataType::Int64)]);
    let pair = Fields::from(vec![field("a", DataType::Int64), field("b", DataType::Utf8)]);
    vec![
        DataType::Utf8,
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Binary,
        DataType::FixedSizeBinary(3),
        DataType::Date32,
        DataType::Date64,
        DataType::Time32(TimeUnit::Millisecond),
        DataType::Time64(TimeUnit::Nanosecond),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Timestamp(TimeUnit::Second, None),
        DataType::Duration(TimeUnit::Millisecond),
        DataType::Interval(IntervalUnit::YearMonth),
        DataType::Decimal128(19, 5),
        list(DataType::Utf8),
        list(list(DataType::Int32)),
        DataType::FixedSizeList(field("item", DataType::Float32), 4),
        DataType::Struct(pair.clone()),
        list(DataType::Struct(pair)),
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false),
    ]
}

const TEXTS: [&str; 7] = [
    "",
    "one",
    "two words",
    "Grüße, 東京 🐎",
    "  \t line\nend ",
    "a\u{0}b",
    "a longer text, of more than a few words, with 3 numbers: 1, 2, 3",
];

/// `rows` values of a type; the same every time.
pub(crate) fn array(of: &DataType, rows: usize, nulls: Nulls) -> ArrayRef {
    let validity = nulls.buffer(rows);
    let number = |row: usize| -> i64 { [0, 1, -1, i64::MAX, i64::MIN, 42].get(row % 7).copied().unwrap_or(row as i64) };
    macro_rules! numbers {
        ($array:ident, $native:ty) => {
            Arc::new($array::new((0..rows).map(|row| number(row) as $native).collect(), validity)) as ArrayRef
        };
    }
    macro_rules! floats {
        ($array:ident, $native:ident) => {{
            let special = [0.0, -0.0, 1.5, $native::INFINITY, $native::NEG_INFINITY, $native::MIN_POSITIVE];
            let value = |row: usize| special.get(row % 7).copied().unwrap_or(row as $native);
            Arc::new($array::new((0..rows).map(value).collect(), validity)) as ArrayRef
        }};
    }
    let bytes = |row: usize| TEXTS[row % TEXTS.len()].as_bytes();
    match of {
        DataType::Null => Arc::new(NullArray::new(rows)),
        DataType::Boolean => Arc::new(BooleanArray::new((0..rows).map(|row| row % 2 == 0).collect(), validity)),
        DataType::Int8 => numbers!(Int8Array, i8),
        DataType::Int16 => numbers!(Int16Array, i16),
        DataType::Int32 => numbers!(Int32Array, i32),
        DataType::Int64 => numbers!(Int64Array, i64),
        DataType::UInt8 => numbers!(UInt8Array, u8),
        DataType::UInt16 => numbers!(UInt16Array, u16),
        DataType::UInt32 => numbers!(UInt32Array, u32),
        DataType::UInt64 => numbers!(UInt64Array, u64),
        DataType::Float32 => floats!(Float32Array, f32),
        DataType::Float64 => floats!(Float64Array, f64),
        DataType::Utf8 => {
            let values = StringArray::from_iter_values((0..rows).map(|row| TEXTS[row % TEXTS.len()]));
            let (offsets, data, _) = values.into_parts();
            Arc::new(StringArray::new(offsets, data, validity))
        }
        DataType::Binary => {
            let (offsets, data, _) = BinaryArray::from_iter_values((0..rows).map(bytes)).into_parts();
            Arc::new(BinaryArray::new(offsets, data, validity))
        }
        DataType::FixedSizeBinary(width) => {
            let data: Vec<u8> = (0..rows * *width as usize).map(|at| at as u8).collect();
            Arc::new(FixedSizeBinaryArray::new(*width, data.into(), validity))
        }
        DataType::Decimal128(precision, scale) => {
            let values = (0..rows).map(|row| i128::from(number(row) % 1_000_000_007)).collect();
            let values = Decimal128Array::new(values, validity);
            Arc::new(values.with_precision_and_scale(*precision, *scale).expect("the numbers are small enough"))
        }
        // Each is a number of days, of milliseconds and so on, laid out as that number.
        DataType::Date32 | DataType::Time32(_) | DataType::Interval(IntervalUnit::YearMonth) => {
            meaning(&small(&DataType::Int32, rows, validity), of)
        }
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(..) | DataType::Duration(_) => {
            meaning(&small(&DataType::Int64, rows, validity), of)
        }
        DataType::List(item) => {
            let (offsets, count) = lengths(rows);
            Arc::new(ListArray::new(item.clone(), offsets, array(item.data_type(), count, inner(nulls)), validity))
        }
        DataType::Map(entries, sorted) => {
            let (offsets, count) = lengths(rows);
            let DataType::Struct(pair) = entries.data_type() else { unreachable!("entries are structs") };
            let columns =
                vec![array(pair[0].data_type(), count, Nulls::None), array(pair[1].data_type(), count, inner(nulls))];
            let items = StructArray::new(pair.clone(), columns, None);
            Arc::new(MapArray::new(entries.clone(), offsets, items, validity, *sorted))
        }
        DataType::FixedSizeList(item, width) => {
            let items = array(item.data_type(), rows * *width as usize, inner(nulls));
            Arc::new(FixedSizeListArray::new(item.clone(), *width, items, validity))
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| array(field.data_type(), rows, inner(nulls))).collect();
            Arc::new(
                StructArray::try_new_with_length(fields.clone(), columns, validity, rows).expect("its members fit"),
            )
        }
        other => unreachable!("`types` has no {other}"),
    }
}

/// Nulls within nested values: some, wherever there are any.
fn inner(nulls: Nulls) -> Nulls {
    if nulls == Nulls::None { Nulls::None } else { Nulls::Some }
}

fn small(of: &DataType, rows: usize, validity: Option<NullBuffer>) -> ArrayRef {
    let days = |row: usize| (row as i64 * 37) % 20_000;
    match of {
        DataType::Int32 => Arc::new(Int32Array::new((0..rows).map(|row| days(row) as i32).collect(), validity)),
        _ => Arc::new(Int64Array::new((0..rows).map(days).collect(), validity)),
    }
}

/// The same buffers, standing for something else.
fn meaning(values: &ArrayRef, of: &DataType) -> ArrayRef {
    let data = values.to_data().into_builder().data_type(of.clone());
    make_array(data.build().expect("the layout is the same"))
}

/// Lists of 0, 1, 3 and 2 values, one after another; and how many values there are in all.
fn lengths(rows: usize) -> (OffsetBuffer<i32>, usize) {
    let lengths: Vec<usize> = (0..rows).map(|row| [0, 1, 3, 2][row % 4]).collect();
    let count = lengths.iter().sum();
    (OffsetBuffer::from_lengths(lengths), count)
}

#[cfg(test)]
mod tests {
    use super::{Nulls, array, types};

    #[test]
    fn every_type_has_values_in_every_pattern() {
        for of in types() {
            for nulls in Nulls::EACH {
                for rows in [0, 1, 100] {
                    let made = array(&of, rows, nulls);
                    assert_eq!((made.len(), made.data_type()), (rows, &of));
                    made.to_data().validate_full().unwrap();
                }
            }
        }
    }
}
