//! JSON Lines: what is inferred, what is refused, and the line that mends it.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use callboard_io::{ErrorKind, InFile, InputSpec, OnBadRow, is_json};

use crate::bench::{Bench, POLICY, column, join, types};
use crate::both;

/// A thousand rows of one kind, and then the line in question: past what the sample sees.
fn late(usual: &str, line: &str) -> Bench {
    Bench::with("in.jsonl", format!("{}{line}\n", format!("{usual}\n").repeat(1000)))
}

#[track_caller]
fn refused(usual: &str, line: &str, message: &str, help: &str) {
    let bench = late(usual, line);
    let error = bench.read(&["in.jsonl"]).expect_err("the line does not fit");
    let Some(InFile::Line { line: number, .. }) = error.place() else { panic!("no line in {error}") };
    assert_eq!(number, 1001);
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!((error.message(), error.help().unwrap_or_default()), (message, help));
    assert!(bench.words(&error).0.starts_with("`in.jsonl`, line 1001"), "{error}");
}

#[test]
fn types_come_from_the_sample() {
    let bench = Bench::with(
        "in.jsonl",
        r#"{"id": 1, "score": 1, "ok": true, "text": "a", "none": null, "tags": ["x"], "meta": {"a": 1}, "empty": []}
{"id": -9223372036854775808, "score": 0.5, "tags": [], "meta": {"b": [{"c": null}]}, "late": "z"}
{"id": null, "tags": null, "meta": null}
"#,
    );
    let rows = join(&bench.read(&["in.jsonl"]).unwrap());
    assert_eq!(
        types(rows.schema_ref()),
        [
            "id: Int64",
            "score: Float64",
            "ok: Boolean",
            "text: Utf8",
            "none: Null",
            "tags: List(Utf8)",
            "meta: Struct(\"a\": Int64, \"b\": List(Struct(\"c\": Null)))",
            "empty: List(Null)",
            "late: Utf8",
        ]
    );
    assert_eq!(column(&rows, "id"), ["1", "-9223372036854775808", "∅"]);
    assert_eq!(column(&rows, "score"), ["1.0", "0.5", "∅"]);
    assert_eq!(column(&rows, "ok"), ["true", "∅", "∅"]);
    assert_eq!(column(&rows, "tags"), ["[x]", "[]", "∅"]);
    assert_eq!(column(&rows, "meta"), ["{a: 1, b: ∅}", "{a: ∅, b: [{c: ∅}]}", "∅"]);
    assert_eq!(column(&rows, "late"), ["∅", "z", "∅"]);
}

/// A hundred files, of three rows each: columns come later, within others too, and an integer is a float once.
fn many(other: Option<(usize, &str)>) -> Bench {
    let bench = Bench::new();
    for file in 0..100 {
        let row = |row: usize| match other {
            Some((at, line)) if (at, 1) == (file, row) => format!("{line}\n"),
            _ => {
                let (float, tens) = (if file == 70 { ".5" } else { "" }, file / 10);
                format!(
                    "{{\"id\":1{file}{row}{float},\"m\":{{\"k{tens}\":[{{\"n{tens}\":null}}]}},\"c{tens}\":\"x\"}}\n"
                )
            }
        };
        bench.put(&format!("{file:02}.jsonl"), (0..3).map(row).collect::<String>());
    }
    bench
}

#[test]
fn many_small_files_hold_what_one_does() {
    let bench = many(None);
    let files: Vec<String> = (0..100).map(|file| bench.text(&format!("{file:02}.jsonl"))).collect();
    bench.put("whole.json", files.concat());
    let (many, one) = (bench.spec(&["*.jsonl"], &[]), bench.spec(&["whole.json"], &[]));
    let (many, one) = (both::rows(&many, POLICY).unwrap(), both::rows(&one, POLICY).unwrap());
    assert!(
        many.iter()
            .enumerate()
            .all(|(at, rows)| (rows.file as usize, &rows.origin.values()[..]) == (at, &[1, 2, 3][..]))
    );
    assert_eq!(join(&many), join(&one));
}

/// Whatever fits what was seen in other files, and what does not, by the first of these in their order.
#[test]
fn a_row_of_many_small_files_that_fits_no_other_is_named() {
    for (line, message) in [
        ("{\"id\":\"a\"}", "`id` is a string here and an integer before"),
        ("{\"m\":{\"k5\":[[]]}}", "`m.k5` is a list here and an object before"),
        ("{\"id\":", "the line is not JSON"),
    ] {
        let bench = many(Some((57, line)));
        let (words, _) = bench.error(&["*.jsonl"], &[]);
        assert!(words.contains("57.jsonl`, line 2") && words.contains(message), "{words}");
        let spec = InputSpec { on_bad_row: OnBadRow::Reject, ..bench.spec(&["*.jsonl"], &[]) };
        let chunks = both::rows(&spec, POLICY).unwrap();
        let bad: Vec<_> = chunks.iter().flat_map(|of| of.bad.iter().map(|row| (of.file, row.origin))).collect();
        assert_eq!((bad, join(&chunks).num_rows()), (vec![(57, 2)], 299), "{line}");
        assert_eq!(types(join(&chunks).schema_ref())[0], "id: Float64", "{line}");
    }
}

#[test]
fn each_row_knows_its_line_and_blank_lines_count() {
    let bench = Bench::with("in.jsonl", "\u{feff}{\"a\":1}\n\n  \r\n{\"a\":2}\r\n{\"a\":3}");
    let chunks = bench.read(&["in.jsonl"]).unwrap();
    assert_eq!(chunks[0].origin.values(), &[1, 4, 5]);
    assert_eq!(column(&chunks[0].rows, "a"), ["1", "2", "3"]);
}

#[test]
fn strings_come_out_as_they_mean() {
    let bench = Bench::with("in.jsonl", r#"{"t":"a\"\\\/\n\u00e9\ud83d\ude00é😀"}"#);
    assert_eq!(column(&join(&bench.read(&["in.jsonl"]).unwrap()), "t"), ["a\"\\/\né😀é😀"]);
}

#[test]
fn the_sample_takes_rows_of_every_file() {
    let bench = Bench::new();
    for file in 0..20 {
        bench.put(&format!("{file:02}.jsonl"), format!("{{\"a\":{file}}}\n{{\"only{file}\":1}}\n"));
    }
    let dataset = bench.open(&["*.jsonl"]).unwrap();
    assert_eq!(dataset.schema().fields().len(), 21);
    let chunks: Vec<_> = dataset.read(POLICY).map(Result::unwrap).collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.file).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_late_key_is_refused() {
    refused(
        r#"{"a":1}"#,
        r#"{"a":1,"lang":"en"}"#,
        "`lang` is a key that the sample of the input lacks",
        r#"under `[inputs.docs]`: types = { lang = "string" }"#,
    );
    refused(
        r#"{"a":1}"#,
        r#"{"score":1.5}"#,
        "`score` is a key that the sample of the input lacks",
        r#"under `[inputs.docs]`: types = { score = "float64" }"#,
    );
    refused(
        r#"{"meta":{"a":1}}"#,
        r#"{"meta":{"b":1}}"#,
        "`meta.b` is a key that the sample of the input lacks",
        r#"under `[inputs.docs]`: types = { meta = "json" }"#,
    );
}

#[test]
fn a_late_value_of_another_type_is_refused() {
    let float = r#"under `[inputs.docs]`: types = { a = "float64" }"#;
    let json = r#"under `[inputs.docs]`: types = { a = "json" }"#;
    let string = r#"under `[inputs.docs]`: types = { a = "string" }"#;
    let cases = [
        (r#"{"a":1}"#, r#"{"a":1.5}"#, "should be int64, found the float 1.5", float),
        (r#"{"a":1}"#, r#"{"a":1e0}"#, "should be int64, found the float 1", float),
        (r#"{"a":1}"#, r#"{"a":"x"}"#, "should be int64, found the string \"x\"", json),
        (r#"{"a":1}"#, r#"{"a":true}"#, "should be int64, found true", json),
        (r#"{"a":1}"#, r#"{"a":[1]}"#, "should be int64, found a list", json),
        (r#"{"a":1}"#, r#"{"a":{}}"#, "should be int64, found an object", json),
        (r#"{"a":"x"}"#, r#"{"a":1}"#, "should be string, found the integer 1", json),
        (r#"{"a":true}"#, r#"{"a":0}"#, "should be bool, found the integer 0", json),
        (r#"{"a":0.5}"#, r#"{"a":"0.5"}"#, "should be float64, found the string \"0.5\"", json),
        (r#"{"a":0.5}"#, r#"{"a":[]}"#, "should be float64, found a list", json),
        (r#"{"a":[1]}"#, r#"{"a":1}"#, "should be list<int64>, found the integer 1", json),
        (r#"{"a":[1]}"#, r#"{"a":["x"]}"#, "should be int64, found the string \"x\"", json),
        (r#"{"a":{"b":1}}"#, r#"{"a":1}"#, "should be an object, found the integer 1", json),
        (r#"{"a":null}"#, r#"{"a":"x"}"#, "should be null, as all that was seen of it, found the string \"x\"", string),
        (r#"{"a":null}"#, r#"{"a":[]}"#, "should be null, as all that was seen of it, found a list", json),
    ];
    for (usual, line, message, help) in cases {
        refused(usual, line, &format!("`a` {message}"), help);
    }
    refused(r#"{"a":{"b":1}}"#, r#"{"a":{"b":""}}"#, "`a.b` should be int64, found the string \"\"", json);
}

#[test]
fn numbers_are_never_bent() {
    refused(
        r#"{"a":1}"#,
        r#"{"a":9223372036854775808}"#,
        "`a` should be int64, found the integer 9223372036854775808",
        r#"under `[inputs.docs]`: types = { a = "uint64" }"#,
    );
    let json = r#"under `[inputs.docs]`: types = { a = "json" }"#;
    let huge = "`a` would lose digits as float64: 9007199254740993";
    refused(r#"{"a":0.5}"#, r#"{"a":9007199254740993}"#, huge, json);
    let huger = "`a` would lose digits as float64: 100000000000000000000000000001";
    refused(r#"{"a":0.5}"#, r#"{"a":100000000000000000000000000001}"#, huger, json);
    refused(r#"{"a":0.5}"#, r#"{"a":1e999}"#, "`a` is out of the range of float64: 1e999", json);

    let bench = Bench::with("in.jsonl", "{\"a\":0.1}\n{\"a\":9007199254740992}\n{\"a\":1.7976931348623157e308}\n");
    let values = column(&join(&bench.read(&["in.jsonl"]).unwrap()), "a");
    assert_eq!(values, ["0.1", "9007199254740992.0", "1.7976931348623157e308"]);
}

#[test]
fn two_of_one_key_are_refused() {
    let bench = Bench::with("in.jsonl", "{\"a\":1}\n{\"a\":1,\"a\":1}\n");
    let (message, _) = bench.error(&["in.jsonl"], &[]);
    assert!(message.starts_with("`in.jsonl`, line 2, column "), "{message}");
    assert!(message.ends_with("`a` occurs twice in one object"), "{message}");
    let bench = Bench::with("in.jsonl", "{\"m\":{\"a\":null,\"a\":null}}\n");
    assert!(bench.error(&["in.jsonl"], &[]).0.ends_with("`m.a` occurs twice in one object"));
}

#[test]
fn a_line_that_is_no_object_is_refused() {
    let cases: [(&[u8], &str); 8] = [
        (b"[1]", "line 2: the line is a list, not an object"),
        (b"17", "line 2: the line is a number, not an object"),
        (b"\"x\"", "line 2: the line is a string, not an object"),
        (b"null", "line 2: the line is null, not an object"),
        (b"{\"a\":1} x", "line 2, column 9: the line is not JSON: trailing characters"),
        (b"{\"a\":1,}", "line 2, column 8: the line is not JSON: trailing comma"),
        (b"{\"a\":", "line 2, column 5: the line is not JSON: EOF while parsing a value"),
        (b"{\"a\":1,\"b\":\"\xff\"}", "line 2, column 13: the line is not UTF-8"),
    ];
    for (line, message) in cases {
        // In the sample, and past it.
        let early = Bench::with("in.jsonl", [b"{\"a\":1}\n", line].concat());
        assert_eq!(early.error(&["in.jsonl"], &[]).0, format!("`in.jsonl`, {message}"));
        let late = Bench::with("in.jsonl", [&b"{\"a\":1,\"b\":null}\n".repeat(1000), line].concat());
        let message = message.replace("line 2", "line 1001");
        assert_eq!(late.error(&["in.jsonl"], &[]).0, format!("`in.jsonl`, {message}"));
    }
}

/// What Python's `json` writes for numbers that JSON cannot hold is no JSON, and help says so.
#[test]
fn what_is_no_number_has_its_own_help() {
    for value in ["NaN", "Infinity", "-Infinity", "inf"] {
        for within in ["X", "[1.0, X]", "{\"b\": X}"] {
            for repeated in [1, 1000] {
                let line = |value| format!("{{\"a\":{}}}\n", within.replace('X', value));
                let bench = Bench::with("in.jsonl", line("1.5").repeat(repeated) + &line(value));
                let (message, help) = bench.error(&["in.jsonl"], &[]);
                assert!(message.contains("the line is not JSON"), "{message}");
                assert!(help.starts_with("JSON has no NaN and no infinity"), "{message}: {help}");
            }
        }
    }
    let bench = Bench::with("in.jsonl", "{\"a\":nul}\n");
    assert!(!bench.error(&["in.jsonl"], &[]).1.contains("infinity"));
}

/// Lines that lie in memory together are parsed together, and are one object each all the same.
#[test]
fn an_object_is_a_line_and_a_line_an_object_wherever_it_stands() {
    let usual = "{\"a\":{\"b\":1}}\n".repeat(1000);
    let cases = [
        ("{\"a\":{\"b\":1}} {\"a\":{\"b\":2}}\n", 1001, "the line is not JSON: trailing characters"),
        // As many objects as lines, and not one each.
        (
            "{\"a\":{\"b\":1}} {\"a\":{\"b\":2}}\n{\"a\":\n{\"b\":3}}\n",
            1001,
            "the line is not JSON: trailing characters",
        ),
        ("{\"a\":{\"b\":1}\n{\"a\":{\"b\":2}}\n", 1001, "the line is not JSON: EOF while parsing an object"),
        ("{\"a\":{\"b\":1}\n}\n", 1001, "the line is not JSON: EOF while parsing an object"),
        ("\n\n{\"a\":{\"b\":1}}}\n", 1003, "the line is not JSON: trailing characters"),
        ("{\"a\":{\"b\":true}}\n", 1001, "`a.b` should be int64, found true"),
    ];
    for (lines, number, message) in cases {
        let bench = Bench::with("in.jsonl", [&usual, lines, &usual].concat());
        let (words, _) = bench.error(&["in.jsonl"], &[]);
        assert!(
            words.starts_with(&format!("`in.jsonl`, line {number}")) && words.ends_with(message),
            "{lines}: {words}"
        );
    }
}

#[test]
fn kinds_that_mix_in_the_sample_are_refused_with_the_mend() {
    let bench = Bench::with("in.jsonl", "{\"a\":1,\"m\":{\"x\":1}}\n{\"a\":2,\"m\":{\"x\":\"one\"}}\n");
    let (message, help) = bench.error(&["in.jsonl"], &[("a", "int32")]);
    assert_eq!(message, "`in.jsonl`, line 2, column 21: `m.x` is a string here and an integer before");
    assert_eq!(help, r#"under `[inputs.docs]`: types = { a = "int32", m = "json" }"#);
    // And the mend mends it.
    let rows = join(&bench.read_as(&["in.jsonl"], &[("a", "int32"), ("m", "json")]).unwrap());
    assert_eq!(types(rows.schema_ref()), ["a: Int32", "m: Utf8"]);
}

#[test]
fn json_is_kept_to_the_letter() {
    let lines =
        "{\"m\": {\"a\" : [1.0, 1e3,\"\\u00e9\"]} }\n{\"m\":17}\n{\"m\":null}\n{\"m\":\"x\"}\n{}\n{\"m\":[ ]}\n";
    let bench = Bench::with("in.jsonl", lines);
    let rows = join(&bench.read_as(&["in.jsonl"], &[("m", "json")]).unwrap());
    assert!(is_json(rows.schema_ref().field(0)));
    assert_eq!(column(&rows, "m"), ["{\"a\" : [1.0, 1e3,\"\\u00e9\"]}", "17", "∅", "\"x\"", "∅", "[ ]"]);
    bench.write("out.jsonl", &[rows]).unwrap();
    let expected = "{\"m\":{\"a\" : [1.0, 1e3,\"\\u00e9\"]}}\n{\"m\":17}\n{\"m\":null}\n{\"m\":\"x\"}\n{\"m\":null}\n{\"m\":[ ]}\n";
    assert_eq!(bench.text("out.jsonl"), expected);
}

#[test]
fn every_declared_type_reads() {
    let bench = Bench::with(
        "in.jsonl",
        r#"{"i8":-128,"u8":255,"u64":18446744073709551615,"f32":0.1,"f64":1,"s":"x","b":false,"t":"2024-02-29T12:00:00.000001+02:00","d":"2024-02-29","l":["2024-01-01"],"lj":[1,"x",null]}
{}
"#,
    );
    let declared = [
        ("i8", "int8"),
        ("u8", "uint8"),
        ("u64", "uint64"),
        ("f32", "float32"),
        ("f64", "float64"),
        ("s", "string"),
        ("b", "bool"),
        ("t", "timestamp"),
        ("d", "date"),
        ("l", "list<date>"),
        ("lj", "list<json>"),
        ("absent", "list<int16>"),
    ];
    let rows = join(&bench.read_as(&["in.jsonl"], &declared).unwrap());
    let firsts: Vec<_> = rows.columns().iter().map(|column| crate::bench::show(column)[0].clone()).collect();
    let expected = [
        "-128",
        "255",
        "18446744073709551615",
        "0.1",
        "1.0",
        "x",
        "false",
        "2024-02-29T10:00:00.000001Z",
        "2024-02-29",
        "[2024-01-01]",
        "[1, \"x\", ∅]",
        "∅",
    ];
    assert_eq!(firsts, expected);
    assert_eq!(types(rows.schema_ref())[11], "absent: List(Int16)");
    assert!(rows.columns().iter().all(|column| crate::bench::show(column)[1] == "∅"));
}

#[test]
fn a_declared_type_is_kept_to() {
    let cases = [
        ("int8", "128", "should be int8, found the integer 128", "json"),
        ("uint8", "-1", "should be uint8, found the integer -1", "json"),
        ("uint64", "-1", "should be uint64, found the integer -1", "json"),
        ("float32", "16777217", "would lose digits as float32: 16777217", "json"),
        ("float32", "1e39", "is out of the range of float32: 1e39", "json"),
        ("string", "5", "should be string, found the integer 5", "json"),
        ("timestamp", "\"yesterday\"", "should be timestamp, found the string \"yesterday\"", "json"),
        (
            "timestamp",
            "\"2024-01-01T00:00:00.0000001Z\"",
            "should be timestamp, found \"2024-01-01T00:00:00.0000001Z\", finer than a microsecond",
            "json",
        ),
        ("date", "\"2024-02-30\"", "should be date, found the string \"2024-02-30\"", "json"),
        ("list<string>", "\"x\"", "should be list<string>, found the string \"x\"", "json"),
    ];
    for (declared, value, message, mend) in cases {
        let bench = Bench::with("in.jsonl", format!("{{\"a\":null}}\n{{\"a\":{value}}}\n"));
        let (found, help) = bench.error(&["in.jsonl"], &[("a", declared)]);
        assert!(
            found.starts_with("`in.jsonl`, line 2, column ") && found.ends_with(&format!(": `a` {message}")),
            "{found}"
        );
        assert_eq!(help, format!("under `[inputs.docs]`: types = {{ a = \"{mend}\" }}"));
    }
    let bench = Bench::with("in.jsonl", "{}");
    let (message, help) = bench.error(&["in.jsonl"], &[("a", "strnig")]);
    assert_eq!(message, "there is no type `strnig` (of `types` for the column `a`)");
    assert!(help.contains("string") && help.contains("json"), "{help}");
}

#[test]
fn no_rows_have_a_schema_all_the_same() {
    for text in ["", "\n\n"] {
        let bench = Bench::with("in.jsonl", text);
        let dataset = bench.open(&["in.jsonl"]).unwrap();
        assert_eq!((dataset.schema().fields().len(), dataset.read(POLICY).count()), (0, 0));
        let declared = both::open(&bench.spec(&["in.jsonl"], &[("a", "int64"), ("b", "json")])).unwrap();
        assert_eq!(types(&declared.schema()), ["a: Int64", "b: Utf8"]);
    }
}

#[test]
fn rows_without_columns_are_rows() {
    let bench = Bench::with("in.jsonl", "{}\n{}\n");
    let chunks = bench.read(&["in.jsonl"]).unwrap();
    assert_eq!(chunks[0].rows.num_rows(), 2);
    bench.write("out.jsonl", &[chunks[0].rows.clone()]).unwrap();
    assert_eq!(bench.text("out.jsonl"), "{}\n{}\n");
}

#[test]
fn an_empty_name_is_refused() {
    let bench = Bench::with("in.jsonl", "{\"a\":{\"\":1}}");
    let (message, help) = bench.error(&["in.jsonl"], &[]);
    assert_eq!(message, "`in.jsonl`, line 1, column 8: `a` has a member without a name");
    assert_eq!(help, r#"under `[inputs.docs]`: types = { a = "json" }"#);
}

#[test]
fn a_row_of_50_mb_goes_through() {
    let bench = Bench::new();
    let mut file = std::fs::File::create(bench.path("in.jsonl")).unwrap();
    write!(file, "{{\"a\":\"s\"}}\n{{\"a\":\"{}\"}}\n{{\"a\":\"s\"}}\n", "x".repeat(50 << 20)).unwrap();
    let chunks = bench.read(&["in.jsonl"]).unwrap();
    // The huge row ends its batch.
    assert_eq!(chunks.iter().map(|chunk| chunk.rows.num_rows()).collect::<Vec<_>>(), [2, 1]);
    for name in ["out.jsonl", "out.jsonl.zst", "out.csv", "out.parquet", "out.arrow"] {
        bench.write(name, &chunks.iter().map(|chunk| chunk.rows.clone()).collect::<Vec<_>>()).unwrap();
        let back = bench.read(&[name]).unwrap();
        let rows: Vec<&str> = back.iter().flat_map(|chunk| chunk.rows.column(0).as_string::<i32>()).flatten().collect();
        assert_eq!((rows.len(), rows[0], rows[2]), (3, "s", "s"), "{name}");
        assert!(rows[1].len() == 50 << 20 && rows[1].bytes().all(|byte| byte == b'x'), "{name}");
    }
}

/// JSON's white space is a space, a tab and the ends of lines. Whether a line is blank does not depend on those beside it.
#[test]
fn a_form_feed_is_no_blank_line() {
    for (text, line) in
        [("{\"a\":1}\n\u{c}\n{\"a\":2}\n", 2), ("{\"a\":1}\n{\"a\":2}\u{c}\n", 2), ("\u{c}{\"a\":1}\n", 1)]
    {
        let (message, _) = Bench::with("in.jsonl", text).error(&["in.jsonl"], &[]);
        assert!(message.contains(&format!("line {line}")) && !message.contains("one by one"), "{text:?}: {message}");
    }
    let blank = Bench::with("in.jsonl", "{\"a\":1}\n \t\r\n\r\n{\"a\":2}\r\n\n").read(&["in.jsonl"]).unwrap();
    assert_eq!(join(&blank).num_rows(), 2);
}

/// Lines of many rows are made by several cores: that does not show.
#[test]
fn many_rows_are_written_as_one_by_one() {
    let text = |row: usize| format!("{row}: \"\u{1}\"\n").repeat(row % 50);
    let text: ArrayRef = Arc::new(arrow::array::StringArray::from_iter_values((0..3001).map(text)));
    let number: ArrayRef =
        Arc::new((0..3001).map(|row| (row % 3 > 0).then_some(row)).collect::<arrow::array::Int64Array>());
    let rows = RecordBatch::try_from_iter([("text", text), ("number", number)]).unwrap();
    let bench = Bench::new();
    bench.write("together.jsonl", std::slice::from_ref(&rows)).unwrap();
    bench.write("alone.jsonl", &(0..rows.num_rows()).map(|row| rows.slice(row, 1)).collect::<Vec<_>>()).unwrap();
    assert!(bench.text("alone.jsonl") == bench.text("together.jsonl"));
    assert!(bench.bytes("alone.jsonl").len() > 1 << 20);
}

/// A batch of few bytes may make lines of gigabytes: a signal is heard while they are written.
#[test]
fn a_long_write_is_stopped() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let bench = Bench::new();
    let column: ArrayRef = Arc::new(arrow::array::NullArray::new(1000));
    let rows = RecordBatch::try_from_iter([("n".repeat(100_000), column)]).unwrap();
    let mut writer = bench.writer(&bench.output("out.jsonl"), rows.schema()).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    writer.stop_when(callboard_io::Stop::when(move || counted.fetch_add(1, Ordering::Relaxed) > 10));
    let error = writer.write(&rows).unwrap_err();
    assert_eq!(error.kind(), callboard_io::ErrorKind::Interrupted, "{error}");
    // Of a hundred megabytes, a few.
    assert_eq!(asked.load(Ordering::Relaxed), 12);
}
