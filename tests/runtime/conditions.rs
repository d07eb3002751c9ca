//! `filter` on columns as files have them: what a type means crosses to the step, whatever unit a file counts in.

use std::fs::File;
use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::*;
use arrow::ipc::writer::FileWriter;
use serde_json::{Value, json};

use crate::bench::Bench;

/// The last second of 2023, the first of 2024, null, and one before 1970.
const SECONDS: [Option<i64>; 4] = [Some(1_704_067_199), Some(1_704_067_200), None, Some(-1)];

fn kept(column: ArrayRef, condition: &str) -> Vec<Value> {
    let bench = Bench::new();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(1..=4));
    let rows = RecordBatch::try_from_iter_with_nullable([("id", ids, false), ("t", column, true)]).unwrap();
    let mut writer = FileWriter::try_new(File::create(bench.path("docs.arrow")).unwrap(), &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    writer.finish().unwrap();
    let pipeline = json!({
        "callboard": 1,
        "inputs": { "docs": { "path": "docs.arrow" } },
        "steps": [{ "use": "guests/filter.wasm", "config": { "where": condition } }],
        "outputs": { "out": { "path": "out.jsonl", "columns": ["id"] } },
    });
    bench.pipeline(pipeline.to_string()).report();
    bench.column("out.jsonl", "id")
}

#[test]
fn moments_are_the_same_rows_in_every_unit() {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let counts: ArrayRef = Arc::new(TimestampSecondArray::from_iter(SECONDS).with_timezone("UTC"));
    let after = "t >= timestamp(\"2024-01-01T00:00:00Z\") || t < date(\"1970-01-01\")";
    for unit in [Second, Millisecond, Microsecond, Nanosecond] {
        for zone in [None, Some("UTC".into()), Some("+05:30".into())] {
            let column = cast(&counts, &DataType::Timestamp(unit, zone.clone())).unwrap();
            assert_eq!(kept(column, after), [2, 4], "{unit:?} {zone:?}");
        }
    }
    for data_type in [DataType::Date32, DataType::Date64] {
        let column = cast(&counts, &data_type).unwrap();
        assert_eq!(kept(column, "t == date(\"2024-01-01\") || t < date(\"1970-01-01\")"), [2, 4], "{data_type}");
    }
    let types = [
        DataType::Time32(Second),
        DataType::Time32(Millisecond),
        DataType::Time64(Microsecond),
        DataType::Time64(Nanosecond),
    ];
    for data_type in types {
        let column = cast(&counts, &data_type).unwrap();
        assert_eq!(kept(column, "t != time(\"00:00\")"), [1, 4], "{data_type}");
    }
    let counts: ArrayRef = Arc::new(Int64Array::from_iter([Some(-1), Some(60), None, Some(61)]));
    for (unit, second) in [(Second, 1), (Millisecond, 1_000), (Microsecond, 1_000_000), (Nanosecond, 1_000_000_000)] {
        let counts: Int64Array = counts.as_primitive::<Int64Type>().unary(|count| count * second);
        let column = cast(&counts, &DataType::Duration(unit)).unwrap();
        assert_eq!(kept(column, "t >= duration(\"1m\")"), [2, 4], "{unit:?}");
    }
}

#[test]
fn decimals_of_every_width_compare_exactly() {
    let digits: ArrayRef = Arc::new(
        Decimal128Array::from_iter([Some(1230), Some(-5), None, Some(10)]).with_precision_and_scale(9, 2).unwrap(),
    );
    let types =
        [DataType::Decimal32(9, 2), DataType::Decimal64(9, 2), DataType::Decimal128(9, 2), DataType::Decimal256(9, 2)];
    for data_type in types {
        let column = cast(&digits, &data_type).unwrap();
        assert_eq!(kept(column, "t in [12.3, 0.1]"), [1, 4], "{data_type}");
    }
}

/// What a step is given unfolded is what it was: dictionaries, views, maps, lists of any offsets.
#[test]
fn what_lies_in_other_ways_is_the_same_to_a_condition() {
    let texts: ArrayRef = Arc::new(StringArray::from_iter([Some("en"), Some("de"), None, Some("en")]));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    for data_type in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, dictionary] {
        let column = cast(&texts, &data_type).unwrap();
        assert_eq!(kept(column, "!(t in [\"en\"])"), [2], "{data_type}");
    }
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for value in [Some(Some(1)), Some(None), None, Some(Some(2))] {
        if let Some(value) = value {
            maps.keys().append_value("a");
            maps.values().append_option(value);
        }
        maps.append(value.is_some()).unwrap();
    }
    assert_eq!(kept(Arc::new(maps.finish()), "t[\"a\"] != 1 || t.b == 1"), [4]);
    let lists = ListArray::from_iter_primitive::<UInt64Type, _, _>([
        Some(vec![Some(u64::MAX), None]),
        Some(vec![]),
        None,
        Some(vec![Some(0)]),
    ]);
    assert_eq!(kept(Arc::new(lists), "!t.exists(n, n == 0)"), [2]);
}
