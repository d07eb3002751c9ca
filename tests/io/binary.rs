//! Parquet and Arrow IPC as others write them: every layout comes in canonical, and what is broken says where.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::*;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use callboard_io::{BatchPolicy, ErrorKind, InFile};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::bench::{Bench, POLICY, column, join, show, types};
use crate::both;

fn ipc_file(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn ipc_stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

pub(crate) fn parquet(batches: &[RecordBatch], rows_of_group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_of_group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

pub(crate) fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    let text = StringArray::from_iter_values(range.clone().map(|n| "x".repeat(n as usize % 97)));
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(
        range.clone().map(|n| (n % 5 > 0).then(|| (0..n % 5).map(Some).collect::<Vec<_>>())),
    );
    let n = Int64Array::from_iter_values(range);
    batch(vec![("n", Arc::new(n)), ("text", Arc::new(text)), ("lists", Arc::new(lists))])
}

/// Layouts that have a canonical one, and it.
fn layouts() -> Vec<(&'static str, ArrayRef, &'static str)> {
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("a")]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![Some(&b"a"[..]), None, Some(b"b")]));
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]));
    let of = |array: &ArrayRef, data_type: DataType| cast(array, &data_type).unwrap();
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let encoded = of(&text, dictionary.clone());
    let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
    let nested = StructArray::from(vec![(Arc::new(Field::new("d", dictionary.clone(), true)), encoded.clone())]);
    let in_list = GenericListArray::<i64>::new(
        item(dictionary),
        arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]),
        encoded.clone(),
        None,
    );
    let ends = Int32Array::from(vec![1, 3]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &StringArray::from(vec![Some("a"), None])).unwrap();
    vec![
        ("dictionary", encoded, "Utf8"),
        ("large_text", of(&text, DataType::LargeUtf8), "Utf8"),
        ("text_view", of(&text, DataType::Utf8View), "Utf8"),
        ("large_bytes", of(&bytes, DataType::LargeBinary), "Binary"),
        ("bytes_view", of(&bytes, DataType::BinaryView), "Binary"),
        ("large_list", of(&list, DataType::LargeList(item(DataType::Int32))), "List(Int32)"),
        ("list_view", of(&list, DataType::ListView(item(DataType::Int32))), "List(Int32)"),
        ("half", of(&(Arc::new(Float32Array::from(vec![1.5, 2.5, -1.25])) as ArrayRef), DataType::Float16), "Float32"),
        ("in_struct", Arc::new(nested), "Struct(\"d\": Utf8)"),
        ("in_list", Arc::new(in_list), "List(Utf8)"),
        ("runs", Arc::new(runs), "Utf8"),
    ]
}

#[test]
fn every_layout_comes_in_canonical() {
    for (name, array, canonical) in layouts() {
        let rows = batch(vec![("c", array.clone())]);
        // Views of lists and runs are not for every writer.
        let parquet = (!matches!(name, "list_view" | "runs")).then(|| parquet(std::slice::from_ref(&rows), 100));
        let files = [
            ("f.arrow", Some(ipc_file(std::slice::from_ref(&rows)))),
            ("s.arrow", Some(ipc_stream(&[rows]))),
            ("p.parquet", parquet),
        ];
        for (file, bytes) in files.into_iter().filter_map(|(file, bytes)| Some((file, bytes?))) {
            let rows =
                join(&Bench::with(file, bytes).read(&[file]).unwrap_or_else(|e| panic!("{name} in {file}: {e}")));
            assert_eq!(types(rows.schema_ref()), [format!("c: {canonical}")], "{name} in {file}");
            assert_eq!(column(&rows, "c"), show(&array), "{name} in {file}");
        }
    }
}

#[test]
fn what_no_step_can_be_given_is_refused() {
    let interval: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![1]));
    let inner = StructArray::from(vec![(Arc::new(Field::new("i", interval.data_type().clone(), true)), interval)]);
    let bench = Bench::with("in.arrow", ipc_file(&[batch(vec![("s", Arc::new(inner))])]));
    let (message, _) = bench.error(&["in.arrow"], &[]);
    assert_eq!(message, "`in.arrow`: the column `s.i` has the type interval, which no step can be given");
}

#[test]
fn rows_are_numbered_and_batches_cut_whatever_the_file_is_cut_into() {
    let whole = numbers(0..10_000);
    let parts = |size: usize| {
        (0..10_000).step_by(size).map(|start| whole.slice(start, size.min(10_000 - start))).collect::<Vec<_>>()
    };
    let bench = Bench::with("a.arrow", ipc_file(std::slice::from_ref(&whole)));
    bench.put("b.arrow", ipc_file(&parts(7)));
    bench.put("c.arrow", ipc_stream(&parts(999)));
    bench.put("d.parquet", parquet(std::slice::from_ref(&whole), 100_000));
    bench.put("e.parquet", parquet(&parts(13), 777));
    let policy = BatchPolicy { rows: 1000, bytes: 40_000 };
    let read = |name: &str| {
        let chunks: Vec<_> = both::rows(&bench.spec(&[name], &[]), policy).unwrap();
        assert_eq!(join(&chunks), whole, "{name}");
        let origins: Vec<_> = chunks.iter().flat_map(|chunk| chunk.origin.values().to_vec()).collect();
        assert_eq!(origins, (1..=10_000).collect::<Vec<u64>>(), "{name}");
        chunks.iter().map(|chunk| chunk.rows.num_rows()).collect::<Vec<_>>()
    };
    let cuts = read("a.arrow");
    assert!(cuts.len() > 10 && cuts.iter().all(|rows| *rows <= 1000), "{cuts:?}");
    for name in ["b.arrow", "c.arrow", "d.parquet", "e.parquet"] {
        assert_eq!(read(name), cuts, "{name}");
    }
}

#[test]
fn a_batch_holds_about_what_the_policy_says() {
    let rows = numbers(0..10_000);
    let bench = Bench::with("a.arrow", ipc_file(&[rows]));
    let policy = BatchPolicy { rows: 8192, bytes: 64 << 10 };
    let chunks: Vec<_> = both::rows(&bench.spec(&["a.arrow"], &[]), policy).unwrap();
    for chunk in &chunks[..chunks.len() - 1] {
        let text: usize = column(&chunk.rows, "text").iter().map(String::len).sum();
        let items: usize = chunk.rows["lists"].as_list::<i32>().iter().flatten().map(|list| list.len()).sum();
        // Text and offsets, numbers, lists' offsets and items.
        let size = text + items * 8 + chunk.rows.num_rows() * (4 + 8 + 4);
        assert!((60 << 10..68 << 10).contains(&size), "{size} bytes");
    }
}

#[test]
fn files_have_one_schema_and_may_differ_in_nulls() {
    let schema = |nullable, data_type| {
        let item = Field::new("x", data_type, nullable);
        Arc::new(Schema::new(vec![Field::new("s", DataType::Struct(vec![item].into()), nullable)]))
    };
    let rows = |nullable, data_type: DataType| {
        let schema = schema(nullable, data_type.clone());
        let values = cast(&Int32Array::from(vec![1]), &data_type).unwrap();
        let DataType::Struct(fields) = schema.field(0).data_type().clone() else { unreachable!() };
        RecordBatch::try_new(schema, vec![Arc::new(StructArray::new(fields, vec![values], None))]).unwrap()
    };
    let bench = Bench::with("1.parquet", parquet(&[rows(false, DataType::Int32)], 10));
    bench.put("2.parquet", parquet(&[rows(true, DataType::Int32)], 10));
    let chunks = bench.read(&["*.parquet"]).unwrap();
    assert_eq!(join(&chunks).schema(), schema(true, DataType::Int32));
    bench.put("3.parquet", parquet(&[rows(true, DataType::Utf8)], 10));
    let (message, help) = bench.error(&["*.parquet"], &[]);
    assert_eq!(message, "`3.parquet`: the column `s.x` is string, but int32 in `1.parquet`");
    assert_eq!(help, "under `[inputs.docs]`: types = { s = \"json\" }");

    let one = |name| batch(vec![(name, Arc::new(Int32Array::from(vec![1])) as ArrayRef)]);
    let two =
        batch(vec![("a", Arc::new(Int32Array::from(vec![1])) as ArrayRef), ("b", Arc::new(Int32Array::from(vec![2])))]);
    let bench = Bench::with("1.arrow", ipc_file(std::slice::from_ref(&two)));
    bench.put("2.arrow", ipc_file(&[one("a")]));
    assert_eq!(bench.error(&["*.arrow"], &[]).0, "`2.arrow`: the column `b` is not here, but is in `1.arrow`");
    assert_eq!(bench.error(&["2.arrow", "1.arrow"], &[]).0, "`1.arrow`: the column `b` is here, but not in `2.arrow`");
    bench.put("2.arrow", ipc_file(&[two.project(&[1, 0]).unwrap()]));
    assert_eq!(column(&join(&bench.read(&["*.arrow"]).unwrap()), "b"), ["2", "2"]);
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let field = |name| Field::new(name, DataType::Int32, true);
    let values = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let schema = Arc::new(Schema::new(vec![field("a"), field("a")]));
    let rows = RecordBatch::try_new(schema, vec![values(), values()]).unwrap();
    let bench = Bench::with("in.arrow", ipc_file(&[rows]));
    assert_eq!(bench.error(&["in.arrow"], &[]).0, "`in.arrow`: two columns have the name `a`");
}

#[test]
fn files_that_are_cut_short_are_refused_wherever_the_cut() {
    let rows = numbers(0..3_000);
    let parts = [rows.slice(0, 1000), rows.slice(1000, 1000), rows.slice(2000, 1000)];
    let files = [("f.arrow", ipc_file(&parts)), ("s.arrow", ipc_stream(&parts)), ("p.parquet", parquet(&parts, 1000))];
    for (name, bytes) in files {
        for cut in (0..bytes.len()).step_by(bytes.len() / 100).chain([bytes.len() - 1]) {
            let bench = Bench::with(name, &bytes[..cut]);
            let error = bench.read(&[name]).expect_err("a part is not the whole");
            assert_eq!((error.kind(), error.path()), (ErrorKind::Data, Some(bench.path(name).as_path())), "{error}");
            let is = if cut == 0 { "the file is empty" } else { "cut short" };
            assert!(error.message().contains(is), "{error}");
        }
    }
}

#[test]
fn a_broken_row_group_or_batch_is_named() {
    let rows = numbers(0..3_000);
    let parts = [rows.slice(0, 1000), rows.slice(1000, 1000), rows.slice(2000, 1000)];
    let mut bytes = parquet(&parts, 1000);
    let file = std::fs::File::open(Bench::with("p.parquet", &bytes).path("p.parquet"));
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&file.unwrap()).unwrap();
    let (start, length) = metadata.row_group(1).column(0).byte_range();
    bytes[start as usize..(start + length) as usize].fill(0xff);
    let error = Bench::with("p.parquet", bytes).read(&["p.parquet"]).unwrap_err();
    assert_eq!(error.place(), Some(InFile::RowGroup(2)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Data);

    // The second message's length, which follows the mark ffffffff.
    let mut bytes = ipc_stream(&parts);
    let marks: Vec<_> = bytes.windows(4).enumerate().filter(|(_, w)| *w == [0xff; 4]).map(|(at, _)| at).collect();
    let second = marks.iter().filter(|at| *at % 8 == 0).nth(2).unwrap();
    bytes[second + 8..second + 72].fill(0xfe);
    let error = Bench::with("s.arrow", bytes).read(&["s.arrow"]).unwrap_err();
    assert_eq!(error.place(), Some(InFile::Batch(2)), "{error}");
}

#[test]
fn no_broken_byte_does_more_than_an_error() {
    let rows = numbers(0..300);
    let files = [
        ("f.arrow", ipc_file(std::slice::from_ref(&rows))),
        ("s.arrow", ipc_stream(std::slice::from_ref(&rows))),
        ("p.parquet", parquet(&[rows], 100)),
    ];
    for (name, bytes) in files {
        let mut errors = 0;
        // A sample of the whole, and more of the end: footers, where most can go wrong.
        let end = bytes.len().saturating_sub(600);
        for at in (0..end).step_by(bytes.len() / 100).chain((end..bytes.len()).step_by(7)) {
            let mut broken = bytes.clone();
            broken[at] ^= 0x81;
            if let Err(error) = Bench::with(name, broken).read(&[name]) {
                assert_eq!(error.path().and_then(|path| path.file_name()), Some(name.as_ref()), "{error}");
                errors += 1;
            }
        }
        assert!(errors > 20, "{errors} errors of {name}");
    }
}

#[test]
fn what_is_not_the_format_is_refused() {
    let bench = Bench::with("a.parquet", "{\"a\":1}\n".repeat(10));
    bench.put("a.arrow", "{\"a\":1}\n".repeat(10));
    bench.put("old.feather", "FEA1 and so on FEA1");
    assert_eq!(bench.error(&["a.parquet"], &[]).0, "`a.parquet`: the file is JSON Lines, not Parquet");
    assert_eq!(bench.error(&["a.arrow"], &[]).0, "`a.arrow`: the file is JSON Lines, not Arrow IPC");
    for name in ["b.parquet", "b.arrow"] {
        bench.put(name, [1, 2, 3, 4].repeat(10));
        let (message, _) = bench.error(&[name], &[]);
        assert!(message.contains(": is not ") && message.contains(", or was cut short: "), "{message}");
    }
    assert_eq!(bench.error(&["old.feather"], &[]).0, "`old.feather`: is Feather of version 1, which is not Arrow IPC");
}

#[test]
fn text_that_repeats_does_not_swell_a_batch() {
    // Half a megabyte, a hundred times: a small file, for it is written once.
    let text = "x".repeat(512 << 10);
    let rows = batch(vec![("text", Arc::new(StringArray::from_iter_values(vec![text.as_str(); 100])) as ArrayRef)]);
    let bytes = parquet(&[rows], 1000);
    let bench = Bench::with("in.parquet", bytes);
    let mut chunks = 0;
    for chunk in bench.open(&["in.parquet"]).unwrap().read(POLICY) {
        assert!(chunk.unwrap().rows.get_array_memory_size() < 4 << 20);
        chunks += 1;
    }
    assert_eq!(chunks, 50);
}
