//! What Parquet has and Arrow lacks: INT96, and logical types beside the bytes.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, TimestampSecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::bench::{Bench, join, types};

/// Writes a column's values.
type Fill<'a> = dyn Fn(&mut SerializedColumnWriter<'_>) + 'a;

/// A file of one row group for each list of columns.
fn parquet(bench: &Bench, name: &str, schema: &str, groups: &[&[&Fill<'_>]]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = File::create(bench.path(name)).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    for columns in groups {
        let mut group = writer.next_row_group().unwrap();
        for column in *columns {
            let mut writer = group.next_column().unwrap().unwrap();
            column(&mut writer);
            writer.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Seconds and nanoseconds since 1970, as INT96.
fn int96(seconds: i64, nanos: u64) -> Int96 {
    let day = u32::try_from(seconds.div_euclid(86_400) + 2_440_588).unwrap();
    let of_day = seconds.rem_euclid(86_400) as u64 * 1_000_000_000 + nanos;
    let mut value = Int96::new();
    value.set_data(of_day as u32, (of_day >> 32) as u32, day);
    value
}

fn moments(bench: &Bench, name: &str, groups: &[&[Int96]]) {
    let columns: Vec<_> = groups
        .iter()
        .map(|values| {
            move |writer: &mut SerializedColumnWriter<'_>| {
                writer.typed::<Int96Type>().write_batch(values, None, None).map(drop).unwrap();
            }
        })
        .collect();
    let columns: Vec<[&Fill<'_>; 1]> = columns.iter().map(|column| [column as &Fill<'_>]).collect();
    let groups: Vec<&[&Fill<'_>]> = columns.iter().map(|group| &group[..]).collect();
    parquet(bench, name, "message m { required int96 t; }", &groups);
}

const YEAR_9999: i64 = 253_402_300_799;
const YEAR_1: i64 = -62_135_596_800;

#[test]
fn int96_is_read_in_microseconds_and_finer_ones_in_nanoseconds() {
    let bench = Bench::new();
    moments(&bench, "wide.parquet", &[&[int96(YEAR_9999, 999_999_000)], &[int96(YEAR_1, 0), int96(0, 1_000)]]);
    let wide = join(&bench.read(&["wide.parquet"]).unwrap());
    let micros = wide["t"].as_primitive::<TimestampMicrosecondType>();
    assert_eq!(micros.values()[..], [YEAR_9999 * 1_000_000 + 999_999, YEAR_1 * 1_000_000, 1]);

    moments(&bench, "fine.parquet", &[&[int96(0, 1), int96(-1, 999_999_999), int96(9_223_372_036, 854_775_807)]]);
    let fine = join(&bench.read(&["fine.parquet"]).unwrap());
    assert_eq!(fine["t"].as_primitive::<TimestampNanosecondType>().values()[..], [1, -1, i64::MAX]);

    // One of the two files has finer ones, so both are read so.
    moments(&bench, "plain.parquet", &[&[int96(7, 0)]]);
    let both = join(&bench.read(&["plain.parquet", "fine.parquet"]).unwrap());
    assert_eq!(both["t"].as_primitive::<TimestampNanosecondType>().values()[..2], [7_000_000_000, 1]);
}

#[test]
fn an_int96_that_its_unit_does_not_hold_is_an_error_with_the_line_that_fixes_it() {
    let bench = Bench::new();
    let many = vec![int96(0, 0); 5_000];
    let late = [&many[..], &[int96(0, 0), int96(1, 1)][..]];
    moments(&bench, "late.parquet", &late);
    let (words, help) = bench.error(&["late.parquet"], &[]);
    let what = "is the INT96 timestamp 1970-01-01T00:00:01.000000001Z, finer than a microsecond";
    assert_eq!(words, format!("`late.parquet`, row 5002: `t` {what}"));
    assert_eq!(help, "under `[inputs.docs]`: types = { t = \"timestamp_ns\" }");
    let read = join(&bench.read_as(&["late.parquet"], &[("t", "timestamp_ns")]).unwrap());
    assert_eq!(read["t"].as_primitive::<TimestampNanosecondType>().value(5_001), 1_000_000_001);

    moments(&bench, "far.parquet", &[&[int96(0, 1)], &[int96(YEAR_9999, 0)]]);
    let (words, help) = bench.error(&["far.parquet"], &[]);
    let what = "is the INT96 timestamp 9999-12-31T23:59:59Z, which nanoseconds do not reach";
    assert_eq!(words, format!("`far.parquet`, row 2: `t` {what}"));
    assert_eq!(help, "under `[inputs.docs]`: types = { t = \"timestamp\" }");
    let (words, help) = bench.error(&["far.parquet"], &[("t", "timestamp")]);
    assert!(
        words.starts_with("`far.parquet`, row 1: `t` is the INT96 timestamp 1970-01-01T00:00:00.000000001Z"),
        "{words}"
    );
    assert!(help.starts_with("no unit holds all values of the column"), "{help}");

    let mut furthest = Int96::new();
    furthest.set_data(u32::MAX, u32::MAX >> 1, u32::MAX >> 1);
    moments(&bench, "furthest.parquet", &[&[furthest]]);
    let (words, _) = bench.error(&["furthest.parquet"], &[]);
    assert!(words.contains("`t` is the INT96 timestamp ") && words.contains("row 1"), "{words}");

    let (words, help) = bench.error(&["late.parquet"], &[("t", "string")]);
    assert_eq!(words, "`late.parquet`: `types` says string for `t`, which is INT96 in Parquet");
    assert_eq!(help, "types of INT96: timestamp, timestamp_ns");
    let (words, _) = bench.error(&["late.parquet"], &[("u", "timestamp")]);
    assert_eq!(words, "`late.parquet`: `types` names the column `u`, but the columns are t");
}

#[test]
fn int96_in_lists_is_counted_by_rows() {
    let bench = Bench::new();
    let schema = "message m { optional group l (LIST) { repeated group list { optional int96 element; } } }";
    // [0, null], null, [], [1 s, one nanosecond too many]
    let column = |writer: &mut SerializedColumnWriter<'_>| {
        let values = [int96(0, 0), int96(1, 0), int96(2, 1)];
        let (defined, repeated) = ([3, 2, 0, 1, 3, 3], [0, 1, 0, 0, 0, 1]);
        writer.typed::<Int96Type>().write_batch(&values, Some(&defined), Some(&repeated)).map(drop).unwrap();
    };
    parquet(&bench, "l.parquet", schema, &[&[&column]]);
    let rows = join(&bench.read(&["l.parquet"]).unwrap());
    assert_eq!(types(&rows.schema()).len(), 1);
    let DataType::List(item) = rows["l"].data_type().clone() else { panic!("a list") };
    assert_eq!(item.data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, None));
    let (words, _) = bench.error(&["l.parquet"], &[("l", "timestamp")]);
    assert!(
        words.starts_with("`l.parquet`, row 4: `l` is the INT96 timestamp 1970-01-01T00:00:02.000000001Z"),
        "{words}"
    );
}

#[test]
fn logical_types_go_from_parquet_to_parquet() {
    let schema = "message m {
        required fixed_len_byte_array(16) u (UUID);
        required byte_array j (JSON);
        required byte_array e (ENUM);
        required byte_array b (BSON);
        required byte_array g (GEOMETRY);
        required byte_array h (GEOGRAPHY);
        required int32 t (TIME(MILLIS,true));
        required int64 n (TIME(NANOS,false));
        required int32 i (INTEGER(8,false));
        optional group v (VARIANT) { required byte_array metadata; required byte_array value; }
        optional group l (LIST) { repeated group list { optional byte_array element (ENUM); } }
    }";
    let bytes = |text: &'static str| {
        move |writer: &mut SerializedColumnWriter<'_>| {
            let value = ByteArray::from(text);
            writer.typed::<ByteArrayType>().write_batch(&[value], None, None).map(drop).unwrap();
        }
    };
    let defined = |text: &'static str, defined: i16, repeated: bool| {
        move |writer: &mut SerializedColumnWriter<'_>| {
            let repeated = repeated.then_some(&[0][..]);
            let value = ByteArray::from(text);
            writer.typed::<ByteArrayType>().write_batch(&[value], Some(&[defined]), repeated).map(drop).unwrap();
        }
    };
    let uuid = |writer: &mut SerializedColumnWriter<'_>| {
        let value = FixedLenByteArray::from((0..16).collect::<Vec<u8>>());
        writer.typed::<FixedLenByteArrayType>().write_batch(&[value], None, None).map(drop).unwrap();
    };
    let int32 = |writer: &mut SerializedColumnWriter<'_>| {
        writer.typed::<Int32Type>().write_batch(&[7], None, None).map(drop).unwrap();
    };
    let int64 = |writer: &mut SerializedColumnWriter<'_>| {
        writer.typed::<Int64Type>().write_batch(&[7], None, None).map(drop).unwrap();
    };
    let bench = Bench::new();
    parquet(
        &bench,
        "in.parquet",
        schema,
        &[&[
            &uuid,
            &bytes("{\"a\": [1]}"),
            &bytes("RED"),
            &bytes("\u{5}\0\0\0\0"),
            &bytes("\u{1}"),
            &bytes("\u{1}"),
            &int32,
            &int64,
            &int32,
            &defined("\u{1}", 1, false),
            &defined("\u{0}", 1, false),
            &defined("GREEN", 3, true),
        ]],
    );
    let rows = join(&bench.read(&["in.parquet"]).unwrap());
    bench.write("out.parquet", std::slice::from_ref(&rows)).unwrap();
    let logical = |name: &str| {
        let file = SerializedFileReader::new(File::open(bench.path(name)).unwrap()).unwrap();
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let leaves =
            schema.columns().iter().map(|column| (column.name().to_owned(), column.logical_type_ref().cloned()));
        let groups = schema.root_schema().get_fields().iter();
        let groups = groups.map(|of| (of.name().to_owned(), of.get_basic_info().logical_type_ref().cloned()));
        let mut all: Vec<_> = leaves.chain(groups).collect();
        // How a list's items are called is not what is asked here.
        all.iter_mut().filter(|(name, _)| name == "item").for_each(|(name, _)| *name = "element".to_owned());
        // Spherical edges are what a GEOGRAPHY has that says nothing of them.
        format!("{all:?}").replace("algorithm: Some(SPHERICAL)", "algorithm: None")
    };
    assert_eq!(logical("out.parquet"), logical("in.parquet"));
    assert_eq!(join(&bench.read(&["out.parquet"]).unwrap()), rows);

    bench.write("out.jsonl", std::slice::from_ref(&rows)).unwrap();
    let expected = concat!(
        r#"{"u":"00010203-0405-0607-0809-0a0b0c0d0e0f","j":{"a": [1]},"e":"RED","b":"0500000000","g":"01","h":"01","#,
        r#""t":"00:00:00.007","n":"00:00:00.000000007","i":7,"v":{"metadata":"01","value":"00"},"l":["GREEN"]}"#,
        "\n"
    );
    assert_eq!(bench.text("out.jsonl"), expected);
}

/// A zone of timestamps in seconds is the same from Parquet as from Arrow: Parquet stores milliseconds, and only the embedded schema has it.
#[test]
fn seconds_keep_their_zone_in_parquet() {
    let seconds = |zone: &str| TimestampSecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone(zone);
    let (t, inner) = (seconds("Europe/Berlin"), seconds("+05:30"));
    let item = Arc::new(Field::new("item", inner.data_type().clone(), true));
    let lists = ListArray::new(item, OffsetBuffer::from_lengths([1, 1, 1]), Arc::new(inner), None);
    let naive = TimestampSecondArray::from(vec![1, 2, 3]);
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("t", Arc::new(t) as ArrayRef, true),
        ("l", Arc::new(lists), true),
        ("n", Arc::new(naive), true),
    ])
    .unwrap();
    // As pyarrow writes it.
    let stored = |field: &Field| match field.data_type() {
        DataType::List(item) => {
            let zone = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
            field.clone().with_data_type(DataType::List(Arc::new(item.as_ref().clone().with_data_type(zone))))
        }
        DataType::Timestamp(_, zone) => {
            let zone = zone.as_ref().map(|_| "UTC".into());
            field.clone().with_data_type(DataType::Timestamp(TimeUnit::Millisecond, zone))
        }
        _ => field.clone(),
    };
    let schema = Arc::new(Schema::new(rows.schema().fields().iter().map(|field| stored(field)).collect::<Vec<_>>()));
    let columns = rows.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let millis = RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>().unwrap()).unwrap();
    let said = KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), encode_arrow_schema(&rows.schema()));
    let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![said])).build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options).unwrap();
    writer.write(&millis).unwrap();
    let bench = Bench::with("in.parquet", writer.into_inner().unwrap());
    let read = join(&bench.read(&["in.parquet"]).unwrap());
    assert_eq!(types(&read.schema())[0], "t: Timestamp(ms, \"Europe/Berlin\")");
    assert_eq!(types(&read.schema())[2], "n: Timestamp(ms)");
    let texts = callboard_io::json_rows(&read).unwrap();
    assert_eq!(
        texts[0],
        r#"{"t":"1970-01-01T01:00:01+01:00","l":["1970-01-01T05:30:01+05:30"],"n":"1970-01-01T00:00:01"}"#
    );
    assert_eq!(texts[1], r#"{"t":null,"l":[null],"n":"1970-01-01T00:00:02"}"#);
}
