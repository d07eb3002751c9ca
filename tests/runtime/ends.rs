//! The ends of things: no rows, one row, a huge row, the last batch gone, a diamond without rows. All of them end, with
//! outputs of the right schema. And every type there is, there and back.

use std::fs::File;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::*;
use arrow::ipc::{reader::FileReader, writer::FileWriter};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

use crate::bench::{Bench, lines, step, straight};

/// Every kind of step, from Parquet to Parquet, so that the schema is there without rows too.
const CHAIN: &str = r#"
callboard = 1
[inputs.docs]
path = "docs.parquet"
[[steps]]
use = "guests/echo.wasm"
[[steps]]
use = "guests/hostile.wasm"
[[steps]]
use = "guests/exact-dedup.wasm"
[[steps]]
use = "guests/text-stats.wasm"
replicas = 2
[[steps]]
use = "guests/echo-global.wasm"
[outputs.out]
path = "out.parquet"
[outputs.lines]
path = "lines.jsonl"
[outputs.middle]
path = "middle.parquet"
from = "hostile"
"#;

fn texts(count: usize) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|id| format!("row {id}"))));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("text", texts, true)]).unwrap()
}

fn write_parquet(bench: &Bench, name: &str, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(bench.path(name)).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

fn read_parquet(bench: &Bench, name: &str) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(bench.path(name)).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn columns(rows: &RecordBatch) -> Vec<String> {
    rows.schema().fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect()
}

#[test]
fn no_rows_and_one_row_go_through_every_kind_of_step() {
    for count in [0, 1] {
        let bench = Bench::new();
        write_parquet(&bench, "docs.parquet", &texts(count));
        let report = bench.pipeline(CHAIN).report();
        assert_eq!(report.inputs["docs"].rows, count as u64);
        let out = read_parquet(&bench, "out.parquet");
        assert_eq!(columns(&out), ["id Int64", "text Utf8", "n_words Int64", "n_chars Int64"]);
        assert_eq!(out.num_rows(), count);
        assert_eq!(columns(&read_parquet(&bench, "middle.parquet")), ["id Int64", "text Utf8"]);
        assert_eq!(bench.rows("lines.jsonl").len(), count);
        assert_eq!(step(&report, "hostile").batches, count as u64);
    }
}

/// A stage behind this one receives nothing, the global step in it too.
#[test]
fn a_step_that_drops_everything_leaves_the_schema() {
    let bench = Bench::new();
    write_parquet(&bench, "docs.parquet", &texts(100));
    let gone = CHAIN.replace("guests/hostile.wasm\"", "guests/hostile.wasm\"\nconfig = { misdeed = \"drop-all\" }");
    let report = bench.pipeline(gone).report();
    assert_eq!(step(&report, "hostile").dropped["told to"], 100);
    assert_eq!(step(&report, "exact-dedup").rows_in, 0);
    let out = read_parquet(&bench, "out.parquet");
    assert_eq!((out.num_rows(), out.num_columns()), (0, 4));
    assert_eq!(bench.bytes("lines.jsonl"), b"");
}

#[test]
fn a_step_may_drop_the_last_batch_or_any_other() {
    let bench = Bench::with_rows(10);
    for (batch, expected) in
        [(0, json!([4, 5, 6, 7, 8, 9])), (1, json!([0, 1, 2, 3, 8, 9])), (2, json!([0, 1, 2, 3, 4, 5, 6, 7]))]
    {
        let config = format!("config = {{ misdeed = \"drop-all\", at_batch = {batch} }}");
        let steps = format!(
            "[[steps]]\nuse = \"guests/hostile.wasm\"\n{config}\n[[steps]]\nuse = \"guests/exact-dedup.wasm\"\n\
             [run]\nbatch_rows = 4\n"
        );
        bench.pipeline(straight(&steps)).overwrite().report();
        assert_eq!(json!(bench.column("out.jsonl", "id")), expected);
    }
}

#[test]
fn a_global_step_may_put_out_nothing() {
    let bench = Bench::new();
    write_parquet(&bench, "docs.parquet", &texts(100));
    let nothing = CHAIN.replace(
        "use = \"guests/exact-dedup.wasm\"",
        "name = \"nothing\"\nuse = \"guests/hostile-global.wasm\"\nconfig = { misdeed = \"nothing\" }",
    );
    let report = bench.pipeline(nothing).report();
    assert_eq!(step(&report, "nothing").rows_dropped, 100);
    let out = read_parquet(&bench, "out.parquet");
    assert_eq!((out.num_rows(), out.num_columns()), (0, 4));
}

/// Fifty megabytes in one row, which no cut can make smaller.
#[test]
fn a_huge_row_goes_through_every_kind_of_step() {
    let bench = Bench::new();
    let text = "0123456789abcde ".repeat(50 * 1024 * 1024 / 16);
    let rows =
        [json!({"id": 0, "text": "small"}), json!({"id": 1, "text": text}), json!({"id": 2, "text": "small too"})];
    bench.put("docs.jsonl", lines(rows));
    let steps = ["echo", "exact-dedup", "echo-global", "hostile"];
    let steps: String = steps.iter().map(|guest| format!("[[steps]]\nuse = \"guests/{guest}.wasm\"\n")).collect();
    let report = bench.pipeline(straight(&steps)).report();
    assert!(bench.bytes("out.jsonl") == bench.bytes("docs.jsonl"));
    assert!(step(&report, "echo").peak_linear_memory_bytes > 50 << 20);
}

#[test]
fn an_empty_file_without_a_schema_has_no_rows() {
    let bench = Bench::with_rows(0);
    let report = bench.pipeline(straight("[[steps]]\nuse = \"guests/echo.wasm\"\n")).report();
    assert_eq!(report.outputs["out"].rows, 0);
    assert_eq!(bench.bytes("out.jsonl"), b"");
    // A step that needs a column says that there is none.
    let error = bench.pipeline(straight("[[steps]]\nuse = \"guests/text-stats.wasm\"\n")).overwrite().error();
    assert!(error.message.contains("`text`"), "{error}");
    assert_eq!(error.place.step.as_deref(), Some("text-stats"));
}

#[test]
fn a_diamond_ends_without_rows() {
    let bench = Bench::new();
    write_parquet(&bench, "docs.parquet", &texts(0));
    let pipeline = r#"
        callboard = 1
        [inputs.docs]
        path = "docs.parquet"
        [[steps]]
        name = "a"
        use = "guests/echo.wasm"
        from = "docs"
        [[steps]]
        name = "b"
        use = "guests/exact-dedup.wasm"
        from = "docs"
        [[steps]]
        name = "c"
        use = "guests/echo.wasm"
        from = ["a", "b", "docs"]
        [outputs.out]
        path = "out.parquet"
    "#;
    bench.pipeline(pipeline).report();
    assert_eq!(columns(&read_parquet(&bench, "out.parquet")), ["id Int64", "text Utf8"]);
}

/// Some values of every type of the contract, nulls among them, nested in each other.
fn every_type() -> RecordBatch {
    let item = |of: DataType| Arc::new(Field::new("item", of, true));
    let words = |rows: &[Option<&[Option<&str>]>]| {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in rows {
            match row {
                Some(words) => lists.append_value(words.iter().copied()),
                None => lists.append_null(),
            }
        }
        lists.finish()
    };
    let lists = words(&[Some(&[Some("a"), None, Some("ü")]), None, Some(&[])]);
    let deep_items = words(&[Some(&[Some("x")]), Some(&[]), None, Some(&[Some("y"), Some("z")])]);
    let deep = ListArray::new(
        item(deep_items.data_type().clone()),
        OffsetBuffer::from_lengths([3, 0, 1]),
        Arc::new(deep_items),
        None,
    );
    let fields = Fields::from(vec![
        Field::new("score", DataType::Float64, true),
        Field::new("words", lists.data_type().clone(), true),
    ]);
    let score: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None, Some(-0.0)]));
    let structs = StructArray::new(fields, vec![score, Arc::new(lists.clone())], Some(vec![true, true, false].into()));
    let of_structs = ListArray::new(
        item(structs.data_type().clone()),
        OffsetBuffer::from_lengths([2, 1, 0]),
        Arc::new(structs.clone()),
        None,
    );
    let mut vectors = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    for row in [Some([1.0, 2.0]), None, Some([f32::INFINITY, f32::MIN_POSITIVE])] {
        vectors.values().append_slice(&row.unwrap_or_default());
        vectors.append(row.is_some());
    }
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in [Some(vec![("one", Some(1)), ("none", None)]), None, Some(vec![])] {
        for (key, value) in row.iter().flatten() {
            maps.keys().append_value(key);
            maps.values().append_option(*value);
        }
        maps.append(row.is_some()).unwrap();
    }
    let fixed =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(b"abc"), None, Some(b"\0\0\0")].into_iter(), 3);
    let nullable: Vec<(&str, ArrayRef)> = vec![
        ("null", Arc::new(NullArray::new(3))),
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("int8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]))),
        ("int16", Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX)]))),
        ("int32", Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)]))),
        ("int64", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))),
        ("uint8", Arc::new(UInt8Array::from(vec![Some(0), None, Some(u8::MAX)]))),
        ("uint16", Arc::new(UInt16Array::from(vec![Some(0), None, Some(u16::MAX)]))),
        ("uint32", Arc::new(UInt32Array::from(vec![Some(0), None, Some(u32::MAX)]))),
        ("uint64", Arc::new(UInt64Array::from(vec![Some(0), None, Some(u64::MAX)]))),
        ("float32", Arc::new(Float32Array::from(vec![Some(-0.0), None, Some(f32::NEG_INFINITY)]))),
        ("float64", Arc::new(Float64Array::from(vec![Some(f64::MAX), None, Some(5e-324)]))),
        ("utf8", Arc::new(StringArray::from(vec![Some(""), None, Some("a\0\u{1f600}")]))),
        ("binary", Arc::new(BinaryArray::from(vec![Some(b"\xff\0".as_slice()), None, Some(b"")]))),
        ("fixed", Arc::new(fixed.unwrap())),
        ("date32", Arc::new(Date32Array::from(vec![Some(-1), None, Some(20_000)]))),
        ("date64", Arc::new(Date64Array::from(vec![Some(-86_400_000), None, Some(86_400_000)]))),
        ("time32_s", Arc::new(Time32SecondArray::from(vec![Some(1), None, Some(86_399)]))),
        ("time32_ms", Arc::new(Time32MillisecondArray::from(vec![Some(1), None, Some(86_399_999)]))),
        ("time64_us", Arc::new(Time64MicrosecondArray::from(vec![Some(1), None, Some(7)]))),
        ("time64_ns", Arc::new(Time64NanosecondArray::from(vec![Some(1), None, Some(7)]))),
        ("timestamp_s", Arc::new(TimestampSecondArray::from(vec![Some(-1), None, Some(7)]))),
        (
            "timestamp_ms",
            Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None, Some(7)]).with_timezone("+02:00")),
        ),
        ("timestamp_us", Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None, Some(7)]).with_timezone("UTC"))),
        (
            "timestamp_ns",
            Arc::new(TimestampNanosecondArray::from(vec![Some(-1), None, Some(7)]).with_timezone("Europe/Berlin")),
        ),
        ("duration", Arc::new(DurationMillisecondArray::from(vec![Some(-1), None, Some(i64::MAX)]))),
        (
            "decimal32",
            Arc::new(Decimal32Array::from(vec![Some(-12_345), None, Some(1)]).with_precision_and_scale(9, 2).unwrap()),
        ),
        (
            "decimal64",
            Arc::new(Decimal64Array::from(vec![Some(-12_345), None, Some(1)]).with_precision_and_scale(18, 2).unwrap()),
        ),
        (
            "decimal128",
            Arc::new(
                Decimal128Array::from(vec![Some(-12_345), None, Some(10_i128.pow(18))])
                    .with_precision_and_scale(19, 10)
                    .unwrap(),
            ),
        ),
        (
            "decimal256",
            Arc::new(
                Decimal256Array::from(vec![Some(i256::MINUS_ONE), None, Some(i256::ONE)])
                    .with_precision_and_scale(60, 3)
                    .unwrap(),
            ),
        ),
        ("lists", Arc::new(lists)),
        ("lists_of_lists", Arc::new(deep)),
        ("structs", Arc::new(structs)),
        ("lists_of_structs", Arc::new(of_structs)),
        ("vectors", Arc::new(vectors.finish())),
        ("maps", Arc::new(maps.finish())),
    ];
    let never_null: Vec<(&str, ArrayRef)> = vec![
        ("whole_int64", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("whole_utf8", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    ];
    let nullable = nullable.into_iter().map(|(name, values)| (name, values, true));
    RecordBatch::try_from_iter_with_nullable(
        nullable.chain(never_null.into_iter().map(|(name, values)| (name, values, false))),
    )
    .unwrap()
}

/// Written back by a transform, by its replicas, and by global steps in both of their ways.
const THERE_AND_BACK: &str = r#"
[[steps]]
use = "guests/echo.wasm"
[[steps]]
name = "kept"
use = "guests/echo-global.wasm"
[[steps]]
name = "new"
use = "guests/echo-global.wasm"
config = { new_rows = true }
[[steps]]
name = "again"
use = "guests/echo.wasm"
replicas = 2
"#;

fn assert_same(came: &RecordBatch, went: &RecordBatch) {
    assert_eq!(columns(came), columns(went));
    for (field, (came, went)) in went.schema().fields().iter().zip(came.columns().iter().zip(went.columns())) {
        assert_eq!(came, went, "`{}`", field.name());
    }
    let nullable = |rows: &RecordBatch| rows.schema().fields().iter().map(|f| f.is_nullable()).collect::<Vec<_>>();
    assert_eq!(nullable(came), nullable(went));
}

#[test]
fn every_type_crosses_from_arrow_to_arrow() {
    let went = every_type();
    let bench = Bench::new();
    let mut writer = FileWriter::try_new(File::create(bench.path("docs.arrow")).unwrap(), &went.schema()).unwrap();
    writer.write(&went).unwrap();
    writer.finish().unwrap();
    for batch_rows in [1, 2, 8192] {
        let steps = format!("{THERE_AND_BACK}\n[run]\nbatch_rows = {batch_rows}\n");
        bench.pipeline(straight(&steps).replace(".jsonl", ".arrow")).overwrite().report();
        let reader = FileReader::try_new(File::open(bench.path("out.arrow")).unwrap(), None).unwrap();
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_same(&concat_batches(&schema, &batches).unwrap(), &went);
    }
}

#[test]
fn every_type_crosses_from_parquet_to_parquet() {
    let went = every_type();
    let bench = Bench::new();
    write_parquet(&bench, "docs.parquet", &went);
    bench.pipeline(straight(THERE_AND_BACK).replace(".jsonl", ".parquet")).report();
    assert_same(&read_parquet(&bench, "out.parquet"), &in_parquet(&went));
}

/// The rows as Parquet holds them, which has neither seconds nor days in milliseconds.
fn in_parquet(rows: &RecordBatch) -> RecordBatch {
    let held = |data_type: &DataType| match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Date64 => DataType::Date32,
        other => other.clone(),
    };
    let schema = rows.schema();
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_data_type(held(field.data_type())));
    let columns = rows.columns().iter().map(|column| cast(column, &held(column.data_type())).unwrap());
    let fields: Vec<_> = fields.collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect()).unwrap()
}
