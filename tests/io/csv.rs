//! CSV: what is inferred, what is refused, lines counted through quotes.

use crate::bench::{Bench, POLICY, column, join, types};

#[test]
fn a_type_is_inferred_only_where_nothing_is_lost() {
    let text = "int,zeros,float,mixed,bool,text,empty,exp,plus,big\n\
                1,007,1.5,1,true,a,,1e3,+1,99999999999999999999\n\
                -2,010,-0.5,2.5,false,\"b,c\",,2.0,+2,1\n";
    let rows = join(&Bench::with("in.csv", text).read(&["in.csv"]).unwrap());
    let expected = [
        "int: Int64",
        "zeros: Utf8",
        "float: Float64",
        "mixed: Float64",
        "bool: Boolean",
        "text: Utf8",
        "empty: Utf8",
        "exp: Float64",
        "plus: Utf8",
        "big: Utf8",
    ];
    assert_eq!(types(rows.schema_ref()), expected);
    assert_eq!(column(&rows, "zeros"), ["007", "010"]);
    assert_eq!(column(&rows, "text"), ["a", "b,c"]);
    assert_eq!(column(&rows, "empty"), ["∅", "∅"]);
    assert_eq!(column(&rows, "mixed"), ["1.0", "2.5"]);
}

#[test]
fn lines_are_counted_through_quotes_blanks_and_both_line_ends() {
    for end in ["\n", "\r\n"] {
        let text = ["\u{feff}a,b", "1,\"x", "", "y\"", "", "2,\"say \"\"hi\"\"\"", "3,"].join(end);
        let chunks = Bench::with("in.csv", text).read(&["in.csv"]).unwrap();
        assert_eq!(chunks[0].origin.values(), &[2, 6, 7]);
        let b = column(&chunks[0].rows, "b");
        assert_eq!(b, [format!("x{end}{end}y"), "say \"hi\"".into(), "∅".into()]);
    }
}

#[test]
fn tabs_part_the_fields_of_a_tsv() {
    let rows = join(&Bench::with("in.tsv", "a\tb\n1,5\tx\n").read(&["in.tsv"]).unwrap());
    assert_eq!((column(&rows, "a"), column(&rows, "b")), (vec!["1,5".to_string()], vec!["x".to_string()]));
}

#[test]
fn a_late_value_that_does_not_fit_is_refused_with_the_mend() {
    let cases = [
        ("1", "1.5", "should be int64, found \"1.5\"", "float64"),
        ("1", "007", "should be int64, found \"007\"", "string"),
        ("1", "x", "should be int64, found \"x\"", "string"),
        ("1.5", "x", "should be float64, found \"x\"", "string"),
        ("1.5", "01.5", "should be float64, found \"01.5\"", "string"),
        ("true", "yes", "should be bool, found \"yes\"", "string"),
    ];
    for (usual, late, message, mend) in cases {
        let bench = Bench::with("in.csv", format!("a,b\n{}{late},1\n", format!("{usual},1\n").repeat(1000)));
        let (found, help) = bench.error(&["in.csv"], &[]);
        assert_eq!(found, format!("`in.csv`, line 1002: `a` {message}"));
        assert_eq!(help, format!("under `[inputs.docs]`: types = {{ a = \"{mend}\" }}"));
        let mended = bench.read_as(&["in.csv"], &[("a", mend)]).unwrap();
        assert_eq!(column(&join(&mended), "a")[1000], late);
    }
}

#[test]
fn declared_types_are_read_and_kept_to() {
    let text = "i,u,t,d,j\n1,18446744073709551615,2024-01-01T00:00:00Z,2024-01-01,\"{\"\"a\"\": [1]}\"\n,,,,\n";
    let bench = Bench::with("in.csv", text);
    let declared = [("i", "int8"), ("u", "uint64"), ("t", "timestamp"), ("d", "date"), ("j", "json")];
    let rows = join(&bench.read_as(&["in.csv"], &declared).unwrap());
    assert_eq!(column(&rows, "u"), ["18446744073709551615", "∅"]);
    assert_eq!(column(&rows, "t"), ["2024-01-01T00:00:00Z", "∅"]);
    assert_eq!(column(&rows, "j"), ["{\"a\": [1]}", "∅"]);

    let bench = Bench::with("in.csv", "j,i\n{,300\n");
    assert_eq!(bench.error(&["in.csv"], &[("j", "json")]).0, "`in.csv`, line 2: `j` should be json, found \"{\"");
    let (message, help) = bench.error(&["in.csv"], &[("i", "int8")]);
    assert_eq!(message, "`in.csv`, line 2: `i` should be int8, found the integer 300");
    assert_eq!(help, "under `[inputs.docs]`: types = { i = \"string\" }");
    let (message, _) = bench.error(&["in.csv"], &[("k", "int8")]);
    assert_eq!(message, "`in.csv`: `types` names the column `k`, but the header has j, i");
    assert!(bench.error(&["in.csv"], &[("j", "list<string>")]).0.contains("a field of CSV holds no list"));
}

#[test]
fn malformed_files_are_refused_with_the_line() {
    let cases: [(&[u8], &str); 17] = [
        (b"a,b\n1,2\n3\n", "`in.csv`, line 3: the row has 1 fields, the header 2"),
        (b"a,b\n1,2,3\n", "`in.csv`, line 2: the row has 3 fields, the header 2"),
        (b"a,b\n1,\"x\n2,y\n", "`in.csv`, line 2: a quote is opened on this line and never closed"),
        (b"a,b\n1,\xff\n", "`in.csv`, line 2: the row is not UTF-8"),
        (
            b"a,b\n1,2\r3,4\n",
            "`in.csv`, line 2: a carriage return ends a row within the line: lines end with a line feed",
        ),
        (b"a,a\n1,2\n", "`in.csv`, line 1: two columns of the header have the name `a`"),
        (b"\n\na,a\n1,2\n", "`in.csv`, line 3: two columns of the header have the name `a`"),
        (b"", "`in.csv`: the file is empty: CSV needs a header"),
        (b"\xef\xbb\xbf", "`in.csv`: the file is empty: CSV needs a header"),
        (b"a,b\n1,2,\n", "`in.csv`, line 2: the row has 3 fields, the header 2"),
        (b"a\n1\n1,2,3\n", "`in.csv`, line 3: the row has 3 fields, the header 1"),
        (b"a,b\n\"1\"x,2\n", "`in.csv`, line 2, column 4: text follows the closing quote of a field: \"x,2\""),
        (b"a,b\n1,\"x\\\"y\"\n", "`in.csv`, line 2, column 7: text follows the closing quote of a field: \"y\\\"\""),
        (
            b"a,b\n1,\"x\n2,\"y\"\n3,z\n",
            "`in.csv`, line 3, column 4: text follows the closing quote of a field that begins on line 2: \"y\\\"\"",
        ),
        (b"a,b\n1,\"x\" \n", "`in.csv`, line 2, column 6: text follows the closing quote of a field: \" \""),
        (b"a,b\n1,\"2\n2,\"\n\"3\n\n", "`in.csv`, line 4: a quote is opened on this line and never closed"),
        (b"\"a,b\n1,2\n", "`in.csv`, line 1: a quote is opened on this line and never closed"),
    ];
    for (text, message) in cases {
        assert_eq!(Bench::with("in.csv", text).error(&["in.csv"], &[]).0, message);
    }
}

#[test]
fn files_have_the_same_columns_in_any_order() {
    let bench = Bench::with("1.csv", "a,b\n1,x\n");
    bench.put("2.csv", "b,a\ny,2.5\n");
    let chunks = bench.read(&["*.csv"]).unwrap();
    assert_eq!(column(&join(&chunks), "a"), ["1.0", "2.5"]);
    assert_eq!(column(&join(&chunks), "b"), ["x", "y"]);
    bench.put("3.csv", "a\n1\n");
    assert_eq!(bench.error(&["*.csv"], &[]).0, "`3.csv`: the header lacks `b`, which `1.csv` has");
    bench.put("3.csv", "a,b,c\n1,2,3\n");
    assert_eq!(bench.error(&["*.csv"], &[]).0, "`3.csv`: the header has `c`, which `1.csv` lacks");
}

#[test]
fn a_header_alone_is_a_schema() {
    let bench = Bench::with("in.csv", "a,b");
    let dataset = bench.open(&["in.csv"]).unwrap();
    assert_eq!(types(&dataset.schema()), ["a: Utf8", "b: Utf8"]);
    assert_eq!(dataset.read(POLICY).count(), 0);
}

#[test]
fn a_column_without_a_name_is_given_one() {
    let cases: [(&str, &[&str], &str); 6] = [
        // What pandas writes, and R.
        (",text,n\n0,a,1\n1,b,2\n", &["unnamed: Int64", "text: Utf8", "n: Int64"], "0 1"),
        ("\"\",\"text\"\n\"1\",\"a\"\n\"2\",\"b\"\n", &["unnamed: Int64", "text: Utf8"], "1 2"),
        ("a,b,\n1,2,\n3,4,\n", &["a: Int64", "b: Int64", "unnamed: Utf8"], "∅ ∅"),
        ("a,,b,\n1,x,2,y\n", &["a: Int64", "unnamed: Utf8", "b: Int64", "unnamed_2: Utf8"], "x"),
        ("unnamed,\n1,2\n", &["unnamed: Int64", "unnamed_: Int64"], "1"),
        (",,\n1,2,3\n", &["unnamed: Int64", "unnamed_2: Int64", "unnamed_3: Int64"], "1"),
    ];
    for (text, expected, values) in cases {
        let rows = join(&Bench::with("in.csv", text).read(&["in.csv"]).unwrap());
        assert_eq!(types(rows.schema_ref()), expected, "{text}");
        assert_eq!(column(&rows, "unnamed").join(" "), values);
    }
    // Wherever it stands in another file, and it can be declared.
    let bench = Bench::with("1.csv", ",a\n7,x\n");
    bench.put("2.csv", "a,\ny,8\n");
    assert_eq!(column(&join(&bench.read_as(&["*.csv"], &[("unnamed", "string")]).unwrap()), "unnamed"), ["7", "8"]);
}

#[test]
fn quotes_are_taken_as_they_stand() {
    let text = "a,b\n\"\",\"\"\n\"x\"\"y\",\"\"\"\"\n\"1\n\n2\r\n\",\",\"\nu\"v,w\"\"\n \"s\",t\n";
    let rows = join(&Bench::with("in.csv", text).read(&["in.csv"]).unwrap());
    assert_eq!(column(&rows, "a"), ["∅", "x\"y", "1\n\n2\r\n", "u\"v", " \"s\""]);
    assert_eq!(column(&rows, "b"), ["∅", "\"", ",", "w\"\"", "t"]);
    // The last line may lack its end, also within quotes and behind a carriage return.
    for end in ["", "\r", "\r\n"] {
        let rows = join(&Bench::with("in.csv", format!("a,b\n1,\"x\"{end}")).read(&["in.csv"]).unwrap());
        assert_eq!((column(&rows, "a"), column(&rows, "b")), (vec!["1".to_string()], vec!["x".to_string()]));
    }
}
