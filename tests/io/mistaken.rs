//! Files that are not what their names say, or end otherwise than they should: what they are, and what fixes it, which is followed here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::array::*;
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema};
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
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
    let lines = "{\"n\":0}\n";
    let tar = || {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        archive.append_data(&mut header, "0.txt", &b"x"[..]).unwrap();
        archive.into_inner().unwrap()
    };
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>\n";
    let cases: [(&str, Vec<u8>, &str, &str); 29] = [
        ("in.csv", xml.into(), "the file is an XML document", "servers report errors like this"),
        ("in.csv", "\u{feff}\n<HTML>\n".into(), "the file is a web page in HTML", "download the data"),
        ("in.parquet", xml.into(), "the file is an XML document, not Parquet", "download the data"),
        ("in.txt", gz("x"), "the file is gzip", "rename it to `in.txt.gz`"),
        ("in.txt", parquet(&rows(2)), "the file is Parquet", "format = \"parquet\""),
        ("in.txt", b"\xff\xfeh\0i\0".to_vec(), "the file is UTF-16", "iconv -f UTF-16 -t UTF-8"),
        ("in.txt", tar(), "the file is a tar archive", "tar -xf"),
        ("in.txt.gz", gz(gz("x")), "the gzip data hold gzip, not text", "see what it is"),
        ("in.txt", b"a\0\xff\0\x81".to_vec(), "bytes that are not text, zeros among them", "file NAME"),
        ("in.tar", gz(tar()), "the file is gzip", "rename it to `in.tar.gz`"),
        ("in.tar", lines.repeat(300).into(), "the file is JSON Lines, not a tar archive", "format = \"jsonl\""),
        ("in.tar.gz", gz("a,b\n1,2\n"), "the file is plain text, not a tar archive", "format = \"csv\""),
        ("in.tgz", gz(lines), "the file is JSON Lines, not a tar archive", "format = \"jsonl\""),
        ("in.parquet", array.into(), "the file is a JSON array, not Parquet", "format = \"json\""),
        (
            "in.jsonl",
            "\u{feff}{}\n\u{feff}{}\n".into(),
            "`in.jsonl`, line 2: the line begins with a byte-order",
            "sed -i",
        ),
        ("in.jsonl", "{\"\\ud83d\":1}\n".into(), "the row has a key that has half of a surrogate pair", ""),
        ("in.json", "{\n \"n\": 0\n}\n".into(), "the file is an object, not an array", "jq -c ."),
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

/// As Excel writes it.
#[test]
fn a_line_that_says_the_delimiter_is_obeyed() {
    for text in ["sep=;\nn;m\n1;2\n", "\u{feff}SEP=;\r\nn;m\r\n1;2\r\n", "\"sep=|\"\nn|m\n1|2\n", "sep=,\nn,m\n1,2\n"] {
        let chunks = Bench::with("in.csv", text).read(&["in.csv"]).unwrap();
        assert_eq!((column(&join(&chunks), "m"), chunks[0].origin.value(0)), (vec!["2".to_owned()], 3), "{text}");
    }
    // What the input says counts, and a column may be called so.
    let bench = Bench::with("in.csv", "sep=;\nn,m\n1,2\n");
    let spec = InputSpec { delimiter: Some(b','), ..bench.spec(&["in.csv"], &[]) };
    assert_eq!(column(&join(&both::rows(&spec, POLICY).unwrap()), "m"), ["2"]);
    assert_eq!(column(&join(&Bench::with("in.csv", "sep=a,b\n1,2\n").read(&["in.csv"]).unwrap()), "sep=a"), ["1"]);
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
fn zeros_behind_compressed_data_are_nothing_and_other_bytes_are_named() {
    let text = "{\"n\":0}\n{\"n\":1}\n";
    type Pack = fn(&str) -> Vec<u8>;
    let (gzip, zstd): (Pack, Pack) = (|text| gz(text), |text| zst(text));
    for (name, pack, is, other) in
        [("in.jsonl.gz", gzip, "gzip", &b"\x28\xb5\x2f\xfd"[..]), ("in.jsonl.zst", zstd, "zstd", b"\x1f\x8b\x08")]
    {
        let with = |behind: &[u8]| Bench::with(name, [&pack(text)[..], behind].concat());
        for zeros in [1, 511, 1 << 20] {
            assert_eq!(read(&with(&vec![0; zeros]).spec(&[name], &[])), ["0", "1"], "{zeros} zeros");
        }
        let two = [pack("{\"n\":0}\n"), pack(""), pack("{\"n\":1}\n"), vec![0; 3]].concat();
        assert_eq!(read(&Bench::with(name, two).spec(&[name], &[])), ["0", "1"]);
        for behind in [&b"\0\0x"[..], b"{\"n\":2}\n", b"\n", other] {
            let (message, help) = with(behind).error(&[name], &[]);
            assert!(message.ends_with(&format!("bytes that are not {is} follow the {is} data")), "{message}");
            assert!(help.contains(&format!("{is} -dc")), "{help}");
        }
        // A member that begins and is none, or is cut short, is not a padding.
        let begins = &pack(text)[..20];
        for behind in [&begins[..1], &begins[..2], &[begins[0], 0, 0], begins] {
            let error = with(behind).read(&[name]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        }
    }
    // What is skipped between frames, and behind them.
    let skipped = b"\x53\x2a\x4d\x18\x02\0\0\0ab";
    let frames = [skipped, &zst(text)[..], skipped, &[0]].concat();
    assert_eq!(read(&Bench::with("in.jsonl.zst", frames).spec(&["in.jsonl.zst"], &[])), ["0", "1"]);
    // One byte, and the number of a dictionary.
    let frame = b"\x28\xb5\x2f\xfd\x21\x07\x01\x09\0\0x";
    let (message, help) = Bench::with("in.jsonl.zst", frame).error(&["in.jsonl.zst"], &[]);
    assert!(message.ends_with("the zstd data need the dictionary that they were compressed with"), "{message}");
    assert!(help.contains("-D DICTIONARY"), "{help}");
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

/// As pyarrow writes for readers of old: its footer is of version 5, its messages of version 4.
#[test]
fn an_arrow_file_of_two_versions_is_read() {
    let written = |version| {
        let options = IpcWriteOptions::try_new(8, false, version).unwrap();
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &rows(2).schema(), options).unwrap();
        (0..2).for_each(|_| writer.write(&rows(2)).unwrap());
        writer.into_inner().unwrap()
    };
    let (old, new) = (written(MetadataVersion::V4), written(MetadataVersion::V5));
    let footer = i32::from_le_bytes(new[new.len() - 10..new.len() - 6].try_into().unwrap()) as usize + 10;
    assert_eq!(old.len(), new.len());
    let mixed = [&old[..old.len() - footer], &new[new.len() - footer..]].concat();
    assert_ne!(mixed, old);
    let bench = Bench::with("in.arrow", &mixed);
    assert_eq!(read(&bench.spec(&["in.arrow"], &[])), ["0", "1", "0", "1"]);
}

#[test]
fn what_a_column_says_of_itself_and_is_not_has_help() {
    let written = |field: Field, column: ArrayRef| {
        let schema = |field: Field| Arc::new(Schema::new(vec![field]));
        let rows = RecordBatch::try_new(schema(field.clone().with_nullable(true)), vec![column]).unwrap();
        let mut writer = FileWriter::try_new(Vec::new(), &schema(field)).unwrap();
        writer.write(&rows).unwrap();
        writer.into_inner().unwrap()
    };
    let nulls = written(Field::new("n", DataType::Int64, false), Arc::new(Int64Array::from(vec![None, Some(1)])));
    let (message, help) = Bench::with("in.arrow", nulls).error(&["in.arrow"], &[]);
    assert!(message.ends_with("the column `n` is declared to have no nulls, and has some"), "{message}");
    assert!(help.contains("may be null"), "{help}");
    let interval = DataType::Interval(IntervalUnit::YearMonth);
    let interval = written(Field::new("n", interval, true), Arc::new(IntervalYearMonthArray::from(vec![1])));
    let (message, help) = Bench::with("in.arrow", interval).error(&["in.arrow"], &[]);
    assert!(message.contains("`n` has the type interval") && help.contains("without this column"), "{message}: {help}");
    // A day that no calendar has is named as it is counted.
    let day = written(Field::new("n", DataType::Date32, true), Arc::new(Date32Array::from(vec![i32::MAX])));
    let (message, _) = Bench::with("in.arrow", day).error(&["in.arrow"], &[("n", "timestamp")]);
    assert!(message.contains("the column `n` is 2147483647 days since 1970 (date), which"), "{message}");
    // Bytes of two lengths have none in common.
    let bytes = |bytes: &[u8]| FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap();
    let bench = Bench::new();
    for (name, bytes) in [("a.arrow", bytes(b"\xff\0")), ("b.arrow", bytes(b"\xff\0\xff"))] {
        bench.put(name, written(Field::new("n", bytes.data_type().clone(), true), Arc::new(bytes)));
    }
    assert_eq!(read(&bench.spec(&["a.arrow", "b.arrow"], &[])), ["ff00", "ff00ff"]);
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
