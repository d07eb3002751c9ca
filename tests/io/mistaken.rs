//! Files that are not what their names say, or end otherwise than they should: what they are, and what fixes it, which is followed here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::array::*;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use callboard_io::{BatchPolicy, ErrorKind, Format, InputSpec, Stop};
use parquet::arrow::ArrowWriter;

use crate::bench::{Bench, POLICY, column, gz, join, zst};
use crate::both;

fn rows(count: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef)]).unwrap()
}

fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn arrow(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn stream(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn read(spec: &InputSpec) -> Vec<String> {
    let chunks: Vec<_> = both::rows(spec, POLICY).unwrap();
    column(&join(&chunks), "n")
}

/// The format that a line of help says.
fn format(help: &str) -> Option<Format> {
    help.split_once("format = \"")?.1.split('"').next()?.parse().ok()
}

#[test]
fn a_file_of_another_format_is_named_and_read_as_help_says() {
    let rows = rows(2);
    let json = b"{\"n\":0}\n{\"n\":1}\n".to_vec();
    let csv = b"n,b\n0,x\n1,y\n".to_vec();
    let files = [("Parquet", parquet(&rows)), ("Arrow IPC", arrow(&rows)), ("an Arrow IPC stream", stream(&rows))];
    let texts = [("JSON Lines", json), ("plain text", csv.clone())];
    for (is, bytes) in files.into_iter().chain(texts) {
        for name in ["in.parquet", "in.arrow", "in.feather", "in.csv", "in.jsonl"] {
            let bench = Bench::with(name, &bytes);
            let spec = bench.spec(&[name], &[]);
            let Err(error) = both::open(&spec) else {
                // What is read is what the name says.
                assert_eq!(read(&spec), ["0", "1"], "{is} as {name}");
                continue;
            };
            let (message, help) = bench.words(&error);
            assert!(message.starts_with(&format!("`{name}`")), "{message}");
            let text = name == "in.jsonl" && bytes == csv;
            assert!(text || message.contains(&format!("the file is {is}")), "{is} as {name}: {message}");
            assert!(!message.contains("cut short") && !message.contains("corrupt"), "{message}");
            let format = format(&help).unwrap_or_else(|| panic!("{is} as {name}: {message}: {help}"));
            assert_eq!(read(&InputSpec { format: Some(format), ..spec }), ["0", "1"], "{is} as {name}: {help}");
        }
    }
}

#[test]
fn what_is_no_format_at_all_says_what_to_do() {
    let array = "[{\"n\":0},{\"n\":1}]";
    let cases: [(&str, Vec<u8>, &str, &str); 12] = [
        ("in.parquet", gz(parquet(&rows(2))), "the file is gzip, not Parquet", "gunzip in.parquet"),
        ("in.arrow", zst(arrow(&rows(2))), "the file is zstd, not Arrow IPC", "unzstd in.arrow"),
        ("in.parquet", b"PK\x03\x04\x14\0".to_vec(), "the file is a zip archive, not Parquet", "unzip in.parquet"),
        ("in.parquet", b"Obj\x01\0\0".to_vec(), "the file is Avro, not Parquet", "convert it to"),
        ("in.arrow", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "Git LFS", "git lfs pull"),
        ("in.parquet", Vec::new(), "the file is empty, not Parquet", "write it again"),
        ("in.csv", array.into(), "`in.csv`, line 1: the file is a JSON array, not CSV", "format = \"json\""),
        ("in.csv", "[\n{\"n\":0}\n]\n".into(), "the file is a JSON array, not CSV", "format = \"json\""),
        ("in.csv.gz", gz("{\n \"n\": 0\n}\n"), "the file is JSON, not CSV", "jq -c ."),
        ("in.jsonl", array.into(), "`in.jsonl`, line 1: the line is a list, not an object", "format = \"json\""),
        ("in.jsonl", "{\"n\":0}\r{\"n\":1}\r".into(), "line 1, column 9: a carriage return stands within", "tr '\\r'"),
        ("in.csv", "n,m\r0,1\r".into(), "line 1: a carriage return ends a row within the line", "tr '\\r' '\\n'"),
    ];
    for (name, bytes, message, help) in cases {
        let found = Bench::with(name, bytes).error(&[name], &[]);
        assert!(found.0.contains(message) && found.1.contains(help), "{name}: {found:?}");
    }
    // What those commands make of them.
    for bytes in ["{\"n\":0}\n{\"n\":1}\n", "{\"n\":0}\n{\"n\":1}\n\n"] {
        assert_eq!(column(&join(&Bench::with("in.jsonl", bytes).read(&["in.jsonl"]).unwrap()), "n"), ["0", "1"]);
    }
}

#[test]
fn a_header_of_another_delimiter_is_no_name() {
    let with = |name: &str, text: &str, delimiter: Option<u8>| {
        let bench = Bench::with(name, text);
        let spec = InputSpec { delimiter, ..bench.spec(&[name], &[]) };
        let read = both::rows(&spec, POLICY);
        read.map(|chunks| join(&chunks)).map_err(|error| bench.words(&error))
    };
    let cases = [
        ("in.csv", "n;m\n1;2\n", b';', "\";\""),
        ("in.csv", "n\tm\n1\t2\n", b'\t', "\"\\t\""),
        ("in.csv", "n|m\n1|2\n", b'|', "\"|\""),
        ("in.csv", "n;m|x\n1;2\n", b';', "\";\""),
        ("in.tsv", "n,m\n1,2\n", b',', "\",\""),
        ("in.csv", "\"n\";\"m\"\n1;2\n", b';', ""),
    ];
    for (name, text, delimiter, written) in cases {
        let (message, help) = with(name, text, None).unwrap_err();
        assert!(message.starts_with(&format!("`{name}`, line 1")), "{message}");
        if !written.is_empty() {
            assert!(help.starts_with(&format!("under `[inputs.docs]`: delimiter = {written}")), "{help}");
            // The column that it may be, after all.
            let own = if name == "in.tsv" { b'\t' } else { b',' };
            assert_eq!(with(name, text, Some(own)).unwrap().num_columns(), 1);
        }
        let rows = with(name, text, Some(delimiter)).unwrap();
        assert_eq!(column(&rows, "n"), ["1"], "{text}");
    }
    // One column that could be nothing else.
    assert_eq!(column(&with("in.csv", "n\na;b\n", None).unwrap(), "n"), ["a;b"]);
    let (message, _) = with("in.jsonl", "{}\n", Some(b';')).unwrap_err();
    assert_eq!(message, "`in.jsonl`: `delimiter` is for csv only, and this is jsonl");
    assert!(with("in.csv", "n\n1\n", Some(b'"')).is_err() && with("in.csv", "né\n1\n", Some(0xc3)).is_err());
}

#[test]
fn zeros_behind_gzip_are_nothing_and_other_bytes_are_named() {
    let text = "{\"n\":0}\n{\"n\":1}\n";
    for zeros in [1, 511, 1 << 20] {
        let bench = Bench::with("in.jsonl.gz", [gz(text), vec![0; zeros]].concat());
        assert_eq!(read(&bench.spec(&["in.jsonl.gz"], &[])), ["0", "1"], "{zeros} zeros");
    }
    let two = Bench::with("in.jsonl.gz", [gz("{\"n\":0}\n"), gz("{\"n\":1}\n"), vec![0; 3]].concat());
    assert_eq!(read(&two.spec(&["in.jsonl.gz"], &[])), ["0", "1"]);
    for behind in [&b"\0\0x"[..], b"{\"n\":2}\n", b"\x28\xb5\x2f\xfd"] {
        let (message, help) = Bench::with("in.jsonl.gz", [&gz(text)[..], behind].concat()).error(&["in.jsonl.gz"], &[]);
        assert!(message.ends_with("bytes that are not gzip follow the gzip data"), "{message}");
        assert!(help.contains("gzip -dc"), "{help}");
    }
    // A member that begins and is none, or is cut short, is not a padding.
    for behind in [&b"\x1f"[..], b"\x1f\x8b", b"\x1f\x00\x00", &gz(text)[..20]] {
        let error = Bench::with("in.jsonl.gz", [&gz(text)[..], behind].concat()).read(&["in.jsonl.gz"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    }
}

/// As pyarrow reads it: a writer may end a stream by closing it. Whoever did not mean it is told.
#[test]
fn a_stream_without_its_mark_is_read_and_told_of() {
    let whole = stream(&rows(2));
    let bench = Bench::with("whole.arrow", &whole);
    bench.put("cut.arrow", &whole[..whole.len() - 8]);
    let dataset = bench.open(&["cut.arrow", "whole.arrow"]).unwrap();
    let doubts = dataset.doubts();
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert_eq!(doubts[0].0, bench.path("cut.arrow"));
    assert!(doubts[0].1.contains("without an end mark"));
    assert_eq!(join(&bench.read(&["cut.arrow"]).unwrap()), join(&bench.read(&["whole.arrow"]).unwrap()));
    // Where a message is not whole, rows are missing.
    for cut in [1, 9, 16] {
        let (message, _) = Bench::with("in.arrow", &whole[..whole.len() - cut]).error(&["in.arrow"], &[]);
        assert!(message.ends_with("the stream ends within a message"), "{message}");
    }
}

#[test]
fn reading_binary_files_stops_when_it_is_asked_to() {
    let rows = rows(100_000);
    let files = [("in.parquet", parquet(&rows)), ("in.arrow", arrow(&rows)), ("s.arrow", stream(&rows))];
    for (name, bytes) in files {
        let bench = Bench::with(name, bytes);
        let asked = Arc::new(AtomicU32::new(0));
        let (counted, limit) = (asked.clone(), Arc::new(AtomicU32::new(u32::MAX)));
        let most = limit.clone();
        let stop = Stop::when(move || counted.fetch_add(1, Ordering::Relaxed) >= most.load(Ordering::Relaxed));
        let spec = InputSpec { stop, ..bench.spec(&[name], &[]) };
        let policy = BatchPolicy { rows: 100, bytes: 1 << 20 };
        let dataset = both::open(&spec).unwrap();
        let opened = asked.swap(0, Ordering::Relaxed);
        assert_eq!(dataset.read(policy).filter(Result::is_ok).count(), 1_000, "{name}");
        let whole = asked.load(Ordering::Relaxed);
        assert!(opened > 0 && whole >= 1_000, "{name}: asked {opened} and {whole} times");
        for after in [0, 1, whole / 2, whole - 1] {
            asked.store(0, Ordering::Relaxed);
            limit.store(after, Ordering::Relaxed);
            let last = dataset.read(policy).last().unwrap();
            assert_eq!(last.unwrap_err().kind(), ErrorKind::Interrupted, "{name} after {after} of {whole}");
        }
    }
}
