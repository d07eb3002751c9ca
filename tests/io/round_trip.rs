//! Every type that a step can be given, out through each format and in again.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::*;
use callboard_io::json_field;

use crate::bench::{Bench, POLICY, column, join};
use crate::both;

fn numbers(data_type: DataType) -> ArrayRef {
    let numbers = Int64Array::from(vec![Some(1), None, Some(100)]);
    // To times of 32 bits, Arrow casts from integers of 32 bits alone.
    match data_type {
        DataType::Time32(_) => cast(&cast(&numbers, &DataType::Int32).unwrap(), &data_type).unwrap(),
        DataType::Date64 => Arc::new(Date64Array::from(vec![Some(86_400_000), None, Some(-86_400_000)])),
        _ => cast(&numbers, &data_type).unwrap(),
    }
}

/// The rows in the types that Parquet has: it knows no seconds, and dates of days alone.
fn stored(rows: &RecordBatch) -> RecordBatch {
    let columns = rows.schema_ref().fields().iter().zip(rows.columns()).map(|(field, column)| {
        let data_type = match field.data_type() {
            DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
            DataType::Time32(_) => DataType::Time32(TimeUnit::Millisecond),
            DataType::Date64 => DataType::Date32,
            other => other.clone(),
        };
        (field.name().clone(), cast(column, &data_type).unwrap(), true)
    });
    RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap()
}

fn scalars() -> Vec<(String, ArrayRef)> {
    use DataType::*;
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let mut plain = vec![Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64, Date32, Date64];
    plain.extend([Time32(units[0]), Time32(units[1]), Time64(units[2]), Time64(units[3])]);
    plain.extend([Decimal32(9, 2), Decimal64(18, 4), Decimal128(38, 10), Decimal256(76, 5)]);
    plain.extend(units.map(|unit| Timestamp(unit, None)));
    plain.extend(units.map(|unit| Timestamp(unit, Some("UTC".into()))));
    plain.extend(units.map(Duration));
    let mut columns: Vec<_> = plain.into_iter().map(|t| (t.to_string(), numbers(t))).collect();
    let fixed =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([1, 2, 3]), None, Some([4, 5, 6])].into_iter(), 3);
    columns.extend([
        ("null".into(), Arc::new(NullArray::new(3)) as ArrayRef),
        ("bool".into(), Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("utf8".into(), Arc::new(StringArray::from(vec![Some("é\"\n,"), None, Some("x")]))),
        ("binary".into(), Arc::new(BinaryArray::from(vec![Some(&[0, 255][..]), None, Some(b"x")]))),
        ("fixed".into(), Arc::new(fixed.unwrap())),
    ]);
    columns
}

fn nested() -> Vec<(String, ArrayRef)> {
    let items = numbers(DataType::Int32);
    let list = |items: ArrayRef, lengths: [usize; 3], nulls: Option<NullBuffer>| {
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        ListArray::new(field, OffsetBuffer::from_lengths(lengths), items, nulls)
    };
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let lists = list(items.clone(), [2, 0, 1], nulls());
    let deep = list(Arc::new(lists.clone()), [0, 2, 1], None);
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
    let fields = vec![Field::new("n", DataType::Int32, true), Field::new("t", DataType::Utf8, true)];
    let structs = StructArray::new(fields.into(), vec![items, text.clone()], nulls());
    let of_structs = list(Arc::new(structs.clone()), [1, 0, 2], nulls());
    let vector = FixedSizeListArray::new(
        Arc::new(Field::new_list_field(DataType::Float32, true)),
        2,
        Arc::new(Float32Array::from(vec![1.0, 2.0, 0.0, 0.0, 5.5, -1.0])),
        nulls(),
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(1);
    map.append(true).unwrap();
    map.append(false).unwrap();
    map.keys().append_value("z");
    map.values().append_null();
    map.append(true).unwrap();
    vec![
        ("list".into(), Arc::new(lists) as ArrayRef),
        ("deep".into(), Arc::new(deep)),
        ("struct".into(), Arc::new(structs)),
        ("of_structs".into(), Arc::new(of_structs)),
        ("vector".into(), Arc::new(vector)),
        ("map".into(), Arc::new(map.finish())),
    ]
}

fn rows(columns: Vec<(String, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

#[test]
fn parquet_and_arrow_keep_every_type() {
    let rows = rows(scalars().into_iter().chain(nested()).collect());
    let bench = Bench::new();
    for name in ["all.parquet", "all.arrow"] {
        bench.write(name, std::slice::from_ref(&rows)).unwrap();
        let all = if name == "all.parquet" { stored(&rows) } else { rows.clone() };
        let back = join(&bench.read(&[name]).unwrap());
        for (field, (expected, found)) in all.schema().fields().iter().zip(all.columns().iter().zip(back.columns())) {
            assert_eq!((found.data_type(), found), (field.data_type(), expected), "{} in {name}", field.name());
        }
        assert_eq!(back, all, "{name}");
    }
}

#[test]
fn parquet_and_arrow_keep_what_is_not_nullable_and_what_is_json() {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false), json_field("j")]));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["{}"]))];
    let rows = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let bench = Bench::new();
    for name in ["a.parquet", "a.arrow"] {
        bench.write(name, std::slice::from_ref(&rows)).unwrap();
        assert_eq!(bench.open(&[name]).unwrap().schema(), schema, "{name}");
    }
}

#[test]
fn jsonl_writes_every_type_as_documented() {
    let bench = Bench::new();
    let all = rows(scalars().into_iter().chain(nested()).collect());
    bench.write("all.jsonl", std::slice::from_ref(&all)).unwrap();
    let text = bench.text("all.jsonl");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
        let names: Vec<_> = all.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(keys, names, "every row has every key");
    }
    // A list of lists that is not null itself is the one that has a value in the second row.
    let second = lines[1].as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    assert_eq!(second.map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["deep"]);
    let expected = [
        ("Int8", "1"),
        ("UInt64", "1"),
        ("Float64", "1.0"),
        ("Date32", "\"1970-01-02\""),
        ("Time32(s)", "\"00:00:01\""),
        ("Decimal128(38, 10)", "1.0000000000"),
        ("Timestamp(s)", "\"1970-01-01T00:00:01\""),
        ("Timestamp(s, \"UTC\")", "\"1970-01-01T00:00:01Z\""),
        ("Duration(s)", "\"PT1S\""),
        ("bool", "true"),
        ("utf8", "\"é\\\"\\n,\""),
        ("binary", "\"00ff\""),
        ("fixed", "\"010203\""),
        ("list", "[1,null]"),
        ("deep", "[]"),
        ("struct", "{\"n\":1,\"t\":\"a\"}"),
        ("of_structs", "[{\"n\":1,\"t\":\"a\"}]"),
        ("vector", "[1.0,2.0]"),
        ("map", "{\"k\":1}"),
    ];
    let first = text.lines().next().unwrap();
    for (key, json) in expected {
        let entry = format!("{}:{json}", serde_json::Value::from(key));
        assert!(first.contains(&entry), "{entry} in {first}");
    }
}

#[test]
fn jsonl_comes_back_with_the_types_that_json_has() {
    let columns = scalars().into_iter().chain(nested()).filter(|(name, _)| {
        ["null", "bool", "utf8", "Int64", "Float64", "list", "deep", "struct", "of_structs"].contains(&name.as_str())
    });
    let all = rows(columns.collect());
    let bench = Bench::new();
    for name in ["all.jsonl", "all.jsonl.gz", "all.jsonl.zst"] {
        bench.write(name, std::slice::from_ref(&all)).unwrap();
        let back = join(&bench.read(&[name]).unwrap());
        for field in all.schema().fields() {
            assert_eq!(column(&back, field.name()), column(&all, field.name()), "{} in {name}", field.name());
        }
    }
}

#[test]
fn csv_comes_back_as_it_went_but_for_empty_strings() {
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a,\"b\"\nc"), None, Some(""), Some(" x ")]));
    let number: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.1), None, Some(-1e300), Some(3.0)]));
    let when: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(0), Some(-1)]).with_timezone("UTC"));
    let all = rows(vec![("text".into(), text), ("number".into(), number), ("when".into(), when)]);
    let bench = Bench::new();
    for name in ["a.csv", "a.tsv.gz"] {
        bench.write(name, std::slice::from_ref(&all)).unwrap();
        let dataset = both::open(&bench.spec(&[name], &[("when", "timestamp")])).unwrap();
        let back = join(&dataset.read(POLICY).map(Result::unwrap).collect::<Vec<_>>());
        assert_eq!(column(&back, "text"), ["a,\"b\"\nc", "∅", "∅", " x "]);
        assert_eq!((&back["number"], &back["when"]), (&all["number"], &all["when"]), "{name}");
    }
}
