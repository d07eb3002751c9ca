//! The extreme values of every type, alone and nested, through every writer and back: the same, or refused with row and column.
//!
//! Random rows of random types are another test's (`values.rs`): here every value of the list below is tried in every place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::*;
use callboard_io::{InputSpec, IoError};

use crate::bench::Bench;
use crate::values::other_readers_agree;
use crate::writers::{again, read_as, write};

const FORMATS: [&str; 4] = ["jsonl", "csv", "parquet", "arrow"];

const ZONES: [Option<&str>; 9] = [
    None,
    Some("UTC"),
    Some("+05:30"),
    Some("-23:59"),
    Some("+23:59"),
    Some("America/New_York"),
    Some("Pacific/Apia"),
    Some("Africa/Monrovia"),
    Some("Mars/Phobos"),
];

/// The first seconds of the years 0, 1 and 10000, of 1970, and the last whole ones that nanoseconds reach.
const MOMENTS: [i128; 6] = [-62_167_219_200, -62_135_596_800, 253_402_300_800, 0, 9_223_372_036, -9_223_372_037];

/// These values and a null.
fn of<T: ArrowPrimitiveType>(values: impl IntoIterator<Item = T::Native>) -> PrimitiveArray<T> {
    values.into_iter().map(Some).chain([None]).collect()
}

fn leaves() -> Vec<ArrayRef> {
    let mut all: Vec<ArrayRef> = Vec::new();
    macro_rules! integers {
        ($($type:ty, $native:ty;)*) => {
            $({
                let (least, most) = (<$native>::MIN, <$native>::MAX);
                all.push(Arc::new(of::<$type>([least, least + 1, most / 2, most - 1, most, 0, 1])));
            })*
        };
    }
    integers!(Int8Type, i8; Int16Type, i16; Int32Type, i32; Int64Type, i64;
              UInt8Type, u8; UInt16Type, u16; UInt32Type, u32; UInt64Type, u64;);
    // What a fraction of 64 bits holds, and what it does not.
    all.push(Arc::new(of::<Int64Type>([(1 << 53) - 1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1])));
    macro_rules! fractions {
        ($($type:ty, $native:ty, $bits:ty;)*) => {
            $({
                let subnormal = [<$native>::from_bits(1), <$native>::from_bits((1 << (<$native>::MANTISSA_DIGITS - 1)) - 1)];
                let edges = [0.0, <$native>::MIN_POSITIVE, <$native>::MAX, <$native>::EPSILON, 0.1, 1.0 / 3.0, 1e16, 123456.7];
                let all_signs = subnormal.into_iter().chain(edges).chain([<$native>::INFINITY]).flat_map(|f| [f, -f]);
                all.push(Arc::new(of::<$type>(all_signs.chain([<$native>::NAN]))));
            })*
        };
    }
    fractions!(Float32Type, f32, u32; Float64Type, f64, u64;);
    let days = [i32::MIN, i32::MAX, 0, -1, -719_529, -719_528, 2_932_896, 2_932_897];
    all.push(Arc::new(of::<Date32Type>(days)));
    let millis = days.map(|day| i64::from(day) * 86_400_000).into_iter().chain([i64::MIN, i64::MAX, 1, -1]);
    all.push(Arc::new(of::<Date64Type>(millis)));
    macro_rules! of_units {
        ($($per_second:expr, $timestamp:ty, $duration:ty, $time:ty, $native:ty;)*) => {
            $({
                let per_second: i128 = $per_second;
                let near = MOMENTS.iter().flat_map(|second| [-1, 0, 1].map(|more| second * per_second + more));
                let mut moments: Vec<i64> = near.filter_map(|moment| i64::try_from(moment).ok()).collect();
                moments.extend([i64::MIN, i64::MIN + 1, i64::MAX]);
                for zone in ZONES {
                    all.push(Arc::new(of::<$timestamp>(moments.iter().copied()).with_timezone_opt(zone)));
                }
                all.push(Arc::new(of::<$duration>([i64::MIN, i64::MAX, 0, 1, -1, per_second as i64 * 86_400])));
                let day = (per_second * 86_400) as $native;
                all.push(Arc::new(of::<$time>([0, 1, day - 1, day, day + 1, -1, <$native>::MIN, <$native>::MAX])));
            })*
        };
    }
    of_units!(1, TimestampSecondType, DurationSecondType, Time32SecondType, i32;
              1_000, TimestampMillisecondType, DurationMillisecondType, Time32MillisecondType, i32;
              1_000_000, TimestampMicrosecondType, DurationMicrosecondType, Time64MicrosecondType, i64;
              1_000_000_000, TimestampNanosecondType, DurationNanosecondType, Time64NanosecondType, i64;);
    macro_rules! decimals {
        ($($type:ty, $native:ty, $most:expr, $scales:expr;)*) => {
            $(for scale in $scales {
                let most: u32 = $most;
                let largest: $native = "9".repeat(most as usize).parse().unwrap();
                let [none, one] = [0, 1].map(|n: i8| <$native>::from(n));
                let signs = |n: $native| [n, none - n];
                let values = of::<$type>([largest, largest - one, one, none].into_iter().flat_map(signs));
                all.push(Arc::new(values.with_precision_and_scale(most as u8, scale).unwrap()));
            })*
        };
    }
    decimals!(Decimal32Type, i32, 9, [0, 4, 9, -2]; Decimal64Type, i64, 18, [0, 9, 18, -3];
              Decimal128Type, i128, 38, [0, 19, 38, -5];);
    for scale in [0, 38, 76, -7] {
        let largest: i256 = i256::from_string(&"9".repeat(76)).unwrap();
        let (none, one) = (i256::ZERO, i256::ONE);
        let values = [largest, largest - one, one, none].into_iter().flat_map(|n| [n, none - n]);
        all.push(Arc::new(of::<Decimal256Type>(values).with_precision_and_scale(76, scale).unwrap()));
    }
    all.push(Arc::new(of::<IntervalYearMonthType>([i32::MIN, i32::MAX, 0, -1])));
    let (least, most) = (IntervalDayTime::new(i32::MIN, i32::MIN), IntervalDayTime::new(i32::MAX, i32::MAX));
    all.push(Arc::new(of::<IntervalDayTimeType>([least, most, IntervalDayTime::new(0, -1)])));
    let least = IntervalMonthDayNano::new(i32::MIN, i32::MIN, i64::MIN);
    let most = IntervalMonthDayNano::new(i32::MAX, i32::MAX, i64::MAX);
    all.push(Arc::new(of::<IntervalMonthDayNanoType>([least, most, IntervalMonthDayNano::new(0, 0, -1)])));
    all.push(Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])));
    all.push(Arc::new(NullArray::new(2)));
    let long = "é".repeat(100_000);
    let texts = [
        "",
        "\0",
        "\"\\/\u{8}\u{c}\n\r\t",
        "\r\n",
        " a ",
        ",;\t",
        "null",
        "NaN",
        "\u{feff}",
        "\u{ffff}",
        "\u{10ffff}",
        &long,
    ];
    let texts = || texts.iter().map(|text| Some(*text)).chain([None]);
    all.push(Arc::new(texts().collect::<StringArray>()));
    all.push(Arc::new(
        texts().map(|text| text.map(str::as_bytes)).chain([Some(&[0xff, 0xc0, 0][..])]).collect::<BinaryArray>(),
    ));
    let fixed = [Some([0; 16]), Some([0xff; 16]), None].into_iter();
    all.push(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 16).unwrap()));
    all
}

/// The values where a value can stand, each in a row of its own.
fn places(values: &ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let each = || OffsetBuffer::from_lengths(std::iter::repeat_n(1, values.len()));
    let list = Arc::new(ListArray::new(item.clone(), each(), values.clone(), None));
    let fixed = Arc::new(FixedSizeListArray::new(item, 1, values.clone(), None));
    let member = Arc::new(Field::new("m", values.data_type().clone(), true));
    let structs: ArrayRef = Arc::new(StructArray::new(vec![member].into(), vec![values.clone()], None));
    let item = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
    let of_structs = Arc::new(ListArray::new(item, each(), structs.clone(), None));
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["k"; values.len()]));
    let pair = vec![Field::new("key", DataType::Utf8, false), Field::new("value", values.data_type().clone(), true)];
    let pairs = StructArray::new(pair.into(), vec![keys, values.clone()], None);
    let entries = Arc::new(Field::new("entries", pairs.data_type().clone(), false));
    let map = Arc::new(MapArray::new(entries, each(), pairs, None, false));
    vec![
        ("alone", values.clone()),
        ("in a list", list),
        ("in a list of one", fixed),
        ("in an object", structs),
        ("in an object in a list", of_structs),
        ("in a map", map),
    ]
}

/// The row, from 1, that the error names; null if no row can be written.
fn row_of(words: &str) -> Option<usize> {
    let (_, rest) = words.split_once(", row ")?;
    rest.split_once(": `t")?.0.parse().ok()
}

/// Writes all rows that the format takes; each of the others is refused by its number. Those that were written, and what was said.
fn kept(folder: &Path, name: &str, rows: &RecordBatch) -> (Option<RecordBatch>, Vec<String>) {
    let mut rows = rows.clone();
    let mut said = Vec::new();
    loop {
        let Err(error) = write(folder, name, &rows) else { return (Some(rows), said) };
        let words = error.to_string();
        let Some(row) = row_of(&words) else { return (None, vec![words]) };
        let others: BooleanArray = (1..=rows.num_rows()).map(|other| Some(other != row)).collect();
        rows = filter_record_batch(&rows, &others).unwrap();
        said.push(words);
    }
}

/// What a format may refuse.
fn may_be_refused(format: &str, place: &str, of: &DataType, words: &str) -> bool {
    let times = matches!(
        of,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_)
    );
    match format {
        "csv" if place != "alone" => true,
        "jsonl" | "csv" => times && words.contains(": it cannot be text"),
        "parquet" => {
            let seconds = matches!(of, DataType::Timestamp(TimeUnit::Second, _) | DataType::Time32(TimeUnit::Second));
            let negative = matches!(of,
                DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)
                if *scale < 0);
            seconds && words.contains("which is more than parquet holds")
                || *of == DataType::Date64
                    && (words.contains("which is not a whole day")
                        || words.contains("which is more than parquet holds"))
                || (negative || matches!(of, DataType::Interval(_))) && words.contains("which parquet cannot hold")
        }
        _ => false,
    }
}

/// The name in `types` under which text gives the type again.
fn declared(of: &DataType) -> Option<&'static str> {
    use DataType::*;
    Some(match of {
        Int8 => "int8",
        Int16 => "int16",
        Int32 => "int32",
        Int64 => "int64",
        UInt8 => "uint8",
        UInt16 => "uint16",
        UInt32 => "uint32",
        UInt64 => "uint64",
        Float32 => "float32",
        Float64 => "float64",
        Boolean => "bool",
        Utf8 => "string",
        Date32 => "date",
        Timestamp(TimeUnit::Nanosecond, _) => "timestamp_ns",
        Timestamp(..) => "timestamp",
        _ => return None,
    })
}

/// What text says when it is read again: the same, but that no text is null in CSV, and so is in JSON what it has no number for.
fn comes_back(folder: &Path, name: &str, rows: &RecordBatch) -> bool {
    let values = rows.column(0);
    let (inner, list) = match values.data_type() {
        DataType::List(item) if name.ends_with("jsonl") => (item.data_type(), true),
        other => (other, false),
    };
    let Some(type_name) = declared(inner) else { return false };
    let type_name = if list { format!("list<{type_name}>") } else { type_name.to_owned() };
    let spec = InputSpec { types: BTreeMap::from([("t".to_owned(), type_name)]), ..InputSpec::default() };
    let back = read_as(folder, name, spec).unwrap_or_else(|error: IoError| panic!("{error}"));
    let leaf = |array: &ArrayRef| if list { array.as_list::<i32>().values().clone() } else { array.clone() };
    let (found, written) = (leaf(back.column(0)), leaf(values));
    let written = match inner {
        DataType::Timestamp(..) => cast(&written, found.data_type()).unwrap(),
        _ => written,
    };
    assert_eq!(found.len(), written.len(), "{name}");
    let shown = |array: &ArrayRef| -> Vec<Option<String>> {
        let lossy = |text: String| match text.as_str() {
            "NaN" | "inf" | "-inf" if name.ends_with("jsonl") => None,
            "" if name.ends_with("csv") => None,
            _ => Some(text),
        };
        let text = crate::bench::show(array);
        text.into_iter().enumerate().map(|(at, text)| if array.is_null(at) { None } else { lossy(text) }).collect()
    };
    assert_eq!(shown(&found), shown(&written), "{name} {inner}");
    true
}

#[test]
fn the_extremes_of_every_type_come_back_or_are_refused() {
    let bench = Bench::new();
    let folder = bench.path("");
    let (mut written, mut refused, mut read_again, mut nth) = (0, 0, 0, 0);
    for values in leaves() {
        for (place, array) in places(&values) {
            let rows = RecordBatch::try_from_iter_with_nullable([("t", array, true)]).unwrap();
            for format in FORMATS {
                let name = format!("{nth}.{format}");
                let (kept, said) = kept(&folder, &name, &rows);
                for words in &said {
                    let may = may_be_refused(format, place, values.data_type(), words);
                    assert!(may, "{format}, {} {place}: {words}", values.data_type());
                }
                refused += said.len();
                let Some(kept) = kept else { continue };
                assert_eq!(kept.num_rows() + said.len(), rows.num_rows(), "{format}, {} {place}", values.data_type());
                written += kept.num_rows();
                match format {
                    "jsonl" | "csv" => read_again += usize::from(comes_back(&folder, &name, &kept)),
                    _ => again(&folder, &name, &kept),
                }
                // What other readers are to find there.
                let file = std::fs::File::create(bench.path(&format!("{nth}.truth.arrow"))).unwrap();
                let mut truth = arrow::ipc::writer::FileWriter::try_new(file, &kept.schema()).unwrap();
                truth.write(&kept).unwrap();
                truth.finish().unwrap();
                nth += 1;
            }
        }
    }
    assert!(
        written > 10_000 && refused > 1_000 && read_again > 100,
        "{written} written, {refused} refused, {read_again} read again"
    );
    other_readers_agree(&folder);
}

/// Values that a file holds once and refers to often, and those in the layouts that only files have.
#[test]
fn the_extremes_of_every_type_are_read_from_other_layouts() {
    let bench = Bench::new();
    let folder = bench.path("");
    for values in
        leaves().into_iter().filter(|values| !matches!(values.data_type(), DataType::Interval(_) | DataType::Null))
    {
        let plain = RecordBatch::try_from_iter_with_nullable([("t", values.clone(), true)]).unwrap();
        let keys = Int32Array::from_iter_values(0..values.len() as i32);
        let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys.clone(), values.clone()));
        let ends = Int32Array::from_iter_values(1..=values.len() as i32);
        let runs: ArrayRef = Arc::new(RunArray::<Int32Type>::try_new(&ends, &values).unwrap());
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        let sizes = vec![1; values.len()].into();
        let views = ListViewArray::new(item, keys.values().clone(), sizes, values.clone(), None);
        let of_lists = places(&values).swap_remove(1).1;
        let of_lists = RecordBatch::try_from_iter_with_nullable([("t", of_lists, true)]).unwrap();
        for (array, expected) in [(dictionary, &plain), (runs, &plain), (Arc::new(views), &of_lists)] {
            let what = array.data_type().clone();
            let rows = RecordBatch::try_from_iter_with_nullable([("t", array, true)]).unwrap();
            let file = std::fs::File::create(bench.path("in.arrow")).unwrap();
            let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &rows.schema()).unwrap();
            writer.write(&rows).unwrap();
            writer.finish().unwrap();
            // A decimal of more digits than its type has is in no list above.
            let read =
                read_as(&folder, "in.arrow", InputSpec::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
            let expected = cast(expected.column(0), read.column(0).data_type()).unwrap();
            assert_eq!(read.column(0).to_data(), expected.to_data(), "{what}");
        }
    }
}
