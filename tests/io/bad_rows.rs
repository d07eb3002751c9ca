//! Rows that cannot be read, where the input leaves them out: what is left is what a file without them holds.

use callboard_io::{BadRow, BatchPolicy, Chunk, Dataset, ErrorKind, Format, InputSpec, IoError, OnBadRow};

use crate::bench::{Bench, gz, join, types};
use crate::both;

fn read(spec: &InputSpec, rows: usize) -> Result<Vec<Chunk>, IoError> {
    both::rows(spec, BatchPolicy { rows, bytes: 1 << 20 })
}

fn rejecting(bench: &Bench, path: &str, declared: &[(&str, &str)]) -> InputSpec {
    InputSpec { on_bad_row: OnBadRow::Reject, ..bench.spec(&[path], declared) }
}

fn bad(chunks: &[Chunk]) -> Vec<&BadRow> {
    chunks.iter().flat_map(|chunk| &chunk.bad).collect()
}

/// `GOOD`, `BAD` and the lines around them stand in for any rows: what comes before and behind a bad one is checked too.
const GOOD: &str = r#"{"n":1,"s":"ä","l":[1,2],"o":{"a":[{"b":1},{"b":2}],"c":true}}"#;

const BAD: [(&[u8], &str); 18] = [
    (b"no JSON", "the line is not JSON: expected ident (column 2)"),
    (b"{\"n\":1", "the line is not JSON: EOF while parsing an object"),
    (b"{\"n\":1} {\"n\":2}", "the line is not JSON: trailing characters (column 9)"),
    (b"[1]", "the line is a list, not an object"),
    (b"null", "the line is null, not an object"),
    (b"{\"s\":\"\xff\"}", "the line is not UTF-8 (column 7)"),
    (b"{\"s\":\"\\ud800\"}", "`s` has half of a surrogate pair"),
    (b"{\"n\":\"x\"}", "`n` should be int64, found the string \"x\" (column 8)"),
    (b"{\"n\":1.5}", "`n` should be int64, found the float 1.5 (column 8)"),
    (b"{\"n\":99999999999999999999}", "`n` should be int64"),
    (b"{\"n\":1,\"n\":2}", "`n` occurs twice in one object"),
    (b"{\"new\":1}", "`new` is a key that the sample of the input lacks"),
    (b"{\"\":1}", "the row has a member without a name"),
    (b"{\"l\":[1,2,\"x\"]}", "`l` should be int64, found the string \"x\""),
    (b"{\"l\":[1,2", "the line is not JSON: EOF while parsing a list"),
    (b"{\"o\":{\"a\":[{\"b\":1},{\"b\":\"x\"}]}}", "`o.a.b` should be int64"),
    (b"{\"o\":{\"a\":[{\"b\":1},{\"b\":2}],\"c\":1},\"n\":3}", "`o.c` should be bool"),
    (b"{\"s\":\"a\",\"o\":{\"c\":true,\"c\":true}}", "`o.c` occurs twice in one object"),
];

#[test]
fn lines_that_are_no_rows_leave_no_trace_in_those_around_them() {
    for width in [0, 40] {
        // Objects in lists that are wide are taken one by one.
        let wide: String = (0..width).map(|n| format!(",\"m{n}\":null")).collect();
        let first = format!("{{\"n\":7,\"s\":\"\",\"l\":[0],\"o\":{{\"a\":[{{\"b\":7{wide}}}],\"c\":false}}}}\n");
        // Behind the sample, so that all of them are compared with the same columns.
        let sample = first.repeat(1000);
        for (nth, (line, message)) in BAD.iter().enumerate() {
            let mut text = sample.clone().into_bytes();
            let mut good = text.clone();
            for round in 0..3 {
                let row = GOOD.replace("\"n\":1", &format!("\"n\":{round}"));
                for text in [&mut text, &mut good] {
                    text.extend_from_slice(row.as_bytes());
                    text.push(b'\n');
                }
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            let bench = Bench::with("bad.jsonl", text);
            bench.put("good.jsonl", good);
            let kept = read(&bench.spec(&["good.jsonl"], &[]), 8192).unwrap();
            for rows in [2, 8192] {
                let chunks = read(&rejecting(&bench, "bad.jsonl", &[]), rows).unwrap();
                assert_eq!(join(&chunks), join(&kept), "{message}");
                let bad = bad(&chunks);
                assert_eq!(bad.iter().map(|row| row.origin).collect::<Vec<_>>(), [1002, 1004, 1006], "{message}");
                assert!(bad.iter().all(|row| row.message.starts_with(message)), "{nth}: {:?}", bad[0]);
                assert_eq!(bad[0].text, String::from_utf8_lossy(line));
                let origins = chunks.iter().flat_map(|chunk| chunk.origin.values().to_vec());
                assert_eq!(origins.skip(1000).collect::<Vec<_>>(), [1001, 1003, 1005]);
            }
            let error = read(&bench.spec(&["bad.jsonl"], &[]), 8192).unwrap_err();
            assert!(error.to_string().contains(", line 1002"), "{error}");
        }
    }
}

#[test]
fn a_value_is_no_part_of_the_reason() {
    let rows: String =
        (0..3000).map(|n| if n < 2000 { format!("{{\"n\":{n}}}\n") } else { format!("{{\"n\":\"{n}\"}}\n") }).collect();
    let bench = Bench::with("a.jsonl", rows);
    let chunks = read(&rejecting(&bench, "a.jsonl", &[]), 500).unwrap();
    let mut reasons: Vec<_> = bad(&chunks).iter().map(|row| row.reason.clone()).collect();
    reasons.dedup();
    assert_eq!(reasons, ["`n` should be int64"]);
    assert_eq!(join(&chunks).num_rows(), 2000);
}

#[test]
fn rows_of_the_sample_are_left_out_too_unless_most_of_them_are_bad() {
    let good = "{\"n\":1}\n";
    let bench =
        Bench::with("a.jsonl", format!("{{\"n\":1,\n{good}{good}{{\"n\":\"x\",\"new\":1}}\n{{\"lost\":1\n{good}"));
    bench.put("b.jsonl", format!("{good}[]\nno\nno\n"));
    bench.put("all.jsonl", "no\n");
    bench.put("first.jsonl", format!("{{\"n\":\"x\"}}\n{good}{good}{good}"));
    let chunks = read(&rejecting(&bench, "a.jsonl", &[]), 10).unwrap();
    let rows = join(&chunks);
    assert_eq!((types(&rows.schema()), rows.num_rows()), (vec!["n: Int64".to_owned()], 3));
    assert_eq!(bad(&chunks).iter().map(|row| row.origin).collect::<Vec<_>>(), [1, 4, 5]);
    for (file, line) in [("b.jsonl", 2), ("all.jsonl", 1), ("first.jsonl", 2)] {
        let error = read(&rejecting(&bench, file, &[]), 10).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&format!("{file}`, line {line}")), "{said}");
        assert!(said.ends_with("rows of the sample cannot be read, and only a few may be)"), "{said}");
    }
    // Then it is said what the columns are.
    let chunks = read(&rejecting(&bench, "first.jsonl", &[("n", "int64")]), 10).unwrap();
    assert_eq!((join(&chunks).num_rows(), bad(&chunks).len()), (3, 1));
}

#[test]
fn elements_records_and_lines_of_text_are_left_out_alike() {
    let bench = Bench::with("a.json", "[{\"n\":1,\"l\":[1]},\n {\"n\":2,\"l\":[1,\"x\"]}, 7, {\"n\":NaN}, {\"n\":3}]");
    let chunks = read(&rejecting(&bench, "a.json", &[("n", "int64"), ("l", "list<int64>")]), 2).unwrap();
    let rows = join(&chunks);
    let said: Vec<_> = bad(&chunks).iter().map(|row| (row.origin, row.message.as_str(), row.text.as_str())).collect();
    let expected = [
        (2, "`l` should be int64, found the string \"x\" (column 18)", "{\"n\":2,\"l\":[1,\"x\"]}"),
        (3, "the element is a number, not an object (column 23)", "7"),
        (4, "the element is not JSON: expected value (column 31)", "{\"n\":NaN}"),
    ];
    assert_eq!((said, rows.num_rows()), (expected.to_vec(), 2));

    bench.put("a.csv", b"n,s\n1,a\nx,b\n2\n3,c,d\n4,\xff\n5,\"e\nf\"\ny,\"g\nh\"\n6,i\n");
    let chunks = read(&rejecting(&bench, "a.csv", &[("n", "int64")]), 3).unwrap();
    let said: Vec<_> = bad(&chunks).iter().map(|row| (row.origin, row.message.as_str(), row.text.as_str())).collect();
    let expected = [
        (3, "`n` should be int64, found \"x\"", "x,b"),
        (4, "the row has 1 fields, the header 2", "2"),
        (5, "the row has 3 fields, the header 2", "3,c,d"),
        (6, "the row is not UTF-8", "4,\u{fffd}"),
        (9, "`n` should be int64, found \"y\"", "y,g\nh"),
    ];
    assert_eq!(said, expected);
    assert_eq!(crate::bench::column(&join(&chunks), "s"), ["a", "e\nf", "i"]);
    assert_eq!(chunks.iter().flat_map(|chunk| chunk.origin.values().to_vec()).collect::<Vec<_>>(), [2, 7, 11]);

    bench.put("a.txt", b"a\n\xff\n\nb\n");
    bench.put("b.txt", b"\xff\n");
    let chunks = read(&rejecting(&bench, "*.txt", &[]), 2).unwrap();
    assert_eq!(crate::bench::column(&join(&chunks), "text"), ["a", "", "b"]);
    let said: Vec<_> = chunks.iter().flat_map(|chunk| chunk.bad.iter().map(|row| (chunk.file, row.origin))).collect();
    assert_eq!(said, [(0, 2), (1, 1)]);
    let whole = InputSpec { row: callboard_io::TextRow::File, ..rejecting(&bench, "*.txt", &[]) };
    let chunks = read(&whole, 2).unwrap();
    assert_eq!(
        chunks.iter().map(|chunk| (chunk.rows.num_rows(), chunk.bad.len())).collect::<Vec<_>>(),
        [(0, 1), (0, 1)]
    );
}

/// What leaves it open where the next row begins ends the reading, as does what is wrong with the file.
#[test]
fn a_file_that_is_wrong_is_an_error_all_the_same() {
    let good = "{\"n\":1}\n".repeat(2000);
    let bench = Bench::with("cut.jsonl.gz", &gz(good.clone())[..60]);
    bench.put("long.jsonl", good.clone() + "{\"n\":\"" + &"x".repeat(3000) + "\"}\n");
    bench.put("open.csv", "n\n1\n\"2\n3\n");
    bench.put("behind.csv", "n\n1\n\"2\"x\n3\n");
    bench.put("open.json", "[{\"n\":1},{\"n\":2");
    for file in ["cut.jsonl.gz", "long.jsonl", "open.csv", "behind.csv", "open.json"] {
        let mut spec = rejecting(&bench, file, &[]);
        spec.limits.line = 1000;
        assert!(read(&spec, 100).is_err(), "{file}");
    }
    let error = Dataset::open(&InputSpec { format: Some(Format::Parquet), ..rejecting(&bench, "open.csv", &[]) });
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Spec, "`on_bad_row` is for JSON, CSV, text and tar, and this is parquet")
    );
}

/// Behind the last row that is asked for, nothing was read.
#[test]
fn bad_rows_count_as_far_as_rows_are_read() {
    let text = "{\"n\":1}\nno\n".repeat(10) + "{\"n\":2}\nno\n";
    let bench = Bench::with("a.jsonl", "{\"n\":0}\n".repeat(20) + &text);
    for (rows, bad_rows) in [(20, 0), (21, 0), (22, 1), (31, 10), (100, 11)] {
        for batch in [1, 3, 100] {
            let spec = InputSpec { rows: Some(rows), ..rejecting(&bench, "a.jsonl", &[]) };
            let chunks = read(&spec, batch).unwrap();
            assert_eq!(bad(&chunks).len(), bad_rows, "{rows} rows by {batch}");
            assert_eq!(join(&chunks).num_rows(), rows.min(31) as usize);
        }
    }
}
