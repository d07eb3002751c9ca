//! Files of one input whose columns differ as writers make them differ: one type by a rule that loses nothing, or an error.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::*;
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;

use crate::bench::{Bench, column, join, types};

fn batch(column: &ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("c", column.clone(), true)]).unwrap()
}

fn arrow(column: &ArrayRef) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch(column).schema()).unwrap();
    writer.write(&batch(column)).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(column: &ArrayRef) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch(column).schema(), None).unwrap();
    writer.write(&batch(column)).unwrap();
    writer.into_inner().unwrap()
}

/// What both files together hold, in either order, in both formats.
fn both(a: &ArrayRef, b: &ArrayRef) -> Result<(String, Vec<String>), String> {
    let mut results = Vec::new();
    for (extension, write) in [("arrow", arrow as fn(&ArrayRef) -> Vec<u8>), ("parquet", parquet)] {
        let (one, two) = (format!("1.{extension}"), format!("2.{extension}"));
        let bench = Bench::with(&one, write(a));
        bench.put(&two, write(b));
        let read = |names: &[&str]| match bench.read(names) {
            Ok(chunks) => Ok((types(&chunks[0].rows.schema())[0].clone(), chunks)),
            Err(error) => Err(bench.words(&error).0.replace(extension, "f").replace("row group", "record batch")),
        };
        let forth = read(&[&one, &two]);
        let back = read(&[&two, &one]);
        assert_eq!(forth.is_ok(), back.is_ok());
        if let (Ok((forth, _)), Ok((back, _))) = (&forth, &back) {
            assert_eq!(forth.matches("Struct").count() > 0, back.matches("Struct").count() > 0);
        }
        results.push(forth.map(|(name, chunks)| (name, column(&join(&chunks), "c"))));
    }
    assert_eq!(results[0], results[1], "arrow and parquet");
    results.pop().unwrap()
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}

fn member(name: &str, array: ArrayRef) -> (FieldRef, ArrayRef) {
    (Arc::new(Field::new(name, array.data_type().clone(), true)), array)
}

fn int(n: i64) -> ArrayRef {
    Arc::new(Int64Array::from(vec![n]))
}

fn text(text: &str) -> ArrayRef {
    Arc::new(StringArray::from(vec![text]))
}

#[test]
fn columns_of_two_types_have_the_one_that_holds_both() {
    let null = || new_null_array(&DataType::Null, 1);
    let float = |x: f64| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
    let decimal = |n: i128, precision, scale| {
        Arc::new(Decimal128Array::from(vec![n]).with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    let cases: Vec<(ArrayRef, ArrayRef, &str, [&str; 2])> = vec![
        (null(), text("s"), "c: Utf8", ["∅", "s"]),
        (int(7), float(0.5), "c: Float64", ["7.0", "0.5"]),
        (int(-1), Arc::new(UInt32Array::from(vec![u32::MAX])), "c: Int64", ["-1", "4294967295"]),
        (Arc::new(Int32Array::from(vec![1])), int(1 << 40), "c: Int64", ["1", "1099511627776"]),
        (decimal(12345, 5, 2), decimal(7, 4, 4), "c: Decimal128(7, 4)", ["123.4500", "0.0007"]),
        (int(12), decimal(5, 3, 1), "c: Decimal128(20, 1)", ["12.0", "0.5"]),
        (
            Arc::new(TimestampMillisecondArray::from(vec![1]).with_timezone("Europe/Berlin")),
            Arc::new(TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC")),
            "c: Timestamp(µs, \"UTC\")",
            ["1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.000001Z"],
        ),
        (
            Arc::new(Time32MillisecondArray::from(vec![1])),
            Arc::new(Time64NanosecondArray::from(vec![1])),
            "c: Time64(ns)",
            ["00:00:00.001", "00:00:00.000000001"],
        ),
    ];
    for (a, b, data_type, values) in cases {
        assert_eq!(both(&a, &b), Ok((data_type.to_owned(), strings(&values))), "{a:?} and {b:?}");
    }
}

#[test]
fn a_value_that_the_common_type_cannot_hold_is_refused_with_its_row() {
    let float: ArrayRef = Arc::new(Float64Array::from(vec![0.5]));
    let exact: ArrayRef = Arc::new(Int64Array::from(vec![Some(1 << 53), None, Some(-(1 << 53))]));
    assert!(both(&exact, &float).is_ok());
    let message = both(&(Arc::new(Int64Array::from(vec![1, (1 << 53) + 1])) as ArrayRef), &float).unwrap_err();
    assert!(message.starts_with("`1.f`, "), "{message}");
    let says = "row 2: the column `c` is 9007199254740993 (int64), which float64 cannot hold exactly";
    assert!(message.ends_with(says), "{message}");

    let far: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![0, 253_402_300_799_000]));
    let message = both(&far, &(Arc::new(TimestampNanosecondArray::from(vec![0])) as ArrayRef)).unwrap_err();
    let says = "row 2: the column `c` is 9999-12-31T23:59:59 (timestamp[ms]), which timestamp[ns] cannot hold";
    assert!(message.ends_with(says), "{message}");
    let many: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
    let message = both(&many, &int(-1)).unwrap_err();
    assert!(
        message.ends_with("row 2: the column `c` is 18446744073709551615 (uint64), which int64 cannot hold"),
        "{message}"
    );
}

#[test]
fn members_of_structs_are_known_by_their_names() {
    let ab: ArrayRef = Arc::new(StructArray::from(vec![member("a", int(1)), member("b", text("x"))]));
    let ba: ArrayRef = Arc::new(StructArray::from(vec![member("b", text("y")), member("a", int(2))]));
    let list = |items: ArrayRef| {
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        Arc::new(ListArray::new(field, OffsetBuffer::from_lengths([items.len()]), items, None)) as ArrayRef
    };
    let map = |values: ArrayRef| {
        let members = vec![(Arc::new(Field::new("key", DataType::Utf8, false)), text("k")), member("value", values)];
        let entries = StructArray::from(members);
        let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
        Arc::new(MapArray::new(field, OffsetBuffer::from_lengths([1]), entries, None, false)) as ArrayRef
    };
    assert_eq!(both(&ab, &ba).unwrap().1, ["{a: 1, b: x}", "{a: 2, b: y}"]);
    assert_eq!(both(&ba, &ab).unwrap().1, ["{b: y, a: 2}", "{b: x, a: 1}"]);
    assert_eq!(both(&list(ab.clone()), &list(ba.clone())).unwrap().1, ["[{a: 1, b: x}]", "[{a: 2, b: y}]"]);
    assert_eq!(both(&map(ab.clone()), &map(ba)).unwrap().1, ["{k: {a: 1, b: x}}", "{k: {a: 2, b: y}}"]);

    let a: ArrayRef = Arc::new(StructArray::from(vec![member("a", int(1))]));
    assert_eq!(
        both(&list(ab.clone()), &list(a.clone())).unwrap_err(),
        "`2.f`: the column `c.b` is not here, but is in `1.f`"
    );
    assert_eq!(both(&a, &ab).unwrap_err(), "`2.f`: the column `c.b` is here, but not in `1.f`");
}

#[test]
fn what_has_no_common_type_is_refused() {
    let date: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    let time = TimestampMicrosecondArray::from(vec![1]);
    let zoned: ArrayRef = Arc::new(time.clone().with_timezone("UTC"));
    let time: ArrayRef = Arc::new(time);
    for (a, b) in [(&date, &time), (&time, &zoned), (&int(1), &text("1"))] {
        let message = both(a, b).unwrap_err();
        for rust in ["Int64", "Utf8", "Date32", "Timestamp("] {
            assert!(!message.contains(rust), "{message}");
        }
        assert!(message.starts_with("`2.f`: the column `c` is ") && message.ends_with(" in `1.f`"), "{message}");
    }
}
