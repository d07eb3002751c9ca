//! Rows with a column of every type of the contract, with nulls and without.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;

/// A column `id` (the number of the row), these, and for each type `T` the columns `T` and `T?`, of which the second has nulls.
pub(crate) fn with_every_type(rows: usize, columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let ids = Int64Array::from_iter_values(0..rows as i64);
    let mut all: Vec<(Field, ArrayRef)> = vec![(Field::new("id", DataType::Int64, false), Arc::new(ids))];
    all.extend(columns);
    for nullable in [false, true] {
        for (name, values) in every_type(rows, nullable) {
            let name = if nullable { format!("{name}?") } else { name.to_owned() };
            all.push((Field::new(name, values.data_type().clone(), nullable), values));
        }
    }
    all.push((Field::new("nulls", DataType::Null, true), Arc::new(NullArray::new(rows))));
    let (fields, arrays): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// Whether there is a value.
fn some(nullable: bool, row: usize) -> bool {
    !nullable || row % 5 != 1 && !row.is_multiple_of(7)
}

/// A primitive column of these values, over and over.
fn cycle<T: ArrowPrimitiveType>(rows: usize, nullable: bool, values: &[T::Native]) -> ArrayRef {
    let value = |row: usize| some(nullable, row).then(|| values[row % values.len()]);
    Arc::new((0..rows).map(value).collect::<PrimitiveArray<T>>())
}

fn text(row: usize) -> String {
    ["", "plain", "naïve", "猫は好き", "🎭 a\u{301}", "nul\0 \"quoted\"\n\\", "\u{10ffff}"][row % 7].repeat(1 + row % 3)
}

fn every_type(rows: usize, nullable: bool) -> Vec<(&'static str, ArrayRef)> {
    let of = |row: usize| some(nullable, row);
    let texts = || (0..rows).map(|row| of(row).then(|| text(row)));
    let bytes = |row: usize| vec![row as u8; row % 4];
    let micros = [0, -1, 1_700_000_000_123_456, i64::from(i32::MIN)];
    let decimals = [0, 1, -1, 1_234_567_890_123_456_789];
    let i256s = [i256::ZERO, i256::MINUS_ONE, i256::from_i128(i128::MAX / 10)];
    let floats64 = [0.0, -0.0, 1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE / 4.0, 0.1, f64::MAX];
    let floats32 = [0.0, -0.0, 1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE / 4.0, 0.1, f32::MAX];
    let fixed = (0..rows).map(|row| of(row).then_some([row as u8, 0, 255]));
    let mut columns: Vec<(&'static str, ArrayRef)> = vec![
        ("bool", Arc::new((0..rows).map(|row| of(row).then_some(row % 3 == 0)).collect::<BooleanArray>())),
        ("int8", cycle::<Int8Type>(rows, nullable, &[0, i8::MIN, i8::MAX, -1])),
        ("int16", cycle::<Int16Type>(rows, nullable, &[0, i16::MIN, i16::MAX, -1])),
        ("int32", cycle::<Int32Type>(rows, nullable, &[0, i32::MIN, i32::MAX, -1])),
        ("int64", cycle::<Int64Type>(rows, nullable, &[0, i64::MIN, i64::MAX, -1, (1 << 53) + 1])),
        ("uint8", cycle::<UInt8Type>(rows, nullable, &[0, u8::MAX, 7])),
        ("uint16", cycle::<UInt16Type>(rows, nullable, &[0, u16::MAX, 7])),
        ("uint32", cycle::<UInt32Type>(rows, nullable, &[0, u32::MAX, 7])),
        ("uint64", cycle::<UInt64Type>(rows, nullable, &[0, u64::MAX, 7, (1 << 53) + 1])),
        ("float32", cycle::<Float32Type>(rows, nullable, &floats32)),
        ("float64", cycle::<Float64Type>(rows, nullable, &floats64)),
        ("utf8", Arc::new(texts().collect::<StringArray>())),
        ("binary", Arc::new((0..rows).map(|row| of(row).then(|| bytes(row))).collect::<BinaryArray>())),
        ("fixed", Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 3).unwrap())),
        ("date32", cycle::<Date32Type>(rows, nullable, &[0, -719_162, 20_000])),
        ("date64", cycle::<Date64Type>(rows, nullable, &[0, 86_400_000, -86_400_000])),
        ("time32", cycle::<Time32SecondType>(rows, nullable, &[0, 86_399])),
        ("time64", cycle::<Time64MicrosecondType>(rows, nullable, &[0, 86_399_999_999])),
        ("timestamp", cycle::<TimestampNanosecondType>(rows, nullable, &micros)),
        ("duration", cycle::<DurationMillisecondType>(rows, nullable, &micros)),
    ];
    let utc = cycle::<TimestampMicrosecondType>(rows, nullable, &micros);
    let berlin = cycle::<TimestampSecondType>(rows, nullable, &[0, -1, 1_700_000_000]);
    let decimal128 = cycle::<Decimal128Type>(rows, nullable, &decimals);
    let decimal256 = cycle::<Decimal256Type>(rows, nullable, &i256s);
    columns.extend([
        (
            "timestamp_utc",
            Arc::new(utc.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC")) as ArrayRef,
        ),
        (
            "timestamp_berlin",
            Arc::new(berlin.as_primitive::<TimestampSecondType>().clone().with_timezone("Europe/Berlin")),
        ),
        (
            "decimal128",
            Arc::new(decimal128.as_primitive::<Decimal128Type>().clone().with_precision_and_scale(19, 10).unwrap()),
        ),
        (
            "decimal256",
            Arc::new(decimal256.as_primitive::<Decimal256Type>().clone().with_precision_and_scale(50, 5).unwrap()),
        ),
    ]);
    columns.extend(nested(rows, nullable));
    columns
}

/// Lists of 0 to 3 items each, over these items: as many as [`items`] says.
fn list(rows: usize, nullable: bool, items: ArrayRef, field: Field) -> ListArray {
    let lengths = (0..rows).map(|row| if some(nullable, row) { row % 4 } else { 0 });
    ListArray::new(Arc::new(field), OffsetBuffer::from_lengths(lengths), items, validity(rows, nullable))
}

/// How many items the lists of so many rows have.
fn items(rows: usize, nullable: bool) -> usize {
    (0..rows).filter(|row| some(nullable, *row)).map(|row| row % 4).sum()
}

fn validity(rows: usize, nullable: bool) -> Option<NullBuffer> {
    nullable.then(|| NullBuffer::from_iter((0..rows).map(|row| some(nullable, row))))
}

fn nested(rows: usize, nullable: bool) -> Vec<(&'static str, ArrayRef)> {
    let count = items(rows, nullable);
    let field = |name: &str, ty: &DataType, nullable| Field::new(name, ty.clone(), nullable);
    // The innermost values have nulls where the column has.
    let strings = |count: usize| -> ArrayRef {
        Arc::new((0..count).map(|at| some(nullable, at + 2).then(|| text(at))).collect::<StringArray>())
    };
    let lists = list(rows, nullable, strings(count), field("item", &DataType::Utf8, nullable));

    let inner_count = items(count, nullable);
    let shorts = cycle::<Int16Type>(inner_count, nullable, &[1, -2, 3]);
    let inner = list(count, nullable, shorts, field("item", &DataType::Int16, nullable));
    let lists_of_lists = list(rows, nullable, Arc::new(inner.clone()), field("item", inner.data_type(), nullable));

    let floats = cycle::<Float32Type>(rows * 3, nullable, &[0.5, -0.0, f32::INFINITY, 1e-40]);
    let vector = Arc::new(field("item", &DataType::Float32, nullable));
    let vectors = FixedSizeListArray::new(vector, 3, floats, validity(rows, nullable));

    let record = |count: usize| {
        let fields =
            Fields::from(vec![field("a", &DataType::Int64, nullable), field("Ünïcode b", &DataType::Utf8, nullable)]);
        let values = vec![cycle::<Int64Type>(count, nullable, &[1, i64::MAX, -1]), strings(count)];
        StructArray::new(fields, values, validity(count, nullable))
    };
    let structs = record(rows);
    let records = list(rows, nullable, Arc::new(record(count)), field("item", structs.data_type(), nullable));
    let deep_fields = Fields::from(vec![
        field("records", records.data_type(), nullable),
        field("vector", vectors.data_type(), nullable),
    ]);
    let deep_values: Vec<ArrayRef> = vec![Arc::new(records.clone()), Arc::new(vectors.clone())];
    let deep = StructArray::new(deep_fields, deep_values, validity(rows, nullable));

    let keys: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|at| format!("key {at}"))));
    let entry_fields =
        Fields::from(vec![field("key", &DataType::Utf8, false), field("value", &DataType::Int64, nullable)]);
    let values = cycle::<Int64Type>(count, nullable, &[1, -1, i64::MIN]);
    let entries = StructArray::new(entry_fields, vec![keys, values], None);
    let lengths = (0..rows).map(|row| if some(nullable, row) { row % 4 } else { 0 });
    let entry = Arc::new(field("entries", entries.data_type(), false));
    let maps = MapArray::new(entry, OffsetBuffer::from_lengths(lengths), entries, validity(rows, nullable), false);

    vec![
        ("list", Arc::new(lists)),
        ("list_of_lists", Arc::new(lists_of_lists)),
        ("vector", Arc::new(vectors)),
        ("struct", Arc::new(structs)),
        ("list_of_structs", Arc::new(records)),
        ("deep", Arc::new(deep)),
        ("map", Arc::new(maps)),
    ]
}
