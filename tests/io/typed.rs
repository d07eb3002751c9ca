//! `types` of Parquet and Arrow inputs: every value in the type that is named, or an error with file and row and the line that fixes it.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::*;
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;

use crate::bench::{Bench, column, join, types};

fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, array.clone(), true))).unwrap()
}

/// Each of the files in both formats.
fn benches(files: &[RecordBatch]) -> [(&'static str, Bench); 2] {
    let [arrow, parquet] = [Bench::new(), Bench::new()];
    for (nth, rows) in files.iter().enumerate() {
        let mut writer = FileWriter::try_new(Vec::new(), &rows.schema()).unwrap();
        writer.write(rows).unwrap();
        arrow.put(&format!("{nth}.arrow"), writer.into_inner().unwrap());
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
        writer.write(rows).unwrap();
        parquet.put(&format!("{nth}.parquet"), writer.into_inner().unwrap());
    }
    [("arrow", arrow), ("parquet", parquet)]
}

/// The type and values of `c` in all files, or the error's words and help.
fn read(files: &[RecordBatch], named: &[(&str, &str)]) -> Result<(String, Vec<String>), (String, String)> {
    let [arrow, parquet] = benches(files).map(|(format, bench)| {
        let pattern = format!("*.{format}");
        match bench.read_as(&[&pattern], named) {
            Ok(chunks) => {
                let rows = join(&chunks);
                Ok((types(&rows.schema())[rows.schema().index_of("c").unwrap()].clone(), column(&rows, "c")))
            }
            Err(error) => {
                let (words, help) = bench.words(&error);
                Err((words.replace(format, "f").replace(", row group 1", "").replace(", record batch 1", ""), help))
            }
        }
    });
    assert_eq!(arrow, parquet, "arrow and parquet");
    parquet
}

fn one(array: impl Array + 'static) -> RecordBatch {
    batch(&[("c", Arc::new(array))])
}

fn ints(values: &[i64]) -> RecordBatch {
    one(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> RecordBatch {
    one(StringArray::from(values.to_vec()))
}

fn utc(micros: i64) -> TimestampMicrosecondArray {
    TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC")
}

fn list(items: ArrayRef) -> ListArray {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    ListArray::new(field, OffsetBuffer::from_lengths([items.len()]), items, None)
}

fn object(members: &[(&str, ArrayRef)]) -> StructArray {
    let members = members
        .iter()
        .map(|(name, array)| (Arc::new(Field::new(*name, array.data_type().clone(), true)), array.clone()));
    StructArray::from(members.collect::<Vec<_>>())
}

const DAY: i64 = 86_400_000_000;

#[test]
fn a_column_has_the_type_that_is_named() {
    let decimal = |n: i128| one(Decimal128Array::from(vec![n]).with_precision_and_scale(9, 2).unwrap());
    let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let uuid = {
        let field = Field::new("c", DataType::FixedSizeBinary(16), true)
            .with_metadata([("ARROW:extension:name", "arrow.uuid")]);
        let values = FixedSizeBinaryArray::try_from_iter(std::iter::once([0xab; 16])).unwrap();
        RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(values)]).unwrap()
    };
    let cases: Vec<(Vec<RecordBatch>, &str, &str, &[&str])> = vec![
        (vec![texts(&["7"]), ints(&[8])], "int64", "Int64", &["7", "8"]),
        (vec![texts(&["x"]), ints(&[8])], "string", "Utf8", &["x", "8"]),
        (
            vec![ints(&[1, (1 << 53) + 1]), one(Float64Array::from(vec![0.5]))],
            "json",
            "Utf8",
            &["1", "9007199254740993", "0.5"],
        ),
        (vec![one(Float64Array::from(vec![Some(1.0), None])), ints(&[2])], "int32", "Int32", &["1", "∅", "2"]),
        (vec![decimal(12345), one(Float64Array::from(vec![0.5]))], "float64", "Float64", &["123.45", "0.5"]),
        (vec![decimal(700)], "uint8", "UInt8", &["7"]),
        (vec![one(BooleanArray::from(vec![true])), texts(&["no"])], "string", "Utf8", &["true", "no"]),
        (vec![one(BinaryArray::from(vec![&b"caf\xc3\xa9"[..]])), texts(&["x"])], "string", "Utf8", &["café", "x"]),
        (vec![uuid], "string", "Utf8", &["abababab-abab-abab-abab-abababababab"]),
        (
            vec![one(Date32Array::from(vec![1])), one(utc(1))],
            "timestamp",
            "Timestamp(µs, \"UTC\")",
            &["1970-01-02T00:00:00Z", "1970-01-01T00:00:00.000001Z"],
        ),
        (
            vec![one(TimestampNanosecondArray::from(vec![2_000])), texts(&["1970-01-01T01:00:00+01:00"])],
            "timestamp",
            "Timestamp(µs, \"UTC\")",
            &["1970-01-01T00:00:00.000002Z", "1970-01-01T00:00:00Z"],
        ),
        (vec![one(TimestampMicrosecondArray::from(vec![-DAY]))], "date", "Date32", &["1969-12-31"]),
        (vec![one(utc(1)), texts(&["x"])], "string", "Utf8", &["1970-01-01T00:00:00.000001Z", "x"]),
        (
            vec![one(object(&[("a", a.clone())])), one(object(&[("b", a.clone()), ("a", a.clone())])), texts(&["[1]"])],
            "json",
            "Utf8",
            &[r#"{"a":1}"#, r#"{"b":1,"a":1}"#, "[1]"],
        ),
        (
            vec![one(list(a.clone())), one(list(Arc::new(StringArray::from(vec!["x", "y"]))))],
            "list<string>",
            "List(Utf8)",
            &["[1]", "[x, y]"],
        ),
        (vec![one(NullArray::new(1)), ints(&[1])], "int8", "Int8", &["∅", "1"]),
    ];
    for (files, name, data_type, values) in cases {
        let values = values.iter().map(|value| value.to_string()).collect::<Vec<_>>();
        assert_eq!(read(&files, &[("c", name)]), Ok((format!("c: {data_type}"), values)), "{name} of {files:?}");
    }
}

/// A misfit says where it is; what its help names, named, reads all, or is the last word.
#[test]
fn a_value_that_does_not_fit_is_an_error_with_its_row() {
    let nan = || one(Float64Array::from(vec![1.0, f64::NAN]));
    let cases: Vec<(Vec<RecordBatch>, &str, &str, Option<&str>)> = vec![
        (
            vec![ints(&[8]), texts(&["7", "x"])],
            "int64",
            "`1.f`: row 2: the column `c` should be int64, found \"x\"",
            Some("string"),
        ),
        (
            vec![texts(&["7", ""])],
            "int64",
            "`0.f`: row 2: the column `c` should be int64, found an empty text",
            Some("string"),
        ),
        (vec![texts(&["007"])], "int64", "`0.f`: row 1: the column `c` should be int64, found \"007\"", Some("string")),
        (
            vec![ints(&[1, 300])],
            "int8",
            "`0.f`: row 2: the column `c` is 300 (int64), which int8 cannot hold exactly",
            Some("json"),
        ),
        (
            vec![one(Float64Array::from(vec![0.1]))],
            "float32",
            "`0.f`: row 1: the column `c` is 0.1 (float64), which float32 cannot hold exactly",
            Some("json"),
        ),
        (
            vec![nan()],
            "int64",
            "`0.f`: row 2: the column `c` is NaN (float64), which int64 cannot hold exactly",
            Some("json"),
        ),
        (vec![nan()], "json", "`0.f`: row 2: the column `c` is NaN, which json cannot hold", Some("string")),
        (
            vec![one(BinaryArray::from(vec![&b"\xff"[..]]))],
            "string",
            "`0.f`: row 1: the column `c` has bytes that are not UTF-8, which string cannot hold",
            None,
        ),
        (
            vec![one(utc(1))],
            "date",
            "`0.f`: row 1: the column `c` is 1970-01-01T00:00:00.000001Z (timestamp[us, UTC]), which date cannot hold exactly",
            Some("string"),
        ),
        (
            vec![one(TimestampMillisecondArray::from(vec![253_402_300_799_000]))],
            "timestamp_ns",
            "`0.f`: row 1: the column `c` is 9999-12-31T23:59:59 (timestamp[ms]), which timestamp[ns, UTC] cannot hold exactly",
            Some("string"),
        ),
        (vec![texts(&["{"])], "json", "`0.f`: row 1: the column `c` should be json, found \"{\"", Some("string")),
        (
            vec![one(list(Arc::new(Int64Array::from(vec![1, 300]))))],
            "list<int8>",
            "`0.f`: row 1: the column `c[1]` is 300 (int64), which int8 cannot hold exactly",
            Some("json"),
        ),
    ];
    for (files, name, says, fix) in cases {
        let (words, help) = read(&files, &[("c", name)]).unwrap_err();
        assert_eq!(words, says);
        let Some(fix) = fix else {
            assert!(!help.contains("types = "), "{help}");
            continue;
        };
        assert_eq!(help, format!("under `[inputs.docs]`: types = {{ c = \"{fix}\" }}"), "{says}");
        if let Err((words, help)) = read(&files, &[("c", fix)]) {
            assert!(says.contains("NaN") && words.contains("NaN") && help.contains("string"), "{words}: {help}");
        }
    }
}

/// What the files have in common says the help; it is followed.
#[test]
fn files_that_differ_are_read_as_their_error_says() {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let with = |columns: &[(&str, ArrayRef)]| batch(&[&[("c", a.clone())], columns].concat());
    let object = |members: &[(&str, ArrayRef)]| one(object(members));
    let naive = || one(TimestampMicrosecondArray::from(vec![1]));
    let cases: Vec<(Vec<RecordBatch>, &str, &[&str])> = vec![
        (vec![ints(&[1]), texts(&["x"])], "c = \"string\"", &["1", "x"]),
        (vec![ints(&[1]), one(BooleanArray::from(vec![false]))], "c = \"string\"", &["1", "false"]),
        (
            vec![naive(), one(utc(1))],
            "c = \"timestamp\"",
            &["1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:00.000001Z"],
        ),
        (
            vec![naive(), one(Date32Array::from(vec![1]))],
            "c = \"timestamp\"",
            &["1970-01-01T00:00:00.000001Z", "1970-01-02T00:00:00Z"],
        ),
        (vec![object(&[("a", a.clone())]), object(&[("b", a.clone())])], "c = \"json\"", &[r#"{"a":1}"#, r#"{"b":1}"#]),
        (vec![object(&[("a", a.clone())]), ints(&[1])], "c = \"json\"", &[r#"{"a":1}"#, "1"]),
        (
            vec![one(list(a.clone())), one(list(Arc::new(StringArray::from(vec!["x"]))))],
            "c = \"list<string>\"",
            &["[1]", "[x]"],
        ),
        (vec![ints(&[1]), one(list(a.clone()))], "c = \"json\"", &["1", "[1]"]),
        (
            vec![ints(&[1, (1 << 53) + 1]), one(Float64Array::from(vec![0.5]))],
            "c = \"json\"",
            &["1", "9007199254740993", "0.5"],
        ),
        (vec![with(&[]), with(&[("d", a.clone())])], "d = \"int64\"", &["1", "1"]),
        (vec![with(&[("d", a.clone())]), with(&[])], "d = \"int64\"", &["1", "1"]),
    ];
    for (files, fix, values) in cases {
        let (words, help) = read(&files, &[]).unwrap_err();
        assert!(help.ends_with(&format!("under `[inputs.docs]`: types = {{ {fix} }}")), "{words}: {help}");
        let (name, fit) = fix.split_once(" = ").unwrap();
        let (_, read) = read(&files, &[(name, fit.trim_matches('"'))]).unwrap();
        assert_eq!(read, values, "{words}");
    }
}

#[test]
fn a_column_that_a_file_lacks_is_null_there_if_it_is_named() {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    for files in [
        [batch(&[("a", a.clone())]), batch(&[("a", a.clone()), ("c", a.clone())])],
        [batch(&[("c", a.clone()), ("a", a.clone())]), batch(&[("a", a.clone())])],
    ] {
        let mut values = read(&files, &[("c", "int64")]).unwrap().1;
        values.sort();
        assert_eq!(values, ["1", "∅"]);
    }
    let (words, help) = read(&[batch(&[("a", a)])], &[("c", "int64")]).unwrap_err();
    assert_eq!((words.as_str(), help.as_str()), ("`0.f`: `types` names the column `c`, but the columns are a", ""));
}

#[test]
fn a_type_that_nothing_becomes_is_refused_before_rows_are_read() {
    let a: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let (words, help) = read(&[one(list(a.clone()))], &[("c", "int64")]).unwrap_err();
    assert_eq!(words, "`0.f`: the column `c` is list<int64>, and `types` says int64");
    assert_eq!(help, "under `[inputs.docs]`: types = { c = \"list<int64>\" }");
    let (words, help) = read(&[one(BooleanArray::from(vec![true]))], &[("c", "int64")]).unwrap_err();
    assert_eq!(words, "`0.f`: the column `c` is bool, and `types` says int64");
    assert_eq!(help, "under `[inputs.docs]`: types = { c = \"bool\" }");
    assert!(read(&[ints(&[1])], &[("c", "int65")]).unwrap_err().0.contains("there is no type `int65`"));
}

#[test]
fn a_decimal_of_too_many_digits_is_refused_whatever_it_is_to_become() {
    let rows = one(Decimal128Array::from(vec![1, 12_345]).with_precision_and_scale(3, 2).unwrap());
    for name in ["string", "json", "float64", "int64"] {
        let (words, _) = read(std::slice::from_ref(&rows), &[("c", name)]).unwrap_err();
        assert!(words.contains("row 2") && words.contains("digits"), "{words}");
    }
}

/// Nulls of wide objects take little in a file and much as text: they are made so a part at a time.
#[test]
fn text_that_is_much_longer_than_the_values_is_cut_into_batches() {
    let members: Vec<_> = (0..500).map(|n| Field::new(format!("member-{n}"), DataType::Boolean, true)).collect();
    let null = StructArray::new(
        members.clone().into(),
        members.iter().map(|_| new_null_array(&DataType::Boolean, 5_000)).collect(),
        None,
    );
    for (format, bench) in benches(&[one(null)]) {
        let chunks = bench.read_as(&[&format!("0.{format}")], &[("c", "json")]).unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.rows.num_rows()).sum::<usize>(), 5_000);
        assert!(chunks.len() > 20, "{} chunks of {format}", chunks.len());
        assert_eq!(chunks[0].origin.value(0), 1);
        let last = chunks.last().unwrap();
        assert_eq!(last.origin.value(last.origin.len() - 1), 5_000);
    }
}
