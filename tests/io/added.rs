//! Rows that an input leaves out, and columns that it adds.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use callboard_io::{Added, BatchPolicy, InputSpec, IoError};

use crate::bench::{Bench, column, join};
use crate::both;

fn chunks(spec: &InputSpec, rows: usize) -> Result<Vec<callboard_io::Chunk>, IoError> {
    both::rows(spec, BatchPolicy { rows, bytes: 1 << 20 })
}

fn two_files() -> Bench {
    let bench = Bench::new();
    for name in ["a.jsonl", "sub/b.jsonl"] {
        bench.put(name, (0..5).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>());
    }
    bench
}

#[test]
fn no_more_rows_are_read_than_are_asked_for() {
    let bench = two_files();
    bench.put("last.jsonl", "{\"n\":0}\nnot read\n");
    let read = |rows: Option<u64>, rows_per_file: Option<u64>, batch: usize| {
        let spec = bench.spec(&["a.jsonl", "sub/b.jsonl"], &[]);
        let chunks = chunks(&InputSpec { rows, rows_per_file, ..spec }, batch).unwrap();
        (column(&join(&chunks), "n").join(""), chunks.iter().map(|chunk| chunk.rows.num_rows()).collect::<Vec<_>>())
    };
    for batch in [1, 2, 3, 100] {
        assert_eq!(read(Some(7), None, batch).0, "0123401");
        assert_eq!(read(Some(5), None, batch).0, "01234");
        assert_eq!(read(Some(100), None, batch).0, "0123401234");
        assert_eq!(read(None, Some(2), batch).0, "0101");
        assert_eq!(read(Some(3), Some(2), batch).0, "010");
    }
    assert_eq!(read(Some(7), None, 100).1, [5, 2]);
    // What is behind them is not looked at, nor its errors found, beyond the sample.
    let long = (0..2000).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>() + "no JSON\n";
    let bench = Bench::with("long.jsonl", long);
    let spec = InputSpec { rows: Some(1500), ..bench.spec(&["long.jsonl"], &[]) };
    assert_eq!(join(&chunks(&spec, 8192).unwrap()).num_rows(), 1500);
    let spec = InputSpec { rows: Some(3000), ..spec };
    assert!(chunks(&spec, 8192).is_err());
}

#[test]
fn columns_are_added_behind_those_of_the_files() {
    let bench = two_files();
    let add = [
        ("from", Added::File),
        ("line", Added::Line),
        ("dump", Added::Text("CC".into())),
        ("i", Added::Integer(-1)),
        ("f", Added::Float(0.5)),
        ("b", Added::Boolean(true)),
    ];
    let add = add.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let spec = InputSpec { add, rows_per_file: Some(3), ..bench.spec(&["a.jsonl", "sub/*.jsonl"], &[]) };
    let dataset = both::open(&spec).unwrap();
    let names: Vec<_> = dataset.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["n", "from", "line", "dump", "i", "f", "b"]);
    for batch in [2, 100] {
        let rows = join(&chunks(&spec, batch).unwrap());
        assert_eq!(rows.schema(), dataset.schema());
        assert_eq!(
            column(&rows, "from"),
            ["a.jsonl", "a.jsonl", "a.jsonl", "sub/b.jsonl", "sub/b.jsonl", "sub/b.jsonl"]
        );
        assert_eq!(column(&rows, "line"), ["1", "2", "3", "1", "2", "3"]);
        assert_eq!(["dump", "i", "f", "b"].map(|name| column(&rows, name)[5].clone()), ["CC", "-1", "0.5", "true"]);
    }
    let spec = InputSpec { add: vec![("n".into(), Added::Line)], ..bench.spec(&["a.jsonl"], &[]) };
    let (message, help) = bench.words(&both::open(&spec).unwrap_err());
    assert_eq!(message, "the column `n` is there already");
    assert!(help.contains("another name"), "{help}");
}

#[test]
fn folders_that_are_called_as_hive_does_are_columns() {
    let bench = Bench::new();
    for folder in ["lang=en/day=2024-01-01", "lang=de%2Fat/day=__HIVE_DEFAULT_PARTITION__"] {
        bench.put(&format!("data/{folder}/x=1.jsonl"), "{\"n\":1}\n");
    }
    let spec = InputSpec { hive: true, ..bench.spec(&["data/**/*.jsonl"], &[]) };
    let rows = join(&chunks(&spec, 10).unwrap());
    assert_eq!(
        (column(&rows, "lang"), column(&rows, "day")),
        (vec!["de/at".into(), "en".into()], vec!["∅".into(), "2024-01-01".into()])
    );
    bench.put("data/lang=fr/x.jsonl", "{\"n\":1}\n");
    let (message, _) = bench.words(&both::open(&spec).unwrap_err());
    assert!(message.contains("its folders have `lang=…`, and those of `"), "{message}");
    // Folders that a path leaves again are none of the file's; what is no text is no value.
    let spec = InputSpec { hive: true, ..bench.spec(&["data/lang=en/day=2024-01-01/../../lang=fr/x.jsonl"], &[]) };
    let fr = join(&chunks(&spec, 10).unwrap());
    assert_eq!((column(&fr, "lang"), fr.num_columns()), (vec!["fr".into()], 2));
    bench.put("odd/k=%FF/x.jsonl", "{\"n\":1}\n");
    let spec = InputSpec { hive: true, ..bench.spec(&["odd/*/x.jsonl"], &[]) };
    assert!(both::open(&spec).unwrap_err().to_string().contains("is not UTF-8, and `hive`"));
    let none = two_files();
    let spec = InputSpec { hive: true, ..none.spec(&["a.jsonl"], &[]) };
    assert!(both::open(&spec).unwrap_err().to_string().contains("there are none in the paths"));
}

/// What is added counts where batches are cut.
#[test]
fn long_values_that_are_added_make_batches_small() {
    let bench = Bench::with("a.jsonl", "{\"n\":1}\n".repeat(100));
    let add = vec![("long".to_owned(), Added::Text("x".repeat(100_000)))];
    let spec = InputSpec { add, ..bench.spec(&["a.jsonl"], &[]) };
    let chunks = chunks(&spec, 8192).unwrap();
    assert!(chunks.iter().all(|chunk| chunk.rows.num_rows() <= 10), "1 MiB has room for ten");
    assert_eq!(chunks.iter().map(|chunk| chunk.rows.num_rows()).sum::<usize>(), 100);
    let types = [("long".to_owned(), "string".to_owned())].into();
    let error = both::open(&InputSpec { types, ..spec }).unwrap_err();
    assert!(error.to_string().contains("`long`"), "{error}");
}

#[test]
fn keys_of_one_format_are_refused_elsewhere() {
    let bench = two_files();
    let spec = bench.spec(&["a.jsonl"], &[]);
    let specs = [
        (InputSpec { at: Some("/a".into()), ..spec.clone() }, "`at` is for json only, and this is jsonl"),
        (InputSpec { row: callboard_io::TextRow::File, ..spec.clone() }, "`row` is for text only, and this is jsonl"),
        (InputSpec { delimiter: Some(b';'), ..spec }, "`delimiter` is for csv only, and this is jsonl"),
    ];
    for (spec, message) in specs {
        assert_eq!(bench.words(&both::open(&spec).unwrap_err()).0, format!("`a.jsonl`: {message}"));
    }
}

#[test]
fn files_of_a_union_may_lack_columns() {
    let bench = Bench::new();
    bench.put("a.csv", "n,t\n1,x\n2,\n");
    bench.put("b.csv", "u,n\ntrue,3.5\n");
    bench.put("c.csv", "n\n4\n");
    let int = |name: &str, values: Vec<i32>| (name.to_owned(), Arc::new(Int32Array::from(values)) as ArrayRef);
    let batches = [
        RecordBatch::try_from_iter([
            int("n", vec![1, 2]),
            ("t".to_owned(), Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef),
        ]),
        RecordBatch::try_from_iter([
            ("u".to_owned(), Arc::new(BooleanArray::from(vec![true])) as ArrayRef),
            ("n".to_owned(), Arc::new(Float64Array::from(vec![3.5])) as ArrayRef),
        ]),
        RecordBatch::try_from_iter([int("n", vec![4])]),
    ];
    for (name, batch) in ["a", "b", "c"].iter().zip(batches) {
        let batch = batch.unwrap();
        bench.write(&format!("{name}.parquet"), std::slice::from_ref(&batch)).unwrap();
        bench.write(&format!("{name}.arrow"), &[batch]).unwrap();
    }
    for end in ["csv", "parquet", "arrow"] {
        let names = ["a", "b", "c"].map(|name| format!("{name}.{end}"));
        let spec = bench.spec(&names.each_ref().map(String::as_str), &[]);
        let (message, help) = bench.words(&both::open(&spec).unwrap_err());
        assert!(help.contains("union = true"), "{message}: {help}");
        let spec = InputSpec { union: true, ..spec };
        for batch in [1, 100] {
            let rows = join(&chunks(&spec, batch).unwrap());
            let fields: Vec<_> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
            assert_eq!(fields, ["n", "t", "u"], "{end}");
            assert_eq!(column(&rows, "n"), ["1.0", "2.0", "3.5", "4.0"], "{end}");
            assert_eq!(column(&rows, "t"), ["x", "∅", "∅", "∅"], "{end}");
            assert_eq!(column(&rows, "u"), ["∅", "∅", "true", "∅"], "{end}");
        }
    }
    let mut few = InputSpec { union: true, ..bench.spec(&["a.csv", "b.csv"], &[]) };
    few.limits.columns = 2;
    assert_eq!(both::open(&few).unwrap_err().kind(), callboard_io::ErrorKind::Limit);
}
