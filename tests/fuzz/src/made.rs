//! Arrow schemas and rows made of bytes: any bytes are a sound schema and rows that fit it, with the values at which code breaks.
//!
//! Flipped bits of a file mostly break its frame. Here the frame is right, so what is tried is what the values and types do.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;

/// The bytes, as small numbers; past their end all of them are 0.
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn wide(&mut self) -> i128 {
        let bytes: Vec<u8> = (0..16).map(|_| self.byte()).collect();
        i128::from_le_bytes(bytes.try_into().expect("sixteen"))
    }

    /// A number at an edge, beside one, or anything; the edges of the type come first.
    fn number(&mut self, edges: &[i128]) -> i128 {
        match self.below(8) {
            0..4 if !edges.is_empty() => self.one(edges),
            4..6 if !edges.is_empty() => self.one(edges).wrapping_add(self.below(5) as i128 - 2),
            6 => self.wide() >> self.below(128),
            _ => self.below(200) as i128 - 100,
        }
    }

    fn text(&mut self) -> String {
        let length = self.below(10);
        let pieces = ["a", "é", "\"", "\\", "\n", "\r", ",", "\0", "☃", " ", "null", "1e5", "𝄞"];
        (0..length).map(|_| self.one(&pieces)).collect()
    }
}

/// Which types are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Those that rows have inside Callboard, and the intervals that only steps return.
    Inside,
    /// Those of Arrow's files too, which are unfolded when they are read.
    Files,
}

/// A schema of one to four columns.
pub fn schema(bytes: &mut Bytes<'_>, kinds: Kinds) -> SchemaRef {
    let fields = (0..1 + bytes.below(4)).map(|nth| field(bytes, &format!("c{nth}"), kinds, 0));
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

fn field(bytes: &mut Bytes<'_>, name: &str, kinds: Kinds, depth: usize) -> Field {
    let data_type = data_type(bytes, kinds, depth);
    let nullable = bytes.below(4) > 0 || data_type == DataType::Null;
    let extension = match data_type {
        DataType::Utf8 => bytes.one(&["", "", "arrow.json", "parquet.enum"]),
        DataType::FixedSizeBinary(16) => bytes.one(&["", "arrow.uuid"]),
        DataType::Binary => bytes.one(&["", "", "parquet.bson", "geoarrow.wkb"]),
        DataType::Time32(_) | DataType::Time64(_) => bytes.one(&["", "parquet.time_utc"]),
        DataType::Struct(_) => bytes.one(&["", "", "", "arrow.parquet.variant"]),
        _ => "",
    };
    let field = Field::new(name, data_type, nullable);
    let metadata = match extension {
        "geoarrow.wkb" => {
            bytes.one(&["{}", "{\"crs\":\"EPSG:3857\"}", "{\"crs\":\"OGC:CRS84\",\"edges\":\"vincenty\"}"])
        }
        "arrow.parquet.variant" => bytes.one(&["", "1"]),
        _ => "",
    };
    match extension {
        "" => field,
        name => field.with_metadata([("ARROW:extension:name", name), ("ARROW:extension:metadata", metadata)]),
    }
}

const UNITS: [TimeUnit; 4] = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
const ZONES: [Option<&str>; 8] = [
    None,
    None,
    Some("UTC"),
    Some("+05:30"),
    Some("America/New_York"),
    Some("Africa/Monrovia"),
    Some("Mars/Phobos"),
    Some("-23:59"),
];

fn data_type(bytes: &mut Bytes<'_>, kinds: Kinds, depth: usize) -> DataType {
    use DataType::*;
    let nested = depth < 3 && bytes.below(3) == 0;
    if nested {
        let inner = |bytes: &mut Bytes<'_>, name: &str| Arc::new(field(bytes, name, kinds, depth + 1));
        return match bytes.below(if kinds == Kinds::Files { 7 } else { 4 }) {
            0 => List(inner(bytes, "item")),
            1 => {
                let width = bytes.below(4) as i32;
                // Arrow's kernels take nulls beneath a null object for wrong where the items may have none.
                FixedSizeList(Arc::new(field(bytes, "item", kinds, depth + 1).with_nullable(true)), width)
            }
            2 => {
                let fields = (0..bytes.below(4)).map(|nth| inner(bytes, &format!("m{nth}")));
                Struct(fields.collect())
            }
            3 => {
                let key = match bytes.below(3) {
                    0 => Some(leaf(bytes, kinds)).filter(|key| *key != Null).unwrap_or(Utf8),
                    _ => Utf8,
                };
                let value = inner(bytes, "value");
                let pair = Fields::from(vec![Arc::new(Field::new("key", key, false)), value]);
                Map(Arc::new(Field::new("entries", Struct(pair), false)), false)
            }
            4 => LargeList(inner(bytes, "item")),
            5 => Dictionary(Box::new(Int32), Box::new(bytes.one(&[Utf8, Int64, Binary, Date32]))),
            _ => {
                let values = Arc::new(Field::new("values", bytes.one(&[Utf8, Int64, Float64]), true));
                RunEndEncoded(Arc::new(Field::new("run_ends", Int32, false)), values)
            }
        };
    }
    leaf(bytes, kinds)
}

fn leaf(bytes: &mut Bytes<'_>, kinds: Kinds) -> DataType {
    use DataType::*;
    let plain = [Null, Boolean, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64];
    let unit = bytes.one(&UNITS);
    let zone = bytes.one(&ZONES).map(Arc::from);
    match bytes.below(if kinds == Kinds::Files { 14 } else { 12 }) {
        0 | 1 => bytes.one(&plain),
        2 | 3 => bytes.one(&[Utf8, Utf8, Binary, FixedSizeBinary(16), FixedSizeBinary(3), FixedSizeBinary(0)]),
        4 | 5 => Timestamp(unit, zone),
        6 => bytes.one(&[Date32, Date64]),
        7 => match unit {
            TimeUnit::Second | TimeUnit::Millisecond => Time32(unit),
            _ => Time64(unit),
        },
        8 => Duration(unit),
        9 | 10 => match bytes.below(4) {
            0 => Decimal32(9, bytes.one(&[0, 2, 9, -2])),
            1 => Decimal64(bytes.one(&[1, 10, 18]), bytes.one(&[0, 1, -3])),
            2 => Decimal128(bytes.one(&[5, 9, 18, 38]), bytes.one(&[0, 2, 5, -4])),
            _ => Decimal256(bytes.one(&[3, 38, 76]), bytes.one(&[0, 3, -1])),
        },
        // What steps return, and no file gives.
        11 if kinds == Kinds::Inside => {
            Interval(bytes.one(&[IntervalUnit::YearMonth, IntervalUnit::DayTime, IntervalUnit::MonthDayNano]))
        }
        11 => Float16,
        12 => bytes.one(&[LargeUtf8, Utf8View]),
        _ => bytes.one(&[LargeBinary, BinaryView]),
    }
}

/// So many rows of a schema.
pub fn rows(bytes: &mut Bytes<'_>, schema: &SchemaRef, rows: usize) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| {
        // A slice has values before and behind it.
        let (before, behind) = (bytes.below(3), bytes.below(2));
        array(bytes, field, before + rows + behind).slice(before, rows)
    });
    let columns: Vec<ArrayRef> = columns.collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).expect("they were made for it")
}

fn nulls(bytes: &mut Bytes<'_>, field: &Field, length: usize) -> Option<NullBuffer> {
    let there = field.is_nullable() && bytes.below(3) > 0;
    there.then(|| (0..length).map(|_| bytes.below(4) > 0).collect::<Vec<bool>>().into())
}

/// The first and last seconds of the years that text holds, and of what nanoseconds reach.
const MOMENTS: [i128; 6] = [0, -62_167_219_200, 253_402_300_799, -62_135_596_800, 9_223_372_036, -9_223_372_037];

fn array(bytes: &mut Bytes<'_>, field: &Field, length: usize) -> ArrayRef {
    use DataType::*;
    let nulls = nulls(bytes, field, length);
    let data_type = field.data_type();
    macro_rules! primitive {
        ($type:ty, $edges:expr) => {{
            let edges: Vec<i128> = $edges;
            let values: Vec<<$type as ArrowPrimitiveType>::Native> =
                (0..length).map(|_| bytes.number(&edges) as _).collect();
            Arc::new(PrimitiveArray::<$type>::new(values.into(), nulls).with_data_type(data_type.clone())) as ArrayRef
        }};
    }
    macro_rules! integer {
        ($type:ty, $native:ty) => {
            primitive!($type, vec![<$native>::MIN as i128, <$native>::MAX as i128, 0])
        };
    }
    macro_rules! float {
        ($type:ty, $native:ty) => {{
            let edges = [
                0.0,
                -0.0,
                <$native>::MIN,
                <$native>::MAX,
                <$native>::MIN_POSITIVE,
                <$native>::NAN,
                <$native>::INFINITY,
                <$native>::NEG_INFINITY,
                0.1,
                1e15,
                1e-7,
            ];
            let values: Vec<$native> = (0..length).map(|_| bytes.one(&edges)).collect();
            Arc::new(PrimitiveArray::<$type>::new(values.into(), nulls)) as ArrayRef
        }};
    }
    macro_rules! moments {
        ($type:ty, $per_second:expr) => {{
            let mut edges: Vec<i128> = MOMENTS.map(|second| second * $per_second).into();
            edges.extend([i64::MIN as i128, i64::MAX as i128]);
            primitive!($type, edges.into_iter().map(|e| e.clamp(i64::MIN as i128, i64::MAX as i128)).collect())
        }};
    }
    macro_rules! times {
        ($type:ty, $per_second:expr, $native:ty) => {
            primitive!($type, vec![0, 86_399 * $per_second, 86_400 * $per_second, <$native>::MIN as i128, -1])
        };
    }
    macro_rules! decimals {
        ($type:ty, $precision:expr) => {{
            let most = 10_i128.pow(u32::from((*$precision).min(38))) - 1;
            primitive!($type, vec![0, most, -most, 1, if bytes.below(8) == 0 { most + 1 } else { 7 }])
        }};
    }
    match data_type {
        Null => Arc::new(NullArray::new(length)),
        Boolean => Arc::new(BooleanArray::new((0..length).map(|_| bytes.flag()).collect::<Vec<_>>().into(), nulls)),
        Int8 => integer!(Int8Type, i8),
        Int16 => integer!(Int16Type, i16),
        Int32 => integer!(Int32Type, i32),
        Int64 => integer!(Int64Type, i64),
        UInt8 => integer!(UInt8Type, u8),
        UInt16 => integer!(UInt16Type, u16),
        UInt32 => integer!(UInt32Type, u32),
        UInt64 => integer!(UInt64Type, u64),
        Float32 => float!(Float32Type, f32),
        Float64 => float!(Float64Type, f64),
        Float16 => {
            let plain = Field::new("", Float32, field.is_nullable());
            arrow::compute::cast(&array(bytes, &plain, length), &Float16).expect("floats are cast")
        }
        Date32 => primitive!(Date32Type, vec![0, -719_528, 2_932_896, i32::MIN as i128, i32::MAX as i128]),
        Date64 => {
            let day = 86_400_000;
            primitive!(Date64Type, vec![0, -719_528 * day, 2_932_896 * day, i64::MIN as i128, i64::MAX as i128, 1])
        }
        Time32(TimeUnit::Second) => times!(Time32SecondType, 1, i32),
        Time32(_) => times!(Time32MillisecondType, 1_000, i32),
        Time64(TimeUnit::Microsecond) => times!(Time64MicrosecondType, 1_000_000, i64),
        Time64(_) => times!(Time64NanosecondType, 1_000_000_000, i64),
        Timestamp(TimeUnit::Second, _) => moments!(TimestampSecondType, 1),
        Timestamp(TimeUnit::Millisecond, _) => moments!(TimestampMillisecondType, 1_000),
        Timestamp(TimeUnit::Microsecond, _) => moments!(TimestampMicrosecondType, 1_000_000),
        Timestamp(TimeUnit::Nanosecond, _) => moments!(TimestampNanosecondType, 1_000_000_000),
        Duration(TimeUnit::Second) => integer!(DurationSecondType, i64),
        Duration(TimeUnit::Millisecond) => integer!(DurationMillisecondType, i64),
        Duration(TimeUnit::Microsecond) => integer!(DurationMicrosecondType, i64),
        Duration(TimeUnit::Nanosecond) => integer!(DurationNanosecondType, i64),
        Interval(IntervalUnit::YearMonth) => integer!(IntervalYearMonthType, i32),
        Interval(IntervalUnit::DayTime) => {
            let number = |bytes: &mut Bytes<'_>| bytes.number(&[i32::MIN as i128, i32::MAX as i128, 0]) as i32;
            let values: Vec<_> = (0..length).map(|_| IntervalDayTime::new(number(bytes), number(bytes))).collect();
            Arc::new(IntervalDayTimeArray::new(values.into(), nulls))
        }
        Interval(IntervalUnit::MonthDayNano) => {
            let number = |bytes: &mut Bytes<'_>| bytes.number(&[i64::MIN as i128, i64::MAX as i128, 0]);
            let value = |_| IntervalMonthDayNano::new(number(bytes) as i32, number(bytes) as i32, number(bytes) as i64);
            let values: Vec<_> = (0..length).map(value).collect();
            Arc::new(IntervalMonthDayNanoArray::new(values.into(), nulls))
        }
        Decimal32(precision, _) => decimals!(Decimal32Type, precision),
        Decimal64(precision, _) => decimals!(Decimal64Type, precision),
        Decimal128(precision, _) => decimals!(Decimal128Type, precision),
        Decimal256(precision, scale) => {
            let most = arrow::datatypes::i256::from_i128(10).wrapping_pow(u32::from(*precision));
            let value = |_| match bytes.below(4) {
                0 => most.wrapping_sub(arrow::datatypes::i256::ONE),
                1 => arrow::datatypes::i256::ONE.wrapping_sub(most),
                2 if bytes.below(8) == 0 => most,
                _ => arrow::datatypes::i256::from_i128(bytes.below(100) as i128),
            };
            let values: Vec<_> = (0..length).map(value).collect();
            let made = Decimal256Array::new(values.into(), nulls).with_precision_and_scale(*precision, *scale);
            Arc::new(made.expect("a precision and a scale that there are"))
        }
        Utf8 | LargeUtf8 | Utf8View => {
            let json = field.extension_type_name() == Some("arrow.json");
            let text = |at: usize| {
                let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at));
                let text = match json {
                    true => bytes
                        .one(&["{}", "1e400", "[1,\n2]", "null", "\"\\ud800\"", "{\"a\":[]}", "nul", ""])
                        .to_owned(),
                    false => bytes.text(),
                };
                valid.then_some(text)
            };
            let text: StringArray = (0..length).map(text).collect();
            arrow::compute::cast(&text, data_type).expect("text is cast")
        }
        Binary | LargeBinary | BinaryView => {
            let value = |at: usize| {
                let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at));
                let value: Vec<u8> = (0..bytes.below(5)).map(|_| bytes.byte()).collect();
                valid.then_some(value)
            };
            let values: BinaryArray = (0..length).map(value).collect::<Vec<_>>().iter().map(|v| v.as_deref()).collect();
            arrow::compute::cast(&values, data_type).expect("bytes are cast")
        }
        FixedSizeBinary(width) => {
            let values: Vec<u8> = (0..length * *width as usize).map(|_| bytes.byte()).collect();
            let made = FixedSizeBinaryArray::try_new_with_len(*width, values.into(), nulls, length);
            Arc::new(made.expect("so many bytes"))
        }
        List(item) => {
            let offsets = OffsetBuffer::from_lengths((0..length).map(|_| bytes.below(4)));
            let items = array(bytes, item, offsets[length] as usize);
            Arc::new(ListArray::new(item.clone(), offsets, items, nulls))
        }
        LargeList(item) => {
            let offsets = OffsetBuffer::from_lengths((0..length).map(|_| bytes.below(4)));
            let items = array(bytes, item, offsets[length] as usize);
            Arc::new(LargeListArray::new(item.clone(), offsets, items, nulls))
        }
        FixedSizeList(item, width) => {
            let items = array(bytes, item, length * *width as usize);
            let made = FixedSizeListArray::try_new_with_length(item.clone(), *width, items, nulls, length);
            Arc::new(made.expect("so many items"))
        }
        Struct(fields) => {
            let members = fields.iter().map(|field| array(bytes, field, length)).collect();
            let made = StructArray::try_new_with_length(fields.clone(), members, nulls, length);
            Arc::new(made.expect("members of one length"))
        }
        Map(entries, sorted) => {
            let offsets = OffsetBuffer::from_lengths((0..length).map(|_| bytes.below(4)));
            let pairs = array(bytes, entries, offsets[length] as usize).as_struct().clone();
            Arc::new(MapArray::new(entries.clone(), offsets, pairs, nulls, *sorted))
        }
        Dictionary(_, values) => {
            let values = array(bytes, &Field::new("", (**values).clone(), false), 4);
            let keys: Vec<i32> = (0..length).map(|_| bytes.below(4) as i32).collect();
            Arc::new(DictionaryArray::new(Int32Array::new(keys.into(), nulls), values))
        }
        RunEndEncoded(_, values) => {
            let ends = PrimitiveArray::<Int32Type>::from_iter_values(
                (1..=length as i32).filter(|end| *end == length as i32 || bytes.flag()),
            );
            // A field that is not nullable must have none beneath either.
            let values = array(bytes, &Field::new("", values.data_type().clone(), false), ends.len());
            match length {
                0 => new_empty_array(data_type),
                _ => Arc::new(RunArray::<Int32Type>::try_new(&ends, &values).expect("ends that rise")),
            }
        }
        other => unreachable!("{other} is not made"),
    }
}
