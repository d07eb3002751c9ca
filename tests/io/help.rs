//! Every line of `types` that help offers is followed: the same file must be read with it.

use callboard_io::{Chunk, IoError};

use crate::bench::Bench;

type Types = Vec<(String, String)>;

/// What a line of help puts into `types`.
fn types_of(help: &str) -> Option<Types> {
    let (_, mut rest) = help.lines().next()?.split_once("types = { ")?;
    let mut types = Vec::new();
    while !rest.starts_with('}') {
        let key = if rest.starts_with('"') {
            let mut keys = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let key = keys.next().unwrap().unwrap();
            rest = &rest[keys.byte_offset()..];
            key
        } else {
            let (key, behind) = rest.split_at(rest.find(' ').unwrap());
            rest = behind;
            key.to_owned()
        };
        let (name, behind) = rest.strip_prefix(" = \"").unwrap().split_once('"').unwrap();
        types.push((key, name.to_owned()));
        rest = behind.trim_start_matches([',', ' ']);
    }
    Some(types)
}

/// Reads, and follows the help: the types that it says, and what is read with them.
fn follow(bench: &Bench, file: &str, declared: &[(&str, &str)]) -> (Types, Result<Vec<Chunk>, IoError>) {
    let error = bench.read_as(&[file], declared).expect_err("this input is wrong");
    let help = error.help().unwrap_or_else(|| panic!("no help: {error}"));
    let types = types_of(help).unwrap_or_else(|| panic!("no types in {help}"));
    let borrowed: Vec<_> = types.iter().map(|(column, name)| (column.as_str(), name.as_str())).collect();
    let read = bench.read_as(&[file], &borrowed);
    (types, read)
}

#[test]
fn every_line_of_types_fixes_what_it_is_about() {
    // A usual row, one that does not fit, the type of the column that help says.
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let cases = [
        (r#"{"a":1}"#, r#"{"a":1.5}"#, "float64"),
        (r#"{"a":1}"#, r#"{"a":18446744073709551615}"#, "uint64"),
        (r#"{"a":1}"#, r#"{"a":18446744073709551616}"#, "json"),
        (r#"{"a":1}"#, r#"{"a":-9223372036854775809}"#, "json"),
        (r#"{"a":1}"#, r#"{"a":123456789012345678901234567890}"#, "json"),
        (r#"{"a":1}"#, r#"{"a":"x"}"#, "json"),
        (r#"{"a":"x"}"#, r#"{"a":18446744073709551615}"#, "json"),
        (r#"{"a":"x"}"#, r#"{"a":1.5}"#, "json"),
        (r#"{"a":"x"}"#, r#"{"a":"cut \ud83d"}"#, "json"),
        (r#"{"a":"x"}"#, r#"{"a":"\ude00\ud83d"}"#, "json"),
        (r#"{"a":0.5}"#, r#"{"a":9007199254740993}"#, "json"),
        (r#"{"a":0.5}"#, r#"{"a":1e400}"#, "json"),
        (r#"{"a":0.5}"#, r#"{"a":9E+999999999}"#, "json"),
        (r#"{"a":1}"#, r#"{"a":-1e400}"#, "json"),
        (r#"{"a":1}"#, deep.as_str(), "json"),
        (r#"{"a":[1]}"#, r#"{"a":[1.5]}"#, "list<float64>"),
        (r#"{"a":[1]}"#, r#"{"a":[18446744073709551615]}"#, "list<uint64>"),
        (r#"{"a":[[1]]}"#, r#"{"a":[[],[1.5]]}"#, "list<list<float64>>"),
        (r#"{"a":[]}"#, r#"{"a":["x"]}"#, "list<string>"),
        (r#"{"a":[1]}"#, r#"{"a":[1e400]}"#, "json"),
        (r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":1.5}]}"#, "json"),
        (r#"{"a":{"b":[1]}}"#, r#"{"a":{"b":[18446744073709551615]}}"#, "json"),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"c":1}}"#, "json"),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":1,"b":2}}"#, "json"),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"":2}}"#, "json"),
        (r#"{"a":[{"b":1}]}"#, r#"{"a":[{"":2}]}"#, "json"),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":1,"\ud800":2}}"#, "json"),
        (r#"{"a":null}"#, r#"{"a":1}"#, "int64"),
        (r#"{"a":null}"#, r#"{"a":18446744073709551615}"#, "uint64"),
        (r#"{"a":null}"#, r#"{"a":18446744073709551616}"#, "json"),
        (r#"{"a":null}"#, r#"{"a":1e400}"#, "json"),
        (r#"{"a":null}"#, r#"{"a":true}"#, "bool"),
        (r#"{"a":null}"#, r#"{"a":[1]}"#, "json"),
        (r#"{"b":1}"#, r#"{"a":"x"}"#, "string"),
        (r#"{"b":1}"#, r#"{"a":"\udead"}"#, "json"),
        (r#"{"b":1}"#, r#"{"a":-1}"#, "int64"),
        (r#"{"b":1}"#, r#"{"a":18446744073709551615}"#, "uint64"),
        (r#"{"b":1}"#, r#"{"a":18446744073709551616}"#, "json"),
        (r#"{"b":1}"#, r#"{"a":1e400}"#, "json"),
        (r#"{"b":1}"#, r#"{"a":[]}"#, "json"),
        (r#"{"b":1}"#, r#"{"a b\"":false}"#, "bool"),
    ];
    for (usual, wrong, expected) in cases {
        // In the sample most of these are no fault at all: where they are one, JSON text holds the column. Behind it, help says the type.
        let early = Bench::with("in.jsonl", format!("{usual}\n{wrong}\n"));
        if let Err(error) = early.read(&["in.jsonl"]) {
            assert!(error.to_string().contains("line 2"), "{wrong}: {error}");
            let (_, read) = follow(&early, "in.jsonl", &[]);
            read.unwrap_or_else(|error| panic!("{wrong} in the sample: {error}, {:?}", error.help()));
        }
        let late = Bench::with("in.jsonl", format!("{}{wrong}\n", format!("{usual}\n").repeat(1000)));
        let (types, read) = follow(&late, "in.jsonl", &[]);
        assert_eq!(types.last().map(|(_, name)| name.as_str()), Some(expected), "{wrong}");
        read.unwrap_or_else(|error| panic!("{wrong} with {types:?}: {error}"));
    }
}

#[test]
fn what_is_declared_wrongly_is_fixed_too() {
    let cases = [
        ("int8", "128"),
        ("uint64", "-1"),
        ("float32", "16777217"),
        ("float32", "1e39"),
        ("float64", "1e400"),
        ("string", "5"),
        ("string", "\"\\ud800\""),
        ("timestamp", "\"yesterday\""),
        ("date", "\"2024-02-30\""),
        ("list<string>", "\"x\""),
        ("list<string>", "[1]"),
        ("list<int8>", "[1000]"),
        ("list<json>", "{}"),
        ("bool", "{\"a\":[1e400]}"),
    ];
    for (declared, value) in cases {
        let bench = Bench::with("in.jsonl", format!("{{\"a\":null,\"b\":1}}\n{{\"a\":{value},\"b\":2}}\n"));
        let (types, read) = follow(&bench, "in.jsonl", &[("a", declared)]);
        read.unwrap_or_else(|error| panic!("{value} as {declared}, then {types:?}: {error}"));
    }
}

#[test]
fn every_line_of_types_for_csv_fixes_what_it_is_about() {
    let cases = [
        ("1", "1.5", "float64"),
        ("1", "007", "string"),
        ("1", "x", "string"),
        ("1", "1e400", "string"),
        ("1", "18446744073709551616", "string"),
        ("1", "9223372036854775808", "string"),
        ("1.5", "9007199254740993", "string"),
        ("1.5", "1e400", "string"),
        ("1.5", "", ""),
        ("1.5", "nan", "string"),
        ("true", "yes", "string"),
        ("true", "1", "string"),
    ];
    for (usual, wrong, expected) in cases {
        let bench = Bench::with("in.csv", format!("a,b\n{}{wrong},1\n", format!("{usual},1\n").repeat(1000)));
        if expected.is_empty() {
            bench.read(&["in.csv"]).unwrap();
            continue;
        }
        let (types, read) = follow(&bench, "in.csv", &[]);
        assert_eq!(types, [("a".to_owned(), expected.to_owned())], "{wrong}");
        read.unwrap_or_else(|error| panic!("{wrong} with {types:?}: {error}"));
    }
    for (declared, value) in [("int8", "300"), ("json", "{"), ("uint8", "-1"), ("timestamp", "x"), ("date", "x")] {
        let bench = Bench::with("in.csv", format!("a\n{value}\n"));
        let (types, read) = follow(&bench, "in.csv", &[("a", declared)]);
        read.unwrap_or_else(|error| panic!("{value} as {declared}, then {types:?}: {error}"));
    }
}

/// A key twice in a row is wrong whatever its type: help would not be one.
#[test]
fn what_no_type_fixes_has_no_line_of_types() {
    for lines in ["{\"a\":1}\n{\"a\":1,\"a\":2}\n", "{\"a\":1}\n{\"a\":1,\"a\":\"x\"}\n"] {
        for types in [&[][..], &[("a", "json")], &[("a", "int64")]] {
            let bench = Bench::with("in.jsonl", lines);
            let (message, help) = bench.error(&["in.jsonl"], types);
            assert!(message.starts_with("`in.jsonl`, line 2, column "), "{message}");
            assert!(message.ends_with("`a` occurs twice in one object"), "{message}");
            assert_eq!(help, "");
        }
    }
    for lines in ["{\"\":1}\n".to_owned(), format!("{}{{\"\":1}}\n", "{\"a\":1}\n".repeat(1000))] {
        let (message, help) = Bench::with("in.jsonl", &lines).error(&["in.jsonl"], &[]);
        assert!(message.ends_with(": the row has a member without a name"), "{message}");
        assert!(message.contains(&format!("line {}, column ", lines.lines().count())), "{message}");
        assert_eq!(help, "give it a name in the file: every column has one");
    }
    let (message, help) = Bench::with("in.jsonl", "{\"a\":1,\"\\ud800\":2}\n").error(&["in.jsonl"], &[]);
    assert!(message.contains("line 1") && message.contains("surrogate") && help.is_empty(), "{message}: {help}");
}
