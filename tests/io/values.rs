//! Values that a type can carry and a format may not: the same when they are read again, or refused with their place.

use std::process::Command;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;
use callboard_io::{IoError, json_field, json_rows, marked_rows};

use crate::bench::{Bench, column, join};
use crate::{made, writers};

fn one(array: impl Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("t", Arc::new(array) as ArrayRef, true)]).unwrap()
}

/// The error's words and its help, without the folder.
fn refused(name: &str, rows: &RecordBatch) -> (String, String) {
    let bench = Bench::new();
    let error: IoError = bench.write(name, std::slice::from_ref(rows)).unwrap_err();
    assert_eq!(bench.names(), [] as [&str; 0], "nothing is left of {name}");
    bench.words(&error)
}

fn text(name: &str, rows: &RecordBatch) -> String {
    let bench = Bench::new();
    bench.write(name, std::slice::from_ref(rows)).unwrap();
    bench.text(name)
}

const TEXT_HELP: &str =
    "write parquet or arrow, which hold it as it is; or drop such rows in a step, or leave the column out";

#[test]
fn a_time_without_text_is_refused_with_row_and_column() {
    let cases = [
        (one(Date32Array::from(vec![0, i32::MAX])), "2147483647 as date, which is not in the years 0000 to 9999"),
        (
            one(TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("UTC")),
            "9223372036854775807 as timestamp[us, UTC], which is not in the years 0000 to 9999",
        ),
        (one(Time32SecondArray::from(vec![0, -1])), "-1 as time32[s], which is not a time of day"),
        (
            one(Time64MicrosecondArray::from(vec![0, 86_400_000_000])),
            "86400000000 as time64[us], which is not a time of day",
        ),
    ];
    for (rows, what) in cases {
        for name in ["o.jsonl", "o.csv"] {
            let expected = format!("`{name}`, row 2: `t` is {what}: it cannot be text");
            assert_eq!(refused(name, &rows), (expected, TEXT_HELP.to_owned()));
        }
        let error = json_rows(&rows).unwrap_err();
        assert_eq!(error.to_string(), format!("`t` is {what}: it cannot be text"));
        // What only tells of rows says what is there.
        let marked: serde_json::Value = serde_json::from_str(&marked_rows(&rows).unwrap()[1]).unwrap();
        let (raw, rest) = what.split_once(" as ").unwrap();
        assert_eq!(marked["t"]["raw"].to_string(), raw);
        assert_eq!(marked["t"]["type"], rest.split_once(", which").unwrap().0);
        let bench = Bench::new();
        for name in ["o.parquet", "o.arrow"] {
            bench.write(name, std::slice::from_ref(&rows)).unwrap();
        }
    }
}

/// In a list of objects in a map; under a null, and outside of a slice, it does not count.
#[test]
fn a_nested_value_is_found_by_its_path_and_only_if_it_is_there() {
    let dates = |nulls: Option<Vec<bool>>| {
        let dates = Date32Array::new(vec![0, i32::MIN, 1].into(), nulls.map(NullBuffer::from));
        let field = Arc::new(Field::new("d", DataType::Date32, true));
        let structs = StructArray::new(vec![field].into(), vec![Arc::new(dates)], None);
        let item = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
        ListArray::new(item, OffsetBuffer::from_lengths([1, 2]), Arc::new(structs), None)
    };
    let rows = one(dates(None));
    let what = "-2147483648 as date, which is not in the years 0000 to 9999: it cannot be text";
    assert_eq!(refused("o.jsonl", &rows).0, format!("`o.jsonl`, row 2: `t[0].d` is {what}"));
    assert_eq!(text("o.jsonl", &rows.slice(0, 1)), "{\"t\":[{\"d\":\"1970-01-01\"}]}\n");
    let null = one(dates(Some(vec![true, false, true])));
    assert_eq!(text("o.jsonl", &null.slice(1, 1)), "{\"t\":[{\"d\":null},{\"d\":\"1970-01-02\"}]}\n");

    let mut map = MapBuilder::new(None, StringBuilder::new(), DurationSecondBuilder::new());
    map.keys().append_value("k");
    map.values().append_value(i64::MAX);
    map.append(true).unwrap();
    assert_eq!(text("o.jsonl", &one(map.finish())), "{\"t\":{\"k\":\"PT9223372036854775807S\"}}\n");
    for key in ["k", "k"] {
        map.keys().append_value(key);
        map.values().append_value(1);
    }
    map.append(true).unwrap();
    let twice = one(map.finish());
    let expected = "`o.jsonl`, row 1: `t` is a map with the key \"k\" twice, which an object of JSON cannot have";
    assert_eq!(refused("o.jsonl", &twice).0, expected);
    let pairs = r#"{"t":[{"key":"k","value":"PT1S"},{"key":"k","value":"PT1S"}]}"#;
    assert_eq!(marked_rows(&twice).unwrap(), [pairs]);
}

#[test]
fn the_row_is_counted_over_all_batches() {
    let bench = Bench::new();
    let good = one(Date32Array::from(vec![0; 10]));
    let error = bench.write("o.csv", &[good.clone(), good, one(Date32Array::from(vec![0, 1, i32::MAX]))]).unwrap_err();
    assert!(bench.words(&error).0.starts_with("`o.csv`, row 23: `t` is "), "{error}");
}

#[test]
fn json_text_in_a_list_is_written_as_json_and_told_if_it_is_none() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["{\"a\": 1}", "[]", "nul"]));
    let item = Arc::new(json_field("item"));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([2, 1]), texts, None);
    let rows = one(list);
    assert_eq!(text("o.jsonl", &rows.slice(0, 1)), "{\"t\":[{\"a\": 1},[]]}\n");
    assert!(refused("o.jsonl", &rows).0.starts_with("`o.jsonl`, row 2: `t[0]` should hold JSON text, found \"nul\": "));
    assert_eq!(marked_rows(&rows).unwrap()[1], r#"{"t":[{"raw":"nul","type":"json"}]}"#);
}

#[test]
fn timestamps_come_back_from_text_in_every_year_that_text_has() {
    let micros = [i64::MAX, 0, 1, -62_135_596_800_000_000, 253_402_300_799_999_999, -11_676_052_799_999_999];
    let rows = one(TimestampMicrosecondArray::from(micros[1..].to_vec()).with_timezone("UTC"));
    let zoned = one(TimestampMicrosecondArray::from(micros[1..].to_vec()).with_timezone("Africa/Monrovia"));
    let bench = Bench::new();
    for name in ["o.jsonl", "o.csv"] {
        for rows in [&rows, &zoned] {
            bench.write(name, std::slice::from_ref(rows)).unwrap();
            let back = join(&bench.read_as(&[name], &[("t", "timestamp")]).unwrap());
            assert_eq!(back["t"].as_primitive::<TimestampMicrosecondType>().values()[..], micros[1..], "{name}");
        }
    }
    let nanos = [i64::MIN, i64::MAX, 0, 1];
    let rows = one(TimestampNanosecondArray::from(nanos.to_vec()));
    for name in ["o.jsonl", "o.csv"] {
        bench.write(name, std::slice::from_ref(&rows)).unwrap();
        let back = join(&bench.read_as(&[name], &[("t", "timestamp_ns")]).unwrap());
        assert_eq!(back["t"].as_primitive::<TimestampNanosecondType>().values()[..], nanos, "{name}");
        let error = bench.read_as(&[name], &[("t", "timestamp")]).unwrap_err();
        assert!(error.to_string().contains("finer than a microsecond"), "{error}");
    }
}

#[test]
fn a_date_with_a_time_of_day_is_not_cut() {
    let bench = Bench::with("d.jsonl", "{\"d\":\"2024-02-29\"}\n{\"d\":\"2024-02-29T23:30:00-05:00\"}\n");
    let error = bench.read_as(&["d.jsonl"], &[("d", "date")]).unwrap_err();
    let words = bench.words(&error).0;
    assert!(
        words.contains("`d` should be date, found \"2024-02-29T23:30:00-05:00\", which has a time of day"),
        "{words}"
    );
}

#[test]
fn decimals_of_too_many_digits_are_refused_where_they_enter() {
    let wide = Decimal128Array::from(vec![Some(1), None, Some(100_000)]).with_precision_and_scale(5, 2).unwrap();
    let item = Arc::new(Field::new_list_field(wide.data_type().clone(), true));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([2, 1]), Arc::new(wide.clone()), None);
    let bench = Bench::new();
    for (rows, place) in [(one(wide), "row 3: `t`"), (one(list), "row 2: `t[0]`")] {
        bench.write("in.arrow", std::slice::from_ref(&rows)).unwrap();
        let error = bench.read(&["in.arrow"]).unwrap_err();
        let what = "is 1000.00, which has more digits than the 5 of its type, decimal(5, 2)";
        assert_eq!(bench.words(&error).0, format!("`in.arrow`, {place} {what}"));
        assert_eq!(refused("o.parquet", &rows).0, format!("`o.parquet`, {place} {what}"));
    }
}

#[test]
fn parquet_refuses_types_that_it_has_no_place_for_before_any_row() {
    let width = |width| FixedSizeBinaryArray::try_new_with_len(width, Vec::<u8>::new().into(), None, 2).unwrap();
    let list = |items: ArrayRef| {
        let item = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        ListArray::new(item, OffsetBuffer::from_lengths([1, 1]), items, None)
    };
    let negative = Decimal128Array::from(vec![1]).with_precision_and_scale(5, -2).unwrap();
    let cases = [
        (one(width(0)), "`t` holds values of no bytes, which parquet cannot hold"),
        (one(list(Arc::new(width(0)))), "`t` holds values of no bytes, which parquet cannot hold"),
        (one(negative), "`t` is a decimal(5, -2), which parquet cannot hold"),
    ];
    for (rows, words) in cases {
        let help = "write jsonl or arrow, or leave the column out".to_owned();
        assert_eq!(refused("o.parquet", &rows), (format!("`o.parquet`: {words}"), help));
    }
}

#[test]
fn seconds_that_milliseconds_do_not_hold_are_refused() {
    let rows = one(TimestampSecondArray::from(vec![0, i64::MAX]));
    let words = "`o.parquet`, row 2: `t` is 9223372036854775807 as timestamp[s], which is more than parquet holds";
    assert_eq!(refused("o.parquet", &rows).0, words);
    let rows = one(Date64Array::from(vec![86_400_000, 1]));
    let words = "`o.parquet`, row 2: `t` is 1 as date64, which is not a whole day: parquet's dates have no time";
    assert_eq!(refused("o.parquet", &rows).0, words);
    let bench = Bench::new();
    bench.write("o.parquet", &[one(Date64Array::from(vec![Some(86_400_000), None]))]).unwrap();
    assert_eq!(column(&join(&bench.read(&["o.parquet"]).unwrap()), "t"), ["1970-01-02", "∅"]);
}

/// The same numbers in each run.
fn random(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
}

#[test]
fn whatever_the_rows_each_writer_keeps_or_refuses_them() {
    let broken = (0..400).filter(|seed| {
        let bytes: Vec<u8> = random(*seed).take(600).collect();
        std::panic::catch_unwind(|| writers::fuzz(&bytes)).is_err()
    });
    assert_eq!(broken.collect::<Vec<u64>>(), [] as [u64; 0], "of these seeds");
}

/// pyarrow, and DuckDB if it is there, find in the files what went into them.
#[test]
fn other_readers_find_what_went_in() {
    let bench = Bench::new();
    for seed in 0..150 {
        let bytes: Vec<u8> = random(seed + 10_000).take(900).collect();
        let mut bytes = made::Bytes(&bytes);
        let schema = made::schema(&mut bytes, made::Kinds::Inside);
        let rows = without_notes(&made::rows(&mut bytes, &schema, 8));
        let file = std::fs::File::create(bench.path(&format!("{seed}.truth.arrow"))).unwrap();
        let mut truth = arrow::ipc::writer::FileWriter::try_new(file, &rows.schema()).unwrap();
        truth.write(&rows).unwrap();
        truth.finish().unwrap();
        for format in ["parquet", "arrow", "jsonl", "csv"] {
            // What is refused is another test's.
            let _ = bench.write(&format!("{seed}.{format}"), std::slice::from_ref(&rows));
        }
    }
    other_readers_agree(&bench.path(""));
}

/// Compares `N.truth.arrow` with what other readers find in the files called `N` beside it.
#[expect(clippy::print_stderr, reason = "what was not tried is said")]
pub(crate) fn other_readers_agree(folder: &std::path::Path) {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_pyarrow = Command::new(&python).args(["-c", "import pyarrow"]).output();
    if !has_pyarrow.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: {python} has no pyarrow (set PYTHON), so no other reader looked at what is written");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/io/independent.py");
    let output = Command::new(&python).arg(script).arg(folder).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for what in ["parquet by pyarrow: ", "arrow by pyarrow: ", "jsonl by Python: ", "csv by Python: "] {
        assert!(said.contains(what), "nothing was compared: {said}");
    }
}

/// Rows whose fields have no extension types, which other readers show in ways of their own.
fn without_notes(rows: &RecordBatch) -> RecordBatch {
    let schema = Schema::new(rows.schema().fields().iter().map(|of| plain_field(of)).collect::<Fields>());
    let columns = rows.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| arrow::compute::cast(column, field.data_type()).unwrap()).collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn plain_field(of: &Field) -> Field {
    let inner = |field: &FieldRef| Arc::new(plain_field(field));
    let data_type = match of.data_type() {
        DataType::List(item) => DataType::List(inner(item)),
        DataType::FixedSizeList(item, width) => DataType::FixedSizeList(inner(item), *width),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => other.clone(),
    };
    Field::new(of.name(), data_type, of.is_nullable())
}
