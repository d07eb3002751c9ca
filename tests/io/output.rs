//! Outputs: whole or not at all, the same bytes however they were cut, and refused early.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use callboard_io::{ErrorKind, OutputSpec, Writer, check_schema, check_writable, json_field, json_rows};

use crate::bench::{Bench, POLICY, join, types};

const NAMES: [&str; 8] =
    ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.csv", "o.tsv.gz", "o.csv.zst", "o.parquet", "o.arrow"];

fn rows(count: usize) -> RecordBatch {
    let numbers = Int64Array::from_iter((0..count as i64).map(|n| (n % 3 > 0).then_some(n)));
    let flags = BooleanArray::from_iter((0..count).map(|n| (n % 7 > 0).then_some(n % 2 == 0)));
    let text =
        StringArray::from_iter((0..count).map(|n| (n % 5 > 0).then(|| format!("row {n} {}", "x".repeat(n % 50)))));
    RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(numbers) as ArrayRef, true),
        ("flag", Arc::new(flags), true),
        ("text", Arc::new(text), true),
    ])
    .unwrap()
}

#[test]
fn nothing_appears_before_the_commit_and_then_all_of_it() {
    let rows = rows(1000);
    for name in NAMES {
        let bench = Bench::with(name, "what was there before");
        let mut writer = bench.writer(&bench.output(name), rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        writer.write(&rows).unwrap();
        let finished = writer.finish().unwrap();
        assert_eq!(bench.text(name), "what was there before");
        assert_eq!(bench.names(), [name]);
        let committed = finished.commit(&check_writable(&bench.output(name)).unwrap(), true).unwrap();
        assert_eq!(bench.names(), [name]);
        assert_eq!((committed.rows, committed.bytes), (2000, bench.bytes(name).len() as u64));
        assert_eq!(committed.path, bench.path(name));
        let read: usize = bench.read(&[name]).unwrap().iter().map(|chunk| chunk.rows.num_rows()).sum();
        assert_eq!(read, 2000, "{name}");
    }
}

#[test]
fn what_is_dropped_leaves_nothing_behind() {
    let rows = rows(10);
    for name in NAMES {
        let bench = Bench::new();
        let mut writer = bench.writer(&bench.output(name), rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        drop(writer);
        assert!(bench.names().is_empty(), "{name}");
        let mut writer = bench.writer(&bench.output(name), rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        drop(writer.finish().unwrap());
        assert!(bench.names().is_empty(), "{name}");
    }
}

#[test]
fn an_output_may_be_read_by_whom_any_file_may() {
    let bench = Bench::with("usual", "");
    bench.write("o.jsonl", &[rows(1)]).unwrap();
    let mode = |name: &str| bench.path(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("o.jsonl"), mode("usual"));
}

#[test]
fn folders_are_made_when_written_and_not_when_asked() {
    let bench = Bench::new();
    check_writable(&bench.output("a/b/o.jsonl")).unwrap();
    assert!(bench.names().is_empty());
    bench.write("a/b/o.jsonl", &[rows(1)]).unwrap();
    assert_eq!(bench.bytes("a/b/o.jsonl").len(), 35);
}

#[test]
fn what_cannot_be_written_is_said_early() {
    let bench = Bench::with("file", "");
    std::fs::create_dir(bench.path("folder.jsonl")).unwrap();
    let refused = |name: &str| bench.words(&check_writable(&bench.output(name)).unwrap_err()).0;
    assert_eq!(refused("o.doc"), "`o.doc`: the extension `doc` names no format");
    let help = bench.words(&check_writable(&bench.output("o")).unwrap_err()).1;
    assert_eq!(help, "say which: format = \"jsonl\" or \"csv\" or \"parquet\" or \"arrow\"");
    assert_eq!(refused("folder.jsonl"), "`folder.jsonl`: this is a folder, not a file");
    assert!(refused("file/o.jsonl").contains("file"), "{}", refused("file/o.jsonl"));
    assert!(bench.write("file/o.jsonl", &[rows(1)]).is_err());
    // Where nobody, root neither, may make a file.
    let mut nowhere = bench.output("o.jsonl");
    for (path, doing) in [
        ("/proc/o.jsonl", "cannot write into the folder `/proc`: "),
        ("/proc/a/b/o.jsonl", "cannot make the folder `/proc/a`: "),
    ] {
        nowhere.path = path.into();
        let error = check_writable(&nowhere).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::System, Some(path.as_ref())), "{error}");
        assert!(error.message().starts_with(doing), "{error}");
        assert!(error.help().unwrap().contains("a folder that you may write"), "{error}");
    }
}

#[test]
fn bytes_do_not_tell_how_rows_were_cut() {
    let whole = rows(70_000);
    let cut = |size: usize| {
        (0..whole.num_rows())
            .step_by(size)
            .map(|at| whole.slice(at, size.min(whole.num_rows() - at)))
            .collect::<Vec<_>>()
    };
    let bench = Bench::new();
    for name in NAMES {
        bench.write(name, std::slice::from_ref(&whole)).unwrap();
        let expected = bench.bytes(name);
        for size in [1, 13, 1000, 8192] {
            bench.write(name, &cut(size)).unwrap();
            assert!(bench.bytes(name) == expected, "{name} cut into {size}");
        }
    }
}

#[test]
fn no_rows_are_an_output_with_a_schema() {
    let bench = Bench::new();
    let none = rows(0);
    for name in NAMES {
        bench.write(name, std::slice::from_ref(&none)).unwrap();
        assert!(bench.read(&[name]).unwrap().is_empty(), "{name}");
    }
    assert_eq!(bench.text("o.jsonl"), "");
    assert_eq!(bench.text("o.csv"), "n,flag,text\n");
    for name in ["o.parquet", "o.arrow"] {
        assert_eq!(bench.open(&[name]).unwrap().schema(), none.schema(), "{name}");
    }
    assert_eq!(types(&bench.open(&["o.csv"]).unwrap().schema()).len(), 3);
    assert_eq!(bench.open(&["o.csv"]).unwrap().read(POLICY).count(), 0);
}

#[track_caller]
fn refused(name: &str, field: Field, message: &str) {
    let bench = Bench::new();
    let schema = Arc::new(Schema::new(vec![field]));
    let early = check_schema(&bench.output(name), &schema).expect_err("the format has no place for it");
    let error = bench.writer(&bench.output(name), schema).err().expect("the format has no place for it");
    assert_eq!(bench.words(&early), bench.words(&error));
    assert_eq!(bench.words(&error).0, format!("`{name}`: {message}"));
    assert!(error.help().unwrap().starts_with("write "), "{error}");
    assert!(bench.names().is_empty());
}

#[test]
fn a_schema_that_the_format_cannot_hold_is_refused_at_once() {
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
    let message = "`tags` is a list, an object or a map, which a field of CSV cannot hold";
    refused("o.csv", Field::new("tags", list, true), message);
    let hollow = Field::new("e", DataType::Struct(Fields::empty()), true);
    let meta = Field::new("m", DataType::Struct(vec![hollow].into()), true);
    refused("o.parquet", meta, "`m.e` is an object without members, which parquet cannot hold");
    let keys = Field::new_map(
        "m",
        "entries",
        Field::new("keys", DataType::Int64, false),
        Field::new("values", DataType::Int64, true),
        false,
        true,
    );
    refused("o.jsonl", keys, "`m` is a map whose keys are not strings, which JSON cannot hold");
}

#[test]
fn floats_that_json_lacks_are_null() {
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]));
    let bench = Bench::new();
    bench.write("o.jsonl", &[RecordBatch::try_from_iter([("x", floats)]).unwrap()]).unwrap();
    assert_eq!(bench.text("o.jsonl"), "{\"x\":null}\n{\"x\":null}\n{\"x\":null}\n{\"x\":-0.0}\n");
}

#[test]
fn json_text_cannot_break_its_line() {
    let write = |text: &str| {
        let schema = Arc::new(Schema::new(vec![json_field("j")]));
        let rows = RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(vec![text]))]).unwrap();
        let bench = Bench::new();
        bench.write("o.jsonl", &[rows]).map(|()| bench.text("o.jsonl")).map_err(|error| bench.words(&error).0)
    };
    assert_eq!(write("{\n  \"a\": 1\r\n}").unwrap(), "{\"j\":{   \"a\": 1  }}\n");
    assert_eq!(write("\"a\\nb\"").unwrap(), "{\"j\":\"a\\nb\"}\n");
    let message = write("{\"a\":1}, \"b\": {}").unwrap_err();
    assert!(
        message.starts_with("`o.jsonl`, row 1: `j` should hold JSON text, found \"{\\\"a\\\":1}, \\\"b\\\": {}\": "),
        "{message}"
    );
}

#[test]
fn rows_as_json_are_the_lines_of_a_file() {
    let rows = rows(20);
    let bench = Bench::new();
    bench.write("o.jsonl", std::slice::from_ref(&rows)).unwrap();
    assert_eq!(json_rows(&rows).unwrap(), bench.text("o.jsonl").lines().collect::<Vec<_>>());
    assert!(json_rows(&rows.slice(0, 0)).unwrap().is_empty());
}

/// Wherever in a text the byte stands, and whatever it is.
#[test]
fn text_in_json_is_escaped_as_serde_json_does_it() {
    let all = (0..128u8).map(char::from).chain(['é', '\u{7f}', '\u{80}', '\u{2028}', '中', '🦀']);
    let texts: Vec<String> = all
        .flat_map(|c| (0..70).map(move |at| format!("{}{c}{}{c}", "a".repeat(at), "b".repeat(70 - at))))
        .chain((0..70).map(|length| "\"\\\n\u{1f}".repeat(length)))
        .collect();
    let column: ArrayRef = Arc::new(StringArray::from(texts.clone()));
    let lines = json_rows(&RecordBatch::try_from_iter([("t", column)]).unwrap()).unwrap();
    let expected: Vec<String> =
        texts.iter().map(|text| format!("{{\"t\":{}}}", serde_json::to_string(text).unwrap())).collect();
    assert_eq!(lines, expected);
}

/// A file that is synced while it is written holds what was written, and can be gone on with from any place.
#[test]
fn a_large_file_is_whole_and_can_be_gone_on_with() {
    let rows = rows(200_000);
    let bench = Bench::new();
    let (spec, staged) = (bench.output("o.jsonl"), bench.staged());
    let mut writer = Writer::create(&spec, rows.schema(), &staged).unwrap();
    let mut positions = Vec::new();
    for _ in 0..5 {
        writer.write(&rows).unwrap();
        positions.push(writer.position().unwrap().unwrap());
    }
    let whole = writer.finish().unwrap();
    assert!(whole.bytes > 40 << 20, "{} bytes", whole.bytes);
    let bytes = std::fs::read(staged.path()).unwrap();
    for (done, position) in positions.iter().enumerate() {
        let mut writer = Writer::go_on(&spec, rows.schema(), &staged, position).unwrap().unwrap();
        (done + 1..5).for_each(|_| writer.write(&rows).unwrap());
        assert_eq!(writer.finish().unwrap(), whole);
        assert!(std::fs::read(staged.path()).unwrap() == bytes, "gone on with after {} batches", done + 1);
    }
}

/// A position leaves out lines that another core is still making: an output that continues from any position is whole.
#[test]
fn rows_on_their_way_are_not_taken_for_written() {
    let rows = rows(40_000);
    let bench = Bench::new();
    let (spec, staged) = (bench.output("o.jsonl"), bench.staged());
    let mut writer = Writer::create(&spec, rows.schema(), &staged).unwrap();
    let mut positions = Vec::new();
    for from in (0..40_000).step_by(4000) {
        writer.write(&rows.slice(from, 4000)).unwrap();
        positions.push(writer.position().unwrap().unwrap());
    }
    let whole = writer.finish().unwrap();
    let bytes = std::fs::read(staged.path()).unwrap();
    for position in &positions {
        let lines = bytes[..position.bytes as usize].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines as u64, position.rows);
        let mut writer = Writer::go_on(&spec, rows.schema(), &staged, position).unwrap().unwrap();
        writer.write(&rows.slice(lines, 40_000 - lines)).unwrap();
        assert_eq!(writer.finish().unwrap(), whole);
        assert!(std::fs::read(staged.path()).unwrap() == bytes, "continued after {lines} rows");
    }
}

/// Figures are gathered by all cores, each of which needs rows as JSON: none of them waits for another.
#[test]
fn rows_are_made_json_on_all_cores_at_once() {
    let rows = rows(5000);
    let Some(cores) = callboard_io::cores() else { return };
    assert!(cores.broadcast(|_| json_rows(&rows).unwrap().len()).into_iter().all(|lines| lines == 5000));
}

/// What a file says of how it is compressed.
fn codecs(bench: &Bench, name: &str) -> Vec<String> {
    let file = std::fs::File::open(bench.path(name)).unwrap();
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(file).unwrap();
    let groups = parquet::file::reader::FileReader::metadata(&reader).row_groups();
    groups.iter().flat_map(|group| group.columns()).map(|column| format!("{:?}", column.compression())).collect()
}

#[test]
fn outputs_are_compressed_as_they_are_asked_to_be() {
    let bench = Bench::new();
    let text = (0..3000).map(|n| format!("{{\"n\":{n},\"t\":\"some words, and {}\"}}\n", n % 97)).collect::<String>();
    bench.put("in.jsonl", text);
    let rows = join(&bench.read(&["in.jsonl"]).unwrap());
    let write = |name: &str, compression: Option<&str>, level: Option<u32>| {
        let compression = compression.map(|name| name.parse().unwrap());
        let output = OutputSpec { compression, level, ..bench.output(name) };
        let mut writer = bench.writer(&output, rows.schema())?;
        writer.write(&rows)?;
        writer.finish()?.commit(&check_writable(&output)?, true)?;
        assert_eq!(join(&bench.read(&[name]).unwrap()), rows, "{name} {compression:?} {level:?}");
        Ok::<u64, callboard_io::IoError>(bench.bytes(name).len() as u64)
    };
    for (name, level, is) in [
        ("none", None, "UNCOMPRESSED"),
        ("snappy", None, "SNAPPY"),
        ("lz4", None, "LZ4_RAW"),
        ("gzip", Some(9), "GZIP"),
        ("brotli", Some(3), "BROTLI"),
        ("zstd", Some(19), "ZSTD"),
    ] {
        write("o.parquet", Some(name), level).unwrap();
        let found = codecs(&bench, "o.parquet");
        assert!(found.iter().all(|codec| codec.starts_with(is)), "{name}: {found:?}");
    }
    let plain = write("o.arrow", None, None).unwrap();
    for name in ["lz4", "zstd"] {
        assert!(write("o.arrow", Some(name), None).unwrap() < plain);
    }
    for (name, most) in [("o.jsonl.gz", 9), ("o.csv.zst", 19)] {
        assert!(write(name, None, Some(most)).unwrap() < write(name, None, Some(1)).unwrap(), "{name}");
    }
    assert!(write("o.jsonl.zst", Some("zstd"), Some(3)).is_ok());
    let cases = [
        ("o.arrow", Some("snappy"), None, "`compression` is snappy, which arrow does not have"),
        ("o.arrow", Some("zstd"), Some(3), "`level` is set, and arrow compressed as zstd has no levels"),
        ("o.jsonl", Some("gzip"), None, "`compression` is gzip, and the name of a text file says how it is compressed"),
        ("o.jsonl", None, Some(3), "`level` is set, and jsonl compressed as none has no levels"),
        ("o.jsonl.gz", None, Some(10), "`level` is 10"),
        ("o.parquet", Some("zstd"), Some(0), "`level` is 0"),
        ("o.parquet", Some("snappy"), Some(1), "`level` is set, and parquet compressed as snappy has no levels"),
    ];
    for (name, compression, level, message) in cases {
        let error = write(name, compression, level).unwrap_err();
        assert_eq!(bench.words(&error).0, format!("`{name}`: {message}"));
        assert!(error.help().is_some());
    }
    let error = "deflate".parse::<callboard_io::Codec>().unwrap_err();
    assert_eq!(error.to_string(), "there is no compression `deflate`");
}
