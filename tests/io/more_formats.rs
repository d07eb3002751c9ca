//! Formats that are only read: arrays of JSON, plain text, WARC.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use callboard_io::{BatchPolicy, Dataset, ErrorKind, Format, InputSpec, IoError, TextRow};

use crate::bench::{Bench, POLICY, column, gz, join, zst};
use crate::both;

fn rows(spec: &InputSpec) -> Result<RecordBatch, IoError> {
    let chunks = both::rows(spec, POLICY)?;
    Ok(match chunks.is_empty() {
        true => RecordBatch::new_empty(Dataset::open(spec)?.schema()),
        false => join(&chunks),
    })
}

fn json(text: impl AsRef<[u8]>, at: Option<&str>) -> (Bench, InputSpec) {
    let bench = Bench::with("in.json", text);
    let spec = InputSpec { at: at.map(str::to_owned), ..bench.spec(&["in.json"], &[]) };
    (bench, spec)
}

#[test]
fn an_array_of_objects_has_a_row_for_each() {
    let texts = [
        "[{\"n\":1,\"t\":\"a]}\\\"\"},{\"n\":2,\"t\":\"b\"}]",
        "\u{feff} [\n  {\n    \"n\": 1,\n    \"t\": \"a]}\\\"\"\n  },\n  { \"n\": 2, \"t\": \"b\" }\n]\n",
        "[ {\"t\":\"a]}\\\"\",\"n\":1} , {\"n\":2,\"t\":\"b\"} ]",
    ];
    for text in texts {
        let (_bench, spec) = json(text, None);
        let rows = rows(&spec).unwrap();
        assert_eq!(
            (column(&rows, "n"), column(&rows, "t")),
            (vec!["1".into(), "2".into()], vec!["a]}\"".into(), "b".into()])
        );
    }
    for (name, bytes) in [("in.json.gz", gz(texts[1].as_bytes())), ("in.json.zst", zst(texts[1].as_bytes()))] {
        let bench = Bench::with(name, bytes);
        assert_eq!(rows(&bench.spec(&[name], &[])).unwrap().num_rows(), 2);
    }
    let (_bench, spec) = json(" [ ] ", None);
    assert_eq!(rows(&spec).unwrap().num_rows(), 0);
    // More than a batch, and texts that end in the middle of what is read at once.
    let long: Vec<String> =
        (0..20_000).map(|n| format!("{{\"n\":{n},\"t\":\"{}\"}}", "\\\"]".repeat(n % 40))).collect();
    let (_bench, spec) = json(format!("[{}]", long.join(",\n")), None);
    let rows = rows(&spec).unwrap();
    assert_eq!((rows.num_rows(), column(&rows, "n")[19_999].as_str()), (20_000, "19999"));
    assert_eq!(column(&rows, "t")[39], "\"]".repeat(39));
}

#[test]
fn the_array_may_be_anywhere() {
    let text = r#"{"v": [1, {"x": "]"}], "a/b": {"rows~": [[], [{"n": 1}, {"n": 2}], null]}, "end": {"x": [1, 2]}}"#;
    let (_bench, spec) = json(text, Some("/a~1b/rows~0/1"));
    assert_eq!(column(&rows(&spec).unwrap(), "n"), ["1", "2"]);
    for (at, message) in [
        (None, "the file is an object, not an array"),
        (Some("/v/0"), "`/v/0` is a number, not an array"),
        (Some("/none"), "there is nothing at `/none`; there is `v`, `a/b`, `end`"),
        (Some("/v/01"), "there is nothing at `/v/01`"),
        (Some("/v/+1"), "there is nothing at `/v/+1`"),
        (Some("/v/2"), "there is nothing at `/v/2`"),
        (Some("/v/x"), "there is nothing at `/v/x`"),
        (Some("/v/0/x"), "there is nothing at `/v/0/x`, but a number before it"),
    ] {
        let (bench, spec) = json(text, at);
        let (said, help) = bench.words(&rows(&spec).unwrap_err());
        assert!(said.ends_with(message), "{said}");
        assert!(help.starts_with("say where the array of rows is, by its JSON pointer: at = "), "{help}");
    }
}

#[test]
fn what_is_no_array_of_objects_has_its_place() {
    let cases = [
        ("", "line 1, column 1: the file is empty, and an array is expected"),
        ("7", "line 1, column 1: the file is a number, not an array"),
        ("[{\"n\":1}", "line 1, column 9: the file ends where `,` or `]` is expected: it was cut short"),
        ("[{\"n\":1},", "line 1, column 10: the file ends where an element is expected: it was cut short"),
        (
            "[{\"n\":1},\n {\"n\":",
            "line 2, column 7: the file ends where the end of a value is expected: it was cut short",
        ),
        ("[{\"n\":1},]", "line 1, column 10: the file is not JSON: `]` stands where an element is expected"),
        ("[{\"n\":1} {\"n\":2}]", "line 1, column 10: the file is not JSON: `{` stands where `,` or `]` is expected"),
        ("[{\"n\":1}]\n[]", "line 2, column 1: the file is not JSON: `[` stands where the end of the file is expected"),
        ("[{\"n\":1},\n 7]", "line 2, column 2: the element is a number, not an object"),
        ("[{\"n\":1},\n\n  {\"n\":\n  x}]", "line 4, column 3: the element is not JSON: expected value"),
        ("[{\"n\":1},\n {\"n\":\"x\"}]", "line 2, column 9: `n` is a string here and an integer before"),
        ("[{\"n\":1},\n {\"n\":1,\"n\":2}]", "line 2, column 11: `n` occurs twice in one object"),
    ];
    for (text, message) in cases {
        let (bench, spec) = json(text, None);
        assert_eq!(bench.words(&rows(&spec).unwrap_err()).0, format!("`in.json`, {message}"), "{text}");
    }
    // Past the sample.
    let (bench, spec) = json(format!("[{}\n{{\"n\": true}}]", "{\"n\":1},\n".repeat(5000)), None);
    let (message, help) = bench.words(&rows(&spec).unwrap_err());
    assert_eq!(message, "`in.json`, line 5002, column 10: `n` should be int64, found true");
    assert_eq!(help, "under `[inputs.docs]`: types = { n = \"json\" }");
    let (bench, spec) = json(b"[{\"n\":\"\xff\"}]", None);
    assert_eq!(bench.words(&rows(&spec).unwrap_err()).0, "`in.json`, line 1, column 8: the element is not UTF-8");
    // Around an array that is pointed to, too.
    for text in [
        "{\"a\":[]",
        "{\"a\":[]}}",
        "{\"a\":[],\"b\":[1}",
        "{\"a\":[]} x",
        "{\"a\":[] 7 }",
        "{\"a\":[],}",
        "{\"a\":[],\"b\" 7}",
        "{\"a\":[],\"b\":,\"c\":1}",
        "{\"a\":[],\"a\":[{}]}",
    ] {
        let (_bench, spec) = json(text, Some("/a"));
        assert_eq!(rows(&spec).unwrap_err().kind(), ErrorKind::Data, "{text}");
    }
    let (bench, spec) = json("[{\"n\":1}]\n[{\"n\":2}]", None);
    assert!(bench.words(&rows(&spec).unwrap_err()).1.contains("jq -s 'add'"));
    let (bench, spec) = json("[{\"n\":1.5},\n{\"n\": NaN}]", None);
    assert!(bench.words(&rows(&spec).unwrap_err()).1.starts_with("JSON has no NaN"));
    // The sample begins with the array.
    let far = format!("{{\"meta\":\"{}\",\"rows\":[{{\"a\":{{\"b\":1}}}}]}}", "x".repeat(70 << 20));
    let (_bench, mut spec) = json(far, Some("/rows"));
    spec.limits.line = 80 << 20;
    assert_eq!(column(&rows(&spec).unwrap(), "a"), ["{b: 1}"]);
    let (_bench, mut spec) = json("[{\"n\":\"0123456789\"}]", None);
    spec.limits.line = 10;
    let error = rows(&spec).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().ends_with("the element is longer than 10 bytes")),
        (ErrorKind::Limit, true)
    );
}

#[test]
fn plain_text_has_a_row_for_each_line_or_file() {
    let bench = Bench::with("a.txt", "\u{feff}one\r\n\ntwo \"x\",\tüß\nlast");
    bench.put("b.txt.gz", gz(b"\n"));
    let spec = bench.spec(&["a.txt", "b.txt.gz"], &[]);
    let all = rows(&spec).unwrap();
    assert_eq!(column(&all, "text"), ["one", "", "two \"x\",\tüß", "last", ""]);
    let chunks: Vec<_> = both::rows(&spec, POLICY).unwrap();
    assert_eq!(chunks[0].origin.values().to_vec(), [1, 2, 3, 4]);
    let whole = InputSpec { row: TextRow::File, ..spec };
    assert_eq!(column(&rows(&whole).unwrap(), "text"), ["one\r\n\ntwo \"x\",\tüß\nlast", "\n"]);

    // A byte-order mark alone is no line; a carriage return within a line is part of it, and none ends all of them.
    let bench = Bench::with("mark.txt", "\u{feff}");
    assert_eq!(rows(&bench.spec(&["mark.txt"], &[])).unwrap().num_rows(), 0);
    bench.put("bar.txt", "1%\r2%\n<html>\n");
    assert_eq!(column(&rows(&bench.spec(&["bar.txt"], &[])).unwrap(), "text"), ["1%\r2%", "<html>"]);
    bench.put("mac.txt", "one\rtwo\r");
    assert!(bench.error(&["mac.txt"], &[]).1.contains("tr '\\r' '\\n'"));
    bench.put("page.html", "<!DOCTYPE html>\n<p>x");
    let page = InputSpec { format: Some(Format::Text), row: TextRow::File, ..bench.spec(&["page.html"], &[]) };
    assert_eq!(column(&rows(&page).unwrap(), "text"), ["<!DOCTYPE html>\n<p>x"]);

    let bench = Bench::with("a.txt", b"ok\n\xff\n");
    let (message, help) = bench.error(&["a.txt"], &[]);
    assert_eq!(message, "`a.txt`, line 2: the text is not UTF-8");
    assert!(help.contains("iconv"), "{help}");
    let mut short = bench.spec(&["a.txt"], &[]);
    (short.row, short.limits.line) = (TextRow::File, 3);
    assert_eq!(rows(&short).unwrap_err().kind(), ErrorKind::Limit);
    assert!(bench.error(&["a.txt"], &[("text", "int64")]).0.contains("`text` is a string"));
    assert!(bench.error(&["a.txt"], &[("n", "int64")]).0.contains("`types` names the column `n`"));
}

const RECORDS: &str = "WARC/1.0\r\nWARC-Type: warcinfo\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 2024-02-29T12:00:00Z\r\n\
    Content-Type: application/warc-fields\r\nContent-Length: 12\r\n\r\nsoftware: x\n\r\n\r\n\
    WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:2>\r\nWARC-Date: 2024-02-29T12:00:01.5Z\r\n\
    warc-target-uri: <https://example.org/a>\r\nWARC-Concurrent-To: <urn:uuid:3>\r\nWARC-Concurrent-To: <urn:uuid:4>\r\n\
    Content-Type: application/http; msgtype=response\r\nContent-Length: 73\r\n\r\n\
    HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nX: a\r\n b\r\n\r\n<p>n\u{f6}</p>\r\n\r\n\r\n";

#[test]
fn a_record_of_the_web_is_a_row() {
    let (first, second) = RECORDS.split_at(RECORDS.find("WARC/1.1").unwrap());
    let members = [gz(first.as_bytes()), gz(second.as_bytes())].concat();
    for (name, bytes) in [("in.warc", RECORDS.as_bytes().to_vec()), ("in.warc.gz", members)] {
        let bench = Bench::with(name, bytes);
        let rows = rows(&bench.spec(&[name], &[])).unwrap();
        assert_eq!(column(&rows, "type"), ["warcinfo", "response"], "{name}");
        assert_eq!(column(&rows, "id"), ["<urn:uuid:1>", "<urn:uuid:2>"]);
        assert_eq!(column(&rows, "url"), ["∅", "https://example.org/a"]);
        assert_eq!(column(&rows, "date"), ["2024-02-29T12:00:00Z", "2024-02-29T12:00:01.500Z"]);
        assert_eq!(column(&rows, "status"), ["∅", "404"]);
        assert!(column(&rows, "headers")[1].contains("WARC-Concurrent-To: <urn:uuid:3>, <urn:uuid:4>"));
        assert_eq!(column(&rows, "http_headers"), ["∅", "{Content-Type: text/html, X: a b}"]);
        let bodies = rows.column_by_name("body").unwrap();
        assert_eq!(bodies.data_type(), &DataType::Binary);
        assert_eq!(bodies.as_binary::<i32>().value(0), b"software: x\n");
        assert_eq!(bodies.as_binary::<i32>().value(1), "<p>nö</p>\r\n".as_bytes());
        let text = bench.read_as(&[name], &[("body", "string")]).unwrap();
        assert_eq!(column(&join(&text), "body")[1], "<p>nö</p>\r\n");
    }
    // However batches are cut.
    let bench = Bench::with("in.warc", RECORDS.repeat(50));
    let dataset = both::open(&bench.spec(&["in.warc"], &[])).unwrap();
    let chunks: Vec<_> = dataset.read(BatchPolicy { rows: 7, bytes: 300 }).map(Result::unwrap).collect();
    let numbers: Vec<u64> = chunks.iter().flat_map(|chunk| chunk.origin.values().to_vec()).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
}

#[test]
fn what_is_no_warc_has_its_place() {
    let latin = RECORDS.replace("n\u{f6}", "n?");
    let cases = [
        ("WORC/1.0\r\n", "row 1: `WARC/1.0` or `WARC/1.1` is expected, and \"WORC/1.0\" found"),
        (&RECORDS[..40], "row 1: the file ends within the record: it was cut short"),
        (&RECORDS[..RECORDS.len() - 10], "row 2: the file ends within the record: it was cut short"),
        (
            &RECORDS.replace("Content-Length: 12", "Content-Length: x"),
            "row 1: `Content-Length` is \"x\", and a number of bytes is expected",
        ),
        (&RECORDS.replace("Content-Length: 12\r\n", ""), "row 1: the record has no `Content-Length`"),
        (&RECORDS.replace("WARC-Type: w", "WARC-Type= w"), "row 1: a header has no `:`: \"WARC-Type= warcinfo\""),
        (
            &RECORDS.replace("12:00:01.5", "later"),
            "row 2: `WARC-Date` is \"2024-02-29TlaterZ\", and a date such as 2024-02-29T12:00:00Z is expected",
        ),
        (
            &RECORDS.replace("Content-Length: 12", "Content-Length: +12"),
            "row 1: `Content-Length` is \"+12\", and a number of bytes is expected",
        ),
        (
            &"no WARC at all, ".repeat(90),
            "row 1: `WARC/1.0` or `WARC/1.1` is expected, and \"no WARC at all, no WARC at all, no WARC …\" found",
        ),
        (
            &RECORDS.replace("Content-Length: 12", "Content-Length: 9223372036854775809"),
            "row 1: the record is longer than 64 MiB",
        ),
        (
            &latin.replace("Content-Length: 73", "Content-Length: 7300000000000"),
            "row 2: the record is longer than 64 MiB",
        ),
    ];
    for (text, message) in cases {
        let bench = Bench::with("in.warc", text);
        assert_eq!(bench.error(&["in.warc"], &[]).0, format!("`in.warc`, {message}"));
    }
    let bytes = [latin.as_bytes().split(|byte| *byte == b'?').next().unwrap(), b"\xff\xff</p>\r\n\r\n\r\n"].concat();
    let bench = Bench::with("in.warc", bytes);
    assert!(bench.read(&["in.warc"]).is_ok());
    let (message, help) = bench.error(&["in.warc"], &[("body", "string")]);
    assert_eq!(message, "`in.warc`, row 2: `body` should be a string, and is not UTF-8");
    assert!(help.starts_with("leave it as bytes"));
    // Many headers take a time that grows with them, and a head of HTTP has a limit too.
    let many: String = (0..100_000).map(|n| format!("h{n}: x\r\n")).collect();
    let head = format!("HTTP/1.1 200 OK\r\n{many}\r\nbody");
    let record = RECORDS.split_once("WARC/1.1").unwrap().1.split_once("Content-Length").unwrap().0;
    let text = format!("WARC/1.1{record}{many}Content-Length: {}\r\n\r\n{head}\r\n\r\n", head.len());
    let bench = Bench::with("in.warc", text);
    let all = rows(&bench.spec(&["in.warc"], &[])).unwrap();
    assert_eq!(all.column_by_name("http_headers").unwrap().as_map().value_length(0), 100_000);
    let mut short = bench.spec(&["in.warc"], &[]);
    short.limits.header = 1000;
    assert_eq!(rows(&short).unwrap_err().kind(), ErrorKind::Limit);
    // A head without end, which is not kept.
    let bench = Bench::with("in.warc", [b"WARC/1.0\r\n".to_vec(), vec![b'x'; 9 << 20]].concat());
    let error = bench.read(&["in.warc"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn what_is_only_read_is_not_written() {
    for (name, format) in [("out.json", None), ("out.txt", None), ("out.warc.gz", None), ("out", Some(Format::Json))] {
        let bench = Bench::new();
        let output = callboard_io::OutputSpec { format, ..bench.output(name) };
        let (message, help) = bench.words(&callboard_io::check_writable(&output).unwrap_err());
        assert!(message.ends_with(" is read, and not written"), "{message}");
        assert_eq!(help, "say which: format = \"jsonl\" or \"csv\" or \"parquet\" or \"arrow\"");
    }
}

/// As datatrove and dolma write their documents, and many others: the name says an array, and there is an object on each line.
#[test]
fn a_json_file_of_lines_is_read_as_lines() {
    let dolma = "{\"id\":\"1\",\"text\":\"a\",\"source\":\"cc\",\"added\":\"2023-04-11T09:57:03.044571+00:00\",\"metadata\":{\"url\":\"u\"}}\n\n{\"id\":\"2\",\"text\":\"b\",\"metadata\":{\"length\":2}}\n";
    let bench = Bench::with("documents.json.gz", gz(dolma));
    bench.put("documents.json", dolma);
    for name in ["documents.json", "documents.json.gz"] {
        let rows = join(&bench.read(&[name]).unwrap());
        assert_eq!(
            (column(&rows, "id").concat(), column(&rows, "metadata")),
            ("12".to_owned(), vec!["{url: u, length: ∅}".to_owned(), "{url: ∅, length: 2}".to_owned()])
        );
        assert_eq!(bench.open(&[name]).unwrap().format().name(), "jsonl");
    }
    // One object may be what an array is in, and so is asked for; an array is one.
    for (text, is_read) in
        [("{\"data\":[{\"n\":1}]}\n", false), ("[{\"n\":1},\n{\"n\":2}]\n", true), ("{\n\"n\":1}\n", false)]
    {
        bench.put("other.json", text);
        assert_eq!(bench.read(&["other.json"]).is_ok(), is_read, "{text}");
    }
    let given = InputSpec { format: Some(Format::Json), ..bench.spec(&["documents.json"], &[]) };
    assert!(both::open(&given).is_err());
}
