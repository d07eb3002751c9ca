//! What a text file may take: each limit, the key that raises it, and that it is followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::array::{
    ArrayRef, DictionaryArray, FixedSizeListArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use callboard_io::{BatchPolicy, Chunk, Dataset, ErrorKind, InputLimits, IoError, Stop};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::bench::{Bench, POLICY, column, gz, join};
use crate::both;

fn read(bench: &Bench, name: &str, limits: InputLimits) -> Result<Vec<Chunk>, IoError> {
    let spec = callboard_io::InputSpec { limits, ..bench.spec(&[name], &[]) };
    both::rows(&spec, POLICY)
}

#[track_caller]
fn refused(bench: &Bench, name: &str, limits: InputLimits, message: &str, help: &str) {
    let error = read(bench, name, limits).expect_err("this is more than allowed");
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(bench.words(&error), (message.to_owned(), help.to_owned()));
}

const USUAL: InputLimits =
    InputLimits { line: 64 << 20, columns: 10_000, header: 4 << 20, window: 128 << 20, batch: 256 << 20 };

#[test]
fn the_defaults_are_the_documented_ones() {
    assert_eq!(InputLimits::default(), USUAL);
}

#[test]
fn a_line_has_a_length() {
    let limits = InputLimits { line: 100, ..USUAL };
    // The hundredth byte is the last, and the end of the line none of them.
    for (length, name) in [(100, "in.jsonl"), (100, "in.jsonl.gz")] {
        let line = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        let text = format!("{line}\n{line}");
        let bytes = if name.ends_with("gz") { gz(&text) } else { text.into_bytes() };
        assert_eq!(read(&Bench::with(name, bytes), name, limits).unwrap()[0].rows.num_rows(), 2);
    }
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100));
    let help = "under `[inputs.docs]`: limits = { line = \"1GiB\" }";
    refused(
        &Bench::with("in.jsonl", &long),
        "in.jsonl",
        limits,
        "`in.jsonl`, line 1: the line is longer than 100 bytes",
        help,
    );
    let late = Bench::with("in.jsonl", "{\"a\":\"x\"}\n".repeat(2000) + &long);
    refused(&late, "in.jsonl", limits, "`in.jsonl`, line 2001: the line is longer than 100 bytes", help);
    let csv = Bench::with("in.csv", format!("a,b\n1,{}\n", "x".repeat(100)));
    refused(&csv, "in.csv", limits, "`in.csv`, line 2: the line is longer than 100 bytes", help);
    // Many lines of one row.
    let csv = Bench::with("in.csv", format!("a,b\n1,2\n1,\"x\n{}\"\n", "x\n".repeat(100)));
    let message = "`in.csv`, line 3: a quote is opened on this line, and the row continues for more than 100 bytes";
    refused(&csv, "in.csv", limits, message, help);
}

#[test]
fn one_that_never_ends_is_refused_at_the_limit() {
    let mut bomb = b"{\"a\":[0".to_vec();
    bomb.extend(b",0".repeat(40 << 20));
    let bench = Bench::with("in.jsonl.gz", gz(bomb));
    let error = bench.open(&["in.jsonl.gz"]).unwrap_err();
    assert!(error.to_string().ends_with("line 1: the line is longer than 64 MiB"), "{error}");
}

#[test]
fn columns_have_a_number() {
    let limits = InputLimits { columns: 20, ..USUAL };
    let header = |columns: usize| (0..columns).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    read(&Bench::with("in.csv", header(20)), "in.csv", limits).unwrap();
    let csv = Bench::with("in.csv", header(21));
    let help = "under `[inputs.docs]`: limits = { columns = 21 }";
    refused(&csv, "in.csv", limits, "`in.csv`, line 1: the header has 21 columns, and 20 are allowed", help);
    read(&csv, "in.csv", InputLimits { columns: 21, ..USUAL }).unwrap();

    let object = |keys: std::ops::Range<usize>| {
        format!("{{{}}}", keys.map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(","))
    };
    let wide = Bench::with("in.jsonl", object(0..20));
    read(&wide, "in.jsonl", limits).unwrap();
    let error = read(&Bench::with("in.jsonl", object(0..21)), "in.jsonl", limits).unwrap_err();
    assert_eq!(error.message(), "the sample has more than 20 columns and members of objects in them");
    assert_eq!(error.help(), Some("under `[inputs.docs]`: limits = { columns = 200 }"));

    // Keys that change from row to row: JSON text holds them.
    let rows: String = (0..10).map(|n| format!("{{\"id\":{n},\"scores\":{}}}\n", object(n * 3..n * 3 + 3))).collect();
    let dynamic = Bench::with("in.jsonl", rows);
    let message = "`in.jsonl`, line 7, column 23: `scores` has other members from row to row: the sample has more than 20 columns and members of objects in them";
    let help = "under `[inputs.docs]`: types = { scores = \"json\" }\nor, if they are wanted, under `[inputs.docs]`: limits = { columns = 200 }";
    refused(&dynamic, "in.jsonl", limits, message, help);
    read(&dynamic, "in.jsonl", InputLimits { columns: 200, ..USUAL }).unwrap();
    assert_eq!(dynamic.read_as(&["in.jsonl"], &[("scores", "json")]).unwrap()[0].rows.num_rows(), 10);
}

#[test]
fn names_have_a_length_together() {
    let limits = InputLimits { header: 50, ..USUAL };
    let csv = Bench::with("in.csv", format!("a,{}\n1,2\n", "x".repeat(50)));
    let help = "under `[inputs.docs]`: limits = { header = \"64MiB\" }";
    refused(&csv, "in.csv", limits, "`in.csv`, line 1: the header is longer than 50 bytes", help);
    let json = Bench::with("in.jsonl", format!("{{\"a\":1,\"{}\":2}}\n", "x".repeat(50)));
    let error = read(&json, "in.jsonl", limits).unwrap_err();
    assert_eq!(error.message(), "the names of columns and members of objects in them take more than 50 bytes");
    assert_eq!(error.help(), Some("under `[inputs.docs]`: limits = { header = \"800B\" }"));
}

/// Rows that take little in the file, and must be in memory as a whole: each way in which there are such rows.
#[test]
fn rows_that_cannot_be_divided_have_a_limit() {
    let limits = InputLimits { batch: 8 << 20, ..USUAL };
    let split = "split the row's longest lists or texts over several rows";
    let raised = |size: &str| format!("under `[inputs.docs]`: limits = {{ batch = \"{size}\" }}\nor ");
    let list = |items: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        Arc::new(ListArray::new(field, OffsetBuffer::from_lengths([items.len()]), items, None))
    };
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 2 << 20]));
    let pages = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(None)
        .set_data_page_size_limit(1 << 30)
        .set_data_page_row_count_limit(usize::MAX);
    let dictionary = DictionaryArray::new(Int32Array::from(vec![0; 5 << 20]), Arc::new(StringArray::from(vec!["xy"])));
    let fixed =
        FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Int64, true)), 2 << 20, zeros.clone(), None);
    let (row, page) = ("`in.", "write the file with smaller pages or row groups");
    let cases: [(&str, Vec<u8>, &str, String); 6] = [
        (
            "in.arrow",
            arrow(list(Arc::new(dictionary)), None),
            "row 1 takes 30 MiB in memory, more than the 8 MiB allowed",
            raised("32MiB") + split,
        ),
        (
            "in.arrow",
            arrow(zeros.clone(), Some(CompressionType::ZSTD)),
            " unfolds to 16 MiB; allowed are 8 MiB, or 16 times its bytes in the file",
            raised("16MiB") + "write the file with fewer rows in a record batch",
        ),
        (
            "in.parquet",
            parquet(list(zeros.clone()), WriterProperties::builder()),
            "row 1, or one soon after it, takes more than the 8 MiB allowed in memory",
            raised("1GiB") + split,
        ),
        (
            "in.parquet",
            parquet(zeros.clone(), pages),
            " unpack to 16 MiB (column `c`); allowed are 8 MiB, or 16 times their bytes in the file",
            raised("16MiB") + page,
        ),
        (
            "in.parquet",
            parquet(Arc::new(fixed), WriterProperties::builder()),
            "a row takes 16 MiB in memory, more than the 8 MiB allowed",
            raised("1GiB") + "write the file with lists of fewer items",
        ),
        (
            "in.parquet",
            int96(2 << 20),
            " (column `c`); allowed are 8 MiB, or 16 times their bytes in the file",
            raised("32MiB") + page,
        ),
    ];
    for (name, bytes, message, help) in cases {
        let bench = Bench::with(name, bytes);
        let error = read(&bench, name, limits).expect_err(message);
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        let (said, helped) = bench.words(&error);
        assert!(said.starts_with(row) && said.contains(message), "{said}");
        assert_eq!(helped, help, "{said}");
        // The key that help names, set as it says.
        let size = help.split('"').nth(1).unwrap();
        let batch = match size.strip_suffix("MiB") {
            Some(number) => number.parse::<u64>().unwrap() << 20,
            None => 1 << 30,
        };
        let rows = read(&bench, name, InputLimits { batch, ..USUAL }).unwrap();
        assert!(rows.iter().map(|chunk| chunk.rows.num_rows()).sum::<usize>() > 0);
    }
}

/// One column of one record batch.
fn arrow(column: ArrayRef, compression: Option<CompressionType>) -> Vec<u8> {
    let rows = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &rows.schema(), options).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

fn parquet(column: ArrayRef, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let rows = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties.build())).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

/// A page of that many equal timestamps.
fn int96(values: usize) -> Vec<u8> {
    let schema = Arc::new(parse_message_type("message m { required int96 c; }").unwrap());
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_data_page_size_limit(1 << 30)
        .set_data_page_row_count_limit(usize::MAX);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let day = Int96::from(vec![0, 0, 2_440_588]);
    column.typed::<Int96Type>().write_batch(&vec![day; values], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// Objects in lists may lack all of their members, and take room for them all the same.
#[test]
fn rows_that_are_wider_than_their_text_make_smaller_batches() {
    let members = (0..400).map(|n| format!("\"m{n}\":1")).collect::<Vec<_>>().join(",");
    let empty = format!("{{\"a\":[{}{{}}]}}\n", "{},".repeat(99));
    let bench = Bench::with("in.jsonl", format!("{{\"a\":[{{{members}}}]}}\n{}", empty.repeat(200)));
    // 100 × 400 × 8 bytes a row: three or four of them are a batch of 1 MiB.
    let chunks = bench.read(&["in.jsonl"]).unwrap();
    let largest = chunks.iter().map(|chunk| chunk.rows.get_array_memory_size()).max().unwrap();
    assert!(chunks.len() > 40 && largest < 8 << 20, "{} batches, {largest} bytes", chunks.len());
    // All tests have a limit of memory, and what follows takes some.
    drop(chunks);
    // Columns that are missing too.
    let sparse = format!("{{{members}}}\n{}", "{}\n".repeat(8000));
    let chunks = Bench::with("in.jsonl", sparse).read(&["in.jsonl"]).unwrap();
    assert!(chunks.len() > 20, "{} batches", chunks.len());
    drop(chunks);
    // And one row alone does not take what nobody has.
    let bomb = format!("{{\"a\":[{{{members}}}]}}\n{{\"a\":[{}{{}}]}}\n", "{},".repeat(10_000));
    let bomb = Bench::with("in.jsonl", bomb);
    let (message, help) = bomb.words(&read(&bomb, "in.jsonl", InputLimits { batch: 16 << 20, ..USUAL }).unwrap_err());
    assert!(message.contains("line 2") && message.ends_with("take more than 16 MiB (`limits.batch`)"), "{message}");
    assert_eq!(help, "under `[inputs.docs]`: types = { a = \"json\" }");
    // From the disk alone: twice is more memory than a test has.
    let rows = Dataset::open(&bomb.spec(&["in.jsonl"], &[])).unwrap().read(POLICY);
    assert_eq!(rows.map(|chunk| chunk.unwrap().rows.num_rows()).sum::<usize>(), 2);
    // Two bytes of text each, and eight in memory.
    let numbers = Bench::with("in.jsonl", format!("{{\"a\":[0{}]}}\n", ",0".repeat(2 << 20)));
    let (message, help) =
        numbers.words(&read(&numbers, "in.jsonl", InputLimits { batch: 16 << 20, ..USUAL }).unwrap_err());
    assert!(message.contains("line 1") && message.ends_with("take more than 16 MiB (`limits.batch`)"), "{message}");
    assert_eq!(help, "under `[inputs.docs]`: types = { a = \"json\" }");
    assert_eq!(read(&numbers, "in.jsonl", InputLimits { batch: 17 << 20, ..USUAL }).unwrap().len(), 1);
    assert_eq!(help, "under `[inputs.docs]`: types = { a = \"json\" }");
}

#[test]
fn deep_values_are_json_text() {
    for depth in [65, 127, 128, 1000, 100_000] {
        let text = format!("{{\"a\":{}{}}}\n", "[".repeat(depth), "]".repeat(depth));
        let bench = Bench::with("in.jsonl", &text);
        let (message, help) = bench.error(&["in.jsonl"], &[]);
        assert!(message.ends_with("`a` is nested more than 64 levels deep"), "{message}");
        assert_eq!(help, "under `[inputs.docs]`: types = { a = \"json\" }");
        let rows = join(&bench.read_as(&["in.jsonl"], &[("a", "json")]).unwrap());
        bench.write("out.jsonl", &[rows]).unwrap();
        assert_eq!(bench.text("out.jsonl"), text);
    }
    let text = format!("{{\"a\":{}{}}}\n", "[".repeat(64), "]".repeat(64));
    Bench::with("in.jsonl", text).read(&["in.jsonl"]).unwrap();
}

#[test]
fn text_of_any_json_is_kept_wherever_it_stands() {
    let deep = format!("{}{}", "{\"a\":".repeat(200) + "0", "}".repeat(200));
    let values = [
        r#"{"n":1e400}"#,
        "9E+999999999",
        "-1E-999999999",
        r#""cut \ud83d""#,
        r#""\udead\ud800""#,
        "[1,\"x\",null,{\"\":0,\"\":1}]",
        "123456789012345678901234567890",
        "-0",
        "1.0",
        deep.as_str(),
    ];
    for value in values {
        let row = format!("{{\"id\":1,\"m\":{value}}}\n");
        let late = "{\"id\":0,\"m\":0}\n".repeat(1100) + &row;
        let list = Bench::with("in.jsonl", format!("{{\"id\":1,\"m\":[{value}]}}\n"));
        let rows = join(&list.read_as(&["in.jsonl"], &[("m", "list<json>")]).unwrap());
        assert_eq!(column(&rows, "m"), [format!("[{value}]")]);
        for text in [row.clone(), late] {
            let bench = Bench::with("in.jsonl", &text);
            let rows = join(&bench.read_as(&["in.jsonl"], &[("m", "json")]).unwrap());
            bench.write("out.jsonl", std::slice::from_ref(&rows)).unwrap();
            assert_eq!(bench.text("out.jsonl"), text);
            assert_eq!(callboard_io::json_rows(&rows).unwrap().last().map(String::as_str), text.lines().last());
        }
        let csv = format!("id,m\n1,\"{}\"\n", value.replace('"', "\"\""));
        let rows = join(&Bench::with("in.csv", csv).read_as(&["in.csv"], &[("m", "json")]).unwrap());
        assert_eq!(column(&rows, "m"), [value]);
    }
}

/// Blank lines belong to the sample, so that opening an input ends however many there are.
#[test]
fn a_sample_ends_within_blank_lines() {
    let bench = Bench::with("in.csv.gz", gz(format!("a\n{}1\n", "\n".repeat(65 << 20))));
    bench.put("in.jsonl.gz", gz(format!("{}{{\"a\":1}}\n", "\n".repeat(65 << 20))));
    assert_eq!(crate::bench::types(&bench.open(&["in.csv.gz"]).unwrap().schema()), ["a: Utf8"]);
    assert_eq!(bench.open(&["in.jsonl.gz"]).unwrap().schema().fields().len(), 0);
}

/// A stop is heard between two lines, within blank lines, and in files that are being opened.
#[test]
fn reading_stops_when_it_is_asked_to() {
    let asked = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let (counted, limit) = (asked.clone(), most.clone());
    let stop = Stop::when(move || counted.fetch_add(1, Ordering::Relaxed) >= limit.load(Ordering::Relaxed));
    let after = |more: u32| {
        most.store(asked.load(Ordering::Relaxed).saturating_add(more), Ordering::Relaxed);
        stop.clone()
    };
    let blank = Bench::with("in.jsonl.gz", gz("\n".repeat(80 << 20)));
    blank.put("in.csv.gz", gz(format!("a\n{}", "\n".repeat(80 << 20))));
    blank.put("in.jsonl", "{\"a\":1}\n".repeat(1000));
    for name in ["in.jsonl.gz", "in.csv.gz", "in.jsonl"] {
        for asked in [0, 1, 10, 100] {
            let spec = callboard_io::InputSpec { stop: after(asked), ..blank.spec(&[name], &[]) };
            assert_eq!(Dataset::open(&spec).unwrap_err().kind(), ErrorKind::Interrupted, "{name} after {asked}");
        }
    }
    // While it is read, too.
    let spec = callboard_io::InputSpec { stop: after(u32::MAX), ..blank.spec(&["in.jsonl.gz"], &[]) };
    let dataset = Dataset::open(&spec).unwrap();
    after(20);
    let last = dataset.read(BatchPolicy { rows: 1, bytes: 1 }).last().unwrap();
    assert_eq!(last.unwrap_err().kind(), ErrorKind::Interrupted);
    // And within one line of many items.
    blank.put("long.jsonl", format!("{{\"a\":[0{}]}}\n", ",0".repeat(1 << 20)));
    let before = asked.load(Ordering::Relaxed);
    let spec = callboard_io::InputSpec { stop: after(u32::MAX), ..blank.spec(&["long.jsonl"], &[]) };
    Dataset::open(&spec).unwrap();
    let times = asked.load(Ordering::Relaxed) - before;
    let spec = callboard_io::InputSpec { stop: after(times - 5), ..spec };
    assert_eq!(Dataset::open(&spec).unwrap_err().kind(), ErrorKind::Interrupted);
}
